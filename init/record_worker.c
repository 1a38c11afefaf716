/* SPDX-License-Identifier: MIT */
#include "manifest.h"
#include "record.h"
#include "root_worker.h"
#include "sys.h"

/* Is this in the log already, asked by a worker's predecessor that did not live to say so? The root has seen to it that
 * all that is in the log is in the PCR. */
static bool is_recorded(const struct host *host, uint32_t tag, struct span data)
{
	uint8_t digest[SHA256_SIZE];
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true;
	eventlog_digest(tag, data, digest);
	if (eventlog_open(&reader, span_of(host->root_log->bytes, host->root_log->n), host->root_pcr) != NULL)
		return false;
	while (eventlog_next(&reader, &record, &more) == NULL && more)
		if (memcmp(record.digest, digest, sizeof digest) == 0)
			return true;
	return false;
}

int record_worker(int socket, void *arg)
{
	static struct record_question question;
	static const uint8_t no_kek[32];
	const struct host *host = arg;
	struct root_config config;
	struct record_answer answer;
	struct root root;
	memset(&answer, 0, sizeof answer);
	const struct platform *platform = root_platform(host, &config, &answer.report);
	answer.error =
		platform == NULL ? ERR_IO : host->root->resume(&root, platform, &config, no_kek, &answer.report);
	bool open = answer.error == ERR_NONE;
	root_report_transport(&answer.report, answer.error);
	for (;;) {
		ssize_t n = sys_recv_wait(socket, &question, sizeof question, NULL, 0, NULL);
		if (n < (ssize_t)RECORD_QUESTION_SIZE(0) || n != (ssize_t)RECORD_QUESTION_SIZE(question.n))
			return n == 0 ? 0 : 1; /* PID 1 has ended */
		struct span data = span_of(question.data, question.n);
		answer.id = question.id;
		if (open && !is_recorded(host, question.tag, data))
			answer.error = root.class->measure(&root, question.tag, data, &answer.report);
		root_log_save(host);
		if (answer.error != ERR_NONE && open)
			root_report_transport(&answer.report, answer.error);
		if (sys_send_wait(socket, span_of(&answer, sizeof answer), NULL, 0) < 0)
			return 1;
		/* A TPM that has failed once is reached anew by the next worker. */
		if (answer.error != ERR_NONE)
			return 1;
	}
}

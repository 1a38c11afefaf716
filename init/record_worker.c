/* SPDX-License-Identifier: MIT */
#include "manifest.h"
#include "record.h"
#include "root_worker.h"
#include "sys.h"

/* Is this in the log already, asked by a worker's predecessor that did not live to say so? Of policies, the last that is in
 * the log is the one in force. The root has seen to it that all that is in the log is in the PCR. */
static bool is_recorded(const struct host *host, uint32_t tag, struct span data)
{
	uint8_t digest[SHA256_SIZE];
	struct eventlog_reader reader;
	struct eventlog_record record;
	bool more = true, found = false;
	eventlog_digest(tag, data, digest);
	if (eventlog_open(&reader, span_of(host->root_log->bytes, host->root_log->n), host->root_pcr) != NULL)
		return false;
	while (eventlog_next(&reader, &record, &more) == NULL && more)
		if (record.tag == tag && (tag == EVENTLOG_POLICY || !found))
			found = memcmp(record.digest, digest, sizeof digest) == 0;
	return found;
}

/* Measures what a question asks for. */
static int record(const struct host *host, struct root *root, bool *open, const struct record_question *question,
		  struct root_report *report)
{
	static const uint8_t no_kek[32];
	static struct root_config config;
	static const struct platform *platform;
	struct span data = span_of(question->data, question->n);
	if (platform == NULL)
		platform = root_platform(host, &config, report);
	if (platform == NULL)
		return ERR_IO;
	int r = *open ? ERR_NONE : host->root->resume(root, platform, &config, no_kek, report);
	*open = r == ERR_NONE;
	if (*open && !is_recorded(host, question->tag, data))
		r = root->class->measure(root, question->tag, data, report);
	return r;
}

int record_worker(int socket, void *arg)
{
	static struct record_question question;
	const struct host *host = arg;
	struct record_answer answer;
	struct root root = { .class = host->root };
	bool open = false;
	for (;;) {
		ssize_t n = sys_recv_wait(socket, &question, sizeof question, NULL, 0, NULL);
		if (n < (ssize_t)RECORD_QUESTION_SIZE(0) || n != (ssize_t)RECORD_QUESTION_SIZE(question.n))
			break; /* PID 1 has ended */
		memset(&answer, 0, sizeof answer);
		answer.id = question.id;
		answer.error = record(host, &root, &open, &question, &answer.report);
		root_log_save(host);
		if (open && !root_is_managed(host)) {
			root.class->close(&root);
			open = false;
		}
		if (answer.error != ERR_NONE)
			root_report_transport(&answer.report, answer.error);
		/* A TPM that has failed once is reached anew by the next worker. */
		if (sys_send_wait(socket, span_of(&answer, sizeof answer), NULL, 0) < 0 ||
		    answer.error != ERR_NONE)
			break;
	}
	if (open)
		root.class->close(&root);
	return 1;
}

/* SPDX-License-Identifier: MIT
 *
 * A service that talks. Each word: out:TEXT and err:TEXT are lines; raw:TEXT has no end; count:N is N numbered lines;
 * flood never ends; touch:FILE; wait-for:FILE; wait; wait-signal; die.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *after(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

static void count(long n)
{
	for (long i = 1; i <= n; i++) {
		char line[32];
		int k = snprintf(line, sizeof line, "n %ld\n", i);
		write(1, line, (size_t)k);
	}
}

static void on_signal(int sig)
{
	dprintf(1, "signal %d\n", sig);
}

int main(int argc, char **argv)
{
	const char *text;
	for (int i = 1; i < argc; i++) {
		if ((text = after(argv[i], "out:")) != NULL)
			dprintf(1, "%s\n", text);
		else if ((text = after(argv[i], "err:")) != NULL)
			dprintf(2, "%s\n", text);
		else if ((text = after(argv[i], "raw:")) != NULL)
			dprintf(1, "%s", text);
		else if ((text = after(argv[i], "count:")) != NULL)
			count(atol(text));
		else if ((text = after(argv[i], "touch:")) != NULL)
			close(open(text, O_CREAT | O_WRONLY, 0666));
		else if ((text = after(argv[i], "wait-for:")) != NULL)
			while (access(text, F_OK) != 0)
				usleep(10000);
		else if (strcmp(argv[i], "flood") == 0)
			for (;;)
				count(1000);
		else if (strcmp(argv[i], "die") == 0)
			kill(getpid(), SIGKILL);
		if (strcmp(argv[i], "wait-signal") == 0) {
			for (int sig = 1; sig < 64; sig++)
				if (sig != SIGTERM && sig != SIGCONT)
					signal(sig, on_signal);
			dprintf(1, "waiting\n");
		}
		if (after(argv[i], "wait") != NULL && strchr(argv[i], ':') == NULL)
			for (;;)
				pause();
	}
	return 0;
}

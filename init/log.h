/* SPDX-License-Identifier: MIT
 *
 * PID 1's own messages: one line each, to the console (or standard error). Never blocks: what does not fit now
 * is counted and reported with the next line that does.
 */
#ifndef TAO_LOG_H
#define TAO_LOG_H

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

/* Opens its own description of standard error, so that making it non-blocking touches no service. */
void log_open(enum log_level most);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lines with "\n" between them, which is overwritten. */
void log_warnings(char *lines);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif

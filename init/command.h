/* SPDX-License-Identifier: MIT
 *
 * The commands that the binary is, by the name it is called with. Each returns its exit status. They are not
 * PID 1: they may block, allocate and use stdio.
 */
#ifndef TAO_COMMAND_H
#define TAO_COMMAND_H

int cmd_check(const char *manifest);
int cmd_selftest(int argc, char **argv);
int cmd_taoctl(int argc, char **argv);
int cmd_tao(int argc, char **argv);
int cmd_taoverify(int argc, char **argv);
int cmd_taopolicy(int argc, char **argv);

/* Our version and each library's, a line each. */
const char *version_text(void);

#endif

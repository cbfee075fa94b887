/* SPDX-License-Identifier: MIT */
#pragma once
/* Where entries go, by configuration and by what stderr is. */

#include "master/state.h"

/* Opens the file that the configuration names. 0; LISTEN_E_PROBLEM, told in problems. */
int logs_open(struct master *m, const struct conf *conf, struct text *problems);

/* Entries go there from now on; those of a pool from its next zygote on. */
void logs_apply(struct master *m, const struct conf *conf);

/* Entries go to stderr as well, up to the next logs_apply(): what is told before a program has started. */
void logs_add_stderr(int fd);

/* An entry for each line, at the level that it has in front, else at the usual one. */
void logs_write_lines(enum log_level usual, const char *lines);

/* What a configuration has that is without effect, or is not as one may think. */
void logs_tell_remarks(const struct conf *conf);

/* SIGUSR1: the log files are opened anew. Later, where a reload is under way. */
void logs_reopen(struct master *m);

/* The log is another file now; old is the descriptor of the one of before. */
void logs_replaced(struct master *m, int old);

/* The master waits for no log: entries that one does not take are kept, and sent from timers, from here on. 0 or
 * -errno. */
int logs_attach(struct master *m);

/* At the end: waits for readers for a few seconds. */
void logs_finish(const struct master *m);

/* Says how many entries there was no room for. */
void logs_tell_losses(void);

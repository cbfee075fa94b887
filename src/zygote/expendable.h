/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who goes first when memory is out: a worker, before the zygote, the park and the master, which others need. A process
 * raises its own oom_score_adj (proc(5)) without any privilege, and the file belongs to root in one that is not
 * dumpable, as workers are; so the zygote has opened its own before, and forks workers while it is raised.
 */

/* At the start. A process that is not dumpable becomes so for a moment where that helps. A system without the file has
 * no such order. */
void expendable_prepare(void);

/* Around a fork. */
void expendable_begin(void);
void expendable_end(void);

/* In the worker: the zygote's is not its own. */
void expendable_after_fork(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the next reload is asked for: by signals, by clients of the control socket, by the program itself. Many wishes
 * become one reload. One for a pool that there is not is denied by itself: a name that is mistyped says nothing about
 * the service, nor about the others' wishes.
 */

#include "master/state.h"

/* For the named pools (one a line; "": all). ticket: of the client who waits for the outcome, or 0. */
void wishes_add(struct master *m, const char *names, uint64_t ticket);

/* For those whose settings have changed. */
void wishes_add_changed(struct master *m);

/* The service stops: no reload will begin. */
void wishes_forgo(struct master *m);

/* The reload begins: from now on another one is asked for. */
struct wishes wishes_take(struct master *m);

/* What is left of them when those are denied that name a pool that the configuration does not have; the names go into a
 * text of the caller's, which *ret borrows. 0; WISHES_E_NONE: nothing is, and everybody has been told; -ENOMEM. */
enum { WISHES_E_NONE = 2 };
int wishes_sort(struct master *m, const struct wishes *w, const struct conf *conf, struct text *names,
                struct plan_scope *ret);

void wishes_done(struct wishes *w);
#define _cleanup_wishes_ _cleanup_(wishes_done)

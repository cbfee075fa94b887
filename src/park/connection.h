/* SPDX-License-Identifier: MIT */
#pragma once
/* One connection in the park: its state, its place in that state's list, and what the kernel is asked to report of it.
 */

#include "park/park.h"

/* Takes over fd. NULL: no memory, and fd is still the caller's. */
struct connection *connection_new(struct park *park, const struct handover *note, int fd);

/* Into a list, behind those that are due before it. Or into its own once more: since then its client is waited for. */
void connection_renew(struct park *park, struct connection *c, usec_t since);
void connection_enter(struct park *park, struct connection *c, enum connection_state state);

/* Since when its client has been waited for, by which the lists are in order. Of a request with a limit for the whole:
 * since the client could begin to send it, whatever has come of it: it is 64 KiB at most, so a client that takes long
 * over it is slow. Else since the client was last heard of: something came, or some of the reply went. */
usec_t connection_waits_since(const struct park *park, const struct connection *c);

/* Waits for these events, or (0) for none any more. The caller's last word about c, unless it is for none: one that
 * cannot be watched is closed. */
void connection_watch(struct park *park, struct connection *c, uint32_t events);

void connection_free_out(struct park *park, struct connection *c);

/* Somebody else has it, who has no need to be told. */
void connection_release(struct park *park, struct connection *c);

/* Closes it, with what is on it where it is a shelf; its memory stays until connection_free_closed(). */
void connection_close(struct park *park, struct connection *c);
/* All of a state. */
void connection_close_all(struct park *park, enum connection_state state);
/* When no event can be about them any more. */
void connection_free_closed(struct park *park);

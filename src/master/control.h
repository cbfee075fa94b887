/* SPDX-License-Identifier: MIT */
#pragma once
/* The control socket: fpmctl's door. requests.c answers the clients. */

#include "master/state.h"

struct control_client;

/* Acts on a client's message, and answers it by control_add(), at once or later. 0; -errno: the client is lost. The
 * client may be gone afterwards. */
typedef int (*control_handler_t)(struct master *m, struct control_client *c, const struct ipc_control_message *message);

/* Opens the socket, where there is a place for it. 0 or -errno. */
int control_attach(struct master *m, control_handler_t handler);
void control_detach(struct master *m);

/* Takes connections again after a shortage. */
void control_resume(struct master *m);

/* Queues a message to the client; it goes out when the handler returns. 0 or -errno. */
int control_add(struct control_client *c, const struct ipc_control_message *message);

/* The same for one that is a text: DONE or REFUSED. */
int control_add_text(struct control_client *c, enum ipc_control_type type, const char *text);

/* The client waits for the outcome of the next reload. Its ticket; 0: it waits for one already. */
uint64_t control_wait(struct control_client *c);

/* The waiting ones belong to the reload that begins now. */
void control_reload_begun(struct master *m);

/* No reload will begin: the others are told why. */
void control_reload_forgone(struct master *m, const char *text);

/* What the client with that ticket has asked for is no part of the reload under way. */
void control_reload_denied(struct master *m, uint64_t ticket, const char *text);

/* The outcome for everybody who waits for the reload under way. */
void control_reload_ended(struct master *m, bool done, const char *text);

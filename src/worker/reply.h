/* SPDX-License-Identifier: MIT */
#pragma once
/* The way out of a connection: the fields of struct transport from n_out on. Each returns 0 or -errno, and after an
 * error nothing more goes out. */

#include "worker/transport.h"

/* How many bytes of a reply gather before the first of them are sent: as many as with php-fpm. */
#define REPLY_LIMIT_FIRST 8192U

/* Content of that type. In a process that PHP has forked it goes nowhere. */
int reply_append(struct transport *t, uint8_t type, const uint8_t *data, size_t n);

/* Sends what has gathered, whatever time that takes. */
int reply_send(struct transport *t);

/* Sends the decoder's answers that wait. Between two records. */
int reply_send_answers(struct transport *t);

/* What ends the reply, behind what waits in the buffer. */
void reply_end(struct transport *t, uint32_t app_status);

/* Sends the end of the reply to a client that reads it, which may take a moment for its socket to have room. What is
 * left behind n_sent is the park's; without a park, reply_send_rest() waits for the client. closes: the connection is
 * closed next. */
int reply_send_last(struct transport *t, bool closes);
int reply_send_rest(struct transport *t);

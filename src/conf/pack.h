/* SPDX-License-Identifier: MIT */
#pragma once
/* A pool's settings on their way to its processes. */

#include "base/text.h"
#include "conf/load.h"

/*
 * One pool's effective settings as bytes for its zygote, and back: the table's directive names with their values, so
 * that no second description of the fields exists; the global settings go along. Both are exact inverses; the reader
 * trusts its bytes only as far as it would trust a file. *ret is malloc'ed. Unpack: CONF_E_INVALID when the bytes are
 * no such thing; the model has that one pool.
 */
int conf_pack_pool(const struct conf *c, const struct conf_pool *pool, char **ret, size_t *ret_n);
int conf_pack_take(const char *data, size_t n, struct conf **ret, struct text *problems);

/* Unpacks what is in the descriptor that a pool's process has inherited, and closes it. 0 or -errno; -EBADMSG: no such
 * settings, and problems says why. */
int conf_pack_read(int fd, struct conf **ret, struct text *problems);

/* SPDX-License-Identifier: MIT */
/*
 * Clients give up after a time. Where requests wait for longer than that, all that is done is done for nobody, and
 * those behind wait for it. Gone is who can be sent nothing any more: a unix socket that is closed (POLLHUP), a TCP
 * connection that is reset. A client that has only closed its sending side still waits for its reply. Over TCP that
 * looks the same as one that has closed its socket, until something is sent to it, so there the end of a client without
 * a reset does not count.
 */

#include "worker/abandoned.h"

#include <errno.h>

#include "log/log.h"
#include "scoreboard/overload.h"
#include "worker/track.h"

static void abandoned_tell(const struct transport *t, const char *what) {
        const struct scoreboard_slot *slot = t->track->slot;

        log_debug("%s %s %s", slot->method, slot->uri, what);
}

bool abandoned_drops(struct transport *t, const struct conf_pool *pool, struct scoreboard *scoreboard) {
        if (pool->queue_abandoned != CONF_ABANDONED_DROP || !stream_is_dead(&t->stream))
                return false;
        overload_count(scoreboard, SCOREBOARD_OVERLOAD_abandoned);
        abandoned_tell(t, "is not run: its client has gone (queue.abandoned)");
        transport_fail(t, -ECONNRESET);
        return true;
}

void abandoned_ended(const struct transport *t, struct scoreboard *scoreboard) {
        overload_count(scoreboard, SCOREBOARD_OVERLOAD_disconnected);
        abandoned_tell(t, "was ended: its client has gone (request.on_disconnect)");
}

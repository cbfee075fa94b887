/* SPDX-License-Identifier: MIT */
/* One timer for all: the pools are sampled, losses told, the control socket taken up again after a shortage, and the
 * service manager gets its status line. */

#include "master/tick.h"

#include "master/alive.h"
#include "master/control.h"
#include "master/logs.h"
#include "master/memory.h"
#include "master/notify.h"
#include "pool/sample.h"

#define TICK_PERIOD USEC_PER_SEC

static int tick_on_timer(sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        struct master *m = userdata;
        usec_t now = time_now();

        for (size_t i = 0; i < m->n_pools; i++)
                if (!wake_is_quiet(m->pools[i]->pool))
                        sample_pool(m->pools[i]->pool);
        alive_tick(m, now);
        logs_tell_losses();
        control_resume(m);
        memory_tick(m, now);
        notify_tick(m, now);
        return sd_event_source_set_time(s, now + TICK_PERIOD);
}

int tick_attach(struct master *m) {
        int r = sd_event_add_time(m->event, &m->notify.tick, CLOCK_MONOTONIC, time_now() + TICK_PERIOD, USEC_PER_MSEC,
                                  tick_on_timer, m);

        if (r < 0)
                return r;
        sd_event_source_set_description(m->notify.tick, "status-tick");
        return sd_event_source_set_enabled(m->notify.tick, SD_EVENT_ON);
}

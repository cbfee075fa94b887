/* SPDX-License-Identifier: MIT */
#include "master/pressure.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/pressure.h"
#include "log/log.h"

/* For how long pools keep nothing idle after the last word. The kernel says so once in two seconds at most. */
#define PRESSURE_TIME (10 * USEC_PER_SEC)

/* Pools without a worker first: all that a zygote has is given up for nobody. */
static void pressure_tell_pools(struct master *m, bool with_workers) {
        for (size_t i = 0; i < m->n_pools; i++) {
                struct pool *p = m->pools[i]->pool;

                if (!wake_is_quiet(p) && p->current && (p->current->n_workers > 0) == with_workers)
                        picture_changed(p);
        }
}

static int pressure_on_word(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct master *m = userdata;
        usec_t now = time_now();

        if (pressure_take(fd, revents) != 0) {
                log_warning("nobody will say any more that memory is short (MEMORY_PRESSURE_WATCH)");
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);
        }
        if (now >= m->env.pressed_until)
                log_own("memory is short: pools give up idle workers, and those without workers their PHP");
        m->env.pressed_until = now + PRESSURE_TIME;
        pressure_tell_pools(m, false);
        pressure_tell_pools(m, true);
        return 0;
}

void pressure_attach(struct master *m) {
        uint32_t events;
        int r = pressure_open(getenv("MEMORY_PRESSURE_WATCH"), getenv("MEMORY_PRESSURE_WRITE"), &m->memory.pressure_fd,
                              &events);

        if (r == PRESSURE_E_OFF)
                return;
        if (r == 0)
                r = sd_event_add_io(m->event, &m->memory.pressure, m->memory.pressure_fd, events, pressure_on_word, m);
        if (r < 0)
                log_warning("cannot be told that memory is short (MEMORY_PRESSURE_WATCH): %s", strerror(-r));
        else
                sd_event_source_set_description(m->memory.pressure, "memory-pressure");
}

void pressure_detach(struct master *m) {
        m->memory.pressure = sd_event_source_disable_unref(m->memory.pressure);
        m->memory.pressure_fd = fd_close(m->memory.pressure_fd);
}

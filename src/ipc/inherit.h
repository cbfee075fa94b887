/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The descriptors that a zygote, a park and a logger inherit from the master: THE lists. Each descriptor has its fixed
 * number; one that is closed is absent. The listeners follow behind the last; their number is an argument. Everything
 * else the master has is close-on-exec.
 */

/*   symbol          what */
#define INHERIT_FDS(X)                                                                                                 \
        X(IPC)            /* the zygote's end of the message socket */                                                 \
        X(CONF)           /* memfd: the pool's settings, as conf_pack_pool() writes them */                            \
        X(SCOREBOARD)     /* memfd */                                                                                  \
        X(DOORBELL)       /* eventfd */                                                                                \
        X(PARK_OFFERS)    /* connections that the park offers: to receive from */                                      \
        X(PARK_INTAKE)    /* connections for the park: to send to */                                                   \
        X(LIFELINE_READ)  /* pipe: workers end when all its write ends are closed */                                   \
        X(LIFELINE_WRITE) /* held by the master and the zygote */                                                      \
        X(JOURNAL)        /* optional: connected to journald */                                                        \
        X(LOG)            /* optional: log file, or the master's stderr */                                             \
        X(ACCESS)         /* optional: the pool's access log */                                                        \
        X(CHROOT)         /* optional: to the process that enters the pool's chroot for it: ipc/chroot.h */

#define INHERIT_FIRST 3

enum inherit {
        INHERIT_BEFORE_FIRST = INHERIT_FIRST - 1,
#define X(symbol) INHERIT_##symbol,
        INHERIT_FDS(X)
#undef X
                INHERIT_LISTENERS,
};

#define INHERIT_N_FIXED (INHERIT_LISTENERS - INHERIT_FIRST)

/* The listeners follow behind the last, where the park takes connections from them; nothing else does.
 *   symbol      what */
#define INHERIT_PARK_FDS(X)                                                                                            \
        X(ORDERS)     /* the park's end of a message socket */                                                         \
        X(CONF)       /* memfd: the pool's settings, as conf_pack_pool() writes them */                                \
        X(SCOREBOARD) /* memfd */                                                                                      \
        X(INTAKE)     /* to receive from */                                                                            \
        X(OFFERS)     /* to send to */                                                                                 \
        X(JOURNAL)    /* optional: connected to journald */                                                            \
        X(LOG)        /* optional: log file, or the master's stderr */

/*   symbol      what */
#define INHERIT_LOGGER_FDS(X)                                                                                          \
        X(ORDERS)     /* the logger's end of a message socket */                                                       \
        X(CONF)       /* memfd: the pool's settings, as conf_pack_pool() writes them */                                \
        X(SCOREBOARD) /* memfd */                                                                                      \
        X(JOURNAL)    /* optional: connected to journald */                                                            \
        X(LOG)        /* optional: log file, or the master's stderr */

enum inherit_logger {
        LOGGER_BEFORE_FIRST = INHERIT_FIRST - 1,
#define X(symbol) LOGGER_FD_##symbol,
        INHERIT_LOGGER_FDS(X)
#undef X
                _LOGGER_FD_MAX,
};

enum inherit_park {
        PARK_BEFORE_FIRST = INHERIT_FIRST - 1,
#define X(symbol) PARK_FD_##symbol,
        INHERIT_PARK_FDS(X)
#undef X
                _PARK_FD_MAX,
};

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Messages between the master and a zygote: fixed-size records over one AF_UNIX SOCK_SEQPACKET pair per generation,
 * some with descriptors attached. A worker inherits the zygote's end for one message, ACCEPTING, and closes it before
 * any PHP runs; one of a pool with worker.script closes it at once, and its zygote says it.
 *
 * Both ends are the same build (the master keeps the zygote's binary open), but the zygote runs as the pool's user and
 * has run that user's preload script: the master checks each message as it would a peer's.
 */

#include <stdint.h>

#include "base/macros.h"

/* THE table: symbol, how many descriptors come with it, what it says. */
#define IPC_MESSAGES(X)                                                                                                \
        /* master to zygote */                                                                                         \
        X(SPAWN, 0) /* fork a worker for slot */                                                                       \
        X(DRAIN, 0) /* workers finish what they have in hand; exit when the last is gone */                            \
        X(STOP, 0)  /* end workers at once, exit */                                                                    \
        X(TRACE, 0) /* tell where the PHP code of worker pid of slot is */                                             \
        X(RENEW,                                                                                                       \
          4) /* descriptors: log file, access log and lifeline (read, write end) for workers forked from now on */     \
        /* master to park or logger, over a pair of their own */                                                       \
        X(LOG, 1)           /* descriptor: the log file from now on */                                                 \
        X(LOGGER_OUTPUT, 2) /* reading ends of worker pid: what it writes to stdout and stderr */                      \
        /* park to master, over that */                                                                                \
        X(PARK_LEAVES, 0) /* somebody else has told it to end: it takes no more connections */                         \
        /* zygote to master */                                                                                         \
        X(READY, 1)   /* PHP is up; text: its version; status: 1 when its pages tell that to clients (expose_php),     \
                              else 0; descriptor: memfd with the names of the ini files, and lines                     \
                              about what PHP has not taken */                                                          \
        X(FAILED, 0)  /* PHP is not up; text: why */                                                                   \
        X(SPAWNED, 1) /* worker pid has slot; descriptor: its pidfd */                                                 \
        X(SPAWN_FAILED, 0) /* no worker for slot; text: why */                                                         \
        X(EXITED, 0)       /* worker pid of slot was reaped; status: as waitpid(2) has it */                           \
        X(TRACED, 1)       /* worker pid of slot; descriptor: memfd with its backtrace */                              \
        X(TRACE_FAILED, 0) /* worker pid of slot; status: errno */                                                     \
        /* worker to master, over the same socket */                                                                   \
        X(ACCEPTING, 0) /* worker pid of slot waits for connections */                                                 \
        X(OUTPUT, 2)    /* pipes of worker pid of slot: what it writes to stdout and stderr */                         \
        /* zygote to master again: numbers stay */                                                                     \
        X(BOOT_FAILED, 0) /* worker.script is not up in worker pid of slot, which ends; text: why */                   \
        /* master to park */                                                                                           \
        X(PARK_KEEP, 0) /* the pool stops, and up to slot idle connections may outlive it */                           \
        /* park to master */                                                                                           \
        X(PARK_IDLE, 1) /* descriptor: one of these */

enum ipc_type {
        IPC_NONE,
#define X(symbol, n_fds) IPC_##symbol,
        IPC_MESSAGES(X)
#undef X
                _IPC_TYPE_MAX,
};

#define IPC_FDS_MAX  4
#define IPC_TEXT_MAX 1000

struct ipc_message {
        uint32_t type; /* enum ipc_type */
        uint32_t slot;
        int32_t pid;
        int32_t status;
        uint64_t generation;
        char text[IPC_TEXT_MAX]; /* NUL-terminated; receivers terminate it again */
};

/* Name of a type, for logs; "unknown" for numbers that are none. */
const char *ipc_message_type_name(uint32_t type);

/* Sends one message with the descriptors its row asks for; they stay the caller's. Waits up to a second when the socket
 * is full (the other side is stuck), and up to three while processes of this user have too many descriptors on their
 * way to others. 0; -EPIPE or -ECONNRESET (the other side is gone); -ETIMEDOUT; other -errno. */
int ipc_message_send(int fd, const struct ipc_message *m, const int *fds);

/* The same for the master, which waits for nobody: -EAGAIN when the socket is full. */
int ipc_message_send_at_once(int fd, const struct ipc_message *m, const int *fds);

/*
 * Receives one message. 0; IPC_E_EMPTY (nothing waits); IPC_E_GONE (the other side is closed); -EBADMSG (wrong size,
 * unknown type, or wrong number of descriptors; they are closed); -EMFILE (this process can take no more descriptors:
 * the message is lost). Received descriptors are close-on-exec and the caller's, unused places are -1.
 */
enum { IPC_E_EMPTY = 1, IPC_E_GONE = 2 };
int ipc_message_receive(int fd, struct ipc_message *ret, int ret_fds[static IPC_FDS_MAX]);

/* Closes those descriptors of a received message that its receiver has not taken out. */
void ipc_message_close_fds(int fds[static IPC_FDS_MAX]);

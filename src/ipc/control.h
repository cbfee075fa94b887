/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The messages of operators and the master to each other over the control socket (RUNTIME_DIR/control), and their
 * bytes. Pure functions; ipc/exchange.h moves packets.
 *
 *     STATUS            -> SERVICE, then one POOL per pool with its scoreboard attached, then END; or REFUSED
 *     RELOAD pool...    -> DONE or REFUSED, once the outcome is known, which may take long
 *     DRAIN pool...     -> DONE or REFUSED: load balancers are told to send these pools, or all, nothing; UNDRAIN: they
 *                          are told that this is over
 *     LEAKS pool        -> DONE or REFUSED: its next requests are examined for what they leave behind
 *
 * One message is one SOCK_SEQPACKET packet: magic, version and type (8 bytes), then fields of tag (2 bytes), length (4
 * bytes), bytes, all little-endian. Numbers have 8 bytes; texts carry their NUL. A reader skips tags that it does not
 * know, so a field can be added without a new version.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/time.h"

#define IPC_CONTROL_SOCKET          "control" /* below the runtime directory */
#define IPC_CONTROL_VERSION         1U
#define IPC_CONTROL_PACKET_MAX      (128U * 1024U)
#define IPC_CONTROL_TEXT_MAX        (16U * 1024U) /* with the NUL; longer texts are cut when they are encoded */
#define IPC_CONTROL_GENERATIONS_MAX 4

/* clang-format off */
/*   number symbol    name (for messages to people) */
#define IPC_CONTROL_TYPES(X)                                                                                           \
        X(1,  STATUS,   "status")                                                                                      \
        X(2,  RELOAD,   "reload")                                                                                      \
        X(3,  DRAIN,    "drain")                                                                                       \
        X(4,  UNDRAIN,  "undrain")                                                                                     \
        X(5,  LEAKS,    "leaks")                                                                                       \
        X(16, SERVICE,  "service")                                                                                     \
        X(17, POOL,     "pool")                                                                                        \
        X(18, END,      "end")                                                                                         \
        X(19, DONE,     "done")                                                                                        \
        X(20, REFUSED,  "refused")

/* The service's states, as status shows them. */
#define IPC_CONTROL_STATES(X)                                                                                          \
        X(1, STARTING,  "starting")                                                                                    \
        X(2, RUNNING,   "running")                                                                                     \
        X(3, RELOADING, "reloading")                                                                                   \
        X(4, STOPPING,  "stopping")

/* A generation's states. */
#define IPC_CONTROL_LIVES(X)                                                                                           \
        X(1, STARTING,  "starting")                                                                                    \
        X(2, ACCEPTING, "accepting")                                                                                   \
        X(3, DRAINING,  "draining")                                                                                    \
        X(4, ASLEEP,    "asleep")

/* How the last reload ended. */
#define IPC_CONTROL_OUTCOMES(X)                                                                                        \
        X(0, NONE,      "none")                                                                                        \
        X(1, DONE,      "done")                                                                                        \
        X(2, REFUSED,   "refused")
/* clang-format on */

#define X(number, symbol, name) IPC_CONTROL_##symbol = number,
enum ipc_control_type { IPC_CONTROL_TYPES(X) };
#undef X
#define X(number, symbol, name) IPC_CONTROL_STATE_##symbol = number,
enum ipc_control_state { IPC_CONTROL_STATES(X) };
#undef X
#define X(number, symbol, name) IPC_CONTROL_LIFE_##symbol = number,
enum ipc_control_life { IPC_CONTROL_LIVES(X) };
#undef X
#define X(number, symbol, name) IPC_CONTROL_OUTCOME_##symbol = number,
enum ipc_control_outcome { IPC_CONTROL_OUTCOMES(X) };
#undef X

/* Names for people; "unknown" for a number that is none of the table's. */
const char *ipc_control_type_name(uint64_t type);
const char *ipc_control_state_name(uint64_t state);
const char *ipc_control_life_name(uint64_t life);
const char *ipc_control_outcome_name(uint64_t outcome);

/*
 * The messages. An encoder lends every string and list; a NULL text is left out. A decoder gets texts that are never
 * NULL and live as long as the message. All numbers have 64 bits, so that one table can describe them.
 */
struct ipc_control_list {
        char **items;
        size_t n;
        uint64_t n_left_out; /* decoded: items that did not fit into the packet */
};

/* STATUS (no field is used), RELOAD (names of pools; none: all of them, or those whose settings have changed), DRAIN
 * and UNDRAIN (names; none: all), LEAKS (one name, requests). */
struct ipc_control_request {
        struct ipc_control_list pools;
        uint64_t changed;
        uint64_t requests;
};

struct ipc_control_service {
        const char *version; /* fpmd's */
        uint64_t master_pid;
        uint64_t state;  /* enum ipc_control_state */
        uint64_t uptime; /* usec */
        const char *config_path;
        uint64_t reload_outcome; /* enum ipc_control_outcome: of the last reload */
        const char *reload_text;
        uint64_t reload_wall;        /* usec since the epoch */
        const char *reload_progress; /* of one under way that goes in batches: how far it is; or "" */
        struct ipc_control_list config_files;
        struct ipc_control_list absent; /* a line about each pool that is not served, since it has no socket */
        struct ipc_control_list spare;  /* name and address of each socket that no pool uses, for people */
};

struct ipc_control_generation {
        uint64_t number;
        uint64_t zygote_pid;
        uint64_t life; /* enum ipc_control_life */
        uint64_t n_workers;
        const char *php_version;
        const char *ini_files; /* comma-separated, as sapi_module_start() tells them */
        const char *remarks;   /* what PHP has not taken of its settings, a line for each */
};

struct ipc_control_pool {
        const char *name;
        uint64_t park_pid;      /* 0: none runs */
        uint64_t failed_starts; /* in a row */
        const char *problem;    /* why the last of them failed */
        uint64_t ready;         /* load balancers are told to send it requests */
        const char *health;     /* its state, and why, in one line */
        int scoreboard_fd;      /* lent by the encoder; owned by a decoded message; -1: none */
        struct ipc_control_list listen;
        struct ipc_control_generation generations[IPC_CONTROL_GENERATIONS_MAX];
        size_t n_generations;
};

/* DONE: what was done. REFUSED: why not, in words for the operator. */
struct ipc_control_result {
        const char *text;
};

struct ipc_control_message {
        enum ipc_control_type type;
        union {
                struct ipc_control_request request;
                struct ipc_control_service service;
                struct ipc_control_pool pool;
                struct ipc_control_result result;
        };
        uint8_t *bytes; /* of a decoded message: what its texts point into */
};

/*
 * The packet of a message, which the caller frees. Texts are cut to IPC_CONTROL_TEXT_MAX, and a list that does not fit
 * is cut with the rest counted in n_left_out. Descriptors are not part of the bytes. 0; -EINVAL (a type that is none,
 * too many generations); -EMSGSIZE (cannot fit); -ENOMEM.
 */
int ipc_control_encode(const struct ipc_control_message *m, uint8_t **ret, size_t *ret_n);

/*
 * A message from a packet. 0, and ipc_control_message_done() afterwards; -EPROTONOSUPPORT (another version of the
 * protocol: the two programs come from different builds); -EPROTO (not a packet of ours, or malformed); -ENOMEM.
 */
int ipc_control_decode(const uint8_t *data, size_t n, struct ipc_control_message *ret);

/* Frees what a decoded message owns, the scoreboard's descriptor included. Not for messages made to be encoded. */
void ipc_control_message_done(struct ipc_control_message *m);
#define _cleanup_control_message_ _cleanup_(ipc_control_message_done)

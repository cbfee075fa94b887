/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a zygote and its workers tell (ipc/message.h), beside what the master knows: each message becomes a fact that
 * the master can act on, or is refused. A zygote runs as the pool's user and has run that user's preload script.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipc/message.h"
#include "untrusted/process.h"

/* What the master knows of a slot of the scoreboard. */
struct untrusted_slot {
        enum {
                UNTRUSTED_SLOT_OTHER,     /* it has no worker of this zygote, or there is no such slot */
                UNTRUSTED_SLOT_ASKED,     /* the zygote was told to fork one */
                UNTRUSTED_SLOT_STARTING,  /* it has; pid and pidfd are known */
                UNTRUSTED_SLOT_ACCEPTING, /* and it has said that it accepts */
        } state;
        pid_t pid;
        int pidfd;
        bool is_early;   /* it was asked for, and accepts already */
        bool has_output; /* its pipes have come */
        bool has_failed; /* it has said that its application is not up */
};

/* What the master knows of a zygote. */
struct untrusted_zygote {
        struct untrusted_family family;
        bool is_starting;   /* its generation has neither begun to accept nor failed */
        bool is_ready;      /* it has said READY */
        bool has_output;    /* its workers' output is caught */
        bool boots;         /* its workers boot an application (worker.script) */
        unsigned n_tracing; /* orders to trace without an answer */
        struct untrusted_slot (*slot)(void *userdata, uint32_t slot); /* of any number */
        void *userdata;
};

enum untrusted_news {
        UNTRUSTED_READY,   /* text: PHP's version; document: names of the ini files; status: 1 if expose_php is on */
        UNTRUSTED_FAILED,  /* text: why PHP is not up */
        UNTRUSTED_SPAWNED, /* pid, pidfd: a worker of this zygote, or one that has been reaped since */
        UNTRUSTED_SPAWN_FAILED, /* text: why */
        UNTRUSTED_ACCEPTING,
        UNTRUSTED_ACCEPTING_EARLY, /* its zygote has not told of it yet */
        UNTRUSTED_BOOT_FAILED,     /* text: why the application of a worker is not up */
        UNTRUSTED_OUTPUT,          /* pipes: stdout and stderr, to be read */
        UNTRUSTED_EXITED,          /* status: as of waitpid(2); the process is gone */
        UNTRUSTED_TRACED,      /* document: lines of a backtrace; NULL: there is none, and status is why, an errno */
        UNTRUSTED_TRACED_LATE, /* an order was answered, whose worker has ended since */
};

/* One of them, about the slot. */
struct untrusted_fact {
        enum untrusted_news news;
        uint32_t slot;
        pid_t pid;
        int status;
        char text[IPC_TEXT_MAX];
        char *document;
        int pidfd;
        int pipes[2];
};

/* Closes and frees what has not been taken out. */
void untrusted_zygote_done(struct untrusted_fact *fact);
#define _cleanup_fact_ _cleanup_(untrusted_zygote_done)

/* Whether the message fits what the master knows, its descriptors aside. slot: the message's. Pure. 0 or -EBADMSG. */
int untrusted_zygote_check(const struct untrusted_zygote *z, const struct untrusted_slot *slot,
                           const struct ipc_message *m, struct untrusted_fact *ret);

/* The next message. 0 and *ret, for untrusted_zygote_done(); UNTRUSTED_ZYGOTE_E_EMPTY: none waits;
 * UNTRUSTED_ZYGOTE_E_GONE: the other side is closed; -EBADMSG: it makes no sense; other -errno: it is lost. *ret_type
 * is what it claims to be (ipc_message_type_name()). */
enum { UNTRUSTED_ZYGOTE_E_EMPTY = 1, UNTRUSTED_ZYGOTE_E_GONE = 2 };
int untrusted_zygote_hear(const struct untrusted_zygote *z, int fd, struct untrusted_fact *ret, uint32_t *ret_type);

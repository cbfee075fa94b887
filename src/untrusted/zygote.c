/* SPDX-License-Identifier: MIT */
/* See zygote.h: first what is said, then what has come with it. */

#include "untrusted/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/nowait.h"
#include "base/process.h"
#include "untrusted/document.h"
#include "untrusted/receive.h"

#define ZYGOTE_INI_FILES_MAX (64U * 1024U)
#define ZYGOTE_TRACE_MAX     (64U * 1024U)

#define ZYGOTE_ERRNO_MAX 4095

/* It goes into a header of the status page. */
static bool zygote_is_version(const char *text) {
        return *text &&
               strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-_~") == strlen(text);
}

/* Of a process that has ended, as waitpid(2) has it. */
static bool zygote_is_end(int status) {
        return WIFEXITED(status) ? status == (status & 0xff00) : WIFSIGNALED(status) && status == (status & 0xff);
}

static bool zygote_has_slot(const struct untrusted_slot *slot) {
        return slot->state == UNTRUSTED_SLOT_STARTING || slot->state == UNTRUSTED_SLOT_ACCEPTING;
}

static int zygote_check_ready(const struct untrusted_zygote *z, const struct ipc_message *m,
                              struct untrusted_fact *fact) {
        if (z->is_ready || !zygote_is_version(m->text))
                return -EBADMSG;
        fact->status = m->status == 1;
        return 0;
}

static int zygote_check_accepting(const struct untrusted_slot *slot, const struct ipc_message *m,
                                  struct untrusted_fact *fact) {
        if (slot->state == UNTRUSTED_SLOT_STARTING)
                return slot->pid == m->pid && !slot->has_failed ? 0 : -EBADMSG;
        fact->news =
                UNTRUSTED_ACCEPTING_EARLY; /* the child was faster than its zygote, whose news of it is on the way */
        return slot->state == UNTRUSTED_SLOT_ASKED && !slot->is_early ? 0 : -EBADMSG;
}

static int zygote_check_boot_failed(const struct untrusted_zygote *z, const struct untrusted_slot *slot,
                                    const struct ipc_message *m) {
        bool is_known = slot->state == UNTRUSTED_SLOT_STARTING && slot->pid == m->pid;

        return z->boots && is_known && !slot->has_failed ? 0 : -EBADMSG;
}

static int zygote_check_traced(const struct untrusted_zygote *z, const struct untrusted_slot *slot,
                               const struct ipc_message *m, struct untrusted_fact *fact) {
        if (z->n_tracing == 0)
                return -EBADMSG; /* nobody has asked */
        if (!zygote_has_slot(slot) || slot->pid != m->pid)
                fact->news = UNTRUSTED_TRACED_LATE;
        fact->status = m->status > 0 && m->status <= ZYGOTE_ERRNO_MAX ? m->status : EIO;
        return 0;
}

static int zygote_check_output(const struct untrusted_zygote *z, const struct untrusted_slot *slot,
                               const struct ipc_message *m) {
        return z->has_output && zygote_has_slot(slot) && slot->pid == m->pid && !slot->has_output ? 0 : -EBADMSG;
}

static int zygote_check_exited(const struct untrusted_slot *slot, const struct ipc_message *m,
                               struct untrusted_fact *fact) {
        if (!zygote_has_slot(slot) || slot->pid != m->pid || !zygote_is_end(m->status))
                return -EBADMSG;
        fact->status = m->status;
        return 0;
}

static struct untrusted_fact zygote_begin_fact(const struct ipc_message *m) {
        struct untrusted_fact fact = { .slot = m->slot, .pid = m->pid, .pidfd = -1, .pipes = { -1, -1 } };

        untrusted_document_line(m->text, fact.text, sizeof(fact.text));
        return fact;
}

int untrusted_zygote_check(const struct untrusted_zygote *z, const struct untrusted_slot *slot,
                           const struct ipc_message *m, struct untrusted_fact *ret) {
        *ret = zygote_begin_fact(m);
        switch (m->type) {
        case IPC_READY:
                ret->news = UNTRUSTED_READY;
                return zygote_check_ready(z, m, ret);
        case IPC_FAILED:
                ret->news = UNTRUSTED_FAILED;
                return z->is_starting ? 0 : -EBADMSG;
        case IPC_SPAWNED:
                ret->news = UNTRUSTED_SPAWNED;
                return slot->state == UNTRUSTED_SLOT_ASKED && m->pid > 0 ? 0 : -EBADMSG;
        case IPC_SPAWN_FAILED:
                ret->news = UNTRUSTED_SPAWN_FAILED;
                return slot->state == UNTRUSTED_SLOT_ASKED ? 0 : -EBADMSG;
        case IPC_ACCEPTING:
                ret->news = UNTRUSTED_ACCEPTING;
                return zygote_check_accepting(slot, m, ret);
        case IPC_BOOT_FAILED:
                ret->news = UNTRUSTED_BOOT_FAILED;
                return zygote_check_boot_failed(z, slot, m);
        case IPC_OUTPUT:
                ret->news = UNTRUSTED_OUTPUT;
                return zygote_check_output(z, slot, m);
        case IPC_EXITED:
                ret->news = UNTRUSTED_EXITED;
                return zygote_check_exited(slot, m, ret);
        case IPC_TRACED:
        case IPC_TRACE_FAILED:
                ret->news = UNTRUSTED_TRACED;
                return zygote_check_traced(z, slot, m, ret);
        default:
                return -EBADMSG;
        }
}

static int zygote_take_worker(const struct untrusted_zygote *z, int *fd, struct untrusted_fact *fact) {
        int r = untrusted_process_check(&z->family, fact->pid, *fd);

        if (r < 0)
                return r;
        fact->pidfd = TAKE_FD(*fd);
        return 0;
}

/* A pipe's size is asked for: fstat(2) would ask the file system, which may be the pool's own. */
static int zygote_take_pipes(int fds[static IPC_FDS_MAX], struct untrusted_fact *fact) {
        for (int i = 0; i < 2; i++) {
                if (fcntl(fds[i], F_GETPIPE_SZ) < 0 || (fcntl(fds[i], F_GETFL) & O_ACCMODE) != O_RDONLY)
                        return -EBADMSG;
                fact->pipes[i] = TAKE_FD(fds[i]);
        }
        return 0;
}

/* What has come with a message that fits. */
static int zygote_take(const struct untrusted_zygote *z, const struct untrusted_slot *slot, int fds[static IPC_FDS_MAX],
                       struct untrusted_fact *fact) {
        switch (fact->news) {
        case UNTRUSTED_READY:
                return untrusted_document_read(fds[0], ZYGOTE_INI_FILES_MAX, &fact->document);
        case UNTRUSTED_SPAWNED:
                return zygote_take_worker(z, &fds[0], fact);
        case UNTRUSTED_OUTPUT:
                return zygote_take_pipes(fds, fact);
        case UNTRUSTED_EXITED:
                return process_is_reaped(slot->pidfd) ? 0 : -EBADMSG; /* the zygote reaps it before it tells */
        case UNTRUSTED_TRACED:
                return fds[0] < 0 ? 0 : untrusted_document_read(fds[0], ZYGOTE_TRACE_MAX, &fact->document);
        default:
                return 0;
        }
}

int untrusted_zygote_hear(const struct untrusted_zygote *z, int fd, struct untrusted_fact *ret, uint32_t *ret_type) {
        struct untrusted_slot slot;
        int fds[IPC_FDS_MAX], r;
        struct ipc_message m;

        r = untrusted_receive(fd, &m, fds);
        *ret_type = m.type;
        if (r == IPC_E_EMPTY || r == IPC_E_GONE)
                return r == IPC_E_EMPTY ? UNTRUSTED_ZYGOTE_E_EMPTY : UNTRUSTED_ZYGOTE_E_GONE;
        if (r < 0)
                return r;
        slot = z->slot(z->userdata, m.slot);
        r = untrusted_zygote_check(z, &slot, &m, ret);
        if (r == 0)
                r = zygote_take(z, &slot, fds, ret);
        if (r < 0)
                untrusted_zygote_done(ret);
        untrusted_receive_close(fds);
        return r;
}

void untrusted_zygote_done(struct untrusted_fact *fact) {
        fact->pidfd = nowait_close(fact->pidfd);
        for (int i = 0; i < 2; i++)
                fact->pipes[i] = nowait_close(fact->pipes[i]);
        free(TAKE_PTR(fact->document));
}

/* SPDX-License-Identifier: MIT */
/*
 * What the master makes of a zygote's message, beside what it knows: two bytes say what that is, the rest is the
 * message. A fact fits what the master knows, and what is refused changes nothing.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "fuzz.h"
#include "untrusted/zygote.h"

#define KNOWN 2U /* bytes in front of the message */
#define PID   4711

static bool has_worker(const struct untrusted_slot *slot) {
        return slot->state == UNTRUSTED_SLOT_STARTING || slot->state == UNTRUSTED_SLOT_ACCEPTING;
}

static bool is_one_printable_line(const char *text) {
        for (; *text; text++)
                if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
                        return false;
        return true;
}

/* What each piece of news takes for granted. */
static bool fits(const struct untrusted_zygote *z, const struct untrusted_slot *slot, const struct untrusted_fact *f) {
        bool is_worker = has_worker(slot) && f->pid == slot->pid;

        switch (f->news) {
        case UNTRUSTED_READY:
                return !z->is_ready && *f->text && !strpbrk(f->text, " <>\"\\\r\n:") && (f->status & ~1) == 0;
        case UNTRUSTED_FAILED:
                return z->is_starting;
        case UNTRUSTED_SPAWNED:
                return slot->state == UNTRUSTED_SLOT_ASKED && f->pid > 0;
        case UNTRUSTED_SPAWN_FAILED:
                return slot->state == UNTRUSTED_SLOT_ASKED;
        case UNTRUSTED_ACCEPTING:
                return slot->state == UNTRUSTED_SLOT_STARTING && is_worker && !slot->has_failed;
        case UNTRUSTED_ACCEPTING_EARLY:
                return slot->state == UNTRUSTED_SLOT_ASKED && !slot->is_early;
        case UNTRUSTED_BOOT_FAILED:
                return z->boots && slot->state == UNTRUSTED_SLOT_STARTING && is_worker && !slot->has_failed;
        case UNTRUSTED_OUTPUT:
                return is_worker && z->has_output && !slot->has_output;
        case UNTRUSTED_EXITED:
                return is_worker && f->status == (f->status & 0xffff);
        case UNTRUSTED_TRACED:
                return z->n_tracing > 0 && is_worker && f->status > 0 && f->status < 4096;
        case UNTRUSTED_TRACED_LATE:
                return z->n_tracing > 0 && !is_worker && f->status > 0 && f->status < 4096;
        }
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        struct untrusted_fact fact;
        struct ipc_message m = {};
        int r;

        if (n < KNOWN || n > KNOWN + sizeof(m))
                return 0;
        const struct untrusted_zygote z = { .is_starting = data[0] & 1,
                                            .is_ready = data[0] & 2,
                                            .has_output = data[0] & 4,
                                            .boots = data[0] & 8,
                                            .n_tracing = data[0] >> 6 };
        const struct untrusted_slot slot = { .state = data[1] % (UNTRUSTED_SLOT_ACCEPTING + 1),
                                             .pid = PID,
                                             .pidfd = -1,
                                             .has_failed = data[1] & 0x20,
                                             .is_early = data[1] & 0x40,
                                             .has_output = data[1] & 0x80 };

        memcpy(&m, data + KNOWN, n - KNOWN);
        m.text[sizeof(m.text) - 1] = '\0'; /* as ipc_message_receive() has it */
        r = untrusted_zygote_check(&z, &slot, &m, &fact);
        assert(r == 0 || r == -EBADMSG);
        assert(fact.slot == m.slot && fact.pid == m.pid);
        assert(fact.pidfd == -1 && fact.pipes[0] == -1 && fact.pipes[1] == -1 && !fact.document);
        assert(memchr(fact.text, '\0', sizeof(fact.text)) && is_one_printable_line(fact.text));
        if (r == 0 && !fits(&z, &slot, &fact))
                assert(!"a fact that does not fit");
        untrusted_zygote_done(&fact);
        return 0;
}

/* SPDX-License-Identifier: MIT */
/* The boot of worker.script has no client: what it prints is told in the log, and all else goes nowhere. */

#include "sapi/booted.h"

#include "base/text.h"
#include "log/log.h"

/* What it has printed is told up to here. */
#define BOOTIO_OUTPUT_MAX 500

static struct {
        struct text output;
        size_t n;
        bool has_head;
} bootio;

static ssize_t bootio_read_nothing(_unused_ void *ctx, _unused_ void *buf, _unused_ size_t n) {
        return 0;
}

static int bootio_keep_nothing(_unused_ void *ctx, _unused_ uint64_t n) {
        return 0;
}

/* The head comes first, in one piece. */
static int bootio_take_output(_unused_ void *ctx, const void *buf, size_t n) {
        if (!bootio.has_head)
                bootio.has_head = true;
        else {
                size_t room = BOOTIO_OUTPUT_MAX - MIN(bootio.n, (size_t)BOOTIO_OUTPUT_MAX);

                text_append_n(&bootio.output, buf, MIN(room, n));
                bootio.n += n;
        }
        return 0;
}

static int bootio_write_nothing(_unused_ void *ctx, _unused_ const void *buf, _unused_ size_t n) {
        return 0;
}

static int bootio_flush_nothing(_unused_ void *ctx) {
        return 0;
}

static bool bootio_is_not_gone(_unused_ void *ctx) {
        return false;
}

static int bootio_finish_nothing(_unused_ void *ctx, _unused_ uint32_t status, _unused_ bool php_goes_on) {
        return 0;
}

static void bootio_execute_nothing(_unused_ void *ctx, _unused_ const char *script, _unused_ const char *user) {
}

const struct sapi_io sapi_bootio = {
        .read_body = bootio_read_nothing,
        .keep_body = bootio_keep_nothing,
        .write_reply = bootio_take_output,
        .write_error = bootio_write_nothing,
        .flush = bootio_flush_nothing,
        .is_gone = bootio_is_not_gone,
        .finish = bootio_finish_nothing,
        .executing = bootio_execute_nothing,
};

void sapi_bootio_say(const char *script) {
        if (bootio.n > 0)
                log_notice("%s printed %zu bytes before its first request, which nobody gets: %s", script, bootio.n,
                           text_peek(&bootio.output));
        text_done(&bootio.output);
        bootio.output = (struct text){ 0 };
        bootio.n = 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Whether a request is examined the scoreboard says, and there and in the log is told what it has left behind. The
 * first request of a worker is left out: it makes what the application makes once.
 */

#include "worker/examine.h"

#include <string.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/text.h"
#include "log/log.h"
#include "scoreboard/leaks.h"
#include "worker/loop.h"

bool examine_wanted(void *ctx) {
        struct worker *w = ctx;

        return w->n_served > 0 && leaks_take(w->setup->scoreboard);
}

static void examine_log(const struct sapi_leak *leak, const char *message) {
        log_write(&(struct log_entry){ .level = leak->kind == SAPI_LEAK_GREW ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
                                       .event = LOG_EVENT_LEAK,
                                       .message = message,
                                       .code_file = leak->file,
                                       .code_line = leak->line,
                                       .uri = leak->uri,
                                       .worker_pid = (uint64_t)getpid() });
}

void examine_tell(void *ctx, const struct sapi_leak *leak) {
        struct worker *w = ctx;
        struct scoreboard_leak entry = { .kind = (uint32_t)leak->kind, .pid = getpid(), .line = leak->line };
        _cleanup_text_ struct text message = {};

        text_printf(&message, "child %d, after a request: ", (int)getpid());
        printable_append(&message, leak->name, strlen(leak->name), PRINTABLE_LOG);
        text_printf(&message, " %s", leak->what);
        if (leak->kind == SAPI_LEAK_PUT_BACK)
                text_append(&message, ", and was put back");
        if (leak->file)
                text_printf(&message, " (%s:%u)", leak->file, leak->line);
        examine_log(leak, text_peek(&message));
        text_copy(entry.name, sizeof(entry.name), leak->name, strlen(leak->name));
        text_copy(entry.what, sizeof(entry.what), leak->what, strlen(leak->what));
        if (leak->file)
                text_copy(entry.file, sizeof(entry.file), leak->file, strlen(leak->file));
        leaks_put(w->setup->scoreboard, &entry);
}

void examine_end(void *ctx, size_t n_more) {
        struct worker *w = ctx;

        if (n_more > 0)
                log_notice("child %d, after a request: %zu more things grew or changed", (int)getpid(), n_more);
        leaks_count_examined(w->setup->scoreboard);
}

/* SPDX-License-Identifier: MIT */
/*
 * A scoreboard that its pool has scribbled over, to the master, fpmctl and status pages: numbers agree with each other,
 * and every page is text that its readers can parse. The input is a list of changes to a scoreboard with a worker: 3
 * bytes say where, one how many bytes follow.
 */

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"
#include "fuzz.h"
#include "scoreboard/layout.h"
#include "status/html.h"
#include "status/json.h"
#include "status/openmetrics.h"
#include "status/snapshot.h"
#include "status/text.h"
#include "status/xml.h"

#define NOW   (1000U * USEC_PER_SEC)
#define SLOTS 3U /* that are changed, and that the bounded reader looks at */
#define BYTES (sizeof(struct scoreboard_header) + SLOTS * sizeof(struct scoreboard_slot))

/* Pages that are never touched take no memory, so a reader that believes n_used is slow but no more. */
static struct scoreboard *board_make(void) {
        struct scoreboard *s =
                mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (s == MAP_FAILED)
                abort();
        return s;
}

static void board_reset(struct scoreboard *s) {
        memset(s, 0, BYTES);
        strcpy(s->header.pool, "www");
        strcpy(s->header.pm, "dynamic");
        s->header.n_used = SLOTS;
        s->slots[0].stage = STAGE_ACCEPTING;
        s->slots[0].pid = 100;
        strcpy(s->slots[0].uri, "/a.php");
}

static void board_change(struct scoreboard *s, const uint8_t *data, size_t n) {
        while (n >= 4) {
                size_t at = ((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % BYTES;
                size_t k = MIN((size_t)data[3], n - 4);

                k = MIN(k, BYTES - at);
                memcpy((uint8_t *)s + at, data + 4, k);
                data += 4 + k;
                n -= 4 + k;
        }
}

/* A reader that waits gives its time slice away for each writer at work; the one that does not has seen these. */
static void board_settle(struct scoreboard *s) {
        s->header.seq &= ~1U;
        for (uint32_t i = 0; i < SLOTS; i++)
                s->slots[i].seq &= ~1U;
}

/* A reader without a bound looks at all slots where n_used is too large. That takes a thousand times as long as the
 * rest, and is the same each time, since slots above SLOTS are empty: once is enough. */
static void board_bound(struct scoreboard *s) {
        static bool tried;

        board_settle(s);
        if (s->header.n_used <= SLOTS)
                return;
        s->header.n_used = tried ? SLOTS : SCOREBOARD_SLOTS + 1;
        tried = true;
}

/* No control character that a terminal obeys gets out. */
static void check_printable(const char *page) {
        assert(!page[strcspn(page, "\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x16"
                                   "\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f")]);
}

/* Strings end where they should, and braces and brackets match. */
static void check_json(const char *page) {
        bool in_string = false;
        int depth = 0;

        for (; (page = strpbrk(page, "\"\\{}[]")); page++) {
                if (in_string && *page == '\\')
                        page++;
                else if (*page == '"')
                        in_string = !in_string;
                else if (!in_string)
                        depth += (*page == '{' || *page == '[') - (*page == '}' || *page == ']');
                assert(*page && depth >= 0);
        }
        assert(!in_string && depth == 0);
}

/* Tags match in number, hold no quote but their own pairs, and "&" begins what ends with ";". */
static void check_markup(const char *page) {
        bool in_tag = false;

        for (; (page = strpbrk(page, "<>&")); page++) {
                if (*page == '<' || *page == '>') {
                        assert(in_tag == (*page == '>'));
                        in_tag = !in_tag;
                } else if (*page == '&') {
                        size_t k = strcspn(page, "; <>");

                        assert(page[k] == ';');
                }
        }
        assert(!in_tag);
}

/* Each line is a comment or a sample: a name, perhaps labels, a space, and a number. */
static void check_metrics(const char *page) {
        for (const char *line = page, *end; *line; line = end + 1) {
                const char *value;

                end = strchr(line, '\n');
                assert(end);
                if (*line == '#')
                        continue;
                assert(strncmp(line, "phpfpm_", 7) == 0);
                value = memrchr(line, ' ', (size_t)(end - line));
                assert(value && isdigit((unsigned char)value[1]));
        }
}

static void check_numbers(const struct status_snapshot *s, uint32_t n_slots) {
        assert(s->n_idle + s->n_active == s->n_total && s->n_total <= n_slots);
        assert(s->max_active >= s->n_active && s->max_listen_queue >= s->listen_queue);
        assert(s->n_workers <= n_slots);
        assert(memchr(s->pool, '\0', sizeof(s->pool)) && memchr(s->pm, '\0', sizeof(s->pm)));
        for (uint32_t i = 0; i < s->n_workers; i++)
                assert(s->workers[i].pid >= 0 && s->workers[i].stage < _STAGE_MAX);
}

static void check_page(void (*render)(const struct status_snapshot *s, bool full, struct text *out),
                       void (*check)(const char *page), const struct status_snapshot *s, bool full) {
        _cleanup_text_ struct text out = {};

        render(s, full, &out);
        assert(!out.failed);
        check_printable(text_peek(&out));
        check(text_peek(&out));
}

static void render_text(const struct status_snapshot *s, _unused_ bool full, struct text *out) {
        status_text_render(s, out);
}

static void check_pages(const struct status_snapshot *s, bool full) {
        check_page(render_text, check_printable, s, full);
        check_page(status_json_render, check_json, s, full);
        check_page(status_html_render, check_markup, s, full);
        check_page(status_xml_render, check_markup, s, full);
        check_page(status_openmetrics_render, check_metrics, s, full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static struct scoreboard *board;

        if (!board)
                board = board_make();
        board_reset(board);
        board_change(board, data, n);
        for (unsigned flags = 0; flags <= STATUS_SNAPSHOT_WORKERS; flags++) {
                _cleanup_snapshot_ struct status_snapshot s = {}, bounded = {};

                if (status_snapshot_take_at_once(board, SLOTS, NOW, flags, &bounded) < 0)
                        abort();
                check_numbers(&bounded, SLOTS);
                check_pages(&bounded, flags > 0);
                if (flags > 0)
                        continue;
                board_bound(board);
                if (status_snapshot_take(board, NOW, flags, &s) == 0)
                        check_numbers(&s, SCOREBOARD_SLOTS);
        }
        return 0;
}

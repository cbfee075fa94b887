/* SPDX-License-Identifier: MIT */
/*
 * Heads come in two kinds, both of lines with CR LF: HTTP's begins with a status line, CGI's (RFC 3875) may have a
 * Status field and is a success without.
 */

#include "reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"
#include "base/text.h"

void load_reply_begin(struct load_reply *r, const struct load_expect *expect) {
        r->expect = expect;
        r->status = 0;
        r->differs = false;
        r->n_body = 0;
        r->n_head = 0;
}

const char *load_reply_header(const struct load_reply *r, const char *name) {
        size_t n = strlen(name);

        for (const char *line = r->head; line; line = strstr(line, "\r\n")) {
                if (line != r->head)
                        line += 2;
                if (strncasecmp(line, name, n) == 0)
                        return line + n + strspn(line + n, " \t");
        }
        return NULL;
}

static unsigned reply_read_status(const struct load_reply *r) {
        const char *value;

        if (text_has_prefix(r->head, "HTTP/1."))
                return (unsigned)strtoul(r->head + strcspn(r->head, " \r"), NULL, 10);
        value = load_reply_header(r, "Status:");
        return value ? (unsigned)strtoul(value, NULL, 10) : 200;
}

size_t load_reply_head(struct load_reply *r, const uint8_t *data, size_t n) {
        size_t before = r->n_head, from = before > 3 ? before - 3 : 0, room = sizeof(r->head) - before;
        char *end;

        assert(r->status == 0);

        n = MIN(n, room);
        memcpy(r->head + before, data, n);
        r->n_head += n;
        end = memmem(r->head + from, r->n_head - from, "\r\n\r\n", 4);
        if (!end)
                return n;
        *end = '\0';
        r->status = reply_read_status(r);
        return (size_t)(end + 4 - r->head) - before;
}

static bool reply_is_expected(const struct load_expect *e, uint64_t at, const uint8_t *data, size_t n) {
        for (unsigned i = 0; i < ELEMENTSOF(e->data) && n > 0; i++) {
                size_t here;

                if (at >= e->n[i]) {
                        at -= e->n[i];
                        continue;
                }
                here = (size_t)MIN(e->n[i] - at, (uint64_t)n);
                if (memcmp(e->data[i] + at, data, here) != 0)
                        return false;
                data += here;
                n -= here;
                at = 0;
        }
        return n == 0;
}

void load_reply_body(struct load_reply *r, const uint8_t *data, size_t n) {
        const struct load_expect *e = r->expect;

        if (!e->any_length && !e->any_bytes && !r->differs)
                r->differs = !reply_is_expected(e, r->n_body, data, n);
        r->n_body += n;
}

enum load_outcome load_reply_judge_part(const struct load_reply *r) {
        const struct load_expect *e = r->expect;

        if (r->status == 0) /* its head is cut short */
                return LOAD_OUTCOME_OK;
        if (r->status != e->status)
                return LOAD_OUTCOME_STATUS;
        if (r->differs || (!e->any_length && r->n_body > e->n[0] + e->n[1]))
                return LOAD_OUTCOME_BODY;
        return LOAD_OUTCOME_OK;
}

enum load_outcome load_reply_judge(const struct load_reply *r) {
        const struct load_expect *e = r->expect;

        if (r->status != e->status)
                return LOAD_OUTCOME_STATUS;
        if (!e->any_length && r->n_body < e->n[0] + e->n[1])
                return LOAD_OUTCOME_BODY;
        return load_reply_judge_part(r);
}

/* SPDX-License-Identifier: MIT */
/*
 * Both decoders over any bytes. The input is heard twice, whole and in pieces whose sizes the input itself chooses; the
 * two accounts must be the same, with neighbouring slices of one stream joined. On the way every event keeps its
 * promises. In pieces the decoder makes an index as well.
 *
 * First byte: which decoder, and when the caller ends a request. Second byte: seed of the pieces' sizes. The rest is
 * the conversation.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"
#include "fcgi/client.h"
#include "fcgi/decoder.h"
#include "fcgi/index.h"
#include "fcgi/params.h"
#include "fuzz.h"

enum {
        MODE_CLIENT = 1,
        MODE_END_AT_BEGIN = 2,
        MODE_END_AT_HEAD = 4,
        MODE_NEVER_END = 8,
        MODE_SMALL_LIMIT = 16,
};

struct hearing {
        uint8_t mode;
        struct fcgi_decoder decoder;
        struct fcgi_client client;
        struct fcgi_index index;
        struct text account;
        int last;
};

/* Slices of the stream that is told already go on; everything else starts with its number. */
static void tell_stream(struct hearing *h, int type, const void *data, size_t n) {
        if (h->last != type)
                text_printf(&h->account, "\n%d ", type);
        text_append_n(&h->account, data, n);
        h->last = type;
}

static void tell(struct hearing *h, int type, const void *data, size_t n) {
        text_printf(&h->account, "\n%d ", type);
        text_append_n(&h->account, data, n);
        h->last = type;
}

static bool ends_request(const struct hearing *h, enum fcgi_event_type type) {
        if (h->mode & MODE_NEVER_END)
                return false;
        return type == FCGI_EVENT_BODY_END || type == FCGI_EVENT_ABORT ||
               (type == FCGI_EVENT_BEGIN && h->mode & MODE_END_AT_BEGIN) ||
               (type == FCGI_EVENT_HEAD && h->mode & MODE_END_AT_HEAD);
}

static void check_reply(const struct fcgi_event *e) {
        struct fcgi_header header;

        assert(e->n_reply >= FCGI_HEADER_SIZE);
        fcgi_record_decode_header(e->reply, &header);
        assert(header.version == FCGI_VERSION);
        assert(FCGI_HEADER_SIZE + header.n_content + header.n_padding == e->n_reply);
}

static void check_index(const struct fcgi_decoder *d) {
        struct fcgi_pair pair;
        size_t pos = 0, n = 0;

        for (; fcgi_params_next(d->params, d->n_params, &pos, &pair) == 1; n++)
                assert(d->index->entries[n].name == pair.name && d->index->entries[n].n_name == pair.n_name &&
                       d->index->entries[n].value == pair.value && d->index->entries[n].n_value == pair.n_value);
        assert(n == d->index->n);
        if (n > 0) /* there is room behind the last one */
                (void)fcgi_index_value(&d->index->entries[n - 1]);
}

static void check_event(const struct hearing *h, const struct fcgi_event *e, const uint8_t *in, size_t used) {
        const struct fcgi_decoder *d = &h->decoder;

        assert(d->n_params <= d->limits.params_max);
        if (e->type == FCGI_EVENT_BEGIN)
                assert(d->in_request && d->request_id != 0 && !d->head_done);
        if (e->type == FCGI_EVENT_HEAD)
                assert(d->in_request && d->head_done && fcgi_params_well_formed(d->params, d->n_params));
        if (e->type == FCGI_EVENT_HEAD && d->index)
                check_index(d);
        if (e->type == FCGI_EVENT_BODY)
                assert(d->head_done && !d->body_done && e->n > 0 && e->data >= in && e->data + e->n <= in + used);
        if (e->type == FCGI_EVENT_BODY_END)
                assert(d->head_done && d->body_done);
        if (e->type == FCGI_EVENT_REPLY)
                check_reply(e);
        if (e->type == FCGI_EVENT_VIOLATION)
                assert(e->violation > FCGI_VIOLATION_NONE && e->violation < _FCGI_VIOLATION_MAX);
}

static void tell_event(struct hearing *h, const struct fcgi_event *e) {
        struct fcgi_decoder *d = &h->decoder;

        if (e->type == FCGI_EVENT_BODY)
                tell_stream(h, e->type, e->data, e->n);
        else if (e->type == FCGI_EVENT_HEAD)
                tell(h, e->type, d->params, d->n_params);
        else if (e->type == FCGI_EVENT_REPLY)
                tell(h, e->type, e->reply, e->n_reply);
        else if (e->type == FCGI_EVENT_VIOLATION)
                tell(h, e->type, &e->violation, sizeof(e->violation));
        else
                tell(h, e->type, &d->request_id, sizeof(d->request_id));
}

/* Both return false after a violation. */
static bool hear_request(struct hearing *h, const uint8_t *in, size_t n) {
        struct fcgi_event e;
        size_t used;

        for (;;) {
                if (fcgi_decoder_step(&h->decoder, in, n, &used, &e) < 0)
                        abort();
                assert(used <= n);
                check_event(h, &e, in, used);
                if (e.type == FCGI_EVENT_MORE) {
                        assert(used == n);
                        return true;
                }
                tell_event(h, &e);
                if (e.type == FCGI_EVENT_VIOLATION)
                        return false;
                if (ends_request(h, e.type))
                        fcgi_decoder_end_request(&h->decoder);
                in += used;
                n -= used;
        }
}

static bool hear_reply(struct hearing *h, const uint8_t *in, size_t n) {
        struct fcgi_client_event e;
        size_t used;

        for (;;) {
                fcgi_client_step(&h->client, in, n, &used, &e);
                assert(used <= n);
                if (e.type == FCGI_CLIENT_MORE) {
                        assert(used == n);
                        return true;
                }
                if (e.type == FCGI_CLIENT_VIOLATION) {
                        tell(h, e.type, &e.violation, sizeof(e.violation));
                        return false;
                }
                if (e.type == FCGI_CLIENT_END) {
                        tell(h, e.type, &e.app_status, sizeof(e.app_status));
                        fcgi_client_begin(&h->client, 1);
                } else {
                        assert(e.n > 0 && e.data >= in && e.data + e.n <= in + used);
                        tell_stream(h, e.type, e.data, e.n);
                }
                in += used;
                n -= used;
        }
}

/* Each piece lies in memory of its own size: a step over its end is seen, and nothing can look back. */
static bool hear_piece(struct hearing *h, const uint8_t *in, size_t n) {
        _cleanup_free_ uint8_t *piece = malloc(MAX(n, (size_t)1));

        if (!piece)
                abort();
        memcpy(piece, in, n);
        return h->mode & MODE_CLIENT ? hear_reply(h, piece, n) : hear_request(h, piece, n);
}

/* Returns the account, which the caller frees. seed 0: in one piece. */
static char *hear(uint8_t mode, const uint8_t *in, size_t n, uint32_t seed, size_t *ret_n) {
        const struct fcgi_limits limits = {
                .params_max = mode & MODE_SMALL_LIMIT ? 32 : FCGI_PARAMS_MAX_DEFAULT,
                .max_conns = 3,
                .max_reqs = 4,
        };
        struct hearing h = { .mode = mode, .last = -1 };
        bool fine = true;
        char *account;

        if (fcgi_decoder_init(&h.decoder, &limits) < 0)
                abort();
        h.decoder.index = seed > 0 ? &h.index : NULL;
        fcgi_client_begin(&h.client, 1);
        for (size_t at = 0, piece; fine && at < n; at += piece) {
                piece = seed > 0 ? MIN((size_t)(seed >> 16) % 23 + 1, n - at) : n;
                fine = hear_piece(&h, in + at, piece);
                seed = seed > 0 ? seed * 1103515245 + 12345 : 0;
        }
        text_printf(&h.account, "\n%d", fine && fcgi_decoder_idle(&h.decoder));
        if (text_finish(&h.account, &account, ret_n) < 0)
                abort();
        fcgi_decoder_done(&h.decoder);
        fcgi_index_done(&h.index);
        return account;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        _cleanup_free_ char *whole = NULL, *pieces = NULL;
        size_t n_whole, n_pieces;

        if (n < 2)
                return 0;
        whole = hear(data[0], data + 2, n - 2, 0, &n_whole);
        pieces = hear(data[0], data + 2, n - 2, data[1] * 2654435761U | 1, &n_pieces);
        assert(n_whole == n_pieces && memcmp(whole, pieces, n_whole) == 0);
        return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A head that comes in pieces must be read as one that comes at once: what has been decided stands, whatever follows.
 * The first byte is the size of a piece.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/params.h"
#include "fuzz.h"
#include "status/http.h"

static void check_params(const struct status_http_head *h, const char *data, size_t n) {
        uint8_t params[STATUS_HTTP_PARAMS_MAX];
        struct fcgi_pair pair;
        size_t n_params;

        assert(h->n_path > 0 && h->path >= data && h->path + h->n_path <= data + n);
        assert(h->n_query == 0 || (h->query >= data && h->query + h->n_query <= data + n));
        n_params = status_http_params(h, params);
        assert(n_params <= sizeof(params) && fcgi_params_well_formed(params, n_params));
        assert(fcgi_params_find(params, n_params, "SCRIPT_NAME", &pair) && pair.n_value == h->n_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n) {
        size_t step = n > 0 ? 1U + in[0] : 1;
        const char *data = (const char *)in + 1;
        struct status_http_head whole, part;

        if (n < 2)
                return 0;
        n--;
        for (size_t k = step; k < n; k += step) {
                char *piece = memcpy(malloc(k), data, k);
                int r = status_http_parse(piece, k, &part);

                if (r == 0 && part.refusal == 0 && !part.agent)
                        check_params(&part, piece, k);
                if (r == 0) {
                        assert(status_http_parse(data, n, &whole) == 0);
                        assert(whole.refusal == part.refusal && whole.agent == part.agent &&
                               whole.n_path == part.n_path && whole.n_query == part.n_query);
                        free(piece);
                        break;
                }
                assert(k < STATUS_HTTP_HEAD_MAX);
                free(piece);
        }
        if (status_http_parse(data, n, &whole) == 0 && whole.refusal == 0 && !whole.agent)
                check_params(&whole, data, n);
        return 0;
}

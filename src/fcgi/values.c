/* SPDX-License-Identifier: MIT */
/*
 * GET_VALUES. The answer is bounded whatever the query repeats: it is made by walking what we know and looking each
 * name up in the query, not the other way round.
 */

#include "fcgi/values.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "fcgi/params.h"
#include "fcgi/request.h"

int fcgi_values_answer(const uint8_t *query, size_t n, const struct fcgi_limits *limits,
                       uint8_t out[static FCGI_VALUES_RESULT_MAX], size_t *ret_n) {
        const struct {
                const char *name;
                bool known;
                uint32_t value;
        } rows[] = {
                { "FCGI_MAX_CONNS", limits->max_conns > 0, limits->max_conns },
                { "FCGI_MAX_REQS", limits->max_reqs > 0, limits->max_reqs },
                { "FCGI_MPXS_CONNS", true, 0 },
        };
        uint8_t *p = out + FCGI_HEADER_SIZE;
        struct fcgi_pair asked;
        char digits[sizeof("4294967295")];
        int n_digits;

        if (!fcgi_params_well_formed(query, n))
                return FCGI_VALUES_E_MALFORMED;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!rows[i].known || !fcgi_params_find(query, n, rows[i].name, &asked))
                        continue;
                n_digits = snprintf(digits, sizeof(digits), "%u", rows[i].value);
                p += fcgi_params_encode(p, rows[i].name, strlen(rows[i].name), digits, (size_t)n_digits);
        }
        fcgi_header_encode(out, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, (uint16_t)(p - out - FCGI_HEADER_SIZE),
                           0);
        *ret_n = (size_t)(p - out);
        return 0;
}

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
                p += fcgi_params_encode(p, &(struct fcgi_pair){ .name = rows[i].name,
                                                                .n_name = strlen(rows[i].name),
                                                                .value = digits,
                                                                .n_value = (size_t)n_digits });
        }
        fcgi_record_encode_header(out, &(struct fcgi_header){ .type = FCGI_GET_VALUES_RESULT,
                                                              .request_id = FCGI_NULL_REQUEST_ID,
                                                              .n_content = (uint16_t)(p - out - FCGI_HEADER_SIZE) });
        *ret_n = (size_t)(p - out);
        return 0;
}

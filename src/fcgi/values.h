/* SPDX-License-Identifier: MIT */
#pragma once
/* What the application says of itself: GET_VALUES and GET_VALUES_RESULT, FastCGI 1.0 section 4.1. */

#include <stddef.h>
#include <stdint.h>

#include "fcgi/limits.h"
#include "fcgi/record.h"

/* A query is three names in every client that asks; this leaves room for names we do not know. */
#define FCGI_VALUES_QUERY_MAX 1024U

/* Header, and three pairs of two short lengths, a name and a decimal number. */
#define FCGI_VALUES_RESULT_MAX (FCGI_HEADER_SIZE + 3U * (2U + sizeof("FCGI_MPXS_CONNS") - 1 + sizeof("4294967295") - 1))

/* Answers the content of a GET_VALUES record with a whole GET_VALUES_RESULT record: each name we know once, in an order
 * of ours; the values in the query mean nothing. *ret_n: bytes written. 0, or FCGI_VALUES_E_MALFORMED. */
enum { FCGI_VALUES_E_MALFORMED = 1 };
int fcgi_values_answer(const uint8_t *query, size_t n, const struct fcgi_limits *limits,
                       uint8_t out[static FCGI_VALUES_RESULT_MAX], size_t *ret_n);

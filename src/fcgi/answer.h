/* SPDX-License-Identifier: MIT */
#pragma once
/* The answer to a record that is answered by itself (FCGI_SCAN_ANSWER), for those who have a request's bytes, and no
 * decoder that has seen them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/decoder.h"
#include "fcgi/limits.h"
#include "fcgi/record.h"
#include "fcgi/scan.h"
#include "fcgi/values.h"

/* The longest one: END_REQUEST and UNKNOWN_TYPE are shorter. */
#define FCGI_ANSWER_MAX FCGI_VALUES_RESULT_MAX

struct fcgi_answer {
        uint8_t bytes[FCGI_ANSWER_MAX];
        size_t n;
        bool close;                    /* the connection is to be closed behind it */
        enum fcgi_violation violation; /* with FCGI_ANSWER_E_VIOLATION: why it must be, without an answer */
};

/* To the record at s->at, whose verdict was FCGI_SCAN_ANSWER over these n bytes. limits: what peers that ask are told.
 * 0; FCGI_ANSWER_E_VIOLATION; -ENOMEM. The record is then to be taken out: fcgi_scan_remove(). */
enum { FCGI_ANSWER_E_VIOLATION = 1 };
int fcgi_answer(const struct fcgi_scan *s, const uint8_t *buf, size_t n, const struct fcgi_limits *limits,
                struct fcgi_answer *ret);

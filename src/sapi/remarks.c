/* SPDX-License-Identifier: MIT */
/* What PHP has not taken of its settings, at its start: it goes on without them, so whoever has written them is to be
 * told where they stand. */

#include "sapi/internal.h"

#include "base/text.h"

#define REMARKS_BYTES_MAX ((size_t)32 << 10)

static struct text remarks;

void sapi_remarks_add(const char *fmt, ...) {
        va_list ap;

        if (remarks.n > REMARKS_BYTES_MAX)
                return;
        va_start(ap, fmt);
        text_vprintf(&remarks, fmt, ap);
        va_end(ap);
        text_append_c(&remarks, '\n');
}

const char *sapi_remarks_get(void) {
        return text_peek(&remarks);
}

/* SPDX-License-Identifier: MIT */
/* See document.h. Bytes that are not printable are written as log lines have them (base/printable.h). */

#include "untrusted/document.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/printable.h"

#define DOCUMENT_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

static int document_clean(const char *text, char **ret) {
        _cleanup_text_ struct text out = {};

        while (*text) {
                size_t n = strcspn(text, "\n");

                printable_append(&out, text, n, PRINTABLE_LOG);
                text_append_c(&out, '\n');
                text += n + (text[n] == '\n');
        }
        return text_finish(&out, ret, NULL);
}

int untrusted_document_read(int fd, size_t max, char **ret) {
        _cleanup_free_ char *text = NULL;
        int seals = fcntl(fd, F_GET_SEALS), r;

        if (seals < 0 || (seals & DOCUMENT_SEALS) != DOCUMENT_SEALS)
                return -EBADMSG;
        r = fd_read_all(fd, max, &text, NULL);
        return r < 0 ? r : document_clean(text, ret);
}

void untrusted_document_line(const char *text, char *buf, size_t n) {
        _cleanup_text_ struct text out = {};
        const char *line;

        printable_append(&out, text, strlen(text), PRINTABLE_LOG);
        line = out.failed ? "out of memory" : text_peek(&out);
        buf[0] = '\0';
        strncat(buf, line, n - 1);
}

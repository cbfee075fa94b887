/* SPDX-License-Identifier: MIT */
#pragma once
/* Texts that a pool's process sends as a memfd, and in its messages: bounded, and without control characters. */

#include <stddef.h>

/* The lines of a memfd, each of which ends with '\n'. *ret is the caller's. 0; -EBADMSG: it is no memfd that nobody can
 * change any more, and only from such a one can nobody make the reader wait; -EFBIG: it has more than max bytes; other
 * -errno. */
int untrusted_document_read(int fd, size_t max, char **ret);

/* Text becomes one line in buf, which has n bytes; the part without room is cut off. */
void untrusted_document_line(const char *text, char *buf, size_t n);

/* SPDX-License-Identifier: MIT */
#pragma once
/* The journal's native protocol: one entry, one datagram. Source: systemd's "Native Journal Protocol" page. */

#include "base/text.h"
#include "base/time.h"
#include "log/entry.h"

/* A datagram socket connected to the native socket at path, close-on-exec. The descriptor or -errno. */
int log_journal_connect(const char *path);

/* Appends one entry of who with its fields. pool replaces entry->pool. 0 or -ENOMEM. */
int log_journal_format(const struct log_identity *who, const char *pool, const struct log_entry *entry,
                       struct text *out);

/* Sends an entry in that form; never waits. 0; -EAGAIN (the journal's queue is full); other -errno. */
int log_journal_send(int fd, const char *data, size_t n);

/* Waits until journald has received all that was sent over the socket, by whoever shares it, or for so long. For a
 * process that is about to end: journald looks up whose an entry is when it reads it, and of who is gone it finds no
 * unit. */
void log_journal_settle(int fd, usec_t limit);

/* True when fd is the socket that a JOURNAL_STREAM= value ("device:inode", systemd.exec(5); may be NULL) names. */
bool log_journal_is_stream(int fd, const char *journal_stream);

/* SPDX-License-Identifier: MIT */
#pragma once
/* The master's order to tell where a worker's PHP code is. */

#include "ipc/message.h"
#include "zygote/zygote.h"

/* What to answer to TRACE: a message of type TRACED with *ret_fd (the caller's), or of type TRACE_FAILED. */
void trace_worker(const struct zygote *z, const struct ipc_message *order, struct ipc_message *ret, int *ret_fd);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Answers fpmctl's requests, STATUS and RELOAD. A control_handler_t. */

#include "master/control.h"

int requests_handle(struct master *m, struct control_client *c, const struct ipc_control_message *message);

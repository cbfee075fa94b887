/* SPDX-License-Identifier: MIT */
#pragma once
/* What the request side needs to know of the module's start. */

struct conf_pool;

/* The pool given to sapi_start(). */
const struct conf_pool *sapi_module_pool(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/* What a decoder takes of a peer, and what peers that ask are told. */

#include <stddef.h>
#include <stdint.h>

struct fcgi_limits {
        size_t params_max;  /* bytes of the whole PARAMS stream */
        uint32_t max_conns; /* FCGI_MAX_CONNS, connections taken at once; 0: not told to peers that ask */
        uint32_t max_reqs;  /* FCGI_MAX_REQS, requests run at once; 0: not told */
};
#define FCGI_PARAMS_MAX_DEFAULT (1024U * 1024U)

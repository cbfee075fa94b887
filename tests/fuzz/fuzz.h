/* SPDX-License-Identifier: MIT */
#pragma once
/* What every fuzz target exports: libFuzzer calls it, and so does replay.c. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* SPDX-License-Identifier: MIT */
#pragma once
/* What a zygote and its workers tell. */

#include <stdint.h>
#include <systemd/sd-event.h>

/* Of the socket to the zygote; userdata is the generation. */
int messages_on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata);

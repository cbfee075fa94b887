/* SPDX-License-Identifier: MIT */
#pragma once
/* Event callbacks of a generation's sources; userdata is the generation. */

#include <systemd/sd-event.h>

int supervise_on_message(sd_event_source *s, int fd, uint32_t revents, void *userdata);
int supervise_on_zygote_exit(sd_event_source *s, int fd, uint32_t revents, void *userdata);

/* SPDX-License-Identifier: MIT */
#pragma once
/* The process title that ps(1) shows. */

/* Remembers where the kernel keeps argv and moves the environment out of the way, so that there is room. Call first in
 * main(). */
void title_init(int argc, char **argv);

/* Sets the title, cut to the room there is; does nothing before title_init(). */
void title_set(const char *title);

/* What the kernel calls this process (ps -C, killall): the name, or, under php-fpm's name, the master's: who ends all
 * that are called so ends all that serve. */
void title_set_command(const char *name);

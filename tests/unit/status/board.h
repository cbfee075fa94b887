/* SPDX-License-Identifier: MIT */
#pragma once
/* A scoreboard in plain memory, with the pool and the workers that the status tests look at. */

#include <string.h>

#include "base/macros.h"
#include "scoreboard/layout.h"
#include "scoreboard/stages.h"

#define SECOND 1000000ULL
#define NOW    (1000 * SECOND)
#define WALL   (1795294995ULL * SECOND)

static inline void board_free(struct scoreboard **s) {
        free(*s);
}
#define _cleanup_board_ _cleanup_(board_free)

static inline struct scoreboard *board_new(void) {
        struct scoreboard *s = aligned_alloc(4096, sizeof(*s));

        memset(s, 0, sizeof(*s));
        strcpy(s->header.pool, "www");
        strcpy(s->header.pm, "dynamic");
        s->header.start_wall = WALL;
        s->header.start_mono = NOW - 90 * SECOND;
        s->header.n_used = 8;
        s->header.generation = 1;
        s->header.max_children = 5;
        return s;
}

static inline struct scoreboard_slot *board_add(struct scoreboard *s, uint32_t i, enum stage stage) {
        struct scoreboard_slot *w = &s->slots[i];

        w->stage = stage;
        w->pid = 100 + (int32_t)i;
        w->generation = 1;
        w->start_wall = WALL;
        w->start_mono = NOW - 88 * SECOND;
        return w;
}

/* With one worker that has served a POST of /a.php?b=<1>. */
static inline struct scoreboard *board_example(void) {
        struct scoreboard *board = board_new();
        struct scoreboard_slot *w;

        board->header.listen_queue = 1;
        board->header.max_listen_queue = 4;
        board->header.listen_queue_len = 511;
        board->header.max_active = 2;
        board->header.max_children_reached = 3;
        w = board_add(board, 0, STAGE_ACCEPTING);
        w->request_id = 8;
        w->requests = 8;
        w->duration = 145;
        w->cpu = 100;
        w->memory = 2097152;
        w->content_length = 5;
        strcpy(w->method, "POST");
        strcpy(w->uri, "/a.php");
        strcpy(w->query, "b=<1>");
        strcpy(w->script, "/srv/a.php");
        return board;
}

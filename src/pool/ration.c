/* SPDX-License-Identifier: MIT */
#include "pool/ration.h"

static void ration_leave(struct ration *r, struct ration_turn *turn) {
        *(turn->prev ? &turn->prev->next : &r->first) = turn->next;
        *(turn->next ? &turn->next->prev : &r->last) = turn->prev;
        turn->prev = turn->next = NULL;
}

static void ration_take(struct ration *r, struct ration_turn *turn) {
        turn->state = RATION_HAS;
        r->n++;
}

bool ration_ask(struct ration *r, struct ration_turn *turn) {
        if (turn->state != RATION_NONE)
                return turn->state == RATION_HAS;
        if (!r->first && r->n < r->limit) {
                ration_take(r, turn);
                return true;
        }
        turn->state = RATION_WAITS;
        turn->prev = r->last;
        *(r->last ? &r->last->next : &r->first) = turn;
        r->last = turn;
        return false;
}

void ration_give_back(struct ration *r, struct ration_turn *turn) {
        if (turn->state == RATION_HAS)
                r->n--;
        else if (turn->state == RATION_WAITS)
                ration_leave(r, turn);
        turn->state = RATION_NONE;
}

struct ration_turn *ration_next(struct ration *r) {
        struct ration_turn *turn = r->first;

        if (!turn || r->n >= r->limit)
                return NULL;
        ration_leave(r, turn);
        ration_take(r, turn);
        return turn;
}

/* SPDX-License-Identifier: MIT */
/*
 * The protocol of conn/claims.h: a worker with a shelf of one place, the park, another worker, and clients that send a
 * request, wait for the answer, and send the next. The worker and the park may die at every step.
 *
 * Checked: no request is read twice, or from a connection that somebody else has (assertions); a client is left without
 * an answer only where the process that had its connection has died (assertions), and it is told then: nobody waits for
 * ever (no invalid end states). Times are left out: the park may claim whenever a request waits.
 *
 * One statement is one step of a process, so what the code does with one system call or one atomic operation is
 * atomic here, and nothing else.
 */

#define CONNECTIONS 2
#ifndef REQUESTS
#define REQUESTS 2
#define SERIALS  4
#endif
#define NONE        255

mtype = { FREE, IDLE, BUSY, PARKED };
mtype = { SHELVE, GONE, GIVE };

/* The place's word. */
mtype word = FREE;
byte word_serial = 0;

chan listener = [CONNECTIONS] of { byte };
chan channel = [3] of { mtype, byte, byte }; /* kind, serial, connection */
chan intake = [CONNECTIONS] of { byte };
chan offers = [CONNECTIONS] of { byte };

bool worker_dies = false, worker_dead = false;
bool park_dies = false, channel_broken = false;

/* Of each connection: its socket, and who has a descriptor. */
byte inbox[CONNECTIONS];
bool shut[CONNECTIONS];
byte n_worker[CONNECTIONS], n_beside[CONNECTIONS], n_park[CONNECTIONS], n_flight[CONNECTIONS];
byte sent[CONNECTIONS], received[CONNECTIONS], answered[CONNECTIONS];
bool may_be_lost[CONNECTIONS];

#define IS_OPEN(c)   (!shut[c] && n_worker[c] + n_beside[c] + n_park[c] + n_flight[c] > 0)
#define RECEIVE(c)   d_step { assert(inbox[c] == 1 && received[c] + 1 == sent[c]); inbox[c] = 0; received[c]++ }
#define ANSWER(c)    d_step { assert(answered[c] + 1 == received[c]); answered[c]++ }

inline swap(serial, to, ret) {
        d_step {
                if
                :: word == IDLE && word_serial == serial -> word = to; ret = true
                :: else -> ret = false
                fi
        }
}

/* A message that finds no room, or nobody, is not sent. */
inline say(kind, serial, c, ret) {
        d_step {
                if
                :: channel_broken || len(channel) == 3 -> ret = false
                :: else ->
                        channel!kind, serial, c;
                        n_flight[c] = n_flight[c] + (kind == SHELVE -> 1 : 0);
                        ret = true
                fi
        }
}

active proctype Worker() {
        byte hand = NONE, place = NONE, serial = 0, serving = NONE;
        bool ok;

        {
end:
                do
                :: atomic { hand == NONE && listener?[_] -> listener?hand; n_flight[hand]--; n_worker[hand]++ }
                :: atomic { hand != NONE && inbox[hand] == 1 -> RECEIVE(hand); ANSWER(hand) }
                :: hand != NONE && place == NONE && serial < SERIALS && !channel_broken -> /* on the shelf */
                        atomic { serial++; word = IDLE; word_serial = serial };
                        say(SHELVE, serial, hand, ok);
                        atomic {
                                if
                                :: ok -> place = hand; hand = NONE
                                :: else -> word = FREE
                                fi
                        }
                :: hand != NONE -> /* to the park */
                        atomic { intake!hand; n_flight[hand]++ };
                        atomic { n_worker[hand]--; hand = NONE }
                :: hand != NONE && answered[hand] > 0 -> /* the answer was the last */
                        atomic { shut[hand] = true; may_be_lost[hand] = true };
                        atomic { n_worker[hand]--; hand = NONE }
                :: place != NONE && hand == NONE && inbox[place] == 1 -> /* a request */
                        swap(serial, BUSY, ok);
                        if
                        :: !ok -> atomic { n_worker[place]--; place = NONE }
                        :: ok ->
                                serving = place;
                                RECEIVE(place);
                                ANSWER(place);
                                serving = NONE;
                                if
                                :: word = IDLE
                                :: true -> /* it is to be closed, or goes to the park */
                                        atomic { word = FREE; hand = place; place = NONE };
                                        say(GONE, serial, hand, ok)
                                fi
                        fi
                :: place != NONE && !channel_broken -> /* it makes room for another one */
                        swap(serial, PARKED, ok);
                        if
                        :: ok ->
                                say(GIVE, serial, place, ok);
                                if
                                :: ok -> atomic { n_worker[place]--; place = NONE }
                                :: else -> word = IDLE
                                fi
                        :: else -> atomic { n_worker[place]--; place = NONE } /* the park has claimed it */
                        fi
                :: place != NONE && word == PARKED -> atomic { n_worker[place]--; place = NONE }
                :: channel_broken -> /* the park has died, and there is another one */
                        if
                        :: place != NONE ->
                                swap(serial, BUSY, ok);
                                if
                                :: ok -> atomic { intake!place; n_flight[place]++ }
                                :: else
                                fi;
                                atomic { n_worker[place]--; place = NONE }
                        :: else
                        fi;
                        channel_broken = false
                od
        } unless {
                worker_dies ->
                d_step {
                        /* What it was serving is lost, and what it had in hand or its own. */
                        if
                        :: serving != NONE -> may_be_lost[serving] = true
                        :: else
                        fi;
                        if
                        :: hand != NONE -> may_be_lost[hand] = true
                        :: else
                        fi;
                        if
                        :: place != NONE && word == BUSY -> may_be_lost[place] = true
                        :: else
                        fi;
                        n_worker[0] = 0;
                        n_worker[1] = 0;
                        worker_dead = true
                }
        }
}

active proctype Park() {
        byte place = NONE, serial = 0, c = 0, s = 0;
        bool parked[CONNECTIONS], ok;
        mtype kind;

end_again:
        {
end:
                do
                :: atomic { channel?kind, s, c ->
                        if
                        :: kind == SHELVE -> n_flight[c]--; n_beside[c]++
                        :: else
                        fi };
                        if
                        :: kind == SHELVE ->
                                if
                                :: place != NONE -> atomic { n_beside[place]--; place = NONE }
                                :: else
                                fi;
                                atomic { place = c; serial = s }
                        :: kind == GONE && place != NONE && serial == s -> atomic { n_beside[place]--; place = NONE }
                        :: kind == GIVE && place != NONE && serial == s ->
                                atomic { n_beside[place]--; n_park[place]++; parked[place] = true; place = NONE }
                        :: else
                        fi
                :: place != NONE && inbox[place] == 1 -> /* in two looks */
                        swap(serial, PARKED, ok);
                        if
                        :: ok -> atomic { n_beside[place]--; n_park[place]++; parked[place] = true; place = NONE }
                        :: else -> skip
                        fi
                :: worker_dead && empty(channel) && place != NONE -> /* the end of the channel */
                        swap(serial, PARKED, ok);
                        if
                        :: ok || (word == PARKED && word_serial == serial) ->
                                atomic { n_beside[place]--; n_park[place]++; parked[place] = true; place = NONE }
                        :: else ->
                                atomic {
                                        shut[place] = shut[place] || (word == BUSY && word_serial == serial);
                                        n_beside[place]--;
                                        place = NONE
                                }
                        fi
                :: atomic { intake?c -> n_flight[c]--; n_park[c]++; parked[c] = true }
                :: atomic { parked[0] && inbox[0] == 1 -> RECEIVE(0); offers!0; n_flight[0]++; n_park[0]--; parked[0] = false }
                :: atomic { parked[1] && inbox[1] == 1 -> RECEIVE(1); offers!1; n_flight[1]++; n_park[1]--; parked[1] = false }
                od
        } unless {
                park_dies ->
                atomic {
                        /* Those that it had are lost, the claimed ones when their worker closes its descriptor. */
                        may_be_lost[0] = may_be_lost[0] || n_park[0] > 0 ||
                                         (n_beside[0] > 0 && (word == PARKED || n_worker[0] == 0));
                        may_be_lost[1] = may_be_lost[1] || n_park[1] > 0 ||
                                         (n_beside[1] > 0 && (word == PARKED || n_worker[1] == 0));
                        n_park[0] = 0;
                        n_park[1] = 0;
                        n_beside[0] = 0;
                        n_beside[1] = 0;
                        do
                        :: channel?kind, s, c ->
                                if
                                :: kind == SHELVE -> n_flight[c]--
                                :: kind == GIVE -> may_be_lost[c] = true
                                :: else
                                fi
                        :: empty(channel) -> break
                        od;
                        channel_broken = true;
                        parked[0] = false;
                        parked[1] = false;
                        place = NONE;
                        park_dies = false
                };
                goto end_again
        }
}

/* Another worker, which is not what this is about: each of its turns is one step. What it serves comes back to the park,
 * or is closed. */
active proctype Other() {
        byte c;

end:
        do
        :: atomic { worker_dead && listener?[_] -> listener?c; intake!c; c = 0 }
        :: atomic { offers?c -> ANSWER(c);
                if
                :: intake!c
                :: d_step { shut[c] = true; may_be_lost[c] = true; n_flight[c]-- }
                fi;
                c = 0 }
        od
}

active [CONNECTIONS] proctype Client() {
        byte me = _pid % CONNECTIONS;

        atomic { n_flight[me]++; listener!me };
        do
        :: answered[me] < REQUESTS && sent[me] == answered[me] && IS_OPEN(me) ->
                atomic { inbox[me] = 1; sent[me]++ };
                if
                :: answered[me] == sent[me]
                :: !IS_OPEN(me) && answered[me] < sent[me] -> assert(may_be_lost[me]); break
                fi
        :: answered[me] == REQUESTS -> break
        :: !IS_OPEN(me) -> assert(may_be_lost[me]); break
        od
}

/* At any moment, or never. */
active proctype Fate() {
end:
#ifdef PARK_DIES
        park_dies = true
#else
        worker_dies = true
#endif
}

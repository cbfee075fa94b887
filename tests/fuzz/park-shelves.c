/* SPDX-License-Identifier: MIT */
/*
 * What a park and its workers read from each other about kept connections: a worker with its shelf as it is, and one
 * that lies, beside a park as it is. The input is a list of steps, each a byte with a few more behind it. The park's
 * lists and sums agree, a place of a shelf and its connection know each other, nothing stays open; and as long as
 * nobody has written into the worker's page, what it has in hand is not the park's as well.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/passing.h"
#include "conn/acceptor.h"
#include "fuzz.h"
#include "park-scene.h"
#include "park/intake.h"
#include "park/shelves.h"
#include "park/timeouts.h"
#include "worker/shelf.h"

#define CLIENTS   6U /* of the worker */
#define LURES     3U /* of the liar */
#define STEPS_MAX 200U
#define SENT_MAX  40U

struct scene {
        const uint8_t *data; /* what is left of the input */
        size_t n;
        usec_t now;
        struct scene_park p;

        struct acceptor acceptor;
        int lifeline; /* the writing end */
        struct shelf shelf;
        int clients[CLIENTS]; /* their ends, -1 */
        int hand;             /* the worker's connection in hand, -1 */
        bool is_honest;       /* nobody has written into its page */

        int liar; /* the channel of the one that lies, -1 */
        int lies_fd;
        struct claims_page *lies; /* its page */
        int lures[LURES][2];
};

static uint8_t scene_byte(struct scene *s) {
        if (s->n == 0)
                return 0;
        s->n--;
        return *s->data++;
}

static uint64_t scene_number(struct scene *s) {
        uint64_t number = 0;

        for (size_t i = 0; i < sizeof(number); i++)
                number = number << 8 | scene_byte(s);
        return number;
}

static void scene_open_worker(struct scene *s) {
        struct acceptor_sources sources = { .offers = -1 };
        int lifeline[2];

        if (pipe2(lifeline, O_CLOEXEC) < 0)
                abort();
        sources.listeners = lifeline; /* none of them */
        sources.lifeline = lifeline[0];
        sources.doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        s->lifeline = lifeline[1];
        if (acceptor_init(&s->acceptor, &sources) < 0)
                abort();
        shelf_init(&s->shelf, &s->acceptor, s->p.intake[1]);
        memset(s->clients, 0xff, sizeof(s->clients));
        s->hand = -1;
        s->is_honest = true;
}

static void scene_open(struct scene *s) {
        s->now = 1000 * USEC_PER_SEC;
        scene_open_park(&s->p, s->now);
        scene_open_worker(s);
        for (size_t i = 0; i < LURES; i++)
                scene_pair(SOCK_STREAM, s->lures[i]);
        s->liar = -1;
        if (claims_new(&s->lies, &s->lies_fd) < 0)
                abort();
}

static void scene_close(struct scene *s) {
        const int fds[] = { s->shelf.epoll_fd, s->hand, s->lifeline, s->liar, s->lies_fd };

        shelf_close(&s->shelf);
        acceptor_done(&s->acceptor);
        scene_close_park(&s->p);
        claims_unmap(s->lies);
        for (size_t i = 0; i < CLIENTS; i++)
                fd_close(s->clients[i]);
        for (size_t i = 0; i < LURES; i++)
                scene_close_pair(s->lures[i]);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                fd_close(fds[i]);
}

/* --- what must hold beside */

static void check_shelf(const struct shelf *shelf) {
        unsigned n = 0;

        for (unsigned i = 0; i < CLAIMS_PLACES; i++)
                n += shelf->places[i].fd >= 0;
        assert(shelf->n == n && n <= shelf->n_max && (n == 0 || shelf->page));
        assert(shelf->in_hand == -1 || shelf->places[shelf->in_hand].fd >= 0);
}

static bool is_same_socket(int a, int b) {
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* The worker reads what it has in hand. */
static void check_hand(const struct scene *s) {
        for (enum connection_state state = 0; state < CONNECTION_CLOSED && s->hand >= 0 && s->is_honest; state++)
                for (const struct connection *c = s->p.park.lists[state].first; c; c = c->next)
                        assert(state == CONNECTION_SHELVED || !is_same_socket(c->fd, s->hand));
}

static void check_offers(const struct scene *s) {
        int fd;

        while ((fd = scene_take_offer(&s->p)) >= 0) {
                assert(!s->is_honest || s->hand < 0 || !is_same_socket(fd, s->hand));
                fd_close(fd);
        }
}

/* --- the worker's steps, as worker/loop.c and worker/hand.c take them */

static void worker_drop(struct scene *s) {
        shelf_part(&s->shelf);
        s->hand = fd_close(s->hand);
}

static void worker_hand_over(struct scene *s) {
        const struct handover note = { .flags = HANDOVER_KEEP | HANDOVER_SHARED };

        shelf_part(&s->shelf);
        (void)handover_send(s->p.intake[1], &note, &(struct handover_content){ .connection = s->hand });
        s->hand = fd_close(s->hand);
}

static void worker_put_away(struct scene *s) {
        if (s->hand < 0)
                return;
        if (s->shelf.in_hand >= 0)
                shelf_put_back(&s->shelf, s->now);
        else if (shelf_put(&s->shelf, s->hand, false, s->now) != 0) {
                worker_hand_over(s);
                return;
        }
        s->hand = -1;
}

static void worker_begin(struct scene *s, unsigned which, bool shelves) {
        int pair[2];

        worker_put_away(s);
        scene_pair(SOCK_STREAM, pair);
        fd_close(s->clients[which]);
        s->clients[which] = pair[0];
        s->hand = pair[1];
        if (shelves)
                (void)shelf_put(&s->shelf, s->hand, true, s->now);
}

static void worker_read(struct scene *s) {
        uint8_t buf[SENT_MAX];

        if (s->hand >= 0 && recv(s->hand, buf, sizeof(buf), MSG_DONTWAIT) == 0)
                worker_drop(s);
}

static void worker_take(struct scene *s, bool in_vain) {
        int place = shelf_next(&s->shelf, s->now);

        if (place >= 0 && !in_vain) {
                worker_put_away(s);
                s->hand = shelf_hold(&s->shelf, place);
                worker_read(s);
        } else if (place >= 0)
                shelf_return(&s->shelf, place, s->now);
}

static void worker_end(struct scene *s) {
        worker_drop(s);
        shelf_close(&s->shelf);
        fd_close(s->shelf.epoll_fd);
        s->acceptor.shelf = -1;
        shelf_init(&s->shelf, &s->acceptor, s->p.intake[1]);
}

/* --- lies */

static void lie_in_page(struct scene *s, struct claims_page *page) {
        unsigned what = scene_byte(s), place = what % CLAIMS_PLACES;
        uint64_t number = scene_number(s);

        if (!page)
                return;
        if (page == s->shelf.page)
                s->is_honest = false;
        if (what < CLAIMS_PLACES)
                atomic_store(&page->words[place], number);
        else if (what < 2 * CLAIMS_PLACES)
                atomic_store(&page->since[place], number);
        else if (what % 3 == 0)
                atomic_store(&page->turn, (uint32_t)number);
        else if (what % 3 == 1)
                atomic_store(&page->watched, (uint32_t)number);
        else
                atomic_store(&page->n_claimed, (uint32_t)number);
}

static void lie_send(int fd, struct iovec iov, const int *fds, size_t n_fds) {
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        PASSING_ROOM(room, LURES);

        if (n_fds > 0)
                passing_attach(&msg, &room, fds, n_fds);
        (void)sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void lie_open(struct scene *s, bool has_page) {
        int pair[2];

        fd_close(s->liar);
        scene_pair(SOCK_SEQPACKET, pair);
        s->liar = pair[0];
        intake_add(&s->p.park, &(struct handover){ .flags = HANDOVER_SHELF }, pair[1]);
        if (has_page)
                (void)claims_send(s->liar, CLAIMS_NOTE_PAGE, &(struct claims_at){ s->lies, 0, 0 }, s->lies_fd);
}

/* A note with a descriptor where its kind has one; or with any number of any. */
static void lie_note(struct scene *s, bool fits) {
        struct claims_note note = { .version = 1, .kind = scene_byte(s), .place = scene_byte(s) };
        unsigned which = scene_byte(s);
        const int fds[LURES] = { which % 8 == 7   ? s->lies_fd
                                 : which % 8 == 6 ? s->liar
                                 : which % 8 == 5 ? s->lifeline
                                                  : s->lures[which % LURES][0],
                                 s->lies_fd, s->liar };

        note.serial = scene_byte(s);
        if (fits) {
                note.kind %= _CLAIMS_NOTE_MAX;
                note.place %= CLAIMS_PLACES;
                lie_send(s->liar, (struct iovec){ &note, sizeof(note) }, fds, note.kind <= CLAIMS_NOTE_SHELVE);
        } else {
                note.version = scene_byte(s) % 3;
                lie_send(s->liar, (struct iovec){ &note, scene_byte(s) % (sizeof(note) + 1) }, fds, which / 64);
        }
}

static void client_send(struct scene *s, int fd) {
        size_t n = scene_byte(s) % SENT_MAX;

        n = MIN(n, s->n);
        (void)send(fd, s->data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        s->data += n;
        s->n -= n;
}

/* --- the park's steps */

static void park_hear(struct scene *s) {
        for (enum connection_state state = 0; state < CONNECTION_CLOSED; state++) {
                struct connection *c, *next;

                for (c = s->p.park.lists[state].first; c && c->state == state; c = next) {
                        next = c->next;
                        if (c->watched || states_event(state) == STATES_EVENT_SHELF)
                                park_on_connection(&s->p.park, c);
                        scene_check_park(&s->p.park);
                }
        }
}

static void park_turn(struct scene *s, usec_t later) {
        s->now += later;
        s->p.park.now = s->now;
        if (s->p.park.finish_at > 0)
                shelves_leave(&s->p.park);
        (void)timeouts_enforce(&s->p.park);
        (void)shelves_enforce(&s->p.park);
        scene_check_park(&s->p.park);
        if (s->p.park.intake >= 0)
                intake_on_event(&s->p.park);
        park_hear(s);
        connection_free_closed(&s->p.park);
}

static void step(struct scene *s) {
        unsigned what = scene_byte(s), with = what / 16;

        switch (what % 16) {
        case 0:
                worker_begin(s, with % CLIENTS, with >= 8);
                break;
        case 1:
                worker_put_away(s);
                break;
        case 2:
                worker_take(s, with == 0);
                break;
        case 3:
                with % 2 ? worker_drop(s) : worker_hand_over(s);
                break;
        case 4:
                with % 2 ? shelf_on_wait(&s->shelf) : shelf_on_waited(&s->shelf, s->now);
                break;
        case 5:
                shelf_on_work(&s->shelf);
                break;
        case 6:
                client_send(s, s->clients[with % CLIENTS]);
                break;
        case 7:
                s->clients[with % CLIENTS] = fd_close(s->clients[with % CLIENTS]);
                break;
        case 8:
                lie_in_page(s, with % 2 ? s->shelf.page : s->lies);
                break;
        case 9:
                lie_open(s, with > 0);
                break;
        case 10:
                lie_note(s, with > 3);
                break;
        case 11:
                client_send(s, s->lures[with % LURES][1]);
                break;
        case 12:
                with == 0 ? worker_end(s) : with == 1 ? park_finish(&s->p.park) : (void)(s->liar = fd_close(s->liar));
                break;
        case 13:
                park_turn(s, with * with * with * USEC_PER_SEC);
                break;
        default:
                park_turn(s, with * USEC_PER_MSEC);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static struct scene s;
        int before = fuzz_count_open();

        s = (struct scene){ .data = data, .n = n };
        scene_open(&s);
        for (unsigned i = 0; i < STEPS_MAX && s.n > 0; i++) {
                step(&s);
                check_shelf(&s.shelf);
                scene_check_park(&s.p.park);
                check_hand(&s);
                check_offers(&s);
        }
        scene_close(&s);
        assert(fuzz_count_open() == before);
        return 0;
}

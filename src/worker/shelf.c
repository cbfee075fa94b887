/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: a place's is the shelf's, and while its connection is in hand the transport's. Epoll hears a connection
 * for as long as it has a place, also in hand, so that a request costs no call of epoll_ctl(2). One that the park has
 * claimed is heard until this worker comes to close its descriptor: claims_take() says that it is not to be read.
 *
 * When the park is gone, or takes no shelf any more, what is on it goes to whoever reads the intake, as any connection
 * that the worker gives up.
 */

#include "worker/shelf.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "conn/accept.h"
#include "conn/handover.h"
#include "ipc/channel.h"

/* What epoll tells of the channel: its end. */
#define SHELF_CHANNEL ((int)CLAIMS_PLACES)

/* A connection that has been idle for so long makes room for another one. */
#define SHELF_IDLE_TIME USEC_PER_SEC

/* Between two tries to have a shelf. */
#define SHELF_PAUSE USEC_PER_SEC

/* Of the worker's descriptors one in so many, at most: PHP needs the others. */
#define SHELF_SHARE 8U

static unsigned shelf_count_max(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 0;
        return (unsigned)MIN((rlim_t)CLAIMS_PLACES, limit.rlim_cur / SHELF_SHARE);
}

void shelf_init(struct shelf *s, struct acceptor *acceptor, int intake) {
        *s = (struct shelf){ .acceptor = acceptor, .intake = intake, .epoll_fd = -1, .channel = -1, .in_hand = -1 };
        s->n_max = shelf_count_max();
        for (unsigned i = 0; i < CLAIMS_PLACES; i++)
                s->places[i].fd = -1;
}

static struct claims_at shelf_at(const struct shelf *s, int place) {
        return (struct claims_at){ s->page, (uint32_t)place, s->places[place].serial };
}

static int shelf_listen(const struct shelf *s, int fd, uint32_t events, int what) {
        struct epoll_event event = { .events = events, .data.u64 = (uint64_t)what };

        return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Closing it would not do: others have a descriptor of the same connection. */
static void shelf_listen_no_more(const struct shelf *s, int fd) {
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void shelf_empty(struct shelf *s, int place) {
        shelf_listen_no_more(s, s->places[place].fd);
        s->places[place].fd = -1;
        s->n--;
}

/* Another process has it. */
static void shelf_drop(struct shelf *s, int place) {
        int fd = s->places[place].fd;

        shelf_empty(s, place);
        fd_close(fd);
}

static void shelf_leave_channel(const struct shelf *s) {
        if (s->channel >= 0)
                shelf_listen_no_more(s, s->channel);
}

/* It is left, or has never been listened to. */
static void shelf_close_channel(struct shelf *s) {
        s->channel = fd_close(s->channel);
        claims_unmap(s->page);
        s->page = NULL;
        s->in_hand = -1;
        s->n_ready = s->n_seen = 0;
}

/* The connection goes to the park like any other, or is closed. */
static void shelf_hand_over(struct shelf *s, int place) {
        const struct handover note = { .flags = HANDOVER_KEEP | HANDOVER_SHARED };
        const struct handover_content content = { .connection = s->places[place].fd };
        const struct claims_at at = shelf_at(s, place);

        if (claims_take(&at))
                (void)handover_send(s->intake, &note, &content);
        shelf_drop(s, place);
}

static void shelf_on_park_gone(struct shelf *s, usec_t now) {
        for (int i = 0; i < (int)CLAIMS_PLACES; i++)
                if (i == s->in_hand)
                        shelf_empty(s, i);
                else if (s->places[i].fd >= 0)
                        shelf_hand_over(s, i);
        shelf_leave_channel(s);
        shelf_close_channel(s);
        s->retry_at = now + SHELF_PAUSE;
}

/* The channel tells of that too, but to who waits. */
static bool shelf_has_lost_park(const struct shelf *s) {
        struct pollfd p = { .fd = s->channel, .events = POLLRDHUP };

        return s->channel >= 0 && poll(&p, 1, 0) > 0;
}

/* At its end the park takes over what is not in hand; while there is none, its successor. From the look on they are the
 * park's, and go with it; that the channel is not listened to any more tells whoever looks from outside. */
void shelf_close(struct shelf *s) {
        shelf_leave_channel(s);
        if (shelf_has_lost_park(s))
                shelf_on_park_gone(s, s->retry_at);
        for (int i = 0; i < (int)CLAIMS_PLACES; i++)
                if (i == s->in_hand)
                        shelf_part(s);
                else if (s->places[i].fd >= 0)
                        shelf_drop(s, i);
        shelf_close_channel(s);
        s->intake = -1;
}

void shelf_forget(struct shelf *s) {
        for (int i = 0; i < (int)CLAIMS_PLACES; i++)
                if (i != s->in_hand)
                        s->places[i].fd = fd_close(s->places[i].fd);
        s->channel = fd_close(s->channel);
        s->epoll_fd = fd_close(s->epoll_fd);
        claims_unmap(s->page);
        s->page = NULL;
        s->n = s->n_ready = 0;
        s->in_hand = s->intake = -1;
}

/* One that may be of no use yet: the caller closes it. */
static int shelf_make(struct shelf *s) {
        const struct handover note = { .flags = HANDOVER_SHELF };
        _cleanup_fd_ int theirs = -1, page_fd = -1;
        int ends[2], r;

        r = claims_new(&s->page, &page_fd);
        if (r < 0)
                return r;
        r = channel_pair(ends);
        if (r < 0)
                return r;
        s->channel = ends[0];
        theirs = ends[1];
        r = claims_send(s->channel, CLAIMS_NOTE_PAGE, &(struct claims_at){ .page = s->page }, page_fd);
        if (r == 0)
                r = shelf_listen(s, s->channel, EPOLLRDHUP, SHELF_CHANNEL);
        if (r == 0)
                r = handover_send(s->intake, &note, &(struct handover_content){ .connection = theirs });
        return r;
}

static int shelf_open_epoll(struct shelf *s) {
        if (s->epoll_fd < 0)
                s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        return s->epoll_fd < 0 ? -errno : acceptor_hear_shelf(s->acceptor, s->epoll_fd);
}

static int shelf_open(struct shelf *s, usec_t now) {
        int r;

        if (s->channel >= 0)
                return 0;
        if (s->intake < 0 || s->n_max == 0 || now < s->retry_at)
                return SHELF_E_REFUSED;
        r = shelf_open_epoll(s);
        if (r == 0)
                r = shelf_make(s);
        if (r == 0) {
                s->turn = 1;
                s->n_claimed = 0;
                return 0;
        }
        shelf_leave_channel(s);
        shelf_close_channel(s);
        s->retry_at = now + SHELF_PAUSE;
        return SHELF_E_REFUSED;
}

/* The place of the one that has been idle for the longest time, and for long enough; -1: there is none. */
static int shelf_find_oldest(const struct shelf *s, usec_t now) {
        int oldest = -1;
        uint64_t word;

        for (int i = 0; i < (int)CLAIMS_PLACES; i++) {
                const struct claims_at at = shelf_at(s, i);

                if (i != s->in_hand && s->places[i].fd >= 0 && claims_look(&at, &word) == CLAIMS_IDLE &&
                    (oldest < 0 || s->places[i].used < s->places[oldest].used))
                        oldest = i;
        }
        return oldest >= 0 && now - s->places[oldest].used >= SHELF_IDLE_TIME ? oldest : -1;
}

/* An empty place, one that is given to the park for that, or -1. What cannot be said to the park does not happen. */
static int shelf_find_place(struct shelf *s, usec_t now) {
        struct claims_at at;
        int place;

        if (s->n < s->n_max)
                for (place = 0;; place++)
                        if (s->places[place].fd < 0)
                                return place;
        place = shelf_find_oldest(s, now);
        if (place < 0)
                return -1;
        at = shelf_at(s, place);
        if (claims_give(&at) && claims_send(s->channel, CLAIMS_NOTE_GIVE, &at, -1) != 0) {
                claims_put_back(&at, s->places[place].used);
                return -1;
        }
        shelf_drop(s, place); /* also when the park has been faster */
        return place;
}

int shelf_put(struct shelf *s, int fd, bool in_hand, usec_t now) {
        struct claims_at at;
        int place = -1;

        if (shelf_open(s, now) == 0)
                place = shelf_find_place(s, now);
        if (place < 0 || shelf_listen(s, fd, EPOLLIN | EPOLLRDHUP, place) < 0)
                return SHELF_E_REFUSED;
        s->places[place] = (struct shelf_place){ .fd = fd, .serial = ++s->serial, .used = now };
        s->n++;
        at = shelf_at(s, place);
        claims_begin(&at, in_hand ? CLAIMS_BUSY : CLAIMS_IDLE, now);
        if (claims_send(s->channel, CLAIMS_NOTE_SHELVE, &at, fd) == 0) {
                if (in_hand)
                        s->in_hand = place;
                return 0;
        }
        claims_end(&at);
        shelf_empty(s, place);
        return SHELF_E_REFUSED;
}

void shelf_return(struct shelf *s, int place, usec_t now) {
        const struct claims_at at = shelf_at(s, place);

        s->places[place].used = now;
        claims_put_back(&at, now);
}

void shelf_put_back(struct shelf *s, usec_t now) {
        shelf_return(s, s->in_hand, now);
        s->in_hand = -1;
}

/* When that finds no room in the channel, the park sees it when the connection would have been idle for too long, or
 * the place is used again. */
void shelf_part(struct shelf *s) {
        struct claims_at at;

        if (s->in_hand < 0)
                return;
        at = shelf_at(s, s->in_hand);
        claims_end(&at);
        (void)claims_send(s->channel, CLAIMS_NOTE_GONE, &at, -1);
        shelf_empty(s, s->in_hand);
        s->in_hand = -1;
}

static void shelf_drop_claimed(struct shelf *s) {
        uint32_t n = atomic_load_explicit(&s->page->n_claimed, memory_order_acquire);
        uint64_t word;

        if (n == s->n_claimed)
                return;
        s->n_claimed = n;
        for (int i = 0; i < (int)CLAIMS_PLACES; i++) {
                const struct claims_at at = shelf_at(s, i);

                if (i != s->in_hand && s->places[i].fd >= 0 && claims_look(&at, &word) == CLAIMS_PARKED)
                        shelf_drop(s, i);
        }
}

bool shelf_is_promising(const struct shelf *s, usec_t now) {
        return s->n_ready > 0 && now - s->told < ACCEPT_SPAN;
}

static void shelf_hear(struct shelf *s) {
        struct epoll_event events[SHELF_AT_ONCE];
        int n = epoll_wait(s->epoll_fd, events, SHELF_AT_ONCE, 0);

        s->n_seen = 0;
        s->n_ready = n > 0 ? (unsigned)n : 0;
        for (unsigned i = 0; i < s->n_ready; i++)
                s->ready[i] = (int)events[i].data.u64;
}

/* Of those of which epoll has told. */
static int shelf_take(struct shelf *s, usec_t now) {
        while (s->n_seen < s->n_ready) {
                int place = s->ready[s->n_seen++];
                struct claims_at at;

                if (place == SHELF_CHANNEL) {
                        shelf_on_park_gone(s, now);
                        return -1;
                }
                if (place == s->in_hand || s->places[place].fd < 0)
                        continue;
                at = shelf_at(s, place);
                if (claims_take(&at))
                        return place;
                shelf_drop(s, place);
        }
        return -1;
}

int shelf_next(struct shelf *s, usec_t now) {
        int place;

        if (s->channel < 0)
                return -1;
        shelf_drop_claimed(s);
        place = shelf_take(s, now);
        if (place >= 0 || s->channel < 0)
                return place;
        shelf_hear(s);
        return shelf_take(s, now);
}

int shelf_hold(struct shelf *s, int place) {
        s->in_hand = place;
        return s->places[place].fd;
}

void shelf_on_wait(struct shelf *s) {
        s->n_ready = s->n_seen = 0; /* epoll tells of them again */
        if (s->page)
                claims_wait(s->page, &s->turn);
}

void shelf_on_waited(struct shelf *s, usec_t now) {
        s->told = now;
        if (s->page)
                (void)claims_work(s->page, &s->turn);
}

void shelf_on_work(struct shelf *s) {
        const struct claims_at nobody = { .page = s->page };

        if (s->page && claims_work(s->page, &s->turn) && s->n > (s->in_hand >= 0))
                (void)claims_send(s->channel, CLAIMS_NOTE_RING, &nobody, -1);
}

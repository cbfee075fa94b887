/* SPDX-License-Identifier: MIT */
/* A park and a worker's shelf, the worker being the test: what the park takes over, and what it leaves. */

#include "park/scene.h"

#include "ipc/channel.h"
#include "park/shelves.h"

#define N 3

struct worker {
        struct claims_page *page;
        uint32_t turn;
        int channel;
        int client[N]; /* the clients' ends, and the worker's */
        int mine[N];
};

static struct claims_at at(const struct worker *w, uint32_t place) {
        return (struct claims_at){ w->page, place, place + 10 };
}

static struct connection *channel_of(const struct scene *s) {
        return s->park.lists[CONNECTION_SHELF].first ?: s->park.lists[CONNECTION_WATCHED].first;
}

static void hear(struct scene *s) {
        shelves_on_event(&s->park, channel_of(s));
}

static void tell(struct scene *s, struct worker *w, enum claims_kind kind, uint32_t place) {
        const struct claims_at where = at(w, place);

        assert_int_equal(claims_send(w->channel, kind, &where, kind == CLAIMS_NOTE_SHELVE ? w->mine[place] : -1), 0);
        hear(s);
}

static void begin(struct scene *s, struct worker *w) {
        int ends[2], pair[2], page_fd;

        *w = (struct worker){ .channel = -1 };
        assert_int_equal(channel_pair(ends), 0);
        assert_int_equal(claims_new(&w->page, &page_fd), 0);
        w->channel = ends[1];
        intake_add(&s->park, &(struct handover){ .flags = HANDOVER_SHELF }, ends[0]);
        assert_int_equal(claims_send(w->channel, CLAIMS_NOTE_PAGE, &(struct claims_at){ w->page, 0, 0 }, page_fd), 0);
        fd_close(page_fd);
        hear(s);
        for (uint32_t i = 0; i < N; i++) {
                const struct claims_at where = at(w, i);

                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
                w->client[i] = pair[0];
                w->mine[i] = pair[1];
                claims_begin(&where, CLAIMS_IDLE, s->park.now);
                tell(s, w, CLAIMS_NOTE_SHELVE, i);
        }
        assert_int_equal(s->park.lists[CONNECTION_SHELVED].n, N);
}

static void end(struct scene *s, struct worker *w) {
        for (unsigned i = 0; i < N; i++) {
                fd_close(w->client[i]);
                fd_close(w->mine[i]);
        }
        fd_close(w->channel);
        claims_unmap(w->page);
        for (enum connection_state state = 0; state < CONNECTION_CLOSED; state++)
                connection_close_all(&s->park, state);
        assert_int_equal(s->park.n, 0);
}

/* The worker begins with something; a while goes by, and the park looks. */
static void work(struct scene *s, struct worker *w) {
        if (claims_work(w->page, &w->turn))
                tell(s, w, CLAIMS_NOTE_RING, 0);
}

static void look(struct scene *s) {
        s->park.now += 2 * USEC_PER_MSEC;
        (void)shelves_enforce(&s->park);
}

/* A record that is begun: what has a request. */
static void ask(const struct worker *w, unsigned i) {
        assert_int_equal(send(w->client[i], "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16, 0), 16);
}

static size_t n_receiving(const struct scene *s) {
        return s->park.lists[CONNECTION_RECEIVING].n;
}

static bool is_closed(int client) {
        char byte;

        return recv(client, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_nobody_looks_while_no_worker_is_busy(void **state) {
        struct scene *s = *state;
        struct worker w;

        begin(s, &w);
        ask(&w, 0);
        assert_true(shelves_enforce(&s->park) == USEC_INFINITY);
        assert_int_equal(n_receiving(s), 0);
        work(s, &w);
        assert_true(shelves_enforce(&s->park) != USEC_INFINITY);
        assert_true(atomic_load(&w.page->watched));
        claims_wait(w.page, &w.turn);
        for (unsigned i = 0; i < 4; i++)
                look(s);
        assert_true(shelves_enforce(&s->park) == USEC_INFINITY);
        assert_false(atomic_load(&w.page->watched));
        assert_int_equal(n_receiving(s), 0); /* it is the worker's, who has nothing else to do */
        end(s, &w);
}

static void test_what_waits_for_a_busy_worker_is_taken_over(void **state) {
        struct scene *s = *state;
        struct claims_at first;
        uint64_t word;
        struct worker w;

        begin(s, &w);
        first = at(&w, 0);
        assert_true(claims_take(&first)); /* served */
        work(s, &w);
        ask(&w, 0);
        ask(&w, 1);
        look(s);
        assert_int_equal(n_receiving(s), 1);
        assert_int_equal(claims_look(&first, &word), CLAIMS_BUSY);
        assert_int_equal(atomic_load(&w.page->n_claimed), 1);
        end(s, &w);
}

static void test_a_long_request_gives_idle_ones_to_the_park_and_the_rest(void **state) {
        struct scene *s = *state;
        struct worker w;

        begin(s, &w);
        work(s, &w);
        for (unsigned i = 0; i < 20; i++)
                look(s);
        assert_int_equal(s->park.lists[CONNECTION_SHELVED].n, 0);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, N);
        assert_true(shelves_enforce(&s->park) == USEC_INFINITY);
        end(s, &w);
}

/* Its requests are short, and it comes to each: one that has waited for a moment all the same is another one's. */
static void test_a_worker_that_goes_on_loses_one_at_a_time(void **state) {
        struct scene *s = *state;
        struct worker w;

        begin(s, &w);
        work(s, &w);
        for (unsigned i = 0; i < N; i++)
                ask(&w, i);
        for (unsigned i = 0; i < 2; i++) {
                (void)claims_work(w.page, &w.turn);
                look(s);
                assert_int_equal(n_receiving(s), i);
        }
        end(s, &w);
}

static void test_a_worker_that_dies_leaves_what_it_did_not_serve(void **state) {
        struct scene *s = *state;
        struct claims_at served, given;
        struct worker w;

        begin(s, &w);
        served = at(&w, 0);
        given = at(&w, 1);
        assert_true(claims_take(&served));
        assert_true(claims_give(&given)); /* and dies before it says so */
        ask(&w, 2);
        w.channel = fd_close(w.channel);
        hear(s);
        assert_true(is_closed(w.client[0])); /* the worker's copy is still open here, as another worker's might be */
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, 1);
        assert_int_equal(n_receiving(s), 1);
        assert_int_equal(s->park.n, 2);
        end(s, &w);
}

static void test_what_is_given_or_gone(void **state) {
        struct scene *s = *state;
        struct claims_at given;
        struct worker w;

        begin(s, &w);
        given = at(&w, 0);
        assert_true(claims_give(&given));
        claims_begin(&(struct claims_at){ w.page, 0, 77 }, CLAIMS_IDLE, 0); /* the place is used again at once */
        tell(s, &w, CLAIMS_NOTE_GIVE, 0);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, 1);
        tell(s, &w, CLAIMS_NOTE_GONE, 1);
        tell(s, &w, CLAIMS_NOTE_GONE, 1); /* of what is not there */
        assert_int_equal(s->park.lists[CONNECTION_SHELVED].n, 1);
        assert_false(is_closed(w.client[1])); /* the worker has handed it over */
        end(s, &w);
}

static void test_a_park_that_leaves_takes_what_is_idle(void **state) {
        struct scene *s = *state;
        struct claims_at served, given;
        struct worker w;

        begin(s, &w);
        served = at(&w, 0);
        given = at(&w, 1);
        assert_true(claims_take(&served));
        assert_true(claims_give(&given)); /* which it will see that it could not say */
        shelves_leave(&s->park);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, 1);
        assert_int_equal(s->park.n, 1);
        assert_false(is_closed(w.client[0]));
        assert_false(is_closed(w.client[1]));
        assert_true(claims_send(w.channel, CLAIMS_NOTE_GIVE, &given, -1) < 0);
        end(s, &w);
}

static void test_nonsense_costs_the_shelf(void **state) {
        struct scene *s = *state;
        struct worker w;

        begin(s, &w);
        assert_int_equal(send(w.channel, "nonsense", 8, 0), 8);
        hear(s);
        assert_int_equal(s->park.lists[CONNECTION_SHELF].n, 0);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, N); /* no client is to blame */
        end(s, &w);
}

static void test_words_that_make_no_sense_serve_nobody_twice(void **state) {
        struct scene *s = *state;
        struct worker w;

        begin(s, &w);
        work(s, &w);
        ask(&w, 0);
        look(s);
        assert_int_equal(n_receiving(s), 1);
        for (unsigned i = 0; i < CLAIMS_PLACES; i++)
                atomic_store(&w.page->words[i], (uint64_t)(i + 10) << 32 | CLAIMS_IDLE);
        memset(w.page->since, 0xff, sizeof(w.page->since));
        for (unsigned i = 0; i < 20; i++)
                look(s);
        assert_int_equal(n_receiving(s), 1);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, N - 1);
        end(s, &w);
}

/* A connection is neither as old as the worker likes, nor of tomorrow, when nobody would ever end it. */
static void test_times_that_make_no_sense_are_bounded(void **state) {
        static const usec_t lies[N] = { UINT64_MAX, 0, 1 };
        struct scene *s = *state;
        usec_t begun = s->park.now;
        struct worker w;

        begin(s, &w);
        work(s, &w);
        for (unsigned i = 0; i < N; i++)
                atomic_store(&w.page->since[i], lies[i]);
        for (unsigned i = 0; i < 20; i++)
                look(s);
        assert_int_equal(s->park.lists[CONNECTION_IDLE].n, N);
        for (const struct connection *c = s->park.lists[CONNECTION_IDLE].first; c; c = c->next)
                assert_in_range(c->since, begun, s->park.now);
        end(s, &w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENE_TEST(test_nobody_looks_while_no_worker_is_busy),
                SCENE_TEST(test_what_waits_for_a_busy_worker_is_taken_over),
                SCENE_TEST(test_a_long_request_gives_idle_ones_to_the_park_and_the_rest),
                SCENE_TEST(test_a_worker_that_goes_on_loses_one_at_a_time),
                SCENE_TEST(test_a_worker_that_dies_leaves_what_it_did_not_serve),
                SCENE_TEST(test_what_is_given_or_gone),
                SCENE_TEST(test_a_park_that_leaves_takes_what_is_idle),
                SCENE_TEST(test_nonsense_costs_the_shelf),
                SCENE_TEST(test_words_that_make_no_sense_serve_nobody_twice),
                SCENE_TEST(test_times_that_make_no_sense_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

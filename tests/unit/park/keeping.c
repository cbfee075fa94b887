/* SPDX-License-Identifier: MIT */
/* park/keeping.h: what the master is given when the pool stops, and what is closed. */

#include "scene.h"

#include "ipc/channel.h"
#include "ipc/message.h"
#include "park/keeping.h"

/* In place of the orders that the scene has: a channel whose other end is the master's. */
static int open_channel(struct scene *s) {
        int ends[2];

        assert_int_equal(channel_pair(ends), 0);
        s->park.orders = ends[1];
        return ends[0];
}

static size_t count_given(int master) {
        int fds[IPC_FDS_MAX];
        struct ipc_message m;
        size_t n = 0;

        while (ipc_message_receive(master, &m, fds) == 0) {
                assert_int_equal(m.type, IPC_PARK_IDLE);
                ipc_message_close_fds(fds);
                n++;
        }
        return n;
}

static size_t add_idle(struct scene *s, struct crowd *c, int family) {
        int *ends = c->ends[c->n];

        if (family == AF_UNIX)
                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        else {
                ends[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
                ends[1] = -1;
        }
        intake_add(&s->park, &(struct handover){ .flags = HANDOVER_KEEP }, ends[0]);
        return c->n++;
}

static void test_idle_ones_are_given_and_others_finished(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        int master = open_channel(s);
        size_t idle = add_idle(s, &c, AF_UNIX), half = add_client(s, &c, 23);

        (void)add_idle(s, &c, AF_INET);
        keeping_allow(&s->park, 10);
        park_finish(&s->park);
        assert_int_equal(count_given(master), 1);
        assert_int_equal(s->park.n, 1);
        assert_true(is_here(&c, half));
        assert_false(is_here(&c, idle)); /* count_given() has had the last descriptor */
        keeping_tell(&s->park);          /* nothing: TCP is closed as ever */
        assert_int_equal(lseek(s->log, 0, SEEK_END), 0);
        let_all_go(s, &c);
        fd_close(s->park.orders);
        s->park.orders = s->pair[1];
        fd_close(master);
}

static void test_without_a_store_all_are_closed(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        size_t idle = add_idle(s, &c, AF_UNIX);

        park_finish(&s->park);
        assert_false(is_here(&c, idle));
        assert_int_equal(s->park.n, 0);
        let_all_go(s, &c);
}

static void test_no_more_than_there_is_room_for(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        int master = open_channel(s);
        size_t idle[5];

        for (unsigned i = 0; i < ELEMENTSOF(idle); i++)
                idle[i] = add_idle(s, &c, AF_UNIX);
        keeping_allow(&s->park, 3);
        park_finish(&s->park);
        assert_int_equal(s->park.n, 0);
        for (unsigned i = 0; i < ELEMENTSOF(idle); i++)
                assert_int_equal(is_here(&c, idle[i]), i >= 2); /* those that were used last */
        assert_int_equal(count_given(master), 3);
        keeping_tell(&s->park);
        assert_logged(s, "2 idle connections are closed: the fd store has room for 3 of this pool's");
        let_all_go(s, &c);
        fd_close(s->park.orders);
        s->park.orders = s->pair[1];
        fd_close(master);
}

/* The rest of a record that nobody wants is still to come: the next park would take it for a request. */
static void test_one_in_the_middle_of_a_record_is_closed(void **state) {
        struct scene *s = *state;
        struct crowd c = {};
        int master = open_channel(s);
        size_t idle = add_idle(s, &c, AF_UNIX);

        s->park.lists[CONNECTION_IDLE].first->skip = 1;
        keeping_allow(&s->park, 10);
        park_finish(&s->park);
        assert_int_equal(count_given(master), 0);
        assert_false(is_here(&c, idle));
        let_all_go(s, &c);
        fd_close(s->park.orders);
        s->park.orders = s->pair[1];
        fd_close(master);
}

/* A master that does not read is not waited for, and one that is gone loses none but these. */
static void test_a_channel_that_is_full(void **state) {
        struct scene *s = *state;
        const struct ipc_message m = { .type = IPC_PARK_LEAVES };
        struct crowd c = {};
        int master = open_channel(s);
        size_t idle = add_idle(s, &c, AF_UNIX);

        while (ipc_message_send_at_once(s->park.orders, &m, NULL) == 0)
                ;
        keeping_allow(&s->park, 10);
        park_finish(&s->park);
        assert_int_equal(s->park.lists[CONNECTION_LEAVING].n, 1);
        assert_true(is_here(&c, idle));
        fd_close(master);
        keeping_go_on(&s->park);
        assert_int_equal(s->park.n, 0);
        assert_false(is_here(&c, idle));
        let_all_go(s, &c);
        fd_close(s->park.orders);
        s->park.orders = s->pair[1];
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENE_TEST(test_idle_ones_are_given_and_others_finished),
                SCENE_TEST(test_without_a_store_all_are_closed),
                SCENE_TEST(test_no_more_than_there_is_room_for),
                SCENE_TEST(test_one_in_the_middle_of_a_record_is_closed),
                SCENE_TEST(test_a_channel_that_is_full),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

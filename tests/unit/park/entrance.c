/* SPDX-License-Identifier: MIT */
/* Taking connections from a listener that others have as well. */

#include "scene.h"

#include "limit.h"
#include "park/entrance.h"

static unsigned n_accepts;

/* A worker's script makes the listener one that waits, just before the park accepts. */
int __real_accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *n, int flags) {
        assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
        n_accepts++;
        return __real_accept4(fd, addr, n, flags);
}

static void test_listener_that_waits_holds_nobody_up(void **state) {
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct scene *s = *state;
        timer_t limit = limit_begin();

        assert_int_equal(bind(listener, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)), 0);
        assert_int_equal(listen(listener, 5), 0);
        assert_int_equal(entrance_open(&s->park, listener, 1), 0);
        entrance_on_event(&s->park);
        s->park.now += USEC_PER_SEC;
        assert_true(entrance_enforce(&s->park) == USEC_INFINITY);
        assert_int_equal(n_accepts, 1);
        timer_delete(limit);
        entrance_close(&s->park);
        free(s->park.entrance.fds);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCENE_TEST(test_listener_that_waits_holds_nobody_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

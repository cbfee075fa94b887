/* SPDX-License-Identifier: MIT */
/* conn/spin.h: when a worker tries before it waits. Each row is a story: what is found when it looks, a microsecond
 * apart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "conn/spin.h"

#define BEGIN (1000 * USEC_PER_SEC)

/* In looks: '1' there is something, '0' there is nothing, ' ' half a millisecond passes. In deeds: 't' tries, 'w'
 * waits, 'm' tries, misses and waits. */
static const struct {
        const char *sentence;
        const char *looks;
        const char *deeds;
} rows[] = {
        { "the first look is a wait, the second one a try", "11", "wt" },
        { "a try that finds something is followed by another", "1111", "wttt" },
        { "a miss is a wait, and more follow: two, four, eight in all", "0000000000000000", "wmwmwwwmwwwwwwwm" },
        { "what a try finds ends the longer pauses", "000111000", "wmwtttmwm" },
        { "what a wait finds does not", "0010111", "wmwmwww" },
        { "sixteen tries, then a look at others", "1111111111111111111111", "wttttttttttttttttwtttt" },
        { "the time is over before", "111 11 11", "wtt wt wt" },
        { "time does not matter when it does not spin", "0 0 0 0 0", "w m w m w" },
};

static void tell(const char *sentence, const char *looks, const char *deeds) {
        struct spin s = {};
        usec_t now = BEGIN;
        char done[64] = "";

        for (size_t i = 0; looks[i]; i++) {
                bool tried = looks[i] != ' ' && spin_try(&s, now++), missed = tried && looks[i] == '0';

                if (missed)
                        spin_missed(&s);
                if (looks[i] != ' ' && (!tried || missed))
                        spin_wait(&s);
                if (looks[i] == ' ')
                        now += SPIN_TIME;
                done[i] = looks[i] == ' ' ? ' ' : missed ? 'm' : tried ? 't' : 'w';
        }
        if (strcmp(done, deeds) != 0)
                fail_msg("%s: looks \"%s\", did \"%s\" instead of \"%s\"", sentence, looks, done, deeds);
}

static void test_stories(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                tell(rows[i].sentence, rows[i].looks, rows[i].deeds);
}

static void test_the_pauses_have_an_end(void **state) {
        struct spin s = {};
        unsigned n = 0;

        for (int i = 0; i < 20; i++) {
                for (n = 0; !spin_try(&s, BEGIN); n++)
                        spin_wait(&s);
                spin_missed(&s);
                spin_wait(&s);
        }
        assert_int_equal(n + 1, SPIN_PAUSE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stories),
                cmocka_unit_test(test_the_pauses_have_an_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * All operations are sequentially consistent. A worker that begins with something says so, and then looks whether the
 * park watches; a park that ceases to watch says so, and then looks whether the worker is busy: one of them sees the
 * other.
 */

#include "conn/claims.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/channel.h"

#define CLAIMS_VERSION 1U
#define CLAIMS_SIZE    4096
#define CLAIMS_SEALS   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define CLAIMS_STATE_MASK 3U
#define CLAIMS_ONE_MORE   4U

_Static_assert(sizeof(struct claims_page) <= CLAIMS_SIZE, "a page");

static int claims_map_page(int fd, struct claims_page **ret) {
        void *page = mmap(NULL, CLAIMS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (page == MAP_FAILED)
                return -errno;
        *ret = page;
        return 0;
}

int claims_new(struct claims_page **ret, int *ret_fd) {
        _cleanup_fd_ int fd = fd_new_memfd("fpmd-shelf");
        int r;

        if (fd < 0)
                return fd;
        if (ftruncate(fd, CLAIMS_SIZE) < 0)
                return -errno;
        r = fd_seal(fd, CLAIMS_SEALS);
        if (r == 0)
                r = claims_map_page(fd, ret);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

/* What is checked cannot change afterwards. A file of huge pages has another size. */
int claims_map(int fd, struct claims_page **ret) {
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat st;

        if (seals < 0 || (seals & CLAIMS_SEALS) != CLAIMS_SEALS || fstat(fd, &st) < 0 || st.st_size != CLAIMS_SIZE)
                return -EBADMSG;
        return claims_map_page(fd, ret);
}

void claims_unmap(struct claims_page *page) {
        if (page)
                munmap(page, CLAIMS_SIZE);
}

static uint64_t claims_word(uint32_t serial, uint32_t rest) {
        return (uint64_t)serial << 32 | rest;
}

void claims_begin(const struct claims_at *at, enum claims_state state, usec_t now) {
        atomic_store(&at->page->since[at->place], now);
        atomic_store(&at->page->words[at->place], claims_word(at->serial, state));
}

void claims_put_back(const struct claims_at *at, usec_t now) {
        uint32_t times = (uint32_t)atomic_load(&at->page->words[at->place]) & ~CLAIMS_STATE_MASK;

        atomic_store_explicit(&at->page->since[at->place], now, memory_order_relaxed);
        atomic_store(&at->page->words[at->place], claims_word(at->serial, times + CLAIMS_ONE_MORE) | CLAIMS_IDLE);
}

/* From IDLE. */
static bool claims_swap(const struct claims_at *at, enum claims_state to) {
        uint64_t word;

        if (claims_look(at, &word) != CLAIMS_IDLE)
                return false;
        return atomic_compare_exchange_strong(&at->page->words[at->place], &word,
                                              (word & ~(uint64_t)CLAIMS_STATE_MASK) | to);
}

bool claims_take(const struct claims_at *at) {
        return claims_swap(at, CLAIMS_BUSY);
}

void claims_end(const struct claims_at *at) {
        atomic_store(&at->page->words[at->place], claims_word(at->serial, CLAIMS_FREE));
}

bool claims_give(const struct claims_at *at) {
        return claims_swap(at, CLAIMS_PARKED);
}

bool claims_claim(const struct claims_at *at) {
        if (!claims_swap(at, CLAIMS_PARKED))
                return false;
        atomic_fetch_add(&at->page->n_claimed, 1);
        return true;
}

enum claims_state claims_look(const struct claims_at *at, uint64_t *ret_word) {
        uint64_t word = atomic_load(&at->page->words[at->place]);

        *ret_word = word;
        return word >> 32 == at->serial ? (enum claims_state)(word & CLAIMS_STATE_MASK) : CLAIMS_FREE;
}

void claims_wait(struct claims_page *page, uint32_t *turn) {
        *turn = (*turn | 1U) + 1U;
        atomic_store_explicit(&page->turn, *turn, memory_order_release);
}

bool claims_work(struct claims_page *page, uint32_t *turn) {
        *turn = (*turn + 1U) | 1U;
        atomic_store(&page->turn, *turn);
        return !atomic_load(&page->watched);
}

int claims_send(int channel, enum claims_kind kind, const struct claims_at *at, int fd) {
        struct claims_note note = { .version = CLAIMS_VERSION, .kind = kind, .place = at->place, .serial = at->serial };
        struct iovec iov = { .iov_base = &note, .iov_len = sizeof(note) };
        int r;

        r = channel_send(channel,
                         &(struct channel_message){ .iov = &iov, .n_iov = 1, .fds = &fd, .n_fds = fd >= 0 ? 1 : 0 });
        return r == CHANNEL_E_FULL ? CLAIMS_E_FULL : r;
}

static bool claims_makes_sense(const struct claims_note *n, bool has_fd) {
        return n->version == CLAIMS_VERSION && n->kind < _CLAIMS_NOTE_MAX && n->place < CLAIMS_PLACES &&
               has_fd == (n->kind == CLAIMS_NOTE_PAGE || n->kind == CLAIMS_NOTE_SHELVE);
}

int claims_receive(int channel, struct claims_note *ret, int *ret_fd) {
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        _cleanup_fd_ int fd = -1;
        struct channel_received got;
        int r;

        r = channel_receive(channel, &(struct channel_message){ .iov = &iov, .n_iov = 1, .fds = &fd, .n_fds = 1 },
                            &got);
        if (r == CHANNEL_E_EMPTY)
                return CLAIMS_E_EMPTY;
        if (r == CHANNEL_E_END)
                return CLAIMS_E_GONE;
        if (r < 0)
                return r == -EMSGSIZE ? -EBADMSG : r;
        if (got.n != sizeof(*ret) || !claims_makes_sense(ret, fd >= 0))
                return -EBADMSG;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * See shards.h. Two things about SO_REUSEPORT groups are not harmless:
 *
 * - A process of the same user that listens on the address with the option as well is joined in silence, and each gets
 *   a share of the connections. So the first socket is bound without the option, which fails when anybody else is
 *   there, and gets the option afterwards. Members need one effective uid: where that is root's the pool's scripts
 *   cannot join, so the option is always there and a reload may add sockets; where it is not, it is there only when
 *   more than one socket is wanted.
 * - A member that listens gets connections at once, while the workers that will watch it are still being started; and
 *   one that is closed resets what waits in it. So a group that changes is steered by a filter program, a random choice
 *   among the first n members (a connection's later packets find it by other means), and members that are to go stay
 *   open, without new connections, for as long as the process lives.
 */

#include "master/shards.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "master/sockets.h"

static int shards_set(int fd, int option) {
        int one = 1;

        return setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

/* alone: a bind that joins nobody. shared: others of this user may join later. */
static int shards_bind(const struct addr *a, int backlog, bool alone, bool shared) {
        _cleanup_fd_ int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = shards_set(fd, SO_REUSEADDR);
        if (r == 0 && !alone)
                r = shards_set(fd, SO_REUSEPORT);
        if (r == 0 && bind(fd, &a->sa, a->n) < 0)
                r = -errno;
        if (r == 0 && alone && shared)
                r = shards_set(fd, SO_REUSEPORT);
        if (r == 0 && listen(fd, backlog) < 0)
                r = -errno;
        if (r == 0)
                r = sockets_prepare(fd);
        return r < 0 ? r : TAKE_FD(fd);
}

static int shards_steer(int fd, unsigned n) {
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_RANDOM)),
                BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
                BPF_STMT(BPF_RET | BPF_A, 0),
        };
        struct sock_fprog program = { .len = ELEMENTSOF(code), .filter = code };

        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) < 0 ? -errno : 0;
}

static int shards_steer_to_all(int fd) {
        int unused = 0;

        if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof(unused)) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

bool shards_can_grow(const struct listen_set *s) {
        int on = 0;
        socklen_t n = sizeof(on);

        return getsockopt(s->fds[0], SOL_SOCKET, SO_REUSEPORT, &on, &n) == 0 && on;
}

int shards_open(struct listen_set *s, const struct addr *a, int backlog, unsigned n) {
        bool fresh = s->n == 0, shared = n > 1 || geteuid() == 0;
        int r;

        assert(n <= s->n_room);
        r = !fresh && s->n < n ? shards_steer(s->fds[0], s->n_active) : 0;
        if (r < 0)
                return r;
        while (s->n < n) {
                int fd = shards_bind(a, backlog, s->n == 0, shared);

                if (fd < 0)
                        return fd;
                s->fds[s->n++] = fd;
        }
        if (fresh)
                s->n_active = n;
        return 0;
}

int shards_use(struct listen_set *s, unsigned n) {
        unsigned all = (unsigned)s->n;
        int r;

        if (MIN(n, all) == s->n_active)
                return 0;
        r = n >= all ? shards_steer_to_all(s->fds[0]) : shards_steer(s->fds[0], n);
        if (r == 0)
                s->n_active = MIN(n, all);
        return r;
}

/* How the group was steered is not known. */
int shards_return(struct listen_set *s, const struct addr *a, int backlog, unsigned n) {
        int r = 0;

        if (!shards_can_grow(s)) {
                s->n_active = 1;
                return n > 1 ? SHARDS_E_ALONE : 0;
        }
        s->n_active = 0;
        r = shards_use(s, (unsigned)s->n);
        if (r == 0 && s->n < n)
                r = shards_open(s, a, backlog, n);
        return r == 0 ? shards_use(s, n) : r;
}

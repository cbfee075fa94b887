/* SPDX-License-Identifier: MIT */
/* Collecting a view: the master's messages, and a snapshot of each pool's scoreboard. */

#include "view.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "scoreboard/scoreboard.h"

#define FILE_NAME_MAX 4096

void ctl_view_done(struct ctl_view *v) {
        for (size_t i = 0; i < v->n_pools; i++) {
                ipc_control_message_done(&v->pools[i].message);
                status_snapshot_done(&v->pools[i].snapshot);
        }
        free(v->pools);
        ipc_control_message_done(&v->message);
        *v = (struct ctl_view){};
}

static int view_take_snapshot(int fd, usec_t now, struct status_snapshot *ret) {
        const struct scoreboard *board;
        int r;

        r = fd < 0 ? -EBADF : scoreboard_map_readonly(fd, &board);
        if (r < 0)
                return r;
        r = status_snapshot_take(board, now, STATUS_SNAPSHOT_WORKERS, ret);
        scoreboard_unmap(board);
        return r;
}

int ctl_view_add_pool(struct ctl_view *v, struct ipc_control_message *m, usec_t now) {
        struct ctl_view_pool *pools, *pool;

        pools = reallocarray(v->pools, v->n_pools + 1, sizeof(*pools));
        if (!pools)
                return -ENOMEM;
        v->pools = pools;
        pool = &pools[v->n_pools++];
        *pool = (struct ctl_view_pool){ .message = *m };
        *m = (struct ipc_control_message){};

        pool->error = view_take_snapshot(pool->message.pool.scoreboard_fd, now, &pool->snapshot);
        pool->message.pool.scoreboard_fd = fd_close(pool->message.pool.scoreboard_fd);
        return pool->error == -ENOMEM ? -ENOMEM : 0;
}

size_t ctl_view_each_file(const char *list, void (*fn)(const char *name, size_t i, struct text *out),
                          struct text *out) {
        size_t n_names = 0;

        while (*list) {
                char name[FILE_NAME_MAX];
                size_t n;

                list += strspn(list, ", \t\n");
                n = strcspn(list, ",");
                while (n > 0 && isspace((unsigned char)list[n - 1]))
                        n--;
                if (n == 0)
                        continue;
                text_copy(name, sizeof(name), list, n);
                if (fn)
                        fn(name, n_names, out);
                n_names++;
                list += strcspn(list, ",");
        }
        return n_names;
}

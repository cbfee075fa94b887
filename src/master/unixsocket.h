/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Unix sockets that fpmd makes itself. A master that is root makes them in folders that may belong to another user,
 * /run/php for one; so everything is done to the socket itself, whatever has its name meanwhile, and nobody can connect
 * before it is done.
 */

#include <sys/types.h>

#include "base/addr.h"
#include "base/text.h"
#include "conf/model.h"

struct unixsocket {
        char *path; /* NULL: none that has to be removed */
        dev_t dev;  /* which file it is */
        ino_t ino;
};

/* Takes the socket's file away, unless something else has that name now. */
void unixsocket_remove(struct unixsocket *s);

/* The file stays. */
void unixsocket_forget(struct unixsocket *s);

/* Takes the file of a bound socket away, if it still is that socket's. */
void unixsocket_remove_bound(int fd, const char *path);

/* Whether listen.owner and its kin name somebody, where they act: for sockets with a path. 0; UNIXSOCKET_E_PROBLEM,
 * told in problems; -ENOMEM. */
enum { UNIXSOCKET_E_PROBLEM = 1, UNIXSOCKET_E_LOST };
int unixsocket_check_names(const struct conf_pool *pool, struct text *problems);

/* Binds the path, with the pool's owner, group, mode and ACL, and listens. A socket that a process which is gone has
 * left there is replaced. 0 and *ret_fd, the caller's, and *ret, for unixsocket_remove(); UNIXSOCKET_E_PROBLEM, told in
 * problems; -errno: the address cannot be had. */
int unixsocket_open(const struct conf_pool *pool, const struct addr *a, int backlog, struct unixsocket *ret,
                    int *ret_fd, struct text *problems);

/* A bound socket that another process has made becomes ours: its file is to be removed. 0, *ret without a path where
 * the file is not one of ours; -ENOMEM. */
int unixsocket_adopt(const char *path, struct unixsocket *ret);

/* A socket of an earlier process of this service is this one's, and its file gets owner, group, mode and ACL as the
 * pool has them now. 0 and *ret; UNIXSOCKET_E_PROBLEM; UNIXSOCKET_E_LOST: the file is not there any more, or another
 * one is; -ENOMEM. */
int unixsocket_return(const struct conf_pool *pool, int fd, const char *path, struct unixsocket *ret,
                      struct text *problems);

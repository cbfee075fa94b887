/* SPDX-License-Identifier: MIT */
#pragma once
/* env[NAME] = @cred:CREDENTIAL: a secret that the service manager has put into a file (systemd.exec(5), CREDENTIALS).
 */

#include "conf/check.h"

#define CONF_CREDENTIAL_PREFIX "@cred:"

/* The credential that a variable of the environment is, or NULL. The pair's. */
const char *conf_credential_of(const struct conf_pair *pair);

/* As systemd names them: a file's name. */
bool conf_credential_is_name(const char *name);

/* Reads the pool's, into the values of its variables. What cannot be read is a problem, which tells names alone. */
void conf_credential_read(const struct conf_check *k, struct conf_pool *pool);

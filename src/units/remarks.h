/* SPDX-License-Identifier: MIT */
#pragma once
/* What stands in a pool's file, and neither its units nor fpmd in their sandbox can do. */

#include "base/text.h"
#include "conf/model.h"

/* Appends a line for each directive that a unit is made of, whose ${NAME} has varied so: read without the service's
 * environment, its value is a default or not known. Pure. */
void remarks_list_varying(const struct conf_pool *pool, enum conf_varies how, struct text *out);

/* Appends a line for each, "[FILE:LINE] directive 'NAME': ...", defaults of ${NAME:-default} among them. dynamic: the
 * unit makes the user. Pure. */
void remarks_list(const struct conf_pool *pool, bool dynamic, struct text *out);

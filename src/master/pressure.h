/* SPDX-License-Identifier: MIT */
#pragma once
/* Memory is short, as the service manager says: pools give up what nobody uses at the moment. */

#include "master/state.h"

/* At the start, if there is somebody who will say so. What cannot be watched is told, and no reason not to start. */
void pressure_attach(struct master *m);
void pressure_detach(struct master *m);

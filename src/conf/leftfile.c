/* SPDX-License-Identifier: MIT */
#include "conf/leftfile.h"

#include <errno.h>
#include <string.h>

#include "conf/ini.h"

void conf_leftfile_done(struct conf_leftfiles *l) {
        conf_ownunit_done(&l->units);
        *l = (struct conf_leftfiles){};
}

/* It has a section at least, each a pool's whose unit is made of the file. 1, 0 or -ENOMEM. */
static int leftfile_has_units(const struct conf_ownunits *units, const struct conf_leftfile *file) {
        const char *data = file->data, *s, *reason;
        size_t n = file->n, n_line, n_sections = 0;

        while (conf_ini_next(&data, &n, &s, &n_line)) {
                _cleanup_ini_line_ struct conf_ini_line line = {};
                int r = conf_ini_parse(s, n_line, conf_scan_no_environment, &line, &reason);

                if (r < 0)
                        return r;
                if (r != 0 || line.kind != CONF_INI_SECTION)
                        continue;
                n_sections++;
                if (!conf_ownunit_is_of(units, line.name, file->path))
                        return 0;
        }
        return n_sections > 0;
}

/* The pools of one that cannot be read are left here: no section will say so. */
static int leftfile_leave_unread(const struct conf_ownunits *units, const struct conf_leftfile *file, struct conf *c) {
        size_t n = 0;

        for (size_t i = 0; i < units->n; i++) {
                if (!conf_ownunit_is_of(units, units->names[i], file->path) || conf_is_left(c, units->names[i]))
                        continue;
                if (conf_add_left(c, units->names[i], file->path) < 0)
                        return -ENOMEM;
                n++;
        }
        return n > 0;
}

/* The last line, which has the place. */
static int leftfile_tell(const char *mistake, struct conf *c) {
        const char *line, *last = "";
        size_t n, n_last = 0;

        while ((line = text_word(&mistake, "\n", &n))) {
                last = line;
                n_last = n;
        }
        return conf_add_notice(c, "%.*s; its pools are left to units of their own, and the others are served",
                               (int)n_last, last);
}

int conf_leftfile_take(struct conf_leftfiles *l, struct conf *c, const struct conf_leftfile *file,
                       const char *mistake) {
        int r;

        if (l->last == file->path)
                return l->is_left ? 0 : CONF_LEFTFILE_E_NOT;
        if (!l->known) {
                r = conf_ownunit_read(l->path, &l->units);
                if (r < 0)
                        return r == -ENOMEM ? r : CONF_LEFTFILE_E_NOT; /* conf_ownunit_leave() tells it */
                l->known = true;
        }
        r = file->data ? leftfile_has_units(&l->units, file) : leftfile_leave_unread(&l->units, file, c);
        if (r < 0)
                return r;
        l->last = file->data ? file->path : NULL; /* the other is nobody's for long */
        l->is_left = r > 0;
        return l->is_left ? leftfile_tell(mistake, c) : CONF_LEFTFILE_E_NOT;
}

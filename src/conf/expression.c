/* SPDX-License-Identifier: MIT */
/*
 * E_ALL & ~E_NOTICE. All operators bind alike, from left to right, as PHP's ini files have it; parentheses are a stack,
 * not a recursion. Where the scanner takes text beside an operator as 0, this one refuses.
 */

#include "conf/expression.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/number.h"

#define DEPTH_MAX 16

/* A parenthesis that is open, the outermost being the value itself. */
struct frame {
        char unary[DEPTH_MAX]; /* in the order they stand */
        size_t n_unary;
        char op; /* '\0': none waits for its right side */
        int64_t left;
};

static int expression_to_number(struct conf_scan *s, const struct text *operand, int64_t *ret) {
        const char *digits = text_peek(operand);
        bool negative = *digits == '-';
        uint64_t magnitude;

        if (number_parse_u64(digits + negative, INT64_MAX, &magnitude) < 0)
                return conf_scan_refuse(
                        s, "only numbers and E_ constants can stand beside & | ^ ~ !: put the value in quotes");
        *ret = negative ? -(int64_t)magnitude : (int64_t)magnitude;
        return 0;
}

static void expression_set_number(struct text *operand, int64_t v) {
        conf_scan_truncate(operand, 0);
        text_printf(operand, "%" PRId64, v);
}

/* The operand has become complete: what waits for it is computed. All operators bind alike, from left to right. */
static int expression_apply(struct conf_scan *s, struct frame *f, struct text *operand) {
        int64_t v;
        int r;

        if (operand->failed)
                return -ENOMEM;
        if (f->n_unary == 0 && !f->op)
                return 0;
        r = expression_to_number(s, operand, &v);
        if (r != 0)
                return r;
        while (f->n_unary > 0)
                v = f->unary[--f->n_unary] == '~' ? ~v : !v;
        if (f->op)
                v = f->op == '&' ? f->left & v : f->op == '|' ? f->left | v : f->left ^ v;
        f->op = '\0';
        expression_set_number(operand, v);
        return 0;
}

/* The start of a term: ~, ! and ( up to the operand itself. */
static int expression_read_prefixes(struct conf_scan *s, struct frame frames[static DEPTH_MAX], size_t *depth) {
        for (;; s->p++) {
                struct frame *f = &frames[*depth];

                conf_scan_skip_blanks(s);
                switch (conf_scan_peek(s)) {
                case '~':
                case '!':
                        if (f->n_unary == DEPTH_MAX)
                                return conf_scan_refuse(s, "too many operators");
                        f->unary[f->n_unary++] = *s->p;
                        break;
                case '(':
                        if (*depth + 1 == DEPTH_MAX)
                                return conf_scan_refuse(s, "too many parentheses");
                        frames[++*depth] = (struct frame){};
                        break;
                default:
                        return 0;
                }
        }
}

/* Closes what is complete after a term. *ret_more: an operator was read, another term has to follow. */
static int expression_read_suffixes(struct conf_scan *s, struct frame frames[static DEPTH_MAX], size_t *depth,
                                    struct text *operand, bool *ret_more) {
        int r;

        for (;; s->p++) {
                r = expression_apply(s, &frames[*depth], operand);
                if (r != 0)
                        return r;
                conf_scan_skip_blanks(s);
                if (conf_scan_peek(s) != ')')
                        break;
                if (*depth == 0)
                        return conf_scan_refuse(s, "a ')' without its '(': put the value in quotes");
                --*depth;
        }
        *ret_more = !conf_scan_at_end(s) && strchr("&|^", *s->p);
        if (*ret_more) {
                frames[*depth].op = *s->p++;
                return expression_to_number(s, operand, &frames[*depth].left);
        }
        return 0;
}

int conf_expression_read(struct conf_scan *s, struct text *out) {
        struct frame frames[DEPTH_MAX] = {};
        bool more = true;
        size_t depth = 0;
        int r;

        while (more) {
                conf_scan_truncate(out, 0);
                r = expression_read_prefixes(s, frames, &depth);
                if (r == 0)
                        r = conf_scan_operand(s, out);
                if (r == 0)
                        r = expression_read_suffixes(s, frames, &depth, out, &more);
                if (r != 0)
                        return r;
        }
        if (depth > 0)
                return conf_scan_refuse(s, "a '(' is not closed: put the value in quotes");
        if (!conf_scan_at_end(s))
                return conf_scan_refuse(s, *s->p == '=' ? "a value with '=' in it needs quotes"
                                                        : "put the value in quotes");
        return 0;
}

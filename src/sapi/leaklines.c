/* SPDX-License-Identifier: MIT */
/*
 * Where a variable is written down. PHP keeps the lines of classes and functions, not of their variables: so a
 * declaration is looked for in the source's text, between those lines, and the class or function is the answer when it
 * is not found. Global variables have no declaration: the place is the first code that names one, of the code that PHP
 * has compiled.
 */

#include <ctype.h>
#include <stdio.h>

#include "sapi/leaks.h"

struct leaklines_range {
        const zend_string *file;
        uint32_t first, last;
        const char *const *words; /* one of them is on the line, in front of the name; NULL: none need be */
};

static bool leaklines_is_name(char c) {
        return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The name on the line, as a variable of its own; NULL: it is not there. */
static const char *leaklines_find_name(const char *line, const char *name) {
        size_t n = strlen(name);

        for (const char *p = strchr(line, '$'); p; p = strchr(p + 1, '$'))
                if (strncmp(p + 1, name, n) == 0 && !leaklines_is_name(p[1 + n]))
                        return p;
        return NULL;
}

static bool leaklines_declares(const char *line, const struct leaklines_range *range, const char *name) {
        const char *found = leaklines_find_name(line, name);

        if (!range->words)
                return found;
        for (size_t i = 0; found && range->words[i]; i++) {
                const char *word = strstr(line, range->words[i]);
                size_t n = strlen(range->words[i]);

                if (word && word < found && !leaklines_is_name(word[n]) && word[n] != ':')
                        return true;
        }
        return false;
}

static void leaklines_search(const struct leaklines_range *range, const char *name, struct leaks_place *ret) {
        FILE *f = fopen(ZSTR_VAL(range->file), "re");
        size_t size = 0;
        char *line = NULL;

        *ret = (struct leaks_place){ .file = ZSTR_VAL(range->file), .line = range->first };
        for (uint32_t i = 1; f && i <= range->last && getline(&line, &size, f) >= 0; i++)
                if (i >= range->first && leaklines_declares(line, range, name)) {
                        ret->line = i;
                        break;
                }
        free(line);
        if (f)
                fclose(f);
}

void sapi_leaklines_of_property(const zend_class_entry *ce, const char *name, struct leaks_place *ret) {
        static const char *const words[] = { "static", "public", "protected", "private", "readonly", "var", NULL };

        *ret = (struct leaks_place){};
        if (ce->type == ZEND_USER_CLASS)
                leaklines_search(&(struct leaklines_range){ .file = ce->info.user.filename,
                                                            .first = ce->info.user.line_start,
                                                            .last = ce->info.user.line_end,
                                                            .words = words },
                                 name, ret);
}

void sapi_leaklines_of_variable(const zend_op_array *function, const char *name, struct leaks_place *ret) {
        leaklines_search(&(struct leaklines_range){ .file = function->filename,
                                                    .first = function->line_start,
                                                    .last = function->line_end },
                         name, ret);
}

/* The step names the global variable: global $name, $GLOBALS['name']. */
static bool leaklines_names_global(const zend_op *op, const char *name) {
        const zval *v = NULL;

        if (op->opcode == ZEND_BIND_GLOBAL && op->op2_type == IS_CONST)
                v = RT_CONSTANT(op, op->op2);
        else if (op->opcode >= ZEND_FETCH_R && op->opcode <= ZEND_FETCH_IS && op->op1_type == IS_CONST &&
                 (op->extended_value & ZEND_FETCH_TYPE_MASK) == ZEND_FETCH_GLOBAL)
                v = RT_CONSTANT(op, op->op1);
        return v && Z_TYPE_P(v) == IS_STRING && strcmp(Z_STRVAL_P(v), name) == 0;
}

/* Of a script's own code, where global variables are plain ones. */
static bool leaklines_names_variable(const zend_op_array *f, const zend_op *op, const char *name) {
        return op->op1_type == IS_CV && strcmp(ZSTR_VAL(f->vars[EX_VAR_TO_NUM(op->op1.var)]), name) == 0;
}

static bool leaklines_in_code(const zend_op_array *f, const char *name, struct leaks_place *ret) {
        for (uint32_t i = 0; i < f->last; i++) {
                const zend_op *op = &f->opcodes[i];

                if (!leaklines_names_global(op, name) && (f->function_name || !leaklines_names_variable(f, op, name)))
                        continue;
                *ret = (struct leaks_place){ .file = ZSTR_VAL(f->filename), .line = op->lineno };
                return true;
        }
        for (uint32_t i = 0; i < f->num_dynamic_func_defs; i++) /* closures in it */
                if (leaklines_in_code(f->dynamic_func_defs[i], name, ret))
                        return true;
        return false;
}

static bool leaklines_in_functions(const HashTable *functions, const char *name, struct leaks_place *ret) {
        const zend_function *f;

        ZEND_HASH_FOREACH_PTR((HashTable *)functions, f) {
                if (f->type == ZEND_USER_FUNCTION && leaklines_in_code(&f->op_array, name, ret))
                        return true;
        }
        ZEND_HASH_FOREACH_END();
        return false;
}

void sapi_leaklines_of_global(const char *name, struct leaks_place *ret) {
        const zend_class_entry *ce;

        *ret = (struct leaks_place){};
        for (const zend_execute_data *ex = EG(current_execute_data); ex; ex = ex->prev_execute_data)
                if (ex->func && ZEND_USER_CODE(ex->func->type) && leaklines_in_code(&ex->func->op_array, name, ret))
                        return;
        if (leaklines_in_functions(EG(function_table), name, ret))
                return;
        ZEND_HASH_FOREACH_PTR(EG(class_table), ce) {
                if (ce->type == ZEND_USER_CLASS && leaklines_in_functions(&ce->function_table, name, ret))
                        return;
        }
        ZEND_HASH_FOREACH_END();
}

/* SPDX-License-Identifier: MIT */
/*
 * A backtrace without a debugger: process_vm_readv(2), or a read of what the worker has opened for it, copies memory of
 * a worker that runs on, at the addresses this process has itself, since the worker was forked from it. No signal, no
 * stop, so no system call of a script is interrupted.
 *
 * The worker may push and pop frames between any two reads. Each pointer may thus be stale, and what is behind it
 * anything; it is only ever read through again, with a length of our own. The numbers of frames, of lines and of bytes
 * of a text are limited, so garbage gives at worst a short list of nonsense. A list that two walks agree on is taken
 * for the truth; with a script that never holds still, the last one is.
 *
 * Frames are listed as php-fpm lists them: a function with the place it was called from, which is the current line of
 * the next user-code frame. While PHP code runs, the line of the innermost frame is that of the last instruction that
 * saved it, so a line of its own tells it only roughly ("{running}").
 */

#include "sapi/compat.h" /* before base/macros.h */

#include "sapi/backtrace.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macros.h"

#define BACKTRACE_FRAMES_MAX     2048U
#define BACKTRACE_GENERATORS_MAX 64U
#define BACKTRACE_LINES_MAX      256U
#define BACKTRACE_NAME_MAX       256U
#define BACKTRACE_PATH_MAX       1024U
#define BACKTRACE_BYTES_MAX      (60U * 1024U)
#define BACKTRACE_WALKS_MAX      4U

/* What of a function's structure is needed; internal functions may lie at the end of readable memory. */
struct backtrace_function {
        uint8_t type;
        uintptr_t name;
        uintptr_t scope;
        uintptr_t file; /* user code only, as the next two */
        uintptr_t opcodes;
        uint32_t n_opcodes;
        uint32_t first_line;
};

struct backtrace_frame {
        uintptr_t address;
        uintptr_t previous;
        uintptr_t opline;
        bool has_this;
        uintptr_t object; /* $this, when it has one */
        bool has_function;
        struct backtrace_function function;
};

static bool backtrace_read(const struct sapi_backtrace_reader *r, uintptr_t address, void *buf, size_t n) {
        return address >= 4096 && address % sizeof(void *) == 0 && address < UINTPTR_MAX - n &&
               r->read(r->ctx, address, buf, n);
}

/* A zend_string, at most max - 1 bytes of it, "" when it cannot be read. An anonymous class's name goes on behind a NUL
 * with its place; left out. */
static void backtrace_read_string(const struct sapi_backtrace_reader *r, uintptr_t address, char *buf, size_t max) {
        size_t n = 0;

        buf[0] = '\0';
        if (address < 4096 || !backtrace_read(r, address + offsetof(zend_string, len), &n, sizeof(n)))
                return;
        n = MIN(n, max - 1);
        if (n == 0 || !backtrace_read(r, address + offsetof(zend_string, val), buf, n))
                n = 0;
        buf[n] = '\0';
        for (char *c = buf; *c; c++) /* no name is two lines; more is for the caller that prints it */
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        *c = '?';
}

static bool backtrace_read_function(const struct sapi_backtrace_reader *r, uintptr_t address,
                                    struct backtrace_function *ret) {
        zend_op_array op_array;
        size_t common = offsetof(zend_op_array, scope) + sizeof(op_array.scope);

        *ret = (struct backtrace_function){};
        if (!backtrace_read(r, address, &op_array, common))
                return false;
        ret->type = op_array.type;
        ret->name = (uintptr_t)op_array.function_name;
        ret->scope = (uintptr_t)op_array.scope;
        if (!ZEND_USER_CODE(op_array.type))
                return true;
        if (!backtrace_read(r, address, &op_array, sizeof(op_array)))
                return false;
        ret->file = (uintptr_t)op_array.filename;
        ret->opcodes = (uintptr_t)op_array.opcodes;
        ret->n_opcodes = op_array.last;
        ret->first_line = op_array.line_start;
        return true;
}

static bool backtrace_read_frame(const struct sapi_backtrace_reader *r, uintptr_t address,
                                 struct backtrace_frame *ret) {
        zend_execute_data ex;

        if (!backtrace_read(r, address, &ex, sizeof(ex)))
                return false;
        *ret = (struct backtrace_frame){ .address = address,
                                         .previous = (uintptr_t)ex.prev_execute_data,
                                         .opline = (uintptr_t)ex.opline,
                                         .has_this = Z_TYPE(ex.This) == IS_OBJECT,
                                         .object = (uintptr_t)Z_OBJ(ex.This),
                                         .has_function = ex.func != NULL };
        return !ex.func || backtrace_read_function(r, (uintptr_t)ex.func, &ret->function);
}

static bool backtrace_is_user(const struct backtrace_frame *f) {
        return f->has_function && ZEND_USER_CODE(f->function.type);
}

/* The line the frame is at; when its instruction is not one of its function's (an exception is being thrown), the
 * function's first. */
static uint32_t backtrace_line(const struct sapi_backtrace_reader *r, const struct backtrace_frame *f) {
        const struct backtrace_function *fn = &f->function;
        uint32_t line;

        if (f->opline < fn->opcodes || (f->opline - fn->opcodes) / sizeof(zend_op) >= fn->n_opcodes)
                return fn->first_line;
        /* its own alignment is four bytes */
        if (!r->read(r->ctx, f->opline + offsetof(zend_op, lineno), &line, sizeof(line)))
                return fn->first_line;
        return line;
}

static void backtrace_append_name(const struct sapi_backtrace_reader *r, const struct backtrace_frame *f,
                                  struct text *out) {
        char name[BACKTRACE_NAME_MAX], class[BACKTRACE_NAME_MAX];

        text_printf(out, "[0x%016llx] ", (unsigned long long)f->address);
        if (!f->function.name) {
                text_append(out, "[INCLUDE_OR_EVAL]()");
                return;
        }
        backtrace_read_string(r, f->function.name, name, sizeof(name));
        class[0] = '\0';
        if (f->function.scope) {
                uintptr_t at = 0;

                if (backtrace_read(r, f->function.scope + offsetof(zend_class_entry, name), &at, sizeof(at)))
                        backtrace_read_string(r, at, class, sizeof(class));
        }
        text_printf(out, "%s%s%s()", class, !*class ? "" : f->has_this ? "->" : "::", *name ? name : "{unknown}");
}

static void backtrace_append_place(const struct sapi_backtrace_reader *r, const struct backtrace_frame *f,
                                   struct text *out) {
        char path[BACKTRACE_PATH_MAX];

        backtrace_read_string(r, f->function.file, path, sizeof(path));
        text_printf(out, " %s:%u\n", *path ? path : "unknown", backtrace_line(r, f));
}

/* What is left of a stack, from the inside outwards. */
struct backtrace_stack {
        const struct sapi_backtrace_reader *reader;
        uintptr_t next;
        uintptr_t generators[BACKTRACE_GENERATORS_MAX]; /* frames that come before next, the last one first */
        unsigned n_generators;
        unsigned n_left; /* frames that may still be read */
};

/* In place of the generators between the one that runs and the one that was called, which wait in "yield from", the
 * stack has a stand-in with the latter. */
static void backtrace_find_generators(struct backtrace_stack *s, uintptr_t generator) {
        const struct sapi_backtrace_reader *r = s->reader;
        uintptr_t class, frame, parent;

        if (!backtrace_read(r, generator + offsetof(zend_object, ce), &class, sizeof(class)) ||
            class != (uintptr_t)zend_ce_generator)
                return;
        while (s->n_generators < BACKTRACE_GENERATORS_MAX &&
               backtrace_read(r, generator + offsetof(zend_generator, node.parent), &parent, sizeof(parent)) &&
               parent != 0 &&
               backtrace_read(r, generator + offsetof(zend_generator, execute_data), &frame, sizeof(frame))) {
                s->generators[s->n_generators++] = frame;
                generator = parent;
        }
}

/* The next frame outwards. Frames without a function, and internal ones without a name, are PHP's own stand-ins. */
static bool backtrace_next(struct backtrace_stack *s, struct backtrace_frame *ret) {
        while (s->n_left > 0) {
                bool between = s->n_generators > 0;

                s->n_left--;
                if (!backtrace_read_frame(s->reader, between ? s->generators[--s->n_generators] : s->next, ret))
                        return false;
                if (between)
                        ret->opline -= sizeof(zend_op); /* it is at what comes behind "yield from" */
                else
                        s->next = ret->previous;
                if (ret->has_function && (backtrace_is_user(ret) || ret->function.name))
                        return true;
                if (!ret->has_function && ret->has_this && !between)
                        backtrace_find_generators(s, ret->object);
        }
        return false;
}

void sapi_backtrace_walk(const struct sapi_backtrace_reader *r, uintptr_t current, unsigned depth, struct text *out) {
        struct backtrace_frame called[BACKTRACE_LINES_MAX], f; /* called: those whose caller has not been met */
        struct backtrace_stack stack = { .reader = r, .n_left = BACKTRACE_FRAMES_MAX };
        unsigned n_called = 0, n_left = MIN(depth, BACKTRACE_LINES_MAX);
        size_t limit = out->n + BACKTRACE_BYTES_MAX - 2 * BACKTRACE_PATH_MAX;

        if (!backtrace_read(r, current, &stack.next, sizeof(stack.next)))
                return;
        for (bool innermost = true; backtrace_next(&stack, &f) && out->n < limit; innermost = false) {
                if (innermost && backtrace_is_user(&f)) {
                        text_printf(out, "[0x%016llx] {running}", (unsigned long long)f.address);
                        backtrace_append_place(r, &f, out);
                }
                for (unsigned i = 0; i < n_called && backtrace_is_user(&f) && out->n < limit; i++) {
                        backtrace_append_name(r, &called[i], out);
                        backtrace_append_place(r, &f, out);
                }
                if (backtrace_is_user(&f))
                        n_called = 0;
                if (n_left > 0) {
                        n_left--;
                        called[n_called++] = f;
                } else if (n_called == 0)
                        return;
        }
        /* what nobody's code has called, such as a shutdown function; the script itself is no call */
        for (unsigned i = 0; i < n_called && out->n < limit; i++) {
                if (!called[i].function.name && backtrace_is_user(&called[i]) && i + 1 == n_called)
                        break;
                backtrace_append_name(r, &called[i], out);
                text_append(out, " unknown:0\n");
        }
}

uintptr_t sapi_backtrace_current(void) {
        return (uintptr_t)&EG(current_execute_data);
}

struct backtrace_child {
        pid_t pid;
        int memory;
        int error;
};

/* EFAULT: nothing is there. */
static ssize_t backtrace_copy(const struct backtrace_child *c, uintptr_t address, void *buf, size_t n) {
        struct iovec local = { .iov_base = buf, .iov_len = n }, remote = { .iov_base = (void *)address, .iov_len = n };
        ssize_t k;

        if (c->memory < 0)
                return process_vm_readv(c->pid, &local, 1, &remote, 1, 0);
        k = pread(c->memory, buf, n, (off_t)address);
        if (k == 0)
                errno = ESRCH; /* the process has ended */
        else if (k < 0 && errno == EIO)
                errno = EFAULT;
        return k > 0 ? k : -1;
}

static bool backtrace_read_child(void *ctx, uintptr_t address, void *buf, size_t n) {
        struct backtrace_child *c = ctx;
        ssize_t k = n == 0 ? 0 : backtrace_copy(c, address, buf, n);

        if (k < 0 && c->error == 0 && errno != EFAULT)
                c->error = -errno;
        return k == (ssize_t)n;
}

int sapi_backtrace_child(pid_t pid, int memory, unsigned depth, struct text *out) {
        struct backtrace_child child = { .pid = pid, .memory = memory };
        const struct sapi_backtrace_reader reader = { .read = backtrace_read_child, .ctx = &child };
        _cleanup_text_ struct text last = {};

        for (unsigned i = 0; i < BACKTRACE_WALKS_MAX; i++) {
                struct text now = {};
                bool same;

                sapi_backtrace_walk(&reader, sapi_backtrace_current(), depth, &now);
                same = i > 0 && strcmp(text_peek(&last), text_peek(&now)) == 0;
                text_done(&last);
                last = now;
                if (same || child.error)
                        break;
        }
        text_append(out, text_peek(&last));
        return out->failed || last.failed ? -ENOMEM : child.error;
}

/* SPDX-License-Identifier: MIT */
/*
 * Another function in place of one that an extension calls. PHP opens its extensions with RTLD_DEEPBIND, so the
 * executable's symbols do not come before the C library's there, as they do for libphp. What an extension calls is an
 * address in its table of imports, which the linker has filled, and made read-only when the extension was built so
 * (elf(5), "Relocation entries"): it is changed in that table, for that one extension alone.
 *
 * Known for the machines below. Anywhere else, and where an object is not built as expected, nothing is changed.
 */

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sapi/internal.h"

#if defined(__x86_64__)
#define IMPORT_CALL R_X86_64_JUMP_SLOT
#define IMPORT_DATA R_X86_64_GLOB_DAT
#elif defined(__aarch64__)
#define IMPORT_CALL R_AARCH64_JUMP_SLOT
#define IMPORT_DATA R_AARCH64_GLOB_DAT
#endif

#ifdef IMPORT_CALL

struct import_request {
        const char *object, *symbol;
        void (*function)(void);
        bool done;
};

/* What the dynamic linker knows of an object, at the addresses it has put it. */
struct import_object {
        ElfW(Addr) base;
        const ElfW(Sym) * symbols;
        const char *names;
        const ElfW(Rela) * calls, *data;
        size_t n_calls, n_data;
        uintptr_t sealed, n_sealed; /* pages that the linker has made read-only when it had filled them */
};

static void import_read_entry(const ElfW(Dyn) * d, struct import_object *o) {
        switch (d->d_tag) {
        case DT_SYMTAB:
                o->symbols = (const ElfW(Sym) *)d->d_un.d_ptr;
                break;
        case DT_STRTAB:
                o->names = (const char *)d->d_un.d_ptr;
                break;
        case DT_JMPREL:
                o->calls = (const ElfW(Rela) *)d->d_un.d_ptr;
                break;
        case DT_PLTRELSZ:
                o->n_calls = d->d_un.d_val / sizeof(ElfW(Rela));
                break;
        case DT_RELA:
                o->data = (const ElfW(Rela) *)d->d_un.d_ptr;
                break;
        case DT_RELASZ:
                o->n_data = d->d_un.d_val / sizeof(ElfW(Rela));
                break;
        }
}

/* Whole pages; the linker leaves the rest of the last one writable. */
static void import_read_seal(const ElfW(Phdr) * p, struct import_object *o) {
        uintptr_t mask = ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);

        o->sealed = (o->base + p->p_vaddr) & mask;
        o->n_sealed = ((o->base + p->p_vaddr + p->p_memsz) & mask) - o->sealed;
}

/* The linker puts addresses in place of offsets there, unless it cannot write there. */
static void import_read_dynamic(const ElfW(Phdr) * p, struct import_object *o) {
        if (p->p_flags & PF_W)
                for (const ElfW(Dyn) *d = (const ElfW(Dyn) *)(o->base + p->p_vaddr); d->d_tag != DT_NULL; d++)
                        import_read_entry(d, o);
}

static bool import_read_object(const struct dl_phdr_info *info, struct import_object *ret) {
        struct import_object o = { .base = info->dlpi_addr };

        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *p = &info->dlpi_phdr[i];

                if (p->p_type == PT_DYNAMIC)
                        import_read_dynamic(p, &o);
                else if (p->p_type == PT_GNU_RELRO)
                        import_read_seal(p, &o);
        }
        *ret = o;
        return o.symbols && o.names;
}

/* An entry that is not sealed shares its page with variables, and with what is filled only when it is first called. */
static bool import_write(const struct import_object *o, void **slot, void (*function)(void)) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *at = (void *)((uintptr_t)slot & ~(page - 1));
        bool sealed = (uintptr_t)slot - o->sealed < o->n_sealed;

        if (sealed && mprotect(at, page, PROT_READ | PROT_WRITE) < 0)
                return false;
        memcpy(slot, &function, sizeof(function));
        if (sealed)
                (void)mprotect(at, page, PROT_READ);
        return true;
}

static void import_change(const struct import_object *o, const ElfW(Rela) * table, size_t n, struct import_request *q) {
        for (size_t i = 0; table && i < n; i++) {
                uint64_t type = ELF64_R_TYPE(table[i].r_info);
                const ElfW(Sym) *symbol = &o->symbols[ELF64_R_SYM(table[i].r_info)];

                if ((type == IMPORT_CALL || type == IMPORT_DATA) && strcmp(o->names + symbol->st_name, q->symbol) == 0)
                        q->done |= import_write(o, (void **)(o->base + table[i].r_offset), q->function);
        }
}

static int import_visit(struct dl_phdr_info *info, _unused_ size_t n, void *data) {
        struct import_request *q = data;
        const char *slash = strrchr(info->dlpi_name, '/');
        struct import_object o;

        if (!slash || strcmp(slash + 1, q->object) != 0 || !import_read_object(info, &o))
                return 0;
        import_change(&o, o.calls, o.n_calls, q);
        import_change(&o, o.data, o.n_data, q);
        return 1;
}

bool sapi_import_replace(const char *object, const char *symbol, void (*function)(void)) {
        struct import_request q = { .object = object, .symbol = symbol, .function = function };

        (void)dl_iterate_phdr(import_visit, &q);
        return q.done;
}

#else

bool sapi_import_replace(_unused_ const char *object, _unused_ const char *symbol, _unused_ void (*function)(void)) {
        return false;
}

#endif

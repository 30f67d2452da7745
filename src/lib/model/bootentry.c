/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot loader's entry for a trial. See bootentry.h.
 *
 * GRUB takes a command apart into words, and puts words with blanks in them between double quotes when it
 * makes the kernel's command line; the kernel takes "a=b c" for a="b c". So the kernel's quotes go, and every
 * word stands between single quotes. What GRUB would put a backslash in front of is refused, since the kernel
 * knows no backslashes.
 */
#include "model/bootentry.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "model/boot.h"

#define WHAT "the boot loader's entry cannot be made"
#define MARK "dmv.generation="

static const char *const left_out[] = {"BOOT_IMAGE=", "initrd=",   MARK,
                                       "panic=",      "rd.shell=", "rd.emergency="};

/* May it stand between single quotes? */
static bool is_plain(const char *s)
{
    for (; *s; s++)
        if (*s < ' ' || *s > '~' || *s == '\'' || *s == '\\')
            return false;
    return true;
}

static bool is_path(const char *s)
{
    return s && s[0] == '/' && is_plain(s) && !strpbrk(s, " \"");
}

static bool is_left_out(const char *word)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(left_out); i++)
        if (dmv_starts_with(word, left_out[i]))
            return true;
    return false;
}

/* The next word without its quotes, cut out of *p, as the kernel's next_arg() does it. NULL: there is none.
 * *ret_open: a quote has no end. */
static char *next_word(char **p, bool *ret_open)
{
    char *word = *p, *to;
    bool quoted = false;

    while (isspace((unsigned char)*word))
        word++;
    if (*word == '\0')
        return NULL;
    *p = to = word;
    for (; **p && (quoted || !isspace((unsigned char)**p)); (*p)++) {
        if (**p == '"')
            quoted = !quoted;
        else
            *to++ = **p;
    }
    if (**p)
        (*p)++;
    *to = '\0';
    *ret_open = quoted;
    return word;
}

static int add_cmdline(DmvText *t, const char *cmdline, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *copy = NULL;
    bool open = false;
    char *p, *word;

    if (strlen(cmdline) > DMV_BOOT_ENTRY_CMDLINE_MAX)
        return dmv_error_set(reterr, DMV_TOO_LARGE, WHAT, NULL,
                             "the kernel's command line has more than %u bytes", DMV_BOOT_ENTRY_CMDLINE_MAX);
    copy = strdup(cmdline);
    if (!copy)
        return -ENOMEM;
    p = copy;
    while ((word = next_word(&p, &open))) {
        if (open || !is_plain(word))
            return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL,
                                 "GRUB would not hand on \"%s\" of the kernel's command line as it is", word);
        if (word[0] && !is_left_out(word))
            dmv_text_appendf(t, " '%s'", word);
    }
    return 0;
}

int dmv_boot_entry_render(const DmvBootEntry *e, char **ret, DmvError *reterr)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    int r;

    if (!is_path(e->kernel_path) || !is_path(e->initrd_path) || !dmv_kernel_name_is_valid(e->kernel) ||
        !dmv_name_is_valid(e->fs_uuid))
        return dmv_error_set(reterr, DMV_MALFORMED, WHAT, NULL,
                             "kernel, initrd or filesystem have no plain name");
    dmv_text_appendf(
        &t,
        "search --no-floppy --fs-uuid --set=dmv_root %s\n"
        "if [ -f ($dmv_root)%s ]; then\n"
        "menuentry 'dmv: kernel %s, drivers of generation %lld on trial' --id " DMV_BOOT_ENTRY_ID " {\n"
        "    insmod gzio\n"
        "    search --no-floppy --fs-uuid --set=root %s\n"
        "    linux %s",
        e->fs_uuid, e->initrd_path, e->kernel, (long long)e->generation, e->fs_uuid, e->kernel_path);
    r = add_cmdline(&t, e->cmdline, reterr);
    if (r != 0)
        return r;
    dmv_text_appendf(&t, " " MARK "%lld panic=30 rd.shell=0 rd.emergency=reboot\n    initrd %s\n}\nfi\n",
                     (long long)e->generation, e->initrd_path);
    return dmv_text_take(&t, ret, NULL);
}

/* ---- what GRUB boots by default ---- */

/* The longest of the releases that a text holds: "6.1.0-9-amd64" is in it where "6.1.0-9" is one as well. */
static const char *kernel_in(const char *text, char *const *kernels)
{
    const char *found = NULL;

    for (char *const *k = kernels; k && *k; k++)
        if (strstr(text, *k) && (!found || strlen(*k) > strlen(found)))
            found = *k;
    return found;
}

static const char *newest(char *const *kernels)
{
    const char *found = NULL;

    for (char *const *k = kernels; k && *k; k++)
        if (!found || dmv_compare_releases(*k, found) > 0)
            found = *k;
    return found;
}

/* What default is set to where no next_entry is: grub-mkconfig sets it twice, first to that. A new string, or
 * NULL if there is no such line (or no memory). */
static char *configured_default(const char *config)
{
    static const char set[] = "set default=\"";

    for (const char *p = config; (p = strstr(p, set));) {
        p += strlen(set);
        if (!dmv_starts_with(p, "${next_entry}"))
            return strndup(p, strcspn(p, "\"\n"));
    }
    return NULL;
}

const char *dmv_boot_entry_default(const char *config, const char *saved, char *const *kernels,
                                   const char *running)
{
    DMV_CLEANUP_FREE char *configured = configured_default(config);
    const char *wanted = configured, *kernel;

    if (!configured)
        return "grub.cfg does not say which entry is the default";
    if (dmv_streq(configured, "${saved_entry}"))
        wanted = saved && saved[0] ? saved : "0";
    kernel = dmv_streq(wanted, "0") ? newest(kernels) : kernel_in(wanted, kernels);
    if (!kernel)
        return "which kernel GRUB boots by default is not known";
    return dmv_streq(kernel, running) ? NULL : "GRUB boots another kernel by default than the one that runs";
}

int64_t dmv_boot_entry_mark(const char *cmdline)
{
    DMV_CLEANUP_FREE char *copy = strdup(cmdline);
    bool open = false;
    uint64_t mark = 0;
    char *p = copy, *word;

    while (p && (word = next_word(&p, &open)))
        if (dmv_starts_with(word, MARK) &&
            dmv_parse_u64(word + strlen(MARK), (uint64_t)DMV_BOOT_NUMBER_MAX, &mark) < 0)
            mark = 0;
    return (int64_t)mark;
}

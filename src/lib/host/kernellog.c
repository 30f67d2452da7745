/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's words from the journal (sd-journal). Not from /dev/kmsg: the daemon has no right to it, and
 * its ring has forgotten the begin of the boot when somebody was loud since.
 *
 * Below a root the journals of every machine count: an image has its own machine id.
 */
#include "host/kernellog.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "base/text.h"

#define FIELD "MESSAGE"

void dmv_kernel_log_deinit(DmvKernelLog *l)
{
    dmv_strv_free(l->lines);
    *l = (DmvKernelLog){0};
}

DMV_DEFINE_CLEANUP(sd_journal *, cleanup_journal, sd_journal_close);

static int open_journal(const DmvRoots *r, sd_journal **ret)
{
    if (r->running)
        return sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    return sd_journal_open_directory(ret, r->root, SD_JOURNAL_OS_ROOT | SD_JOURNAL_SYSTEM);
}

/* The journal writes ids without dashes. */
static int match_boot(sd_journal *j, const char *boot_id)
{
    char match[sizeof("_BOOT_ID=") + DMV_BOOT_ID_SIZE] = "_BOOT_ID=";
    size_t n = strlen(match);
    int r;

    for (; *boot_id && n < sizeof(match) - 1; boot_id++)
        if (*boot_id != '-')
            match[n++] = *boot_id;
    r = sd_journal_add_match(j, match, 0);
    return r < 0 ? r : sd_journal_add_match(j, "_TRANSPORT=kernel", 0);
}

/* The text of the entry, printable; NULL if it has none. */
static int read_line(sd_journal *j, char **ret)
{
    const size_t skip = strlen(FIELD "=");
    DMV_CLEANUP_FREE char *text = NULL;
    const void *data;
    size_t size;
    int r = sd_journal_get_data(j, FIELD, &data, &size);

    *ret = NULL;
    if (r == -ENOENT || (r == 0 && size < skip))
        return 0;
    if (r < 0)
        return r;
    size -= skip;
    text =
        strndup((const char *)data + skip, size < DMV_KERNEL_LOG_MAX_LINE ? size : DMV_KERNEL_LOG_MAX_LINE);
    *ret = text ? dmv_sanitize(text) : NULL;
    return *ret ? 0 : -ENOMEM;
}

static int take_entry(sd_journal *j, bool (*keep)(const char *line), DmvKernelLog *l)
{
    DMV_CLEANUP_FREE char *line = NULL;
    int r = read_line(j, &line);

    l->n_entries++;
    if (r == -EBADMSG) /* an entry that is torn hides no other */
        return 0;
    return r == 0 && line && keep(line) ? dmv_strv_push(&l->lines, line) : r;
}

int dmv_kernel_log_read(const DmvRoots *r, const char *boot_id, bool (*keep)(const char *line),
                        DmvKernelLog *ret)
{
    DMV_CLEANUP(cleanup_journal) sd_journal *j = NULL;
    DMV_CLEANUP_KERNEL_LOG DmvKernelLog l = {0};
    int e = open_journal(r, &j);

    if (e == 0)
        e = sd_journal_set_data_threshold(j, DMV_KERNEL_LOG_MAX_LINE + strlen(FIELD "="));
    if (e >= 0)
        e = match_boot(j, boot_id);
    while (e >= 0 && !l.cut) {
        e = sd_journal_next(j);
        if (e <= 0)
            break;
        l.cut =
            l.n_entries == DMV_KERNEL_LOG_MAX_ENTRIES || dmv_strv_length(l.lines) == DMV_KERNEL_LOG_MAX_LINES;
        e = l.cut ? 0 : take_entry(j, keep, &l);
    }
    if (e < 0)
        return e;
    *ret = l;
    l = (DmvKernelLog){0};
    return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stored state of the boot machine, a NUL, and events of four bytes: what is read can be written and says
 * the same again, and whatever happens leads to a state that can be.
 */
#include <string.h>

#include "fuzz.h"
#include "model/boot.h"

static char *write_state(const DmvBoot *b)
{
    DMV_CLEANUP_JSON json_object *o = NULL;
    char *text = NULL;

    must(dmv_boot_to_json(b, &o) == 0);
    must(dmv_json_format(o, &text, NULL) == 0);
    return text;
}

static void write_and_read(const DmvBoot *b)
{
    DMV_CLEANUP_FREE char *text = write_state(b), *again = NULL;
    DmvBoot read;

    must(dmv_boot_parse(text, strlen(text), &read, NULL) == 0);
    again = write_state(&read);
    must(strcmp(text, again) == 0);
}

static DmvBootEvent make_event(const uint8_t bytes[4])
{
    static const char *const ids[] = {NULL, "a", "b", "c"};

    return (DmvBootEvent){.kind = (DmvBootEventKind)(bytes[0] % (DMV_BOOT_EVENT_MAX + 1)),
                          .boot_id = ids[bytes[0] >> 6],
                          .generation = bytes[1] % 8,
                          .mark = bytes[1] / 8 % 8,
                          .now = bytes[2],
                          .reason = bytes[3] & 1 ? "no link" : NULL,
                          .attempts_max = bytes[2] % 16,
                          .boots_wanted = bytes[2] / 16,
                          .soak_seconds = bytes[1],
                          .one_shot = bytes[3] & 2,
                          .admin = bytes[3] & 4,
                          .undone = bytes[3] & 8 ? bytes[1] % 8 : 0,
                          .lifeline_lost = bytes[3] & 16,
                          .reboot = (DmvBootReboot)(bytes[3] >> 6)};
}

static void take(DmvBoot *b, const DmvBootEvent *e)
{
    DMV_CLEANUP_FREE char *before = write_state(b), *after = NULL;
    bool stuck = b->phase == DMV_BOOT_STUCK;
    DmvBootActions a = {.set = 0};

    if (dmv_boot_step(b, e, &a) != 0) {
        after = write_state(b);
        must(strcmp(before, after) == 0);
        return;
    }
    must(dmv_boot_is_valid(b));
    must(!(a.set & DMV_BOOT_DO_REBOOT) || (b->phase == DMV_BOOT_RETURNED && b->reboots > 0));
    must(!(a.set & DMV_BOOT_DO_RESTORE) || (b->phase == DMV_BOOT_RESTORING && a.fallback == b->fallback));
    must(!(a.set & DMV_BOOT_DO_COMMIT) || (b->phase == DMV_BOOT_COMMITTING && a.generation == b->generation));
    must(!stuck || !(a.set & DMV_BOOT_DO_REBOOT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *nul = size > 0 ? memchr(text, '\0', size) : NULL;
    size_t state_size = nul ? (size_t)(nul - text) : size;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvBoot b;

    if (dmv_boot_parse(text, state_size, &b, &e) != 0) {
        must(e.why != NULL);
        return 0;
    }
    must(dmv_boot_is_valid(&b));
    write_and_read(&b);
    for (size_t i = state_size + 1; i + 4 <= size; i += 4) {
        DmvBootEvent event = make_event(data + i);

        take(&b, &event);
        write_and_read(&b);
    }
    return 0;
}

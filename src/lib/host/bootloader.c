/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GRUB 2, by grub-editenv(1) and two files of our own. See bootloader.h.
 */
#include "host/bootloader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "host/fs.h"
#include "host/spawn.h"

#define TOOL_TIMEOUT_USEC (UINT64_C(30) * 1000 * 1000)
#define CONFIG_MAX ((size_t)4 * 1024 * 1024)
#define NEXT_ENTRY "next_entry"
#define OURS "# Made by dmv: leads GRUB to the entry of a trial, see dmv-boot(7).\n"

static const struct {
    const char *environment, *editenv;
} places[] = {
    {"boot/grub2/grubenv", "grub2-editenv"},
    {"boot/grub/grubenv", "grub-editenv"},
};

/* As 41_custom finds custom.cfg. */
static const char custom[] =
    OURS "if [ -f ${config_directory}/" DMV_BOOTLOADER_ENTRY " ]; then\n"
         "    source ${config_directory}/" DMV_BOOTLOADER_ENTRY "\n"
         "elif [ -z \"${config_directory}\" -a -f $prefix/" DMV_BOOTLOADER_ENTRY " ]; then\n"
         "    source $prefix/" DMV_BOOTLOADER_ENTRY "\n"
         "fi\n";

void dmv_bootloader_deinit(DmvBootloader *b)
{
    free(b->folder);
    *b = (DmvBootloader){0};
}

int dmv_bootloader_find(const DmvRoots *r, DmvBootloader *ret)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++) {
        DMV_CLEANUP_FREE char *path = NULL;
        bool exists = false;
        int e = dmv_fs_resolve(r->fd, places[i].environment, &path, &exists);
        char *slash;

        if (e < 0)
            return e;
        slash = strrchr(path, '/');
        if (!exists || !slash || strcmp(slash, "/grubenv") != 0)
            continue;
        *slash = '\0';
        *ret = (DmvBootloader){.folder = DMV_TAKE_PTR(path), .editenv = places[i].editenv};
        return 0;
    }
    *ret = (DmvBootloader){0};
    return 0;
}

/* ---- can it be done ---- */

const char *dmv_bootloader_can_write(const DmvBootPlace *p)
{
    static const int64_t written[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, MSDOS_SUPER_MAGIC};
    bool known = false;

    for (size_t i = 0; i < DMV_N_ELEMENTS(written); i++)
        known = known || p->fs_type == written[i];
    if (!known)
        return "its folder is on a filesystem that GRUB does not write";
    if (!p->is_disk)
        return "its folder is on no disk of this machine";
    if (p->is_raid)
        return "its folder is on software RAID, which GRUB does not write";
    if (p->dm_uuid && !dmv_starts_with(p->dm_uuid, "mpath-") && !strstr(p->dm_uuid, "-mpath-"))
        return "its folder is on a logical volume, which GRUB does not write";
    return NULL;
}

static char *path_in(const DmvBootloader *b, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", b->folder, name) < 0 ? NULL : path;
}

/* The text of a file in GRUB's folder; *ret is NULL if it is not there. */
static int read_in(const DmvRoots *r, const DmvBootloader *b, const char *name, char **ret)
{
    DMV_CLEANUP_FREE char *path = path_in(b, name);
    int e = path ? dmv_fs_read_file(r->fd, path, CONFIG_MAX, ret, NULL) : -ENOMEM;

    if (e != -ENOENT)
        return e;
    *ret = NULL;
    return 0;
}

/* Looks at a folder of the disk in sysfs, and at that of the disk that it is a partition of. */
static bool is_raid(int disk)
{
    struct stat st;

    return fstatat(disk, "md", &st, 0) == 0 || fstatat(disk, "../md", &st, 0) == 0;
}

static int look_at_place(const DmvRoots *r, const DmvBootloader *b, DmvBootPlace *p, char **ret_dm_uuid)
{
    DMV_CLEANUP_FREE char *path = NULL;
    DMV_CLEANUP_CLOSE int folder = dmv_fs_open(r->fd, b->folder, O_RDONLY | O_DIRECTORY, 0), disk = -1;
    struct statfs fs;
    struct stat st;
    int e;

    if (folder < 0)
        return folder;
    if (fstatfs(folder, &fs) < 0 || fstat(folder, &st) < 0)
        return -errno;
    p->fs_type = (int64_t)fs.f_type;
    if (!r->sysfs)
        return 0;
    if (asprintf(&path, "%s/dev/block/%u:%u", r->sysfs, major(st.st_dev), minor(st.st_dev)) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    disk = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (disk < 0)
        return errno == ENOENT ? 0 : -errno;
    p->is_disk = true;
    p->is_raid = is_raid(disk);
    e = dmv_fs_read_file(disk, "dm/uuid", 4096, ret_dm_uuid, NULL);
    p->dm_uuid = *ret_dm_uuid;
    return e == -ENOENT ? 0 : e;
}

static int check_place(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *dm_uuid = NULL;
    DmvBootPlace p = {0};
    const char *why;
    int e = look_at_place(r, b, &p, &dm_uuid);

    if (e < 0)
        return e;
    why = dmv_bootloader_can_write(&p);
    return why ? dmv_error_set(reterr, DMV_READ_ONLY, NULL, NULL, "GRUB could not forget the entry: %s", why)
               : 0;
}

static int check_configuration(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *config = NULL, *text = NULL;
    int e = read_in(r, b, "grub.cfg", &config);

    if (e == 0)
        e = read_in(r, b, "custom.cfg", &text);
    if (e < 0)
        return e;
    if (!config || !strstr(config, NEXT_ENTRY) || !strstr(config, "custom.cfg"))
        return dmv_error_set(reterr, DMV_NOT_INSTALLED, NULL, "run grub-mkconfig -o with that path",
                             "%s/grub.cfg is not there, or knows neither " NEXT_ENTRY " nor custom.cfg",
                             b->folder);
    if (text && !strstr(text, DMV_BOOTLOADER_ENTRY)) {
        (void)dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL,
                            "%s/custom.cfg is not ours, and does not lead to our entry", b->folder);
        dmv_error_set_next(reterr, "add this line to it: source $prefix/" DMV_BOOTLOADER_ENTRY);
        return DMV_CONFLICT;
    }
    return 0;
}

/* A guest of Xen boots like any machine; the control domain does not. */
static int check_hypervisor(const DmvRoots *r, DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int procfs = r->procfs ? open(r->procfs, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    DMV_CLEANUP_FREE char *capabilities = NULL;

    if (procfs < 0 || dmv_fs_read_file(procfs, "xen/capabilities", 4096, &capabilities, NULL) < 0 ||
        !strstr(capabilities, "control_d"))
        return 0;
    return dmv_error_set(reterr, DMV_CONFLICT, NULL, NULL,
                         "Xen starts the kernel, and our entry would not start Xen");
}

/* ---- the environment ---- */

static int run_editenv(const DmvRoots *r, const DmvBootloader *b, const char *command, const char *argument,
                       char **ret_output, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *relative = path_in(b, "grubenv"),
                          *path = relative ? dmv_roots_path(r, relative) : NULL;
    DMV_CLEANUP(dmv_spawn_result_deinit) DmvSpawnResult result = {0};
    const char *const argv[] = {b->editenv, path, command, argument, NULL};
    int e = path ? dmv_spawn_wait(argv, TOOL_TIMEOUT_USEC, &result) : -ENOMEM;

    if (e == -ENOENT)
        return dmv_error_set(reterr, DMV_NOT_INSTALLED, NULL, NULL, "%s is not installed", b->editenv);
    if (e < 0)
        return e;
    if (result.timed_out || result.status != 0)
        return dmv_error_set(reterr, DMV_TOOL_FAILED, NULL, NULL, "%s %s %s: %s", b->editenv, path, command,
                             result.timed_out ? "it did not end"
                             : result.output  ? result.output
                                              : "it failed");
    if (ret_output)
        *ret_output = DMV_TAKE_PTR(result.output);
    return 0;
}

/* The tool writes in place and does not wait for the disk. */
static int sync_environment(const DmvRoots *r, const DmvBootloader *b)
{
    DMV_CLEANUP_FREE char *path = path_in(b, "grubenv");
    DMV_CLEANUP_CLOSE int fd = path ? dmv_fs_open(r->fd, path, O_RDONLY, 0) : -ENOMEM;

    if (fd < 0)
        return fd;
    return fsync(fd) < 0 ? -errno : 0;
}

/* The value of a variable, NULL if it is not set. */
static int read_variable(const DmvRoots *r, const DmvBootloader *b, const char *name, char **ret,
                         DmvError *reterr)
{
    DMV_CLEANUP_FREE char *output = NULL, *value = NULL;
    int e = run_editenv(r, b, "list", NULL, &output, reterr);
    size_t n = strlen(name);
    char *rest = output, *line;

    while (e == 0 && (line = strsep(&rest, "\n")))
        if (strncmp(line, name, n) == 0 && line[n] == '=')
            e = dmv_set_string(&value, line + n + 1);
    if (e == 0)
        *ret = DMV_TAKE_PTR(value);
    return e;
}

int dmv_bootloader_is_armed(const DmvRoots *r, const DmvBootloader *b, bool *ret, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *value = NULL;
    int e = read_variable(r, b, NEXT_ENTRY, &value, reterr);

    if (e == 0)
        *ret = dmv_streq(value, DMV_BOOT_ENTRY_ID);
    return e;
}

int dmv_bootloader_arm(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr)
{
    bool armed = false;
    int e = run_editenv(r, b, "set", NEXT_ENTRY "=" DMV_BOOT_ENTRY_ID, NULL, reterr);

    if (e == 0)
        e = sync_environment(r, b);
    if (e == 0)
        e = dmv_bootloader_is_armed(r, b, &armed, reterr);
    if (e == 0 && !armed)
        e = dmv_error_set(reterr, DMV_TOOL_FAILED, NULL, NULL, "%s did not set " NEXT_ENTRY, b->editenv);
    return e;
}

int dmv_bootloader_disarm(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr)
{
    bool armed = false;
    int e = dmv_bootloader_is_armed(r, b, &armed, reterr);

    if (e != 0 || !armed)
        return e;
    e = run_editenv(r, b, "unset", NEXT_ENTRY, NULL, reterr);
    return e == 0 ? sync_environment(r, b) : e;
}

/* ---- the entry ---- */

int dmv_bootloader_check(const DmvRoots *r, const DmvBootloader *b, DmvError *reterr)
{
    bool armed;
    int e = dmv_bootloader_is_armed(r, b, &armed, reterr);

    if (e == 0)
        e = check_configuration(r, b, reterr);
    if (e == 0)
        e = check_place(r, b, reterr);
    return e == 0 ? check_hypervisor(r, reterr) : e;
}

int dmv_bootloader_check_default(const DmvRoots *r, const DmvBootloader *b, char *const *kernels,
                                 const char *running, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *config = NULL, *saved = NULL;
    const char *why;
    int e = read_in(r, b, "grub.cfg", &config);

    if (e == 0)
        e = read_variable(r, b, "saved_entry", &saved, reterr);
    if (e != 0)
        return e;
    why = dmv_boot_entry_default(config ? config : "", saved, kernels, running);
    return why ? dmv_error_set(reterr, DMV_CONFLICT, NULL, "reboot into the kernel that is wanted first",
                               "%s", why)
               : 0;
}

int dmv_bootloader_remove(const DmvRoots *r, const DmvBootloader *b)
{
    DMV_CLEANUP_FREE char *path = path_in(b, DMV_BOOTLOADER_ENTRY);

    return path ? dmv_fs_remove(r->fd, path) : -ENOMEM;
}

int dmv_bootloader_write(const DmvRoots *r, const DmvBootloader *b, const DmvBootEntry *entry,
                         DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL, *there = NULL, *path = path_in(b, DMV_BOOTLOADER_ENTRY),
                          *custom_path = path_in(b, "custom.cfg");
    int e = path && custom_path ? dmv_boot_entry_render(entry, &text, reterr) : -ENOMEM;

    if (e == 0)
        e = dmv_fs_replace_file(r->fd, path, text, strlen(text), 0600);
    if (e == 0)
        e = read_in(r, b, "custom.cfg", &there);
    if (e == 0 && (!there || dmv_starts_with(there, OURS)))
        e = dmv_fs_replace_file(r->fd, custom_path, custom, strlen(custom), 0600);
    return e;
}

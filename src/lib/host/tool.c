/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose driver-tool is installed. See tool.h. */
#include "host/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>

#include "dmv/tool-note.h"
#include "host/fs.h"

static inline void cleanup_elf(Elf **e)
{
    (void)elf_end(*e);
}

static bool is_our_note(Elf_Scn *scn, size_t names, Elf *elf)
{
    const DmvToolNote ours = DMV_TOOL_NOTE;
    const char *name;
    const Elf_Data *data;
    GElf_Shdr header;

    if (!gelf_getshdr(scn, &header) || header.sh_type != SHT_NOTE || header.sh_size != sizeof(ours))
        return false;
    name = elf_strptr(elf, names, header.sh_name);
    if (!name || strcmp(name, DMV_TOOL_NOTE_SECTION) != 0)
        return false;
    data = elf_rawdata(scn, NULL);
    return data && data->d_buf && data->d_size == sizeof(ours) &&
           memcmp(data->d_buf, &ours, sizeof(ours)) == 0;
}

static bool has_our_note(int fd)
{
    DMV_CLEANUP(cleanup_elf)
    Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
    Elf_Scn *scn = NULL;
    size_t names;

    if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0)
        return false;
    while ((scn = elf_nextscn(elf, scn)))
        if (is_our_note(scn, names, elf))
            return true;
    return false;
}

DmvToolOwner dmv_tool_owner(const DmvRoots *r)
{
    DMV_CLEANUP_FREE char *place = NULL;
    DMV_CLEANUP_CLOSE int fd = -1;
    bool exists = false;
    struct stat st;

    if (dmv_fs_resolve(r->fd, DMV_TOOL_PATH, &place, &exists) < 0)
        return DMV_TOOL_OWNER_OTHER;
    if (!exists) /* a link that leads nowhere is something too */
        return fstatat(r->fd, DMV_TOOL_PATH, &st, AT_SYMLINK_NOFOLLOW) == 0 ? DMV_TOOL_OWNER_OTHER
                                                                            : DMV_TOOL_OWNER_NOBODY;
    fd = dmv_fs_open(r->fd, place, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return DMV_TOOL_OWNER_OTHER;
    return has_our_note(fd) ? DMV_TOOL_OWNER_US : DMV_TOOL_OWNER_OTHER;
}

bool dmv_tool_is_called_for(const DmvRoots *r)
{
    struct stat st;

    return fstatat(r->fd, DMV_TOOLSTACK_PATH, &st, 0) == 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of one package. See staging.h. */
#include "cli/publish/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "cli/publish/ids.h"
#include "cli/publish/modsign.h"
#include "host/fs.h"
#include "host/observe.h"
#include "model/info.h"

#define FILE_MAX_SIZE ((size_t)256 << 20)
#define PEM_MAX_SIZE 65536

static void cleanup_module_info(DmvModuleInfo *i)
{
    dmv_module_info_deinit(i);
}

int dmv_staging_init(DmvStaging *s, DmvError *reterr)
{
    const char *tmp = getenv("TMPDIR");

    if (asprintf(&s->path, "%s/dmv-publish.XXXXXX", tmp && *tmp == '/' ? tmp : P_tmpdir) < 0)
        return -ENOMEM;
    if (!mkdtemp(s->path)) {
        int r = dmv_error_set(reterr, -errno, "cannot make a private folder", NULL, "%s: %s", s->path,
                              strerror(errno));

        free(DMV_TAKE_PTR(s->path));
        return r;
    }
    s->files = json_object_new_array();
    if (!s->files || asprintf(&s->folder, "%s/payload", s->path) < 0)
        return -ENOMEM;
    if (mkdir(s->folder, 0755) == 0)
        s->fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->fd < 0)
        return dmv_error_set(reterr, -errno, "cannot make a private folder", NULL, "%s: %s", s->folder,
                             strerror(errno));
    return 0;
}

static void remove_folder(const char *path)
{
    DMV_CLEANUP_FREE char *parent = strdup(path);
    char *slash = parent ? strrchr(parent, '/') : NULL;
    DMV_CLEANUP_CLOSE int fd = -1;

    if (!slash)
        return;
    *slash = '\0';
    fd = open(*parent ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)dmv_fs_remove_tree(fd, slash + 1);
}

void dmv_staging_deinit(DmvStaging *s)
{
    s->fd = dmv_close(s->fd);
    if (s->path)
        remove_folder(s->path);
    free(s->path);
    free(s->folder);
    json_object_put(s->files);
    dmv_installed_deinit(&s->installed);
    *s = (DmvStaging)DMV_STAGING_NULL;
}

static bool has_file(const DmvStaging *s, const char *target)
{
    for (size_t i = 0; i < json_object_array_length(s->files); i++) {
        json_object *path = NULL;

        if (json_object_object_get_ex(json_object_array_get_idx(s->files, i), "path", &path) &&
            dmv_streq(json_object_get_string(path), target))
            return true;
    }
    return false;
}

/* Writes the bytes below payload/ and says so in the list. */
static int put_file(DmvStaging *s, const char *target, const void *data, size_t size, const char *build_id,
                    const char *signer, DmvError *reterr)
{
    DMV_CLEANUP_JSON json_object *o = json_object_new_object();
    DMV_CLEANUP_FREE char *folder = strdup(target);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    char hex[DMV_SHA256_HEX];
    int r = folder && o ? dmv_sha256_hex(data, size, hex) : -ENOMEM;

    if (r < 0)
        return r;
    if (size == 0 || has_file(s, target))
        return dmv_error_set(reterr, DMV_INVALID_REQUEST, "cannot package a file", NULL, "%s %s", target,
                             size == 0 ? "is empty" : "is there twice");
    if (slash) {
        *slash = '\0';
        r = dmv_fs_mkdirs(s->fd, folder, 0755);
    }
    if (r == 0)
        r = dmv_fs_replace_file(s->fd, target, data, size, 0644);
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot package a file", NULL, "%s: %s", target, strerror(-r));
    if (dmv_json_add_string(o, "path", target) < 0 || dmv_json_add_int(o, "size", (int64_t)size) < 0 ||
        dmv_json_add_string(o, "sha256", hex) < 0 || dmv_json_add_string(o, "build_id", build_id) < 0 ||
        dmv_json_add_string(o, "signer", signer) < 0 ||
        json_object_array_add(s->files, json_object_get(o)) < 0)
        return -ENOMEM;
    s->unpacked += size;
    return 0;
}

/* Reads a file of the caller's and remembers how new it is. */
static int read_input(DmvStaging *s, const char *path, size_t max, char **ret, size_t *ret_size,
                      DmvError *reterr)
{
    DMV_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : dmv_fs_read_fd(fd, max, ret, ret_size);

    if (r == -EFBIG)
        return dmv_error_set(reterr, DMV_TOO_LARGE, "cannot package a file", NULL,
                             "%s has more than %zu bytes", path, max);
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot package a file", NULL, "%s: %s", path, strerror(-r));
    if (st.st_mtime > s->newest)
        s->newest = st.st_mtime;
    return 0;
}

int dmv_staging_add_file(DmvStaging *s, const char *path, const char *target, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size = 0;
    int r;

    if (!dmv_relative_path_is_valid(target))
        return dmv_error_set(reterr, DMV_INVALID_NAME, "cannot package a file",
                             "write --firmware FILE=PATH, the path as the kernel asks for it",
                             "\"%s\" is no plain relative path", target);
    r = read_input(s, path, FILE_MAX_SIZE, &data, &size, reterr);
    return r != 0 ? r : put_file(s, target, data, size, NULL, NULL, reterr);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Does the module's vermagic start with the kernel's release? */
static bool is_for_kernel(const DmvModuleInfo *info, const char *kernel)
{
    size_t n = strlen(kernel);

    return info->vermagic && dmv_starts_with(info->vermagic, kernel) &&
           (info->vermagic[n] == ' ' || info->vermagic[n] == '\0');
}

static int check_module(const DmvStaging *s, const char *file, const DmvModuleInfo *info, DmvError *reterr)
{
    const char *what = "cannot package a module";
    char name[65];

    if (!dmv_ends_with(file, ".ko") || !dmv_module_name_from_file(file, name, sizeof(name)) ||
        (info->name && !dmv_module_name_equal(info->name, name)))
        return dmv_error_set(reterr, DMV_MODULE_WRONG_NAME, what,
                             "name the file NAME.ko after the module in it", "%s holds the module %s", file,
                             info->name ? info->name : "(no name)");
    if (!is_for_kernel(info, s->installed.kernel))
        return dmv_error_set(reterr, DMV_MODULE_WRONG_VERMAGIC, what,
                             "build it against that kernel's headers", "%s was built for \"%s\", not for %s",
                             file, info->vermagic ? info->vermagic : "(nothing)", s->installed.kernel);
    if (s->machine && s->machine != info->elf_machine)
        return dmv_error_set(reterr, DMV_MODULE_WRONG_MACHINE, what, NULL,
                             "%s is for ELF machine %u, the module before it for %u", file, info->elf_machine,
                             s->machine);
    return 0;
}

static void warn_about_note(const char *file, const char *record, const char *is, const char *want)
{
    if (is && strcmp(is, want) == 0)
        return;
    fprintf(stderr,
            "dmv-publish: warning: the %s in the note of %s is %s%s, not %s: hosts will tell this release by "
            "the build-id "
            "only (see dmv-publish note --help)\n",
            record, file, is ? "" : "missing", is ? is : "", want);
}

static void warn_about_module(const DmvStaging *s, const char *file, const DmvModuleInfo *info)
{
    warn_about_note(file, "variant", info->note_variant, s->installed.variant);
    warn_about_note(file, "version", info->note_version, s->installed.version);
    if (!info->build_id)
        fprintf(stderr,
                "dmv-publish: warning: %s has no build-id: no host can tell whether it is the one that is "
                "loaded (link "
                "with --build-id)\n",
                file);
}

static void warn_about_aliases(const char *file, char *const *aliases)
{
    for (size_t i = 0; aliases && aliases[i]; i++)
        if (!dmv_ids_is_pattern(aliases[i]))
            fprintf(stderr, "dmv-publish: warning: a catalog cannot hold an alias of %s, leaving it out\n",
                    file);
}

static int add_ids(DmvStaging *s, const char *file, const DmvModuleInfo *info)
{
    DmvModuleIds *ids = DMV_ARRAY_ADD(s->installed.ids, s->installed.n_ids);

    return ids ? dmv_ids_from_aliases(file, info->aliases, ids) : -ENOMEM;
}

static int sign_module(const DmvPublisher *p, char **data, size_t *size, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *pem = NULL;
    void *sealed = NULL;
    size_t pem_size = 0, sealed_size = 0;
    int r = dmv_fs_read_file(p->fd, DMV_PUBLISH_MODULE_KEY, PEM_MAX_SIZE, &pem, &pem_size);

    if (r < 0)
        return dmv_error_set(reterr, r, "cannot sign the module", NULL, DMV_PUBLISH_MODULE_KEY ": %s",
                             strerror(-r));
    r = dmv_modsign(*data, *size, pem, pem_size, &sealed, &sealed_size, reterr);
    OPENSSL_cleanse(pem, pem_size);
    if (r != 0)
        return r;
    free(*data);
    *data = sealed;
    *size = sealed_size;
    return 0;
}

int dmv_staging_add_module(DmvStaging *s, const DmvPublisher *p, const char *path, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *data = NULL;
    DMV_CLEANUP(cleanup_module_info) DmvModuleInfo info = {0};
    const char *file = base_name(path);
    size_t size = 0;
    int r = read_input(s, path, DMV_STAGING_MODULE_MAX, &data, &size, reterr);

    if (r == 0)
        r = dmv_module_parse(data, size, &info, reterr);
    if (r == 0)
        r = check_module(s, file, &info, reterr);
    if (r > 0)
        dmv_error_set_what(reterr, "cannot package %s", path);
    if (r != 0)
        return r;
    warn_about_module(s, file, &info);
    warn_about_aliases(file, info.aliases);
    s->machine = info.elf_machine;
    if (p)
        r = sign_module(p, &data, &size, reterr);
    if (r == 0)
        r = add_ids(s, file, &info);
    if (r == 0)
        r = put_file(s, file, data, size, info.build_id, p ? p->module_signer : NULL, reterr);
    return r;
}

int dmv_staging_add_info(DmvStaging *s, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    int r = dmv_info_format(&s->installed, &text, &size);

    return r < 0 ? r : put_file(s, "info.json", text, size, NULL, NULL, reterr);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The OpenPGP key that signs packages. See gpg.h.
 *
 * gpg starts an agent that would stay behind: it is ended after each use. The agent's sockets lie in gpg's
 * home, and the path of a socket is short (107 bytes): so gpg is given a short link to its home.
 */
#include "cli/publish/gpg.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/fs.h"
#include "host/spawn.h"

#define FINGERPRINT_SIZE 40
#define GPG_TIMEOUT_USEC (300 * UINT64_C(1000000))

/* rpm runs gpg by execve(2), so it wants the whole path. */
static const char *find_gpg(void)
{
    static const char *const places[] = {"/usr/bin/gpg", "/bin/gpg", "/usr/bin/gpg2"};

    for (size_t i = 0; i < DMV_N_ELEMENTS(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return places[0];
}

typedef struct GpgHome {
    char folder[sizeof(P_tmpdir "/dmv-gpg.XXXXXX")]; /* empty: there is none */
    char link[sizeof(P_tmpdir "/dmv-gpg.XXXXXX/home")];
} GpgHome;

static void gpg_home_deinit(GpgHome *h)
{
    const char *const argv[] = {"gpgconf", "--homedir", h->link, "--kill", "gpg-agent", NULL};

    if (!*h->folder)
        return;
    /* an agent or an empty folder that stays costs nothing but itself */
    (void)dmv_publish_run("cannot stop gpg's agent", argv, NULL);
    (void)unlink(h->link);
    (void)rmdir(h->folder);
}

static int gpg_home_init(const DmvPublisher *p, GpgHome *h, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *home = dmv_publisher_path(p, DMV_PUBLISH_GNUPG);

    if (!home)
        return -ENOMEM;
    (void)strcpy(h->folder, P_tmpdir "/dmv-gpg.XXXXXX");
    if (!mkdtemp(h->folder)) {
        *h->folder = '\0';
        return dmv_error_set(reterr, -errno, "cannot use the OpenPGP key", NULL,
                             "no folder below " P_tmpdir ": %s", strerror(errno));
    }
    (void)snprintf(h->link, sizeof(h->link), "%s/home", h->folder);
    if (symlink(home, h->link) < 0)
        return dmv_error_set(reterr, -errno, "cannot use the OpenPGP key", NULL, "%s: %s", h->link,
                             strerror(errno));
    return 0;
}

/* The first "fpr" record of `gpg --with-colons --list-secret-keys`. */
static int parse_fingerprint(const char *listing, char **ret)
{
    const char *line = strstr(listing, "\nfpr:"), *end;
    const char *p = line;

    for (int field = 0; p && field < 9; field++) {
        p = strchr(p, ':');
        p = p ? p + 1 : NULL;
    }
    end = p ? strchr(p, ':') : NULL;
    if (!end || end - p != FINGERPRINT_SIZE)
        return DMV_FAILED;
    *ret = strndup(p, FINGERPRINT_SIZE);
    return *ret ? 0 : -ENOMEM;
}

static int read_fingerprint(const char *home, char **ret, DmvError *reterr)
{
    const char *const argv[] = {"gpg",           "--homedir",          home,
                                "--batch",       "--no-tty",           "--with-colons",
                                "--fingerprint", "--list-secret-keys", NULL};
    DmvSpawnResult result = {0};
    int r = dmv_spawn_wait(argv, GPG_TIMEOUT_USEC, &result);

    if (r == 0)
        r = result.status == 0 && result.output ? parse_fingerprint(result.output, ret) : DMV_FAILED;
    if (r == DMV_FAILED)
        dmv_error_set(reterr, r, "cannot make the OpenPGP key", NULL, "gpg lists no secret key: %s",
                      result.output ? result.output : "");
    else if (r < 0)
        dmv_error_set(reterr, r, "cannot make the OpenPGP key", "install gnupg", "gpg: %s", strerror(-r));
    dmv_spawn_result_deinit(&result);
    return r;
}

int dmv_gpg_generate(DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP(gpg_home_deinit) GpgHome home = {0};
    DMV_CLEANUP_FREE char *uid = NULL;
    int r = gpg_home_init(p, &home, reterr);

    if (r != 0)
        return r;
    if (asprintf(&uid, "dmv stream %s (packages)", p->stream) < 0)
        return -ENOMEM;
    const char *const argv[] = {"gpg",          "--homedir", home.link,         "--batch",
                                "--no-tty",     "--quiet",   "--pinentry-mode", "loopback",
                                "--passphrase", "",          "--quick-gen-key", uid,
                                "rsa3072",      "sign",      "never",           NULL};

    r = dmv_publish_run("cannot make the OpenPGP key", argv, reterr);
    if (r == 0)
        r = read_fingerprint(home.link, &p->gpg_key, reterr);
    return r;
}

void dmv_gpg_key_id(const DmvPublisher *p, char ret[17])
{
    size_t n = strlen(p->gpg_key), skip = n > 16 ? n - 16 : 0, i;

    for (i = 0; p->gpg_key[skip + i]; i++)
        ret[i] = (char)tolower((unsigned char)p->gpg_key[skip + i]);
    ret[i] = '\0';
}

int dmv_gpg_export(const DmvPublisher *p, DmvError *reterr)
{
    DMV_CLEANUP(gpg_home_deinit) GpgHome home = {0};
    DMV_CLEANUP_FREE char *out = NULL, *name = NULL;
    char id[17];
    int r = gpg_home_init(p, &home, reterr);

    if (r != 0)
        return r;
    dmv_gpg_key_id(p, id);
    if (asprintf(&name, DMV_PUBLISH_TRUST "/rpm/%s.asc", id) < 0)
        return -ENOMEM;
    r = dmv_fs_mkdirs(p->fd, DMV_PUBLISH_TRUST "/rpm", 0755);
    if (r < 0)
        return dmv_error_set(reterr, r, "cannot export the OpenPGP key", NULL, "%s", strerror(-r));
    out = dmv_publisher_path(p, name);
    if (!out)
        return -ENOMEM;
    const char *const argv[] = {"gpg",     "--homedir", home.link, "--batch",  "--no-tty", "--yes",
                                "--armor", "--output",  out,       "--export", p->gpg_key, NULL};

    return dmv_publish_run("cannot export the OpenPGP key", argv, reterr);
}

int dmv_gpg_sign_rpm(const DmvPublisher *p, const char *rpm, DmvError *reterr)
{
    DMV_CLEANUP(gpg_home_deinit) GpgHome home = {0};
    DMV_CLEANUP_FREE char *name = NULL, *path = NULL, *gpg = NULL;
    int r = gpg_home_init(p, &home, reterr);

    if (r != 0)
        return r;
    if (asprintf(&name, "_gpg_name %s", p->gpg_key) < 0 || asprintf(&path, "_gpg_path %s", home.link) < 0 ||
        asprintf(&gpg, "__gpg %s", find_gpg()) < 0)
        return -ENOMEM;
    const char *const argv[] = {"rpmsign", "--addsign", "--define", name,       "--define",
                                path,      "--define",  gpg,        "--define", "_gpg_digest_algo sha256",
                                rpm,       NULL};

    return dmv_publish_run("cannot sign the package", argv, reterr);
}

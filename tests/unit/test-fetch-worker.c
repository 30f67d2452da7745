/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real dmv-fetch on a socket pair, as dmvd starts it: real repositories, real packages, what it may do,
 * and what it leaves behind however it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/shell.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "varlink/varlink.h"

#define FETCH "io.dmv.Fetch"
#define RPM_MAX 400000

typedef struct Fixture {
    char *dir;
    char *binary;
    Webserver http;
    char record[65];
} Fixture;

/* One worker and what its last call answered. */
typedef struct Worker {
    pid_t pid;
    sd_event *event;
    VlPeer *peer;
    bool done;
    char *error; /* NULL: a reply; "": the connection broke */
    json_object *params;
    int fd;
    unsigned n_notifies;
    char *phases; /* "download verify unpack " */
} Worker;

static int setup(void **state)
{
    char template[] = "/tmp/dmv-test-fetch.XXXXXX";
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_non_null(mkdtemp(template));
    f->dir = strdup(template);
    *state = f;
    assert_non_null(getenv("DMV_SOURCE"));
    assert_non_null(getenv("DMV_BUILD"));
    f->binary = shell_text("%s/bin/dmv-fetch", getenv("DMV_BUILD"));
    assert_int_equal(shell("bash '%s/tests/support/make-repo.sh' '%s'", getenv("DMV_SOURCE"), f->dir), 0);
    assert_int_equal(shell("bash '%s/tests/support/make-rpms.sh' '%s'", getenv("DMV_SOURCE"), f->dir), 0);
    assert_int_equal(shell("cp '%s'/rpms/* '%s/repo/Packages/' && mkdir '%s/tmp'", f->dir, f->dir, f->dir),
                     0);
    /* an unprivileged user comes in here, into tmp too */
    assert_int_equal(shell("chmod 755 '%s' && chmod 1777 '%s/tmp'", f->dir, f->dir), 0);
    webserver_start(&f->http, f->dir, false);
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    webserver_stop(&f->http);
    assert_int_equal(shell("rm -rf '%s'", f->dir), 0);
    free(f->dir);
    free(f->binary);
    free(f);
    return 0;
}

/* ---- a worker ---- */

/* Runs in the child: the descriptor becomes number 3, the environment is one that nobody should listen to. */
static void become_worker(const Fixture *f, int fd)
{
    DMV_CLEANUP_FREE char *pid = shell_text("%d", (int)getpid());
    DMV_CLEANUP_FREE char *tmp = shell_text("%s/tmp", f->dir);

    if (fd >= 0 && (dup2(fd, 3) < 0 || fcntl(3, F_SETFD, 0) < 0))
        _exit(126);
    if (fd >= 0)
        setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDNAMES", "varlink", 1);
    setenv("TMPDIR", tmp, 1);
    unsetenv("RUNTIME_DIRECTORY");
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("OPENSSL_CONF", "/nonexistent", 1);
    execl(f->binary, "dmv-fetch", NULL);
    _exit(127);
}

static void start(Worker *w, const Fixture *f)
{
    int pair[2];

    *w = (Worker){.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0)
        become_worker(f, pair[1] == 3 ? dup(pair[1]) : pair[1]);
    close(pair[1]);
    assert_true(sd_event_new(&w->event) >= 0);
    assert_int_equal(vl_peer_new(w->event, pair[0], 1 << 20, &w->peer), 0);
}

static void forget_answer(Worker *w)
{
    free(w->error);
    free(w->phases);
    json_object_put(w->params);
    w->error = w->phases = NULL;
    w->params = NULL;
    w->fd = dmv_close(w->fd);
    w->n_notifies = 0;
    w->done = false;
}

/* Closes the connection; the worker has to end by itself and well. */
static void stop(Worker *w)
{
    int status = -1;

    vl_peer_free(w->peer);
    sd_event_unref(w->event);
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    forget_answer(w);
}

static const char *text_of(const Worker *w, const char *member)
{
    const char *s = json_object_get_string(json_object_object_get(w->params, member));

    return s ? s : "";
}

static void on_reply(VlPeer *p, const char *error, json_object *params, int *fds, unsigned n_fds,
                     bool continues, void *userdata)
{
    Worker *w = userdata;

    (void)p;
    if (continues) {
        const char *phase = json_object_get_string(json_object_object_get(params, "phase"));

        w->n_notifies++;
        if (phase && (!w->phases || !strstr(w->phases, phase))) {
            char *longer = shell_text("%s%s ", w->phases ? w->phases : "", phase);

            free(w->phases);
            w->phases = longer;
        }
        return;
    }
    w->done = true;
    w->error = error ? strdup(error) : NULL;
    w->params = params ? json_object_get(params) : NULL;
    assert_true(n_fds <= 1);
    if (n_fds == 1)
        w->fd = DMV_TAKE_FD(fds[0]);
}

static void begin(Worker *w, const char *method, json_object *params, int fd)
{
    forget_answer(w);
    assert_non_null(params);
    assert_int_equal(vl_peer_call(w->peer, method, params, &fd, fd >= 0, true, on_reply, w), 0);
}

static void call(Worker *w, const char *method, json_object *params, int fd)
{
    begin(w, method, params, fd);
    while (!w->done)
        assert_true(sd_event_run(w->event, UINT64_MAX) >= 0);
}

static void assert_refused(const Worker *w, const char *reason)
{
    assert_non_null(w->error);
    if (strcmp(w->error, FETCH ".Refused") != 0 || strcmp(text_of(w, "reason"), reason) != 0)
        print_error("%s %s: %s\n", w->error, text_of(w, "reason"), text_of(w, "why"));
    assert_string_equal(w->error, FETCH ".Refused");
    assert_string_equal(text_of(w, "reason"), reason);
    assert_string_not_equal(text_of(w, "what"), "");
    assert_string_not_equal(text_of(w, "why"), "");
    assert_int_equal(w->fd, -1);
}

static void assert_fine(const Worker *w)
{
    if (w->error)
        print_error("%s: %s\n", w->error, w->params ? json_object_to_json_string(w->params) : "");
    assert_null(w->error);
}

/* The janitor needs a moment. */
static void assert_nothing_left(const Fixture *f)
{
    for (int i = 0; i < 100; i++) {
        if (shell("test -z \"$(ls -A '%s/tmp')\"", f->dir) == 0)
            return;
        usleep(50000);
    }
    fail_msg("a private folder is left");
}

/* ---- parameters ---- */

static json_object *source_of(const char *url)
{
    json_object *source = json_object_new_object(), *urls = json_object_new_array();

    json_object_array_add(urls, json_object_new_string(url));
    json_object_object_add(source, "urls", urls);
    json_object_object_add(source, "maxBytes", json_object_new_int64(RPM_MAX));
    json_object_object_add(source, "deadline", json_object_new_int64(60000000));
    return source;
}

static json_object *catalog_of(const char *url, const char *known)
{
    json_object *params = json_object_new_object();

    json_object_object_add(params, "source", source_of(url));
    assert_int_equal(dmv_json_add_string(params, "knownSha256", known), 0);
    return params;
}

static char *read_all(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    char *data = calloc(1, RPM_MAX + 1);

    assert_non_null(file);
    assert_non_null(data);
    *ret_size = fread(data, 1, RPM_MAX, file);
    fclose(file);
    return data;
}

static void add_hashed(json_object *o, const char *path)
{
    char hex[65];
    size_t size;
    char *data = read_all(path, &size);

    assert_int_equal(dmv_sha256_hex(data, size, hex), 0);
    json_object_object_add(o, "size", json_object_new_int64((int64_t)size));
    json_object_object_add(o, "sha256", json_object_new_string(hex));
    free(data);
}

/* What the catalog says of a package of make-rpms.sh. @url: NULL for a package in a descriptor. */
static json_object *package_of(const Fixture *f, const char *name, const char *url)
{
    static const char *const paths[] = {"a.ko", "info.json", "firmware/x/y.bin"};
    json_object *params = json_object_new_object(), *files = json_object_new_array(),
                *keys = json_object_new_array();
    DMV_CLEANUP_FREE char *rpm = shell_text("%s/rpms/%s", f->dir, name);
    DMV_CLEANUP_FREE char *href = shell_text("Packages/%s", name);
    DMV_CLEANUP_FREE char *key_path = shell_text("%s/good.asc", f->dir);
    DMV_CLEANUP_FREE char *key = NULL;
    int64_t unpacked = 0;
    size_t size;

    for (size_t i = 0; i < DMV_N_ELEMENTS(paths); i++) {
        json_object *file = json_object_new_object();
        DMV_CLEANUP_FREE char *path = shell_text("%s/contents/%s", f->dir, paths[i]);

        json_object_object_add(file, "path", json_object_new_string(paths[i]));
        add_hashed(file, path);
        unpacked += json_object_get_int64(json_object_object_get(file, "size"));
        json_object_array_add(files, file);
    }
    key = read_all(key_path, &size);
    json_object_array_add(keys, json_object_new_string(key));
    if (url)
        json_object_object_add(params, "source", source_of(url));
    json_object_object_add(params, "driver", json_object_new_string("test"));
    json_object_object_add(params, "variant", json_object_new_string("generic"));
    json_object_object_add(params, "kernel", json_object_new_string("6.1.0-test"));
    json_object_object_add(params, "nevra", json_object_new_string("dmv-test-1.0-1.noarch"));
    json_object_object_add(params, "href", json_object_new_string(href));
    add_hashed(params, rpm);
    json_object_object_add(params, "unpacked", json_object_new_int64(unpacked));
    json_object_object_add(params, "files", files);
    json_object_object_add(params, "keys", keys);
    json_object_object_add(params, "now", json_object_new_int64(time(NULL)));
    return params;
}

/* ---- the tests ---- */

static void test_catalog(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("file://%s/repo", f->dir);
    DMV_CLEANUP_FREE char *http = shell_text("http://127.0.0.1:%d/ok", f->http.port);
    DMV_CLEANUP_FREE char *known = NULL;
    Worker w;

    start(&w, f);
    call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
    assert_fine(&w);
    assert_true(w.fd >= 0);
    assert_int_equal(shell("cmp -s /proc/%d/fd/%d '%s/dmv.yaml'", (int)getpid(), w.fd, f->dir), 0);
    assert_int_equal(fcntl(w.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_false(json_object_get_boolean(json_object_object_get(w.params, "unchanged")));
    known = strdup(text_of(&w, "sha256"));
    call(&w, FETCH ".FetchCatalog", catalog_of(http, known), -1);
    assert_fine(&w);
    assert_int_equal(w.fd, -1);
    assert_true(json_object_get_boolean(json_object_object_get(w.params, "unchanged")));
    assert_string_equal(text_of(&w, "sha256"), known);
    stop(&w);
    assert_nothing_left(f);
}

static void test_catalog_refusals(void **state)
{
    static const char *const cases[][2] = {
        {"altered-record", "hash-mismatch"}, {"none", "stream-no-catalog"},
        {"two", "stream-bad-repository"},    {"gone-repomd", "stream-unreachable"},
        {"endless-repomd", "too-large"},
    };
    const Fixture *f = *state;
    Worker w;

    start(&w, f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/%s", f->http.port, cases[i][0]);

        call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
        assert_refused(&w, cases[i][1]);
    }
    call(&w, FETCH ".FetchCatalog", catalog_of("gopher://127.0.0.1/", NULL), -1);
    assert_refused(&w, "stream-bad-url");
    /* one that works, after all that */
    {
        DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/ok", f->http.port);

        call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
        assert_fine(&w);
    }
    assert_int_equal(shell("test -z \"$(ls -A '%s'/tmp/dmv-fetch.*)\"", f->dir), 0);
    stop(&w);
}

static void test_package(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/ok", f->http.port);
    struct stat st;
    Worker w;

    start(&w, f);
    for (int i = 0; i < 2; i++) {
        DMV_CLEANUP_FREE char *path = shell_text("%s/rpms/good", f->dir);
        DMV_CLEANUP_CLOSE int rpm = i == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);

        call(&w, FETCH ".FetchPackage", package_of(f, "good", i == 0 ? url : NULL), rpm);
        assert_fine(&w);
        assert_string_equal(w.phases, i == 0 ? "download verify unpack " : "verify unpack ");
        assert_true(w.fd >= 0);
        assert_int_equal(fstat(w.fd, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(shell("diff -r /proc/%d/fd/%d/ '%s/contents/'", (int)getpid(), w.fd, f->dir), 0);
    }
    assert_int_equal(shell("test \"$(stat -c %%a '%s'/tmp/dmv-fetch.*)\" = 700", f->dir), 0);
    assert_int_equal(shell("test \"$(ls '%s'/tmp/dmv-fetch.* | wc -l)\" = 2", f->dir),
                     0); /* the RPMs are gone */
    stop(&w);
    assert_nothing_left(f);
}

static void test_package_refusals(void **state)
{
    static const char *const cases[][2] = {
        {"unsigned", "rpm-unsigned"},        {"evil", "rpm-no-key"},
        {"sha1", "rpm-weak-signature"},      {"suid", "rpm-bad-file"},
        {"outside", "rpm-bad-path"},         {"bomb", "rpm-too-large"},
        {"header-bit", "rpm-bad-signature"}, {"content", "hash-mismatch"},
        {"lying-digest", "hash-mismatch"},
    };
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("file://%s/repo", f->dir);
    Worker w;

    start(&w, f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        call(&w, FETCH ".FetchPackage", package_of(f, cases[i][0], url), -1);
        assert_refused(&w, cases[i][1]);
        assert_int_equal(shell("test -z \"$(ls -A '%s'/tmp/dmv-fetch.*)\"", f->dir), 0);
    }
    stop(&w);
}

/* The catalog speaks of "good", the bytes are others. */
static void test_passed_descriptors(void **state)
{
    static const char *const cases[][2] = {{"dmv.yaml", "size-mismatch"},
                                           {"other", "hash-mismatch"},
                                           {"fifo", "invalid-request"},
                                           {"rpms", "invalid-request"}};
    const Fixture *f = *state;
    Worker w;

    assert_int_equal(
        shell("cd '%s' && mkfifo fifo && head -c $(stat -c %%s rpms/good) /dev/zero > other", f->dir), 0);
    start(&w, f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        DMV_CLEANUP_FREE char *path = shell_text("%s/%s", f->dir, cases[i][0]);
        DMV_CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        assert_true(fd >= 0);
        call(&w, FETCH ".FetchPackage", package_of(f, "good", NULL), fd);
        assert_refused(&w, cases[i][1]);
    }
    call(&w, FETCH ".FetchPackage", package_of(f, "good", NULL), -1);
    assert_refused(&w, "invalid-request");
    stop(&w);
}

static void test_bad_requests(void **state)
{
    const Fixture *f = *state;
    static const struct {
        const char *member, *value; /* JSON */
        const char *reason;
    } cases[] = {
        {"driver", "\"../x\"", "invalid-request"},
        {"variant", "\"\"", "invalid-request"},
        {"kernel", "\"a/b\"", "invalid-request"},
        {"size", "0", "invalid-request"},
        {"size", "2000000000000", "invalid-request"},
        {"sha256", "\"xyz\"", "invalid-request"},
        {"unpacked", "-1", "invalid-request"},
        {"files", "[]", "invalid-request"},
        {"files", "[{\"path\":\"../x\",\"size\":1,\"sha256\":\"\"}]", "invalid-request"},
        {"source", "{\"urls\":[],\"maxBytes\":1,\"deadline\":1}", "invalid-request"},
        {"source", "{\"urls\":[\"file:///x\"],\"maxBytes\":0,\"deadline\":1}", "invalid-request"},
        {"source", "{\"urls\":[\"file:///x\"],\"maxBytes\":1,\"deadline\":-1}", "invalid-request"},
        {"source", "{\"urls\":[\"file:///x\"],\"maxBytes\":1,\"deadline\":1,\"caFile\":\"ca.pem\"}",
         "invalid-request"},
        {"href", "\"../x.rpm\"", "stream-bad-url"},
        {"keys", "[\"-----BEGIN PGP PUBLIC KEY BLOCK-----\"]", "rpm-bad-key-file"},
        {"keys", "[]", "rpm-no-key"},
        {"signer", "\"0123456789abcdef\"", "rpm-wrong-signer"},
        {"nevra", "\"other-1-1.noarch\"", "rpm-wrong-nevra"},
    };
    DMV_CLEANUP_FREE char *url = shell_text("file://%s/repo", f->dir);
    json_object *params;
    Worker w;

    start(&w, f);
    for (size_t i = 0; i < DMV_N_ELEMENTS(cases); i++) {
        params = package_of(f, "good", url);
        json_object_object_add(params, cases[i].member, json_tokener_parse(cases[i].value));
        call(&w, FETCH ".FetchPackage", params, -1);
        assert_refused(&w, cases[i].reason);
    }
    params = catalog_of(url, NULL);
    json_object_object_add(params, "extra", json_object_new_int(1));
    call(&w, FETCH ".FetchCatalog", params, -1);
    assert_string_equal(w.error, "org.varlink.service.InvalidParameter");
    call(&w, FETCH ".FetchCatalog", catalog_of(url, "ABC"), -1);
    assert_refused(&w, "invalid-request");
    call(&w, FETCH ".FetchAll", json_object_new_object(), -1);
    assert_string_equal(w.error, "org.varlink.service.MethodNotFound");
    stop(&w);
}

static void test_confinement(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("file://%s/repo", f->dir);
    Worker w;

    start(&w, f);
    call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1); /* it is up */
    assert_fine(&w);
    assert_int_equal(shell("grep -q '^NoNewPrivs:.1$' /proc/%d/status", (int)w.pid), 0);
    assert_int_equal(shell("grep -q '^Max core file size  *0  *0 ' /proc/%d/limits", (int)w.pid), 0);
    if (geteuid() == 0) {
        assert_int_equal(
            shell("awk '/^[UG]id:/ { for (i = 2; i <= 5; i++) if ($i < 61184 || $i > 65519) exit 1 }' "
                  "/proc/%d/status",
                  (int)w.pid),
            0);
        assert_int_equal(shell("grep -q '^Groups:[[:space:]]*$' /proc/%d/status", (int)w.pid), 0);
        for (const char *set = "IPE"; *set; set++) /* inheritable, permitted, effective */
            assert_int_equal(shell("grep -q '^Cap%c[a-z]*:.0000000000000000$' /proc/%d/status",
                                   *set == 'I'   ? 'I'
                                   : *set == 'P' ? 'P'
                                                 : 'E',
                                   (int)w.pid),
                             0);
    } else {
        assert_int_equal(shell("test \"$(awk '/^Uid:/ { print $2 }' /proc/%d/status)\" = %u", (int)w.pid,
                               (unsigned)geteuid()),
                         0);
    }
    stop(&w);
}

/* A repository of somebody who did not think of the unprivileged user. */
static void test_unreadable_repository(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("file://%s/closed", f->dir);
    Worker w;

    assert_int_equal(shell("cp -r '%s/repo' '%s/closed' && chmod 0 '%s/closed'", f->dir, f->dir, f->dir), 0);
    start(&w, f);
    call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
    assert_refused(&w, "stream-unreachable");
    assert_non_null(strstr(text_of(&w, "why"), "unprivileged user"));
    assert_non_null(strstr(text_of(&w, "next"), "readable"));
    stop(&w);
    assert_int_equal(shell("chmod 755 '%s/closed'", f->dir), 0);
}

/* Progress gets out while a transfer runs, at most ten times a second. */
static void test_progress(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/drip-record", f->http.port);
    time_t begun = time(NULL);
    Worker w;

    start(&w, f);
    call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
    assert_fine(&w);
    assert_true(w.n_notifies >= 5);
    assert_true(w.n_notifies <= (unsigned)(time(NULL) - begun + 1) * 10);
    stop(&w);
}

static void test_client_goes_away(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/drip-record", f->http.port);
    time_t begun = time(NULL);
    Worker w;

    start(&w, f);
    begin(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
    while (w.n_notifies < 2)
        assert_true(sd_event_run(w.event, UINT64_MAX) >= 0);
    stop(&w);                            /* waits for a good end */
    assert_true(time(NULL) - begun < 5); /* the transfer would have lasted longer */
    assert_nothing_left(f);
}

static void test_killed(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/ok", f->http.port);
    Worker w;
    int status;

    start(&w, f);
    call(&w, FETCH ".FetchPackage", package_of(f, "good", url), -1);
    assert_fine(&w);
    assert_int_equal(kill(w.pid, SIGKILL), 0);
    assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
    assert_true(WIFSIGNALED(status));
    forget_answer(&w);
    vl_peer_free(w.peer);
    sd_event_unref(w.event);
    assert_nothing_left(f);
}

/* A repomd.xml for which librepo 1.14 reads at the address 0: that is the worker's end, or a refusal. */
static void test_fatal_repomd(void **state)
{
    static const char repomd[] = "<?xml version=\"1.0\" encoding=\"UTF-7\"?>\n<repomd xmlns=\"h\352\352>16>\n"
                                 "  </data>\n</repomd>\n";
    const Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("file://%s/fatal", f->dir);
    DMV_CLEANUP_FREE char *path = shell_text("%s/fatal/repodata/repomd.xml", f->dir);
    FILE *file;
    Worker w;
    int status;

    assert_int_equal(shell("mkdir -p '%s/fatal/repodata'", f->dir), 0);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(repomd, 1, strlen(repomd), file), strlen(repomd));
    assert_int_equal(fclose(file), 0);
    start(&w, f);
    call(&w, FETCH ".FetchCatalog", catalog_of(url, NULL), -1);
    assert_non_null(w.error);
    if (w.error[0] != '\0')
        assert_refused(&w, "stream-bad-repository");
    forget_answer(&w);
    vl_peer_free(w.peer);
    assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
    sd_event_unref(w.event);
    assert_nothing_left(f);
}

static void test_without_socket(void **state)
{
    const Fixture *f = *state;
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        become_worker(f, -1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_nothing_left(f);
}

static void test_garbage(void **state)
{
    const Fixture *f = *state;
    int pair[2], status;
    char byte;
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become_worker(f, pair[1]);
    close(pair[1]);
    assert_int_equal(write(pair[0], "{]", 3), 3);
    assert_int_equal(read(pair[0], &byte, 1), 0);
    close(pair[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- driver disks ---- */

static json_object *disk_of(int64_t max_bytes)
{
    json_object *params = json_object_new_object();

    json_object_object_add(params, "maxBytes", json_object_new_int64(max_bytes));
    json_object_object_add(params, "deadline", json_object_new_int64(60000000));
    return params;
}

static int open_disk(const Fixture *f, const char *name)
{
    DMV_CLEANUP_FREE char *path = shell_text("%s/%s", f->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void test_disk(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_CLOSE int disk = -1;
    Worker w;

    assert_int_equal(shell("cd '%s' && cp -r repo on-disk && cp rpms/good on-disk/Packages/good.rpm && "
                           "tar --sort=name -C on-disk -czf disk .",
                           f->dir),
                     0);
    disk = open_disk(f, "disk");
    start(&w, f);
    for (int i = 0; i < 2; i++) { /* the descriptor's offset counts for nothing */
        call(&w, FETCH ".ReadDisk", disk_of(1 << 20), disk);
        assert_fine(&w);
        assert_true(w.fd >= 0);
        assert_int_equal(shell("cmp -s /proc/%d/fd/%d '%s/dmv.yaml'", (int)getpid(), w.fd, f->dir), 0);
        assert_int_equal(fcntl(w.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_string_equal(w.phases, "read ");
        assert_string_equal(json_object_to_json_string(json_object_object_get(w.params, "packages")),
                            "[ \"Packages\\/good.rpm\", \"Packages\\/x.rpm\" ]");
    }
    call(&w, FETCH ".ReadDisk", disk_of(10), disk);
    assert_refused(&w, "too-large");
    call(&w, FETCH ".ReadDisk", disk_of(0), disk);
    assert_refused(&w, "invalid-request");
    call(&w, FETCH ".ReadDisk", disk_of(1 << 20), -1);
    assert_refused(&w, "invalid-request");
    stop(&w);
    assert_nothing_left(f);
}

static void test_package_on_a_disk(void **state)
{
    const Fixture *f = *state;
    DMV_CLEANUP_CLOSE int disk = -1;
    json_object *params;
    Worker w;

    assert_int_equal(shell("tar -C '%s' -czf '%s/disk' repo", f->dir, f->dir), 0);
    disk = open_disk(f, "disk");
    start(&w, f);
    params = package_of(f, "good", NULL);
    assert_int_equal(dmv_json_add_string(params, "diskPath", "repo/Packages/good"), 0);
    json_object_object_add(params, "diskDeadline", json_object_new_int64(60000000));
    call(&w, FETCH ".FetchPackage", json_object_get(params), disk);
    assert_fine(&w);
    assert_true(w.fd >= 0);
    assert_int_equal(shell("cmp -s /proc/%d/fd/%d/a.ko '%s/contents/a.ko'", (int)getpid(), w.fd, f->dir), 0);
    assert_string_equal(w.phases, "read verify unpack ");

    assert_int_equal(dmv_json_add_string(params, "diskPath", "repo/dmv.rpm"), 0);
    call(&w, FETCH ".FetchPackage", json_object_get(params), disk);
    assert_refused(&w, "malformed");
    /* the worker's own description of what is in its file does not count: the catalog's does */
    assert_int_equal(dmv_json_add_string(params, "diskPath", "repo/repodata/repomd.xml"), 0);
    call(&w, FETCH ".FetchPackage", json_object_get(params), disk);
    assert_refused(&w, "size-mismatch");
    json_object_object_add(params, "diskDeadline", json_object_new_int64(-1));
    call(&w, FETCH ".FetchPackage", params, disk);
    assert_refused(&w, "invalid-request");
    stop(&w);
    assert_nothing_left(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog),
        cmocka_unit_test(test_catalog_refusals),
        cmocka_unit_test(test_package),
        cmocka_unit_test(test_package_refusals),
        cmocka_unit_test(test_passed_descriptors),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_confinement),
        cmocka_unit_test(test_unreadable_repository),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_client_goes_away),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_fatal_repomd),
        cmocka_unit_test(test_without_socket),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_package_on_a_disk),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    dmv_crypto_init();
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real repository (createrepo_c, modifyrepo_c) over file, http and https, and a server that misbehaves in
 * every way that tests/support/hostile-http.py knows. librepo runs in this process: its abort() would be the
 * end of the test.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/shell.h"
#include "base/hash.h"
#include "base/text.h"
#include "stream/repo.h"

#define PACKAGE "Packages/x.rpm"
#define PACKAGE_SIZE 200000

typedef struct Fixture {
    char *dir, *ca;
    Webserver http, https;
    char record[65], package[65];
    unsigned n_runs;
} Fixture;

static void hash_of(const Fixture *f, const char *name, char hex[65])
{
    DMV_CLEANUP_FREE char *path = shell_text("%s/%s", f->dir, name);
    DMV_CLEANUP_FREE char *data = calloc(1, PACKAGE_SIZE + 1);
    FILE *file = fopen(path, "re");
    size_t size;

    assert_non_null(data);
    assert_non_null(file);
    size = fread(data, 1, PACKAGE_SIZE + 1, file);
    assert_true(size > 0 && size <= PACKAGE_SIZE);
    fclose(file);
    assert_int_equal(dmv_sha256_hex(data, size, hex), 0);
}

static int setup(void **state)
{
    char template[] = "/tmp/dmv-test-repo.XXXXXX";
    Fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_non_null(mkdtemp(template));
    f->dir = strdup(template);
    f->ca = shell_text("%s/ca.pem", f->dir);
    *state = f;
    assert_non_null(getenv("DMV_SOURCE"));
    assert_int_equal(shell("bash '%s/tests/support/make-repo.sh' '%s'", getenv("DMV_SOURCE"), f->dir), 0);
    hash_of(f, "dmv.yaml", f->record);
    hash_of(f, "repo/" PACKAGE, f->package);
    /* a proxy that nobody may use */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    webserver_start(&f->http, f->dir, false);
    webserver_start(&f->https, f->dir, true);
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    webserver_stop(&f->http);
    webserver_stop(&f->https);
    assert_int_equal(shell("rm -rf '%s'", f->dir), 0);
    free(f->dir);
    free(f->ca);
    free(f);
    return 0;
}

/* ---- one run ---- */

typedef struct Run {
    DmvRepoOptions o;
    char *urls[4];
    char *folder;
    char *path; /* of the catalog */
    char sha256[65];
    bool unchanged;
    int fd; /* of the package */
    DmvError e;
    uint64_t most; /* bytes that progress told */
    int cancel_after;
} Run;

static int on_progress(uint64_t done, uint64_t total, void *userdata)
{
    Run *r = userdata;

    (void)total;
    if (done > r->most)
        r->most = done;
    return r->cancel_after > 0 && --r->cancel_after == 0 ? -ECANCELED : 0;
}

static void run_init(Run *r, Fixture *f)
{
    *r = (Run){.fd = -1, .folder = shell_text("%s/run-%u", f->dir, f->n_runs++)};
    assert_int_equal(mkdir(r->folder, 0700), 0);
    r->o = (DmvRepoOptions){
        .urls = r->urls,
        .folder = r->folder,
        .max_bytes = 300000,
        .deadline_usec = 60000000, /* far from what a slow machine under a sanitizer needs */
        .low_speed = 1000,
        .low_speed_sec = 30,
        .progress = on_progress,
        .userdata = r,
    };
}

static void run_deinit(Run *r)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(r->urls); i++)
        free(r->urls[i]);
    free(r->folder);
    free(r->path);
    r->fd = dmv_close(r->fd);
    dmv_error_clear(&r->e);
}

#define RUN __attribute__((cleanup(run_deinit))) Run

static int catalog(Run *r, const char *known)
{
    return dmv_repo_fetch_catalog(&r->o, known, &r->path, r->sha256, &r->unchanged, &r->e);
}

static int package(Run *r, const Fixture *f)
{
    return dmv_repo_fetch_package(&r->o, PACKAGE, PACKAGE_SIZE, f->package, &r->fd, &r->e);
}

/* At most @max bytes lie in the run's folder: a refused file does not stay. */
static void assert_folder_at_most(const Run *r, unsigned long max)
{
    assert_int_equal(
        shell(
            "test \"$(find '%s' -type f -printf '%%s\\n' | awk '{ s += $1 } END { print s + 0 }')\" -le %lu",
            r->folder, max),
        0);
}

/* ---- what works ---- */

static void check_both(Fixture *f, const char *url, const char *ca)
{
    for (int i = 0; i < 2; i++) {
        RUN r;
        int result;

        run_init(&r, f);
        r.urls[0] = strdup(url);
        r.o.ca_file = ca;
        result = i == 0 ? catalog(&r, NULL) : package(&r, f);
        if (result != 0)
            print_error("%s: %s: %s\n", url, r.e.what, r.e.why);
        assert_int_equal(result, 0);
        if (i == 0) {
            assert_false(r.unchanged);
            assert_string_equal(r.sha256, f->record);
            assert_int_equal(shell("cmp -s '%s' '%s/dmv.yaml'", r.path, f->dir), 0);
        } else {
            struct stat st;

            assert_int_equal(fstat(r.fd, &st), 0);
            assert_int_equal(st.st_size, PACKAGE_SIZE);
            assert_int_equal(lseek(r.fd, 0, SEEK_CUR), 0);
            assert_int_equal(r.most, PACKAGE_SIZE);
            assert_folder_at_most(&r, 0);
        }
    }
}

static void test_transports(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *file = shell_text("file://%s/repo", f->dir);
    DMV_CLEANUP_FREE char *slash = shell_text("file://%s/repo/", f->dir);
    DMV_CLEANUP_FREE char *http = shell_text("http://127.0.0.1:%d/ok/", f->http.port);
    DMV_CLEANUP_FREE char *https = shell_text("https://127.0.0.1:%d/ok", f->https.port);

    check_both(f, file, NULL);
    check_both(f, slash, NULL);
    check_both(f, http, NULL);
    check_both(f, https, f->ca);
}

static void test_redirects_are_followed(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *record = shell_text("http://127.0.0.1:%d/moved-record", f->http.port);
    DMV_CLEANUP_FREE char *rpm = shell_text("http://127.0.0.1:%d/moved-rpm", f->http.port);
    DMV_CLEANUP_FREE char *no_size = shell_text("http://127.0.0.1:%d/nosize", f->http.port);

    check_both(f, record, NULL);
    check_both(f, rpm, NULL);
    check_both(f, no_size, NULL);
}

static void test_unchanged_is_one_request(void **state)
{
    Fixture *f = *state;
    RUN r, again;

    run_init(&r, f);
    r.urls[0] = shell_text("http://127.0.0.1:%d/ok", f->http.port);
    assert_int_equal(shell("rm -f '%s/repo/requests.log'", f->dir), 0);
    assert_int_equal(catalog(&r, f->record), 0);
    assert_true(r.unchanged);
    assert_null(r.path);
    assert_string_equal(r.sha256, f->record);
    assert_int_equal(shell("test $(wc -l < '%s/repo/requests.log') = 1", f->dir), 0);
    assert_int_equal(shell("grep -q 'GET /ok/repodata/repomd.xml' '%s/repo/requests.log'", f->dir), 0);
    /* another one known: it is fetched */
    run_init(&again, f);
    again.urls[0] = strdup(r.urls[0]);
    assert_int_equal(catalog(&again, f->package), 0);
    assert_false(again.unchanged);
    assert_int_equal(shell("test $(wc -l < '%s/repo/requests.log') = 3", f->dir), 0);
}

static void test_same_folder_again(void **state)
{
    Fixture *f = *state;
    RUN r;

    run_init(&r, f);
    r.urls[0] = shell_text("http://127.0.0.1:%d/altered-rpm", f->http.port);
    assert_int_equal(package(&r, f), DMV_HASH_MISMATCH);
    free(r.urls[0]);
    r.urls[0] = shell_text("http://127.0.0.1:%d/ok", f->http.port);
    assert_int_equal(package(&r, f), 0);
}

/* ---- what is refused ---- */

typedef struct Case {
    const char *mode;
    const char *reason;
} Case;

static void check_cases(Fixture *f, const Case *cases, size_t n, bool is_package)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t begin = (uint64_t)time(NULL);
        struct rlimit before, after;
        RUN r;
        int result;

        run_init(&r, f);
        r.urls[0] = shell_text("http://127.0.0.1:%d/%s", f->http.port, cases[i].mode);
        if (strcmp(cases[i].reason, "stream-timeout") == 0)
            r.o.low_speed_sec = 2;
        getrlimit(RLIMIT_FSIZE, &before);
        result = is_package ? package(&r, f) : catalog(&r, NULL);
        getrlimit(RLIMIT_FSIZE, &after);
        if (strcmp(dmv_outcome_reason(result), cases[i].reason) != 0)
            print_error("%s: %s\n", cases[i].mode, r.e.why);
        assert_string_equal(dmv_outcome_reason(result), cases[i].reason);
        assert_int_equal(r.e.code, result);
        assert_non_null(strstr(r.e.what, cases[i].mode));
        assert_non_null(r.e.why);
        assert_null(r.path);
        assert_int_equal(r.fd, -1);
        assert_folder_at_most(&r, 0);
        assert_true((uint64_t)time(NULL) - begin <= 15);
        assert_true(before.rlim_cur == after.rlim_cur);
    }
}

static void test_catalog_refusals(void **state)
{
    static const Case cases[] = {
        {"endless-repomd", "too-large"},         {"endless-record", "size-mismatch"},
        {"slow-repomd", "stream-timeout"},       {"slow-record", "stream-timeout"},
        {"silent-repomd", "stream-timeout"},     {"silent-record", "stream-timeout"},
        {"gone-repomd", "stream-unreachable"},   {"gone-record", "stream-unreachable"},
        {"broken-repomd", "stream-unreachable"}, {"broken-record", "stream-unreachable"},
        {"short-repomd", "stream-unreachable"},  {"short-record", "stream-unreachable"},
        {"less-record", "size-mismatch"},        {"more-record", "size-mismatch"},
        {"empty-record", "size-mismatch"},       {"empty-repomd", "stream-bad-repository"},
        {"altered-record", "hash-mismatch"},     {"tofile-repomd", "stream-unreachable"},
        {"tofile-record", "stream-unreachable"}, {"loop-repomd", "stream-unreachable"},
        {"loop-record", "stream-unreachable"},   {"traversal", "stream-bad-repository"},
        {"sibling", "stream-bad-repository"},    {"absolute", "stream-bad-repository"},
        {"scheme", "stream-bad-repository"},     {"encoded", "stream-bad-repository"},
        {"base", "stream-bad-repository"},       {"two", "stream-bad-repository"},
        {"md5", "stream-bad-repository"},        {"negative", "stream-bad-repository"},
        {"packed", "stream-bad-repository"},     {"noxml", "stream-bad-repository"},
        {"html", "stream-bad-repository"},       {"huge", "too-large"},
        {"none", "stream-no-catalog"},
    };

    check_cases(*state, cases, DMV_N_ELEMENTS(cases), false);
}

static void test_package_refusals(void **state)
{
    static const Case cases[] = {
        {"endless-rpm", "size-mismatch"},     {"slow-rpm", "stream-timeout"},
        {"silent-rpm", "stream-timeout"},     {"gone-rpm", "stream-unreachable"},
        {"broken-rpm", "stream-unreachable"}, {"short-rpm", "stream-unreachable"},
        {"less-rpm", "size-mismatch"},        {"more-rpm", "size-mismatch"},
        {"empty-rpm", "size-mismatch"},       {"altered-rpm", "hash-mismatch"},
        {"tofile-rpm", "stream-unreachable"}, {"loop-rpm", "stream-unreachable"},
    };

    check_cases(*state, cases, DMV_N_ELEMENTS(cases), true);
}

/* In a process of its own: librepo never frees the document of a repomd.xml with entities. */
static void test_entity_bomb(void **state)
{
    Fixture *f = *state;
    int status;
    pid_t pid;
    Run r;

    run_init(&r, f);
    r.urls[0] = shell_text("http://127.0.0.1:%d/bomb", f->http.port);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(catalog(&r, NULL));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DMV_STREAM_BAD_REPOSITORY);
    run_deinit(&r);
}

/* Faster than the lowest speed, but it would never end in time: the deadline ends it. */
static void test_deadline(void **state)
{
    Fixture *f = *state;
    time_t begin = time(NULL);
    RUN r;

    run_init(&r, f);
    r.o.low_speed = 10;
    r.o.deadline_usec = 3000000;
    r.urls[0] = shell_text("http://127.0.0.1:%d/drip-rpm", f->http.port);
    assert_int_equal(package(&r, f), DMV_STREAM_TIMEOUT);
    assert_in_range(time(NULL) - begin, 2, 10);
    assert_true(r.most > 0);
}

static void test_cancel(void **state)
{
    Fixture *f = *state;
    RUN r;

    run_init(&r, f);
    r.cancel_after = 1;
    r.urls[0] = shell_text("http://127.0.0.1:%d/drip-rpm", f->http.port);
    r.urls[1] = shell_text("http://127.0.0.1:%d/ok", f->http.port); /* not asked any more */
    assert_int_equal(package(&r, f), DMV_CANCELLED);
}

static void test_mirrors(void **state)
{
    Fixture *f = *state;
    RUN first, all;

    run_init(&first, f);
    first.urls[0] = shell_text("http://127.0.0.1:%d/none", f->http.port);
    first.urls[1] = shell_text("http://127.0.0.1:%d/altered-record", f->http.port);
    first.urls[2] = shell_text("file://%s/repo", f->dir);
    assert_int_equal(catalog(&first, NULL), 0);
    assert_int_equal(shell("cmp -s '%s' '%s/dmv.yaml'", first.path, f->dir), 0);
    /* all bad: the first one's reason, and what each of them said */
    run_init(&all, f);
    all.urls[0] = shell_text("http://127.0.0.1:%d/altered-rpm", f->http.port);
    all.urls[1] = shell_text("http://127.0.0.1:%d/gone-rpm", f->http.port);
    all.urls[2] = strdup("ftp://127.0.0.1/x");
    assert_int_equal(package(&all, f), DMV_HASH_MISMATCH);
    assert_non_null(strstr(all.e.what, "/altered-rpm"));
    assert_non_null(strstr(all.e.why, "404"));
    assert_non_null(strstr(all.e.why, "only https, http and file are known"));
}

static void test_tls(void **state)
{
    Fixture *f = *state;
    RUN unknown, name, no_file;

    run_init(&unknown, f);
    unknown.urls[0] = shell_text("https://127.0.0.1:%d/ok", f->https.port);
    assert_int_equal(catalog(&unknown, NULL), DMV_STREAM_UNREACHABLE);
    assert_non_null(strstr(unknown.e.why, "certificate"));
    run_init(&name, f); /* the certificate is for the address, not for this name */
    name.o.ca_file = f->ca;
    name.urls[0] = shell_text("https://localhost:%d/ok", f->https.port);
    assert_int_equal(catalog(&name, NULL), DMV_STREAM_UNREACHABLE);
    run_init(&no_file, f);
    no_file.o.ca_file = "/nonexistent/ca.pem";
    no_file.urls[0] = shell_text("https://127.0.0.1:%d/ok", f->https.port);
    assert_int_equal(catalog(&no_file, NULL), DMV_STREAM_UNREACHABLE);
}

static void test_expired_certificate(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *dir = shell_text("%s/expired", f->dir);
    Webserver server = {0};
    RUN r;

    run_init(&r, f);
    webserver_start(&server, dir, true);
    r.o.ca_file = f->ca;
    r.urls[0] = shell_text("https://127.0.0.1:%d/ok", server.port);
    assert_int_equal(catalog(&r, NULL), DMV_STREAM_UNREACHABLE);
    assert_non_null(strstr(r.e.why, "certificate")); /* how curl calls it depends on its library */
    webserver_stop(&server);
}

static void test_nobody_there(void **state)
{
    Fixture *f = *state;
    RUN r;

    run_init(&r, f);
    r.urls[0] = strdup("http://127.0.0.1:1/repo");
    assert_int_equal(catalog(&r, NULL), DMV_STREAM_UNREACHABLE);
}

/* ---- names ---- */

/* In a mount namespace of its own: this host's names are those of @hosts, and its only resolver is @resolver.
 */
static void use_names(const Fixture *f, const char *hosts, const char *resolver)
{
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(shell("cd '%s' && echo '%s' > hosts && echo 'hosts: files dns' > nsswitch.conf &&"
                           " echo 'nameserver %s' > resolv.conf &&"
                           " for f in hosts nsswitch.conf resolv.conf; do mount --bind $f /etc/$f; done",
                           f->dir, hosts, resolver),
                     0);
}

/* What a catalog by that URL comes to, in a process of its own. */
static int outcome_with_names(Fixture *f, const char *url, const char *hosts, const char *resolver)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        Run r;

        use_names(f, hosts, resolver);
        run_init(&r, f);
        r.urls[0] = strdup(url);
        r.o.deadline_usec = 3000000;
        _exit(catalog(&r, NULL));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    f->n_runs++; /* the child's folder */
    return WEXITSTATUS(status);
}

/* A resolver that is not there is known at once. */
static void test_no_resolver(void **state)
{
    Fixture *f = *state;
    time_t begin = time(NULL);

    assert_int_equal(outcome_with_names(f, "http://packages.invalid/ok", "127.0.0.1 localhost", "127.9.9.1"),
                     DMV_STREAM_UNREACHABLE);
    assert_in_range(time(NULL) - begin, 0, 10);
}

/* One that takes the question and says nothing is waited for as long as the deadline lets. */
static void test_silent_resolver(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f090902)};
    time_t begin = time(NULL);
    char question[512];

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(outcome_with_names(f, "http://packages.invalid/ok", "127.0.0.1 localhost", "127.9.9.2"),
                     DMV_STREAM_TIMEOUT);
    assert_in_range(time(NULL) - begin, 2, 10);
    assert_true(recv(fd, question, sizeof(question), MSG_DONTWAIT) > 0);
}

/* A server that has IPv6 only, by its address and by its name. */
static void test_ipv6_only(void **state)
{
    Fixture *f = *state;
    Webserver six = {0};

    webserver_start_at(&six, f->dir, "::1");
    {
        DMV_CLEANUP_FREE char *address = shell_text("http://[::1]:%d/ok/", six.port);
        DMV_CLEANUP_FREE char *name = shell_text("http://six.invalid:%d/ok/", six.port);

        check_both(f, address, NULL);
        assert_int_equal(outcome_with_names(f, name, "::1 six.invalid", "127.9.9.1"), 0);
    }
    webserver_stop(&six);
}

/* The signature over repomd.xml is not looked at: there may be none, or a wrong one, and nobody asks for it.
 */
static void test_repomd_signature(void **state)
{
    Fixture *f = *state;
    DMV_CLEANUP_FREE char *url = shell_text("http://127.0.0.1:%d/ok/", f->http.port);

    assert_int_equal(shell("! test -e '%s/repo/repodata/repomd.xml.asc'", f->dir), 0);
    check_both(f, url, NULL);
    assert_int_equal(shell("echo rubbish > '%s/repo/repodata/repomd.xml.asc'", f->dir), 0);
    check_both(f, url, NULL);
    assert_int_equal(shell("grep -q 'GET /ok/repodata/repomd.xml HTTP' '%s/repo/requests.log'", f->dir), 0);
    assert_int_equal(shell("! grep -q 'repomd.xml.asc' '%s/repo/requests.log'", f->dir), 0);
    assert_int_equal(shell("rm '%s/repo/repodata/repomd.xml.asc'", f->dir), 0);
}

static void test_local_trouble(void **state)
{
    Fixture *f = *state;
    RUN missing, plain, fifo;

    run_init(&missing, f);
    missing.urls[0] = shell_text("file://%s/nothing", f->dir);
    assert_int_equal(catalog(&missing, NULL), DMV_STREAM_UNREACHABLE);
    assert_non_null(strstr(missing.e.why, "No such file"));
    run_init(&plain, f);
    plain.urls[0] = shell_text("file://%s/plain", f->dir);
    assert_int_equal(catalog(&plain, NULL), DMV_STREAM_NO_CATALOG);
    /* would hang for ever if curl opened it */
    run_init(&fifo, f);
    fifo.urls[0] = shell_text("file://%s/fifo", f->dir);
    assert_int_equal(
        shell("mkdir -p '%s/fifo/repodata' && mkfifo '%s/fifo/repodata/repomd.xml'", f->dir, f->dir), 0);
    assert_int_equal(catalog(&fifo, NULL), DMV_STREAM_UNREACHABLE);
    assert_non_null(strstr(fifo.e.why, "not a regular file"));
}

static void test_bad_urls(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "/srv/repo",
        "ftp://host/x",
        "FILE:///x",
        "file:x",
        "file://host/x",
        "file://",
        "http://",
        "https:///x",
        "http://:80/x",
        "http://user:secret@host/x",
        "https://host/x?y=z",
        "https://host/x#y",
        "https://host/x y",
        "https://host/x\ny",
        "https://host/$releasever",
        "https://host/x\x7f",
        "https://h\xc3\xb6st/x",
        "scp://host/x",
        "dict://host/x",
    };
    Fixture *f = *state;

    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        RUN r;
        int result;

        run_init(&r, f);
        r.urls[0] = strdup(bad[i]);
        result = catalog(&r, NULL);
        if (result != DMV_STREAM_BAD_URL)
            print_error("%s\n", bad[i]);
        assert_int_equal(result, DMV_STREAM_BAD_URL);
        assert_non_null(r.e.next);
    }
}

static void test_bad_places(void **state)
{
    static const char *const bad[] = {"",         "/x.rpm",         "../x.rpm", "a/../x.rpm",
                                      "a//x.rpm", "http://h/x.rpm", "x?.rpm",   "x%2e%2e/y.rpm",
                                      "x.rpm#",   "a b.rpm"};
    Fixture *f = *state;
    RUN none;

    for (size_t i = 0; i < DMV_N_ELEMENTS(bad); i++) {
        RUN r;

        run_init(&r, f);
        r.urls[0] = shell_text("file://%s/repo", f->dir);
        assert_int_equal(dmv_repo_fetch_package(&r.o, bad[i], PACKAGE_SIZE, f->package, &r.fd, &r.e),
                         DMV_STREAM_BAD_URL);
    }
    run_init(&none, f);
    assert_int_equal(catalog(&none, NULL), DMV_STREAM_BAD_URL);
    none.urls[0] = shell_text("file://%s/repo", f->dir);
    none.o.max_bytes = PACKAGE_SIZE - 1;
    assert_int_equal(package(&none, f), DMV_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transports),
        cmocka_unit_test(test_redirects_are_followed),
        cmocka_unit_test(test_unchanged_is_one_request),
        cmocka_unit_test(test_same_folder_again),
        cmocka_unit_test(test_catalog_refusals),
        cmocka_unit_test(test_package_refusals),
        cmocka_unit_test(test_entity_bomb),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_mirrors),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_expired_certificate),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_no_resolver),
        cmocka_unit_test(test_silent_resolver),
        cmocka_unit_test(test_ipv6_only),
        cmocka_unit_test(test_repomd_signature),
        cmocka_unit_test(test_local_trouble),
        cmocka_unit_test(test_bad_urls),
        cmocka_unit_test(test_bad_places),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    dmv_crypto_init();
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real dmv-apply over its socket: every method, every way in which a daemon can go away.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "../support/plain-depmod.h"
#include "../support/snapshot.h"
#include "base/hash.h"
#include "base/jsonbuild.h"
#include "base/text.h"
#include "daemon/apply/journal.h"
#include "host/roots.h"
#include "host/spawn.h"
#include "varlink/varlink.h"

#define KERNEL "6.1.0-test"
#define TREE "usr/lib/modules/" KERNEL
#define FOLDER "usr/lib/dmv/store/" KERNEL "/intel-ice/dell/1.0"
#define CONF "etc/depmod.d/00-dmv.conf"
#define INFO                                                                                     \
    "{\"category\":\"network\",\"name\":\"intel-ice\",\"version\":\"1.0\",\"variant\":\"dell\"," \
    "\"priority\":1}"

static Scratch built;

typedef struct Host {
    Scratch s;
    pid_t pid;
    VlClient *client;
    char *error, *reason, *why; /* of the last call */
    json_object *reply;
    unsigned n_progress;
} Host;

static void start(Host *h)
{
    char program[1024], root[128];
    const char *const argv[] = {"--root", root, NULL};
    int fd = -1;

    (void)snprintf(program, sizeof(program), "%s/bin/dmv-apply",
                   getenv("DMV_BUILD") ? getenv("DMV_BUILD") : "..");
    if (program[0] != '/') {
        DMV_CLEANUP_FREE char *full = realpath(program, NULL);

        assert_non_null(full);
        (void)snprintf(program, sizeof(program), "%s", full);
    }
    (void)snprintf(root, sizeof(root), "%s/root", h->s.path);
    assert_int_equal(dmv_spawn_worker(program, argv, &fd, &h->pid), 0);
    assert_int_equal(vl_client_new(fd, &h->client), 0);
}

/* Return: its exit status, or 128 + signal. */
static int wait_for(Host *h)
{
    int status = -1;

    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    h->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int stop(Host *h)
{
    h->client = vl_client_free(h->client);
    return wait_for(h);
}

static void host_init(Host *h)
{
    size_t size;
    DMV_CLEANUP_FREE char *ko = scratch_read(&built, "ice.ko", &size);
    __attribute__((cleanup(dmv_roots_deinit))) DmvRoots r = {.fd = -1};

    *h = (Host){0};
    scratch_init(&h->s);
    scratch_link(&h->s, "root/lib", "usr/lib");
    scratch_write_bytes(&h->s, "root/" TREE "/kernel/ice.ko", ko, size);
    scratch_write(&h->s, "root/" TREE "/modules.order", "kernel/ice.ko\n");
    scratch_write(&h->s, "root/" TREE "/modules.builtin", "");
    scratch_write(&h->s, "root/" TREE "/modules.builtin.modinfo", "");
    scratch_mkdir(&h->s, "root/etc/depmod.d");
    scratch_mkdir(&h->s, "root/var/lib/dmv");
    scratch_write(&h->s, "root/run/dmv/apply.lock", "");
    scratch_write_bytes(&h->s, "source/ice.ko", ko, size);
    scratch_write(&h->s, "source/info.json", INFO);
    assert_int_equal(dmv_roots_init(&r, scratch_path(&h->s, "root"), NULL, NULL), 0);
    assert_int_equal(plain_depmod(&r, KERNEL, NULL), 0);
    start(h);
}

static void forget(Host *h)
{
    free(h->error);
    free(h->reason);
    free(h->why);
    json_object_put(h->reply);
    h->error = h->reason = h->why = NULL;
    h->reply = NULL;
    h->n_progress = 0;
}

static void host_deinit(Host *h)
{
    if (h->pid > 0)
        (void)stop(h);
    h->client = vl_client_free(h->client);
    forget(h);
    scratch_deinit(&h->s);
}
#define HOST __attribute__((cleanup(host_deinit))) Host

static const char *member(json_object *o, const char *name)
{
    json_object *value = NULL;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : NULL;
}

static int on_reply(const char *error, json_object *params, bool continues, void *userdata)
{
    Host *h = userdata;

    if (continues) {
        h->n_progress++;
        assert_non_null(member(params, "message"));
        return 0;
    }
    h->reply = json_object_get(params);
    if (error) {
        assert_int_equal(dmv_set_string(&h->error, error), 0);
        assert_int_equal(dmv_set_string(&h->reason, member(params, "reason")), 0);
        assert_int_equal(dmv_set_string(&h->why, member(params, "why")), 0);
    }
    return 0;
}

static int call(Host *h, const char *method, const char *params, int fd, unsigned flags)
{
    json_object *o = params ? json_tokener_parse(params) : NULL;

    forget(h);
    return vl_client_call(h->client, method, o, fd >= 0 ? &fd : NULL, fd >= 0 ? 1 : 0, flags, on_reply, h);
}

static void assert_ok(Host *h, const char *method, const char *params)
{
    assert_int_equal(call(h, method, params, -1, 0), 0);
    if (h->error)
        fail_msg("%s: %s %s", method, h->reason, h->why);
}

static void assert_reason(Host *h, const char *method, const char *params, const char *reason)
{
    assert_int_equal(call(h, method, params, -1, 0), 0);
    assert_non_null(h->error);
    assert_string_equal(h->error, "io.dmv.Apply.Refused");
    assert_string_equal(h->reason, reason);
    assert_non_null(h->why);
}

static void describe(Host *h, DmvText *t, const char *name)
{
    char path[64], hex[DMV_SHA256_HEX];
    DMV_CLEANUP_FREE char *data = NULL;
    size_t size;

    (void)snprintf(path, sizeof(path), "source/%s", name);
    data = scratch_read(&h->s, path, &size);
    assert_int_equal(dmv_sha256_hex(data, size, hex), 0);
    dmv_text_appendf(t, "{\"path\":\"%s\",\"size\":%zu,\"sha256\":\"%s\"}", name, size, hex);
}

#define NAMES "\"driver\":\"intel-ice\",\"variant\":\"dell\",\"version\":\"1.0\",\"kernel\":\"" KERNEL "\""

static void publish(Host *h, const char *certificates, bool required, bool with_fd)
{
    DMV_CLEANUP(dmv_text_deinit) DmvText t = {0};
    DMV_CLEANUP_CLOSE int source = openat(h->s.fd, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    dmv_text_append(&t, "{" NAMES ",\"files\":[");
    describe(h, &t, "info.json");
    dmv_text_append(&t, ",");
    describe(h, &t, "ice.ko");
    dmv_text_appendf(&t, "],\"certificates\":[%s],\"requireSignature\":%s}", certificates,
                     required ? "true" : "false");
    assert_int_equal(t.error, 0);
    assert_int_equal(call(h, "io.dmv.Apply.Publish", t.data, with_fd ? source : -1, 0), 0);
}

#define CHANGE                                                                                           \
    "{\"generation\":3,\"steps\":["                                                                      \
    "{\"action\":\"mkdir\",\"path\":\"" TREE "/updates\",\"kernel\":\"" KERNEL "\"},"                    \
    "{\"action\":\"link\",\"path\":\"" TREE "/updates/ice.ko\",\"content\":\"../../../dmv/store/" KERNEL \
    "/intel-ice/dell/1.0/ice.ko\"},"                                                                     \
    "{\"action\":\"write\",\"path\":\"" CONF "\",\"content\":\"search updates built-in\\n\"},"           \
    "{\"action\":\"depmod\",\"kernel\":\"" KERNEL "\"}]}"

static bool is_selected(Host *h)
{
    DMV_CLEANUP_FREE char *index = scratch_read(&h->s, "root/" TREE "/modules.dep", NULL);

    return strstr(index, "updates/ice.ko:") != NULL;
}

static void test_whole_way(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    assert_ok(&h, "io.dmv.Apply.Recover", NULL);
    assert_string_equal(member(h.reply, "outcome"), "none");
    publish(&h, "", false, true);
    assert_null(h.error);
    assert_string_equal(member(h.reply, "folder"), FOLDER);
    assert_int_equal(call(&h, "io.dmv.Apply.Apply", CHANGE, -1, VL_CALL_MORE), 0);
    assert_null(h.error);
    assert_int_equal(h.n_progress, 4);
    assert_string_equal(member(h.reply, "done"), "4");
    assert_string_equal(member(h.reply, "total"), "4");
    assert_true(is_selected(&h));
    assert_ok(&h, "io.dmv.Apply.Confirm", NULL);
    assert_reason(&h, "io.dmv.Apply.Unpublish", "{" NAMES "}", "in-use");
    assert_reason(&h, "io.dmv.Apply.Undo", NULL, "no-such-object");
    assert_ok(&h, "io.dmv.Apply.Apply",
              "{\"generation\":4,\"steps\":[{\"action\":\"remove\",\"path\":\"" CONF
              "\"},{\"action\":\"unlink\",\"path\":\"" TREE
              "/updates/ice.ko\"},{\"action\":\"depmod\",\"kernel\":\"" KERNEL "\"}]}");
    assert_int_equal(h.n_progress, 0);
    assert_ok(&h, "io.dmv.Apply.Confirm", NULL);
    assert_false(is_selected(&h));
    assert_ok(&h, "io.dmv.Apply.Unpublish", "{" NAMES "}");
    assert_reason(&h, "io.dmv.Apply.Unpublish", "{" NAMES "}", "not-installed");
    assert_int_equal(stop(&h), 0);
}

static void test_undo(void **state)
{
    HOST h;
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    host_init(&h);
    publish(&h, "", false, true);
    before = snapshot(&h.s, "root");
    assert_ok(&h, "io.dmv.Apply.Apply", CHANGE);
    assert_true(is_selected(&h));
    assert_reason(&h, "io.dmv.Apply.Apply", CHANGE, "state-broken");
    assert_true(is_selected(&h));
    assert_ok(&h, "io.dmv.Apply.Undo", NULL);
    snapshot_assert_same(&h.s, "root", before);
}

/* A daemon that goes away without a word. */
static void test_disconnect_undoes(void **state)
{
    HOST h;
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    host_init(&h);
    publish(&h, "", false, true);
    before = snapshot(&h.s, "root");
    assert_ok(&h, "io.dmv.Apply.Apply", CHANGE);
    assert_true(is_selected(&h));
    assert_int_equal(stop(&h), 0);
    snapshot_assert_same(&h.s, "root", before);
}

/* Progress arrives while the change is on its way; who leaves at that point has everything undone. */
static int leave_before_depmod(const char *error, json_object *params, bool continues, void *userdata)
{
    Host *h = userdata;
    struct stat st;

    assert_null(error);
    assert_true(continues);
    h->n_progress++;
    if (!dmv_starts_with(member(params, "message"), "depmod "))
        return 0;
    assert_string_equal(member(params, "done"), "3");
    assert_int_equal(fstatat(h->s.fd, "root/etc/depmod.d/00-dmv.conf", &st, AT_SYMLINK_NOFOLLOW), 0);
    return -ECANCELED;
}

static void test_disconnect_in_the_middle_undoes(void **state)
{
    HOST h;
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    host_init(&h);
    publish(&h, "", false, true);
    before = snapshot(&h.s, "root");
    assert_int_equal(vl_client_call(h.client, "io.dmv.Apply.Apply", json_tokener_parse(CHANGE), NULL, 0,
                                    VL_CALL_MORE, leave_before_depmod, &h),
                     -ECANCELED);
    assert_int_equal(h.n_progress, 4);
    assert_int_equal(stop(&h), 0);
    snapshot_assert_same(&h.s, "root", before);
}

/* A change that is refused or fails leaves nothing to undo, and the next one is taken. */
static void test_failure_and_again(void **state)
{
    HOST h;
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    host_init(&h);
    publish(&h, "", false, true);
    scratch_write(&h.s, "root/" TREE "/kernel/garbage.ko", "this is no module");
    before = snapshot(&h.s, "root");
    assert_reason(&h, "io.dmv.Apply.Apply", CHANGE, "tool-failed");
    snapshot_assert_same(&h.s, "root", before);
    assert_reason(&h, "io.dmv.Apply.Undo", NULL, "no-such-object");
    assert_int_equal(unlinkat(h.s.fd, "root/" TREE "/kernel/garbage.ko", 0), 0);
    assert_ok(&h, "io.dmv.Apply.Apply", CHANGE);
    assert_ok(&h, "io.dmv.Apply.Confirm", NULL);
    assert_int_equal(stop(&h), 0);
    assert_true(is_selected(&h));
}

static void test_sigterm_undoes(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    publish(&h, "", false, true);
    assert_ok(&h, "io.dmv.Apply.Apply", CHANGE);
    assert_int_equal(kill(h.pid, SIGTERM), 0);
    assert_int_equal(wait_for(&h), 0);
    assert_false(is_selected(&h));
}

/* A worker that is killed leaves its journal; the next one takes the change back when asked. */
static void test_sigkill_and_recover(void **state)
{
    HOST h;

    (void)state;
    host_init(&h);
    publish(&h, "", false, true);
    assert_ok(&h, "io.dmv.Apply.Apply", CHANGE);
    assert_int_equal(kill(h.pid, SIGKILL), 0);
    assert_int_equal(wait_for(&h), 128 + SIGKILL);
    h.client = vl_client_free(h.client);
    assert_true(is_selected(&h));
    start(&h);
    assert_reason(&h, "io.dmv.Apply.Apply", CHANGE, "state-broken");
    assert_ok(&h, "io.dmv.Apply.Recover", NULL);
    assert_string_equal(member(h.reply, "outcome"), "undone");
    assert_string_equal(member(h.reply, "generation"), "3");
    assert_false(is_selected(&h));
    scratch_write(&h.s, "root/usr/lib/dmv/store/.staging-1/ice.ko", "half");
    assert_ok(&h, "io.dmv.Apply.Recover", NULL);
    assert_string_equal(member(h.reply, "outcome"), "cleaned");
    assert_null(member(h.reply, "generation"));
}

static void test_second_worker_is_busy(void **state)
{
    HOST h;
    char pid[32];
    VlClient *first;
    pid_t first_pid;
    struct stat st;

    (void)state;
    host_init(&h);
    assert_int_equal(chmod(scratch_path(&h.s, "root/run/dmv/apply.lock"), 0644), 0);
    assert_ok(&h, "io.dmv.Apply.Recover", NULL);
    /* who can open it can hold it */
    assert_int_equal(stat(scratch_path(&h.s, "root/run/dmv/apply.lock"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    first = h.client;
    first_pid = h.pid;
    start(&h);
    assert_reason(&h, "io.dmv.Apply.Recover", NULL, "busy");
    (void)snprintf(pid, sizeof(pid), "process %ld ", (long)first_pid);
    assert_non_null(strstr(h.why, pid));
    first = vl_client_free(first);
    assert_int_equal(waitpid(first_pid, NULL, 0), first_pid);
    assert_ok(&h, "io.dmv.Apply.Recover", NULL);
}

static void test_refusals(void **state)
{
    HOST h;
    DMV_CLEANUP_FREE char *before = NULL;

    (void)state;
    host_init(&h);
    assert_ok(&h, "io.dmv.Apply.Recover", NULL); /* the lock's file has its content */
    before = snapshot(&h.s, "root");
    publish(&h, "", true, true);
    assert_string_equal(h.reason, "module-unsigned");
    publish(&h, "", false, false);
    assert_string_equal(h.reason, "invalid-request");
    publish(&h, "\"!!!!\"", false, true);
    assert_string_equal(h.reason, "bad-base64");
    publish(&h, "\"AAAA\"", false, true);
    assert_string_equal(h.reason, "bad-key");
    assert_reason(&h, "io.dmv.Apply.Apply", CHANGE, "broken-release");
    assert_reason(&h, "io.dmv.Apply.Apply", "{\"generation\":-1,\"steps\":[]}", "invalid-request");
    assert_reason(&h, "io.dmv.Apply.Apply",
                  "{\"generation\":1,\"steps\":[{\"action\":\"format\",\"path\":\"x\"}]}", "invalid-request");
    assert_reason(
        &h, "io.dmv.Apply.Apply",
        "{\"generation\":1,\"steps\":[{\"action\":\"write\",\"path\":\"etc/shadow\",\"content\":\"\"}]}",
        "invalid-request");
    assert_reason(&h, "io.dmv.Apply.Apply",
                  "{\"generation\":1,\"steps\":[{\"action\":\"depmod\",\"kernel\":\"9\"}]}",
                  "no-such-kernel");
    assert_reason(&h, "io.dmv.Apply.Unpublish",
                  "{\"driver\":\"..\",\"variant\":\"a\",\"version\":\"1\",\"kernel\":\"6\"}", "invalid-name");
    assert_reason(&h, "io.dmv.Apply.Confirm", NULL, "no-such-object");
    assert_int_equal(call(&h, "io.dmv.Apply.Apply", "{\"generation\":1}", -1, 0), 0);
    assert_string_equal(h.error, "org.varlink.service.InvalidParameter");
    snapshot_assert_same(&h.s, "root", before);
}

/* What the process takes from itself, as the kernel says it. */
static void test_confinement(void **state)
{
    HOST h;
    char path[64];
    DMV_CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    FILE *f;

    (void)state;
    host_init(&h);
    assert_ok(&h, "io.dmv.Apply.Recover", NULL);
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)h.pid);
    f = fopen(path, "re");
    assert_non_null(f);
    assert_true(getdelim(&text, &size, '\0', f) > 0);
    assert_int_equal(fclose(f), 0);
    assert_non_null(strstr(text, "\nNoNewPrivs:\t1\n"));
    assert_non_null(strstr(text, "\nUmask:\t0022\n"));
    (void)snprintf(path, sizeof(path), "/proc/%ld/limits", (long)h.pid);
    f = fopen(path, "re");
    assert_non_null(f);
    assert_true(getdelim(&text, &size, '\0', f) > 0);
    assert_int_equal(fclose(f), 0);
    assert_non_null(strstr(text, "Max core file size        0                    0 "));
}

static int build_module(void **state)
{
    const Komod ice = {.name = "ice", .build_id = 1};

    (void)state;
    scratch_init(&built);
    komod_build(&built, "ice.ko", &ice);
    return 0;
}

static int remove_module(void **state)
{
    (void)state;
    scratch_deinit(&built);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_way),
        cmocka_unit_test(test_undo),
        cmocka_unit_test(test_disconnect_undoes),
        cmocka_unit_test(test_disconnect_in_the_middle_undoes),
        cmocka_unit_test(test_failure_and_again),
        cmocka_unit_test(test_sigterm_undoes),
        cmocka_unit_test(test_sigkill_and_recover),
        cmocka_unit_test(test_second_worker_is_busy),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_confinement),
    };

    return cmocka_run_group_tests(tests, build_module, remove_module);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/komod.h"
#include "host/observe.h"

#define K "6.1.0-test"
#define STORE "usr/lib/dmv/store/" K "/"
#define TREE "usr/lib/modules/" K "/"

static const Komod ice = {.name = "ice", .version = "1.15.5", .build_id = 0xcd};

static void write_info(const Scratch *s, const char *folder, const char *name, const char *variant,
                       const char *version)
{
    char path[512], text[512];

    (void)snprintf(path, sizeof(path), "%s/info.json", folder);
    (void)snprintf(
        text, sizeof(text),
        "{\"category\":\"network\",\"name\":\"%s\",\"variant\":\"%s\",\"version\":\"%s\",\"priority\":50,"
        "\"kABI\":\"0xabc\",\"pci_ids\":{\"ice.ko\":[{\"vendor_id\":\"8086\",\"device_id\":\"1593\"}]}}",
        name, variant, version);
    scratch_write(s, path, text);
}

static void observe(const Scratch *s, DmvWorld *w)
{
    DMV_CLEANUP(dmv_roots_deinit) DmvRoots r;

    assert_int_equal(dmv_roots_init(&r, s->path, NULL, NULL), 0);
    assert_int_equal(dmv_observe_kernels(&r, w), 0);
    assert_int_equal(dmv_observe_installed(&r, w), 0);
    dmv_world_sort(w);
}

static const DmvInstalled *in_folder(const DmvWorld *w, const char *folder)
{
    for (size_t i = 0; i < w->n_installed; i++)
        if (strcmp(w->installed[i].folder, folder) == 0)
            return &w->installed[i];
    fail_msg("there is no release in %s", folder);
    return NULL;
}

static void assert_problem(const DmvInstalled *i, const char *piece)
{
    assert_non_null(i->problem);
    if (!strstr(i->problem, piece))
        fail_msg("%s: %s", i->folder, i->problem);
}

static void test_store(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvInstalled *i;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    komod_build(&s, STORE "intel-ice/dell/1.15.5/ice.ko", &ice);
    scratch_run("cp", scratch_path(&s, STORE "intel-ice/dell/1.15.5/ice.ko"), scratch_path(&s, "irdma.ko"),
                NULL);
    scratch_mkdir(&s, STORE "intel-ice/dell/1.15.5/sub");
    scratch_run("mv", scratch_path(&s, "irdma.ko"),
                scratch_path(&s, STORE "intel-ice/dell/1.15.5/sub/irdma.ko"), NULL);
    scratch_write(&s, STORE "intel-ice/dell/1.15.5/firmware/intel/ice/ddp/ice.pkg", "firmware");
    scratch_write(&s, STORE "intel-ice/dell/1.15.5/firmware/ice.bin", "firmware");
    scratch_write(&s, STORE "intel-ice/dell/1.15.5/LICENSE", "text");
    write_info(&s, STORE "intel-ice/dell/1.15.5", "intel-ice", "dell", "1.15.5");
    scratch_mkdir(&s, STORE ".publish-123/a/b");
    observe(&s, &w);
    assert_int_equal(w.problems.n, 0);
    assert_int_equal(w.n_installed, 1);
    i = dmv_world_installed(&w, "intel-ice", "dell", "1.15.5", K);
    assert_non_null(i);
    assert_null(i->problem);
    assert_int_equal(i->origin, DMV_ORIGIN_STORE);
    assert_string_equal(i->folder, STORE "intel-ice/dell/1.15.5");
    assert_string_equal(i->type, "network");
    assert_string_equal(i->kabi, "0xabc");
    assert_string_equal(i->tier, "supported");
    assert_int_equal(i->priority, 50);
    assert_int_equal(i->n_modules, 2);
    assert_string_equal(i->modules[0].file, "ice.ko");
    assert_string_equal(i->modules[0].info.version, "1.15.5");
    assert_string_equal(i->modules[0].info.build_id, "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
    assert_string_equal(i->modules[1].file, "sub/irdma.ko");
    assert_int_equal(i->n_ids, 1);
    assert_int_equal(i->ids[0].ids[0].device, 0x1593);
    assert_int_equal(dmv_strv_length(i->firmware), 2);
    assert_string_equal(i->firmware[0], "ice.bin");
    assert_string_equal(i->firmware[1], "intel/ice/ddp/ice.pkg");
}

static void test_adopted(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvInstalled *i;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, TREE "modules.order", "");
    komod_build(&s, TREE "dmv/broadcom-bnxt-en/generic/bnxt_en.ko", &(Komod){.name = "bnxt_en"});
    write_info(&s, TREE "dmv/broadcom-bnxt-en/generic", "broadcom-bnxt-en", "generic", "1.10.2");
    komod_build(&s, TREE "xenserver/intel-ice/1.9/ice.ko", &ice);
    write_info(&s, TREE "xenserver/intel-ice/1.9", "intel-ice", "alt", "1.9");
    observe(&s, &w);
    assert_int_equal(w.n_installed, 2);
    i = dmv_world_installed(&w, "broadcom-bnxt-en", "generic", "1.10.2", K);
    assert_int_equal(i->origin, DMV_ORIGIN_DMV);
    assert_null(i->problem);
    /* the older layout names the folder by the version: info.json says what it is */
    i = dmv_world_installed(&w, "intel-ice", "alt", "1.9", K);
    assert_int_equal(i->origin, DMV_ORIGIN_XENSERVER);
    assert_string_equal(i->folder, TREE "xenserver/intel-ice/1.9");
    assert_null(i->problem);
}

/* Each broken release says what is wrong with it, and the good one is as it was. */
static void test_broken_releases(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    const DmvInstalled *i;
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_write(&s, TREE "modules.order", "");
    komod_build(&s, STORE "a/good/1/ice.ko", &ice);
    write_info(&s, STORE "a/good/1", "a", "good", "1");
    scratch_run("cp", "-r", scratch_path(&s, STORE "a/good"), scratch_path(&s, STORE "a/noinfo"), NULL);
    assert_int_equal(unlink(scratch_path(&s, STORE "a/noinfo/1/info.json")), 0);
    scratch_run("cp", "-r", scratch_path(&s, STORE "a/good"), scratch_path(&s, STORE "a/badinfo"), NULL);
    scratch_write(&s, STORE "a/badinfo/1/info.json", "{\"name\": \"a\", ");
    scratch_run("cp", "-r", scratch_path(&s, STORE "a/good"), scratch_path(&s, STORE "a/lying"), NULL);
    scratch_run("cp", "-r", scratch_path(&s, STORE "a/good"), scratch_path(&s, STORE "a/folderinfo"), NULL);
    assert_int_equal(unlink(scratch_path(&s, STORE "a/folderinfo/1/info.json")), 0);
    scratch_mkdir(&s, STORE "a/folderinfo/1/info.json");
    write_info(&s, STORE "a/empty/1", "a", "empty", "1");
    write_info(&s, STORE "a/badmodule/1", "a", "badmodule", "1");
    scratch_write(&s, STORE "a/badmodule/1/bad.ko", "no module");
    scratch_link(&s, STORE "a/badmodule/1/dangling.ko", "gone.ko");
    scratch_link(&s, STORE "a/badmodule/1/outside.ko", "/etc/passwd");
    scratch_run("cp", scratch_path(&s, STORE "a/good/1/ice.ko"),
                scratch_path(&s, STORE "a/badmodule/1/ice.ko"), NULL);
    scratch_write(&s, STORE "a/stray", "");
    scratch_link(&s, STORE "a/good/2", "1");
    scratch_mkdir(&s, TREE "dmv/b/v");
    observe(&s, &w);

    assert_int_equal(w.n_installed, 8);
    i = dmv_world_installed(&w, "a", "good", "1", K);
    assert_null(i->problem);
    assert_int_equal(i->n_modules, 1);
    assert_problem(in_folder(&w, STORE "a/noinfo/1"), "info.json is missing");
    assert_int_equal(in_folder(&w, STORE "a/noinfo/1")->n_modules, 1);
    assert_string_equal(in_folder(&w, STORE "a/noinfo/1")->variant, "noinfo");
    assert_problem(in_folder(&w, STORE "a/badinfo/1"), "info.json: ");
    assert_problem(in_folder(&w, STORE "a/lying/1"), "says that it is a/good@1");
    assert_string_equal(in_folder(&w, STORE "a/lying/1")->variant, "lying");
    assert_problem(in_folder(&w, STORE "a/folderinfo/1"), "info.json cannot be read");
    assert_problem(in_folder(&w, STORE "a/empty/1"), "holds no module");
    assert_problem(in_folder(&w, TREE "dmv/b/v"), "info.json is missing");
    i = in_folder(&w, STORE "a/badmodule/1");
    assert_problem(i, "bad.ko cannot be used");
    assert_int_equal(i->n_modules, 4);
    assert_string_equal(i->modules[0].file, "bad.ko");
    assert_non_null(i->modules[0].problem);
    assert_non_null(i->modules[1].problem); /* dangling.ko */
    assert_null(i->modules[2].problem);     /* ice.ko */
    assert_non_null(i->modules[3].problem); /* outside.ko */
    assert_int_equal(w.problems.n, 2);
    assert_string_equal(w.problems.items[0].object, STORE "a/good/2");
    assert_string_equal(w.problems.items[1].object, STORE "a/stray");
    assert_int_equal(w.problems.items[1].code, DMV_MALFORMED);
}

/* An adopted one whose modules were built for another kernel may be judged by its symbols; one of the store,
 * or one that has another fault besides, may not. */
static void test_built_for_another_kernel(void **state)
{
    const Komod other = {.name = "ice", .vermagic = "6.0.0-other SMP mod_unload "};
    const Komod third = {.name = "ice", .vermagic = "5.9.0-third SMP mod_unload "};
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    scratch_mkdir(&s, TREE "kernel");
    write_info(&s, STORE "a/v/1", "a", "v", "1");
    komod_build(&s, STORE "a/v/1/ice.ko", &other);
    write_info(&s, TREE "dmv/b/v", "b", "v", "1");
    komod_build(&s, TREE "dmv/b/v/ice.ko", &other);
    write_info(&s, TREE "dmv/b/mixed", "b", "mixed", "1");
    komod_build(&s, TREE "dmv/b/mixed/ice.ko", &other);
    komod_build(&s, TREE "dmv/b/mixed/ice2.ko", &third);
    write_info(&s, TREE "dmv/b/lying", "c", "lying", "1");
    komod_build(&s, TREE "dmv/b/lying/ice.ko", &other);
    scratch_write(&s, TREE "dmv/b/lying/info.json", "{");
    observe(&s, &w);
    assert_problem(in_folder(&w, STORE "a/v/1"), "ice.ko was built for kernel 6.0.0-other");
    assert_null(in_folder(&w, STORE "a/v/1")->built_for);
    assert_problem(in_folder(&w, TREE "dmv/b/v"), "ice.ko was built for kernel 6.0.0-other");
    assert_string_equal(in_folder(&w, TREE "dmv/b/v")->built_for, "6.0.0-other");
    assert_problem(in_folder(&w, TREE "dmv/b/mixed"), "was built for kernel");
    assert_null(in_folder(&w, TREE "dmv/b/mixed")->built_for);
    assert_problem(in_folder(&w, TREE "dmv/b/lying"), "info.json: ");
    assert_null(in_folder(&w, TREE "dmv/b/lying")->built_for);
}

static void test_nothing_installed(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0}, file = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    observe(&s, &w);
    assert_int_equal(w.n_installed, 0);
    assert_int_equal(w.problems.n, 0);
    scratch_write(&s, "usr/lib/dmv/store", "not a folder");
    observe(&s, &file);
    assert_int_equal(file.n_installed, 0);
    assert_int_equal(file.problems.n, 1);
    assert_int_equal(file.problems.items[0].code, -ENOTDIR);
}

static void test_too_deep(void **state)
{
    DMV_CLEANUP_WORLD DmvWorld w = {0};
    SCRATCH s;

    (void)state;
    scratch_init(&s);
    komod_build(&s, STORE "a/v/1/ice.ko", &ice);
    write_info(&s, STORE "a/v/1", "a", "v", "1");
    scratch_mkdir(&s, STORE "a/v/1/1/2/3/4/5/6/7/8/9");
    observe(&s, &w);
    assert_problem(&w.installed[0], "cannot be listed");
    assert_int_equal(w.installed[0].n_modules, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_adopted),
        cmocka_unit_test(test_broken_releases),
        cmocka_unit_test(test_built_for_another_kernel),
        cmocka_unit_test(test_nothing_installed),
        cmocka_unit_test(test_too_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

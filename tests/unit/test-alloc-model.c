/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every allocation of what decides and says fails once: from a host to its View, plan, forecast and trace,
 * what is rendered of them, the history, the boot loader's entry, an initrd image, and trust.
 *
 * The host is made once, with enough memory: what is tried only reads it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/alloc/allockit.h"
#include "../support/catalogkit.h"
#include "../support/trustkit.h"
#include "../support/worldkit.h"
#include "base/json.h"
#include "model/adopted.h"
#include "model/bootentry.h"
#include "model/depmodconf.h"
#include "model/enforce.h"
#include "model/forecast.h"
#include "model/generation.h"
#include "model/history-undo.h"
#include "model/import.h"
#include "model/initrd-tree.h"
#include "model/lifeline.h"
#include "model/render-forecast.h"
#include "model/render.h"
#include "model/trace.h"
#include "trust/bundle.h"

#define K1 "6.1.0-10-amd64"
#define K2 "6.1.0-20-amd64"
#define SLOT "0000:03:00.0"
#define ALIAS "pci:v00008086d00001592sv0sd0bc02sc00i00"

typedef struct Host {
    DmvWorld world;
    DmvIntent intent;
    DmvCatalog *catalog;
    DmvSource source;
    DmvFacts facts;
    DmvView view;
    DmvPlan plan;
    DmvOutlook outlook;
} Host;

static void set(char **p, const char *s)
{
    assert_int_equal(dmv_set_string(p, s), 0);
}

static void add_lookup(DmvLookups *l, const char *path)
{
    DmvLookup *x = DMV_ARRAY_ADD(l->items, l->n);
    DmvAction *a;

    assert_non_null(x);
    set(&x->key, ALIAS);
    a = DMV_ARRAY_ADD(x->actions, x->n_actions);
    assert_non_null(a);
    set(&a->module, "ice");
    set(&a->path, path);
}

/* Two kernels, a card with a driver in the store that is selected, one that the catalog recommends, a file of
 * somebody else, a lifeline on the card. */
static int setup(void **state)
{
    static const char *const ice[] = {"ice.ko", NULL};
    static const char *const kernels[] = {K1, K2};
    static const CatalogRelease releases[] = {
        {.driver = "intel-ice",
         .variant = "dell",
         .version = "1",
         .sequence = 1,
         .vendor = 0x8086,
         .device = 0x1592,
         .kernels = {K1, K2}},
        {.driver = "intel-ice",
         .variant = "dell",
         .version = "2",
         .sequence = 2,
         .extra = "\"recommended\":true,",
         .vendor = 0x8086,
         .device = 0x1592,
         .kernels = {K1, K2}},
    };
    Host *h = calloc(1, sizeof(*h));

    assert_non_null(h);
    for (size_t i = 0; i < DMV_N_ELEMENTS(kernels); i++) {
        DmvKernel *k = world_add_kernel(&h->world, kernels[i], i == 0);
        DmvInstalled *x;

        world_add_file(k, "kernel/net/ice.ko", NULL);
        world_add_file(k, "extra/ice.ko", NULL);
        x = world_add_installed(&h->world, "intel-ice", "dell", "1", kernels[i], "alternate",
                                DMV_ORIGIN_STORE, ice);
        set(&x->modules[0].info.name, "ice");
        world_add_id(x, "ice.ko", 0x8086, 0x1592);
    }
    set(&world_add_device(&h->world, SLOT, 0x8086, 0x1592, "ice")->modalias, ALIAS);
    world_add_lifeline(&h->world, DMV_LIFELINE_MANAGEMENT, "eth0", SLOT, "ice");
    h->world.depmod_excludes = true;
    world_depmod(&h->world);
    dmv_world_sort(&h->world);
    h->catalog = catalog_of("main", releases, DMV_N_ELEMENTS(releases));
    h->source = (DmvSource){.catalog = h->catalog};
    h->facts = (DmvFacts){
        .world = &h->world, .sources = &h->source, .n_sources = 1, .intent = &h->intent, .now = 1000};
    assert_int_equal(dmv_intent_select(&h->intent, "intel-ice", DMV_SELECT_RELEASE, "dell", "1", "ticket"),
                     0);
    assert_int_equal(dmv_resolve(&h->facts, &h->view), 0);
    assert_int_equal(dmv_plan(&h->view, "usr/lib/modules", &h->plan, NULL), 0);
    assert_true(h->plan.n_steps > 0);
    assert_int_equal(dmv_view_adopt(&h->view, &h->plan), 0);
    set(&h->outlook.kernel, K1);
    h->outlook.has_now = h->outlook.has_next = true;
    add_lookup(&h->outlook.now, "kernel/net/ice.ko");
    add_lookup(&h->outlook.next, "extra/ice.ko");
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    Host *h = *state;

    dmv_outlook_deinit(&h->outlook);
    dmv_plan_deinit(&h->plan);
    dmv_view_deinit(&h->view);
    dmv_intent_deinit(&h->intent);
    (void)dmv_catalog_free(h->catalog);
    dmv_world_deinit(&h->world);
    free(h);
    return 0;
}

/* Takes the tree over. */
static int say_json(json_object *o, char **ret)
{
    DMV_CLEANUP_JSON json_object *held = o;

    return held ? dmv_json_format(held, ret, NULL) : -ENOMEM;
}

/* ---- scenarios ---- */

/* As the daemon thinks, and the largest of its answers. */
static int think(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP_VIEW DmvView view = {0};
    DMV_CLEANUP_PLAN DmvPlan plan = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_resolve(&h->facts, &view);

    if (r == 0)
        r = dmv_plan(&view, "usr/lib/modules", &plan, &e);
    if (r == 0)
        r = dmv_view_adopt(&view, &plan);
    if (r == 0)
        dmv_view_offer(&view);
    return r == 0 ? say_json(dmv_render_drivers(&view, &plan, DMV_FILTER_ALL), ret) : r;
}

static int render_devices(const void *input, char **ret)
{
    return say_json(dmv_render_devices(&((const Host *)input)->view, true), ret);
}

static int render_steps(const void *input, char **ret)
{
    return say_json(dmv_render_steps(&((const Host *)input)->plan), ret);
}

static int render_predictions(const void *input, char **ret)
{
    return say_json(dmv_render_predictions(&((const Host *)input)->plan), ret);
}

static int render_kernels(const void *input, char **ret)
{
    return say_json(dmv_render_kernels(&((const Host *)input)->world), ret);
}

static int lifelines(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP(dmv_lifeline_changes_deinit) DmvLifelineChanges changes = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_plan_lifelines(&h->plan, &h->view, &changes);

    if (r == 0 && dmv_lifeline_check(&changes, "nothing does", false, &e) == -ENOMEM)
        return -ENOMEM;
    return r == 0 ? say_json(dmv_render_lifeline_changes(&changes), ret) : r;
}

static int forecast(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP_FORECAST DmvForecast f = {0};
    DMV_CLEANUP_STRV char **keys = NULL;
    int r = dmv_forecast_keys(&h->world, &keys);

    if (r == 0)
        r = dmv_forecast(&h->view, &h->plan, &h->outlook, 1, &f);
    return r == 0 ? say_json(dmv_render_device_forecasts(&f), ret) : r;
}

static int trace(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP(dmv_trace_deinit) DmvTrace t = {0};
    DMV_CLEANUP_TEXT DmvText text = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvViewDriver *d = NULL;
    DmvViewRelease *x = NULL;
    int r = dmv_view_find_release(&h->view, "intel-ice/dell@2", &d, &x, &e);

    if (r == 0)
        r = dmv_trace_release(&h->view, &h->plan, d, x, &t);
    for (size_t i = 0; r == 0 && i < t.n; i++)
        dmv_text_appendf(&text, "%s\n", t.lines[i].text);
    return r == 0 ? dmv_text_take(&text, ret, NULL) : r;
}

static int match(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP_FREE size_t *found = NULL;
    DMV_CLEANUP_TEXT DmvText text = {0};
    size_t n = 0;
    int r = dmv_matcher_find(h->catalog->matcher, &h->world.devices[0], &found, &n);

    dmv_text_appendf(&text, "%zu", n);
    return r == 0 ? dmv_text_take(&text, ret, NULL) : r;
}

static int import(const void *input, char **ret)
{
    const Host *h = input;
    char a[] = "p-1-1.x86_64.rpm", b[] = "other.rpm";
    char *const paths[] = {a, b, NULL};
    DMV_CLEANUP(dmv_import_deinit) DmvImport i = {0};
    DMV_CLEANUP_TEXT DmvText text = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_import_check(paths, &e);

    if (r == 0)
        r = dmv_import_match(&h->view, h->catalog, paths, &i, &e);
    dmv_text_appendf(&text, "%zu", dmv_strv_length(i.unknown));
    return r == 0 ? dmv_text_take(&text, ret, NULL) : r;
}

static int enforce(const void *input, char **ret)
{
    const Host *h = input;
    DmvEnforced *items = NULL;
    DMV_CLEANUP_TEXT DmvText text = {0};
    size_t n = 0;
    int r = dmv_enforce_find(&h->view, "usr/lib/modules", &items, &n);

    if (r == 0)
        dmv_enforced_free(items, n);
    dmv_text_appendf(&text, "%zu", n);
    return r == 0 ? dmv_text_take(&text, ret, NULL) : r;
}

static int depmod_conf(const void *input, char **ret)
{
    DMV_CLEANUP(dmv_depmod_conf_deinit) DmvDepmodConf c = {0};
    int r = dmv_depmod_conf_add(&c, "ice", K1, "updates");

    (void)input;
    if (r == 0)
        r = dmv_depmod_conf_add(&c, "ice", K2, "override");
    return r == 0 ? dmv_depmod_conf_format(&c, ret) : r;
}

/* An intent, changed, staged, recorded, and taken back. */
static int undo(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP_INTENT DmvIntent after = {0};
    DMV_CLEANUP_HISTORY DmvHistory history;
    DMV_CLEANUP_HISTORY_UNDO DmvHistoryUndo u = {0};
    DMV_CLEANUP(dmv_generations_deinit) DmvGenerations g = {0};
    DMV_CLEANUP_JSON json_object *rendered = NULL;
    DMV_CLEANUP_FREE char *line = NULL;
    DMV_CLEANUP_ERROR DmvError e = {0};
    char action[] = "select", outcome[] = "ok";
    DmvHistoryEntry entry = {
        .action = action, .outcome = outcome, .uid = 0, .generation = 1, .has_changes = true};
    size_t size;
    int r;

    dmv_history_init(&history);
    r = dmv_intent_copy(&h->intent, &after);
    if (r == 0)
        r = dmv_intent_select(&after, "other", DMV_SELECT_RECOMMENDED, NULL, NULL, "why");
    if (r == 0)
        r = dmv_generations_stage(&g, &after, 7, NULL);
    if (r == 0)
        r = dmv_intent_diff(&h->intent, &after, &entry.before, &entry.after);
    if (r == 0)
        r = dmv_history_append(&history, &entry, &line, &size);
    dmv_intent_deinit(&entry.before);
    dmv_intent_deinit(&entry.after);
    if (r == 0)
        r = dmv_history_undo(&history, &after, 1, 1, 7, &u, &e);
    if (r == 0)
        r = dmv_intent_equal(&u.intent, &h->intent) ? 0 : -EBADMSG;
    if (r == 0) {
        rendered = dmv_render_history_entry(&history.items[0]);
        if (!rendered)
            r = -ENOMEM;
    }
    if (r == 0)
        r = dmv_intent_equal(&g.items[0].intent, &after) ? 0 : -EBADMSG;
    return r == 0 ? say_json(DMV_TAKE_PTR(rendered), ret) : r;
}

static int refused_undo(const void *input, char **ret)
{
    const Host *h = input;
    DMV_CLEANUP_HISTORY DmvHistory history;
    DMV_CLEANUP_ERROR DmvError e = {0};
    DmvHistoryUndo u;

    (void)ret;
    dmv_history_init(&history);
    return dmv_history_undo(&history, &h->intent, 1, 1, 7, &u, &e);
}

static int boot_entry(const void *input, char **ret)
{
    const DmvBootEntry entry = {.generation = 7,
                                .kernel = K1,
                                .fs_uuid = "0c5a6f4c-4ce5-4d8e-8f6c-0d3a2f0e1b2c",
                                .kernel_path = "/vmlinuz-" K1,
                                .initrd_path = "/initrd.img-" K1,
                                .cmdline = "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet"};
    DMV_CLEANUP_ERROR DmvError e = {0};

    (void)input;
    return dmv_boot_entry_render(&entry, ret, &e);
}

/* An image with a link to its modules, one of them twice, an index, a blacklist, and a problem. */
static int initrd(const void *input, char **ret)
{
    static const char modules[] = "usr/lib/modules/" K1 "/kernel/ice.ko";
    static const char text[] = "blacklist ice\nblacklist nouveau\n";
    DMV_CLEANUP_INITRD_TREE DmvInitrdTree t = {0};
    DMV_CLEANUP_INITRD DmvInitrd i = {0};
    DMV_CLEANUP_TEXT DmvText said = {0};
    DmvInitrdMember *m = NULL;
    int r = dmv_initrd_tree_add(&t, DMV_INITRD_LINK, "lib", &m);

    (void)input;
    if (r == 0)
        r = dmv_set_string(&m->target, "usr/lib");
    for (int k = 0; r == 0 && k < 2; k++) {
        r = dmv_initrd_tree_add(&t, DMV_INITRD_MODULE, modules, &m);
        if (r == 0)
            r = dmv_set_string(&m->build_id, k == 0 ? "01" : "02");
    }
    if (r == 0)
        r = dmv_initrd_tree_add(&t, DMV_INITRD_INDEX, "usr/lib/modules/" K1 "/modules.dep.bin", &m);
    if (r == 0)
        r = dmv_initrd_tree_add(&t, DMV_INITRD_SETTINGS, "etc/modprobe.d/x.conf", &m);
    if (r == 0)
        r = dmv_initrd_blacklist_parse(text, sizeof(text) - 1, &m->blacklist);
    if (r == 0)
        r = dmv_initrd_tree_problem(&t, "x", DMV_MALFORMED, "torn");
    if (r == 0)
        r = dmv_initrd_tree_finish(&t, &i);
    for (size_t k = 0; r == 0 && k < i.n_modules; k++)
        dmv_text_appendf(&said, "%s %s ", i.modules[k].name, i.modules[k].build_id);
    dmv_text_appendf(&said, "%zu", i.problems.n);
    return r == 0 ? dmv_text_take(&said, ret, NULL) : r;
}

/* A bundle of a new publisher, trusted by its root, and what is stored of that. */
static int trust(const void *input, char **ret)
{
    const char *const *texts = input; /* root, bundle */
    DMV_CLEANUP(dmv_trust_state_deinit) DmvTrustState before = {0};
    DMV_CLEANUP(dmv_bundle_result_deinit) DmvBundleResult result = {0};
    DMV_CLEANUP_ERROR DmvError e = {0};
    int r = dmv_trust_state_from_root(texts[0], strlen(texts[0]), &before, &e);

    if (r == 0)
        r = dmv_bundle_verify(texts[1], strlen(texts[1]), &before, "main", TRUSTKIT_NOW, false, &result, &e);
    return r == 0 ? dmv_trust_state_format(&result.state, ret, NULL) : r;
}

#define SCENARIO(f)                    \
    static void test_##f(void **state) \
    {                                  \
        alloc_try_each(#f, f, *state); \
    }
SCENARIO(think)
SCENARIO(render_devices)
SCENARIO(render_steps)
SCENARIO(render_predictions)
SCENARIO(render_kernels)
SCENARIO(lifelines)
SCENARIO(forecast)
SCENARIO(trace)
SCENARIO(match)
SCENARIO(import)
SCENARIO(enforce)
SCENARIO(depmod_conf)
SCENARIO(boot_entry)
SCENARIO(initrd)
SCENARIO(undo)
SCENARIO(refused_undo)

static void test_trust(void **state)
{
    TrustPublisher p;
    DMV_CLEANUP_FREE char *catalog = NULL, *bundle = NULL;
    const char *texts[2];

    (void)state;
    trust_publisher_init(&p);
    catalog = trust_catalog(1, "main", NULL, NULL);
    bundle = trust_publisher_bundle(&p, catalog);
    texts[0] = p.root;
    texts[1] = bundle;
    alloc_try_each("trust", trust, texts);
    trust_publisher_deinit(&p);
}

static int count(void **state)
{
    (void)state;
    print_message("%zu failures\n", alloc_n_tried());
    return alloc_n_tried() > 1000 ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(test_##f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(think),
        TEST(render_devices),
        TEST(render_steps),
        TEST(render_predictions),
        TEST(render_kernels),
        TEST(lifelines),
        TEST(forecast),
        TEST(trace),
        TEST(match),
        TEST(import),
        TEST(enforce),
        TEST(depmod_conf),
        TEST(boot_entry),
        TEST(initrd),
        TEST(undo),
        TEST(refused_undo),
        cmocka_unit_test(test_trust),
    };

    return cmocka_run_group_tests(tests, NULL, count);
}

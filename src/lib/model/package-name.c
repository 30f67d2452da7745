/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of packages with kernel modules. See package-name.h.
 *
 * A table has the forms; parsing tries them in its order, making reads the same rows. What was made is parsed
 * again, so a name never says something else than what it was made from.
 */
#include "package-name.h"

#include <errno.h>
#include <string.h>

#define ALT "-alt"
#define KERNEL "-kernel"
#define KMOD "kmod-"

/* The longest kernel release and the longest name of a module. */
#define PART_MAX 127

static const char *const tier_names[] = {
    [DMV_TIER_SUPPORTED] = "supported",
    [DMV_TIER_ALTERNATE] = "alternate",
    [DMV_TIER_ADDITIONAL] = "additional",
};
_Static_assert(DMV_N_ELEMENTS(tier_names) == DMV_TIER_MAX, "a tier has no name");

/* Who XenServer and XCP-ng have packages of: the vendors of their repositories. */
static const char *const known_vendors[] = {
    "adaptec",  "amd",       "avago",  "broadcom", "brocade", "chelsio", "cisco",      "dell",
    "emulex",   "hp",        "hpe",    "ibm",      "intel",   "lenovo",  "lsi",        "marvell",
    "mellanox", "microsemi", "nvidia", "qlogic",   "quanta",  "realtek", "solarflare", "supermicro",
};

/* What they name after a device although no module is called so. */
static const char *const known_devices[] = {"fastlinq", "mlnxen", "netxtreme2", "netxtreme", "ofed"};

/* The kernel's own packages have the form and are none of these. */
static const char *const reserved[] = {"kernel", "kernel-alt", "kernel-core", "kernel-rt", "kernel-debug"};

const char *dmv_tier_to_string(DmvTier t)
{
    return t >= 0 && t < DMV_TIER_MAX ? tier_names[t] : NULL;
}

DmvTier dmv_tier_from_string(const char *s)
{
    for (DmvTier t = 0; t < DMV_TIER_MAX; t++)
        if (dmv_streq(s, tier_names[t]))
            return t;
    return DMV_TIER_INVALID;
}

void dmv_package_name_deinit(DmvPackageName *n)
{
    free(n->vendor);
    free(n->name);
    free(n->kernel);
    free(n->alternate_kernel);
    free(n->overrides);
    *n = (DmvPackageName){0};
}

static int refuse(DmvError *reterr, const char *name, const char *why)
{
    DMV_CLEANUP_FREE char *shown = dmv_sanitize(name);

    return dmv_error_set(reterr, DMV_INVALID_NAME, "this is no name of a package with kernel modules", NULL,
                         "%.255s: %s", shown ? shown : "", why);
}

/* ---- pieces ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whatever the locale says. */
static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_listed(const char *s, size_t size, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == size && memcmp(list[i], s, size) == 0)
            return true;
    return false;
}

/* Letters, digits, '_' and '-', beginning and ending with a letter or digit: a module, a device, a group. */
static bool is_part(const char *s, size_t size)
{
    if (size == 0 || size > PART_MAX || !is_alnum(s[0]) || !is_alnum(s[size - 1]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '-')
            return false;
    return true;
}

static bool ends_with(const char *s, size_t size, const char *suffix)
{
    size_t n = strlen(suffix);

    return size > n && memcmp(s + size - n, suffix, n) == 0;
}

/* Digits without a leading zero. Return: how many, 0 if there is no such number. */
static size_t number_length(const char *s, size_t size)
{
    size_t n = 0;

    while (n < size && is_digit(s[n]))
        n++;
    return n > 1 && s[0] == '0' ? 0 : n;
}

/* Does it begin with X.Y? Return: the bytes of that, or 0. */
static size_t major_minor_length(const char *s, size_t size)
{
    size_t major = number_length(s, size), minor;

    if (major == 0 || major == size || s[major] != '.')
        return 0;
    minor = number_length(s + major + 1, size - major - 1);
    return minor == 0 ? 0 : major + 1 + minor;
}

/* Where the kernel version of "zfs-4.19.0+1" begins, or 0. */
static size_t find_kernel(const char *s, size_t size)
{
    for (size_t i = 1; i + 1 < size; i++)
        if (s[i] == '-' && major_minor_length(s + i + 1, size - i - 1) > 0)
            return i + 1;
    return 0;
}

/* Where -kernelX.Y at the end begins. Return: @size if there is none, 0 if it is there and wrong. */
static size_t find_alternate_kernel(const char *s, size_t size)
{
    static const size_t n = sizeof(KERNEL) - 1;

    for (size_t i = 0; i + n < size; i++) {
        if (memcmp(s + i, KERNEL, n) != 0 || !is_digit(s[i + n]))
            continue;
        return major_minor_length(s + i + n, size - i - n) == size - i - n ? i : 0;
    }
    return size;
}

static int copy(char **slot, const char *s, size_t size)
{
    *slot = strndup(s, size);
    return *slot ? 0 : -ENOMEM;
}

/* ---- the forms: 1 for "it is this", 0 for "another one", DMV_INVALID_NAME, -ENOMEM ---- */

static bool is_known_vendor(const char *s, size_t size, char *const *more)
{
    if (is_listed(s, size, known_vendors, DMV_N_ELEMENTS(known_vendors)))
        return true;
    for (; more && *more; more++)
        if (strlen(*more) == size && memcmp(*more, s, size) == 0)
            return true;
    return false;
}

static int parse_vendor(const char *s, size_t size, char *const *vendors, DmvPackageName *n)
{
    for (size_t i = 1; i + 1 < size; i++) { /* a vendor of the caller may have a dash in its name */
        if (s[i] != '-' || !is_known_vendor(s, i, vendors) || !is_part(s + i + 1, size - i - 1))
            continue;
        n->device = is_listed(s + i + 1, size - i - 1, known_devices, DMV_N_ELEMENTS(known_devices));
        return copy(&n->vendor, s, i) < 0 || copy(&n->name, s + i + 1, size - i - 1) < 0 ? -ENOMEM : 1;
    }
    return 0;
}

static int parse_suffix(const char *s, size_t size, const char *suffix, DmvPackageName *n)
{
    if (!ends_with(s, size, suffix))
        return 0;
    size -= strlen(suffix);
    if (!is_part(s, size) || is_listed(s, size, reserved, DMV_N_ELEMENTS(reserved)))
        return DMV_INVALID_NAME;
    return copy(&n->name, s, size) < 0 ? -ENOMEM : 1;
}

static int parse_kmod(const char *s, size_t size, DmvPackageName *n)
{
    size_t at;

    if (size < sizeof(KMOD) || memcmp(s, KMOD, sizeof(KMOD) - 1) != 0)
        return 0;
    s += sizeof(KMOD) - 1;
    size -= sizeof(KMOD) - 1;
    at = find_kernel(s, size);
    if (at == 0 || !is_part(s, at - 1))
        return DMV_INVALID_NAME;
    if (copy(&n->name, s, at - 1) < 0 || copy(&n->kernel, s + at, size - at) < 0)
        return -ENOMEM;
    return dmv_kernel_name_is_valid(n->kernel) ? 1 : DMV_INVALID_NAME;
}

static int parse_form(const char *s, size_t size, char *const *vendors, DmvPackageName *n)
{
    /* in the order in which they are tried: the later a form, the more names have it */
    static const struct {
        DmvPackageForm form;
        const char *suffix;
    } forms[] = {
        {DMV_PACKAGE_KMOD, NULL},
        {DMV_PACKAGE_MODULE, "-module"},
        {DMV_PACKAGE_MODULES, "-modules"},
        {DMV_PACKAGE_VENDOR, NULL},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < DMV_N_ELEMENTS(forms); i++) {
        n->form = forms[i].form;
        if (forms[i].suffix)
            r = parse_suffix(s, size, forms[i].suffix, n);
        else
            r = n->form == DMV_PACKAGE_KMOD ? parse_kmod(s, size, n) : parse_vendor(s, size, vendors, n);
    }
    return r == 0 ? DMV_INVALID_NAME : r == 1 ? 0 : r;
}

_Static_assert(DMV_INVALID_NAME != 1, "1 says that a form was found");

/* "4.19" and "4.19.0+1" agree, "4.1" and "4.19.0+1" do not. */
static bool kernels_agree(const char *kernel, const char *major_minor)
{
    size_t n = strlen(major_minor);

    return major_minor_length(kernel, strlen(kernel)) == n && memcmp(kernel, major_minor, n) == 0;
}

int dmv_package_name_parse(const char *s, char *const *vendors, DmvPackageName *ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName n = {0};
    size_t size = strnlen(s, DMV_PACKAGE_NAME_MAX + 1), end;
    int r;

    if (size > DMV_PACKAGE_NAME_MAX)
        return refuse(reterr, "", "it is too long");
    end = find_alternate_kernel(s, size);
    if (end == 0)
        return refuse(reterr, s, "what follows -kernel is not MAJOR.MINOR at the end of the name");
    if (end < size &&
        copy(&n.alternate_kernel, s + end + sizeof(KERNEL) - 1, size - end - sizeof(KERNEL) + 1) < 0)
        return -ENOMEM;
    n.alternate = ends_with(s, end, ALT);
    if (n.alternate && n.alternate_kernel)
        return refuse(reterr, s, "there are no alternate modules for alternate kernels");
    if (n.alternate) {
        end -= sizeof(ALT) - 1;
        if (ends_with(s, end, ALT))
            return refuse(reterr, s, "an alternate has no alternate");
        if (copy(&n.overrides, s, end) < 0)
            return -ENOMEM;
    }
    r = parse_form(s, end, vendors, &n);
    if (r == DMV_INVALID_NAME)
        return refuse(reterr, s, "it has none of the forms that such names have");
    if (r < 0)
        return r;
    if (n.kernel && n.alternate_kernel && !kernels_agree(n.kernel, n.alternate_kernel))
        return refuse(reterr, s, "it names two kernels");
    *ret = n;
    n = (DmvPackageName){0};
    return 0;
}

/* ---- making ---- */

static bool means_the_same(const DmvPackageName *a, const DmvPackageName *b)
{
    return a->form == b->form && a->alternate == b->alternate && dmv_streq(a->vendor, b->vendor) &&
           dmv_module_name_equal(a->name, b->name) && dmv_streq(a->kernel, b->kernel) &&
           dmv_streq(a->alternate_kernel, b->alternate_kernel);
}

static void append_base(DmvText *t, const DmvPackageName *n, const char *name)
{
    switch (n->form) {
    case DMV_PACKAGE_VENDOR:
        dmv_text_appendf(t, "%s-%s", n->vendor ? n->vendor : "", name);
        break;
    case DMV_PACKAGE_MODULE:
    case DMV_PACKAGE_MODULES:
        dmv_text_appendf(t, "%s-module%s", name, n->form == DMV_PACKAGE_MODULES ? "s" : "");
        break;
    case DMV_PACKAGE_KMOD:
        dmv_text_appendf(t, KMOD "%s-%s", name, n->kernel ? n->kernel : "");
        break;
    case DMV_PACKAGE_FORM_MAX:
        break;
    }
}

int dmv_package_name_make(const DmvPackageName *n, char *const *vendors, char **ret, DmvError *reterr)
{
    DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName parsed = {0};
    DMV_CLEANUP_FREE char *name = strdup(n->name ? n->name : ""), *made = NULL;
    DMV_CLEANUP_TEXT DmvText t = {0};
    int r;

    if (!name)
        return -ENOMEM;
    for (char *p = name; *p; p++)
        if (*p == '_')
            *p = '-';
    append_base(&t, n, name);
    if (n->alternate)
        dmv_text_append(&t, ALT);
    if (n->alternate_kernel)
        dmv_text_appendf(&t, KERNEL "%s", n->alternate_kernel);
    r = dmv_text_take(&t, &made, NULL);
    if (r == 0)
        r = dmv_package_name_parse(made ? made : "", vendors, &parsed, reterr);
    if (r != 0)
        return r;
    if (!means_the_same(n, &parsed))
        return refuse(reterr, made, "it would be taken for the name of another package");
    *ret = DMV_TAKE_PTR(made);
    return 0;
}

int dmv_package_name_of_alternate(const char *package, const char *module, char *const *vendors, char **ret,
                                  DmvError *reterr)
{
    DMV_CLEANUP(dmv_package_name_deinit) DmvPackageName n = {.form = DMV_PACKAGE_MODULE};
    int r;

    if (package)
        r = dmv_package_name_parse(package, vendors, &n, reterr);
    else
        r = dmv_set_string(&n.name, module);
    if (r != 0)
        return r;
    if (n.alternate)
        return refuse(reterr, package, "an alternate has no alternate");
    n.alternate = true;
    return dmv_package_name_make(&n, vendors, ret, reterr);
}

/* ---- what follows from a name ---- */

bool dmv_package_name_is_of_module(const DmvPackageName *n, const char *module)
{
    return n->form != DMV_PACKAGE_MODULES && !n->device && dmv_module_name_equal(n->name, module);
}

static const struct {
    DmvTree tree;
    DmvTier tier;
} tree_tiers[] = {
    {DMV_TREE_UPDATES, DMV_TIER_SUPPORTED},
    {DMV_TREE_OVERRIDE, DMV_TIER_ALTERNATE},
    {DMV_TREE_EXTRA, DMV_TIER_ADDITIONAL},
    {DMV_TREE_WEAK, DMV_TIER_ADDITIONAL},
};

bool dmv_package_name_is_for_kernel(const DmvPackageName *n, const char *release)
{
    size_t size = n->alternate_kernel ? strlen(n->alternate_kernel) : 0;

    return size == 0 || (strncmp(release, n->alternate_kernel, size) == 0 && !is_digit(release[size]));
}

DmvTier dmv_package_tier(const DmvPackageName *n, DmvTree tree)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(tree_tiers); i++)
        if (tree_tiers[i].tree == tree)
            return tree_tiers[i].tier;
    if (n->alternate)
        return DMV_TIER_ALTERNATE;
    return n->form == DMV_PACKAGE_VENDOR ? DMV_TIER_SUPPORTED : DMV_TIER_ADDITIONAL;
}

DmvTree dmv_tier_tree(DmvTier t)
{
    for (size_t i = 0; i < DMV_N_ELEMENTS(tree_tiers); i++)
        if (tree_tiers[i].tier == t)
            return tree_tiers[i].tree;
    return DMV_TREE_INVALID;
}

bool dmv_package_is_offered(DmvTier tier, const DmvPackageName *n, bool installed)
{
    return installed || (tier == DMV_TIER_SUPPORTED && !(n && n->alternate_kernel));
}

int dmv_package_version(const char *module, const char *kernel, char **ret)
{
    const char *from = module && module[0] ? module : kernel;
    char *made;

    if (!from || !from[0] || strlen(from) > PART_MAX)
        return DMV_INVALID_NAME;
    for (const char *p = from; *p; p++)
        if (!is_alnum(*p) && !strchr("._+~^-", *p))
            return DMV_INVALID_NAME;
    made = strdup(from);
    if (!made)
        return -ENOMEM;
    for (char *p = made; *p; p++)
        if (*p == '-')
            *p = '_';
    *ret = made;
    return 0;
}

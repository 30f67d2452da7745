/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of 00-dmv.conf.
 *
 * Overrides decide for every module that somebody selected, so that a file which some package drops into a
 * tree of higher rank cannot win silently; the search line decides for the rest, in the order that XCP-ng's
 * policy asks for.
 */
#include "model/depmodconf.h"

#include <errno.h>
#include <string.h>

static const char head[] = "# Written by dmv. Changes are lost: the selection is made with dmvctl(1).\n"
                           "search override updates extra built-in weak-updates\n";
static const char exclude_line[] = "exclude dmv xenserver\n";

void dmv_depmod_conf_deinit(DmvDepmodConf *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->overrides[i].module);
        free(c->overrides[i].kernel);
        free(c->overrides[i].subdir);
    }
    free(c->overrides);
    *c = (DmvDepmodConf){0};
}

/* Of what names of kernels may hold only '+' needs it: a '.' matches itself. */
char *dmv_depmod_kernel_pattern(const char *kernel)
{
    DMV_CLEANUP_TEXT DmvText t = {0};
    char *ret = NULL;

    dmv_text_append(&t, "^");
    for (; *kernel; kernel++)
        if (*kernel == '+')
            dmv_text_append(&t, "[+]");
        else
            dmv_text_append_bytes(&t, kernel, 1);
    dmv_text_append(&t, "$");
    return dmv_text_take(&t, &ret, NULL) == 0 ? ret : NULL;
}

int dmv_depmod_conf_add(DmvDepmodConf *c, const char *module, const char *kernel, const char *subdir)
{
    DmvOverride *o = DMV_ARRAY_ADD(c->overrides, c->n);

    if (!o || dmv_set_string(&o->module, module) < 0 || dmv_set_string(&o->kernel, kernel) < 0 ||
        dmv_set_string(&o->subdir, subdir) < 0)
        return -ENOMEM;
    return 0;
}

static int compare_overrides(const void *a, const void *b)
{
    const DmvOverride *x = a, *y = b;
    int c = strcmp(x->kernel, y->kernel);

    return c ? c : strcmp(x->module, y->module);
}

int dmv_depmod_conf_format(DmvDepmodConf *c, char **ret)
{
    DMV_CLEANUP_TEXT DmvText t = {0};

    if (c->n > 0)
        qsort(c->overrides, c->n, sizeof(c->overrides[0]), compare_overrides);
    dmv_text_append(&t, head);
    if (c->excludes)
        dmv_text_append(&t, exclude_line);
    for (size_t i = 0; i < c->n; i++) {
        DMV_CLEANUP_FREE char *kernel = dmv_depmod_kernel_pattern(c->overrides[i].kernel);

        if (!kernel)
            return -ENOMEM;
        dmv_text_appendf(&t, "override %s %s %s\n", c->overrides[i].module, kernel, c->overrides[i].subdir);
    }
    return dmv_text_take(&t, ret, NULL);
}

#define OVERRIDE "override "

static bool is_override(const char *line, size_t size)
{
    return size > strlen(OVERRIDE) && memcmp(line, OVERRIDE, strlen(OVERRIDE)) == 0;
}

/* Does this line of a configuration matter for a kernel, as override lines name it? */
static bool line_matters(const char *line, size_t size, const char *kernel)
{
    const char *k;
    size_t n = strlen(kernel);

    if (size == 0 || line[0] == '#')
        return false;
    if (!is_override(line, size))
        return true;
    k = memchr(line + strlen(OVERRIDE), ' ', size - strlen(OVERRIDE));
    if (!k)
        return true;
    k++;
    return (size_t)(line + size - k) > n && memcmp(k, kernel, n) == 0 && k[n] == ' ';
}

static int relevant_lines(const char *text, const char *kernel, char **ret)
{
    DMV_CLEANUP_FREE char *pattern = dmv_depmod_kernel_pattern(kernel);
    DMV_CLEANUP_TEXT DmvText t = {0};

    if (!pattern)
        return -ENOMEM;
    while (text && *text) {
        size_t n = strcspn(text, "\n");

        if (line_matters(text, n, pattern)) {
            dmv_text_append_bytes(&t, text, n);
            dmv_text_append(&t, "\n");
        }
        text += n + (text[n] == '\n');
    }
    return dmv_text_take(&t, ret, NULL);
}

int dmv_depmod_conf_differs(const char *a, const char *b, const char *kernel)
{
    DMV_CLEANUP_FREE char *x = NULL;
    DMV_CLEANUP_FREE char *y = NULL;

    if (relevant_lines(a, kernel, &x) < 0 || relevant_lines(b, kernel, &y) < 0)
        return -ENOMEM;
    return strcmp(x, y) != 0;
}

static int push_module(const char *line, char ***ret)
{
    const char *name = line + strlen(OVERRIDE);
    DMV_CLEANUP_FREE char *file = NULL;
    char module[65];

    if (asprintf(&file, "%.*s.ko", (int)strcspn(name, " \n"), name) < 0) {
        file = NULL;
        return -ENOMEM;
    }
    return dmv_module_name_from_file(file, module, sizeof(module)) ? dmv_strv_push(ret, module) : 0;
}

int dmv_depmod_conf_modules(const char *conf, const char *kernel, char ***ret)
{
    DMV_CLEANUP_FREE char *pattern = dmv_depmod_kernel_pattern(kernel);
    int r = pattern ? 0 : -ENOMEM;

    while (r == 0 && conf && *conf) {
        size_t n = strcspn(conf, "\n");

        if (is_override(conf, n) && line_matters(conf, n, pattern))
            r = push_module(conf, ret);
        conf += n + (conf[n] == '\n');
    }
    return r;
}

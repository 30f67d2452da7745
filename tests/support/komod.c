/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See komod.h. */
#include "komod.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void add_info(FILE *f, const char *key, const char *value)
{
    static unsigned n;

    (void)fprintf(
        f,
        "static const char info_%u[] __attribute__((section(\".modinfo\"), used, aligned(1))) = \"%s=%s\";\n",
        n++, key, value);
}

static void add_note_record(FILE *f, unsigned type, const char *value)
{
    static unsigned n;

    if (!value)
        return;
    n++;
    (void)fprintf(f,
                  "__asm__(\".pushsection .note.XenServer,\\\"a\\\",@note\\n"
                  ".long 9\\n.long 2f-1f\\n.long %u\\n.ascii \\\"XenServer\\\"\\n.balign 4\\n"
                  "1: .asciz \\\"%s\\\"\\n2: .balign 4\\n.popsection\\n\");\n",
                  type, value);
}

static void add_build_id(FILE *f, unsigned char byte)
{
    if (!byte)
        return;
    (void)fprintf(f,
                  "__asm__(\".pushsection .note.gnu.build-id,\\\"a\\\",@note\\n"
                  ".long 4\\n.long 20\\n.long 3\\n.asciz \\\"GNU\\\"\\n.fill 20,1,%u\\n.popsection\\n\");\n",
                  byte);
}

/* One entry of __versions: an unsigned long and a name, 64 bytes. */
static void add_need(FILE *f, const char *need)
{
    const char *equals = strchr(need, '=');

    assert_non_null(equals);
    (void)fprintf(f,
                  "__asm__(\".pushsection __versions,\\\"a\\\"\\n1: .8byte %s\\n.asciz \\\"%.*s\\\"\\n"
                  ".org 1b + 64\\n.popsection\\n\");\n",
                  equals + 1, (int)(equals - need), need);
}

void komod_build(const Scratch *s, const char *path, const Komod *k)
{
    char source[1024];
    FILE *f;

    assert_true(snprintf(source, sizeof(source), "%s.c", path) < (int)sizeof(source));
    scratch_write(s, source, "");
    f = fopen(scratch_path(s, source), "we");
    assert_non_null(f);
    add_info(f, "license", "GPL");
    if (k->version)
        add_info(f, "version", k->version);
    for (size_t i = 0; i < 8 && k->aliases[i]; i++)
        add_info(f, "alias", k->aliases[i]);
    if (k->firmware)
        add_info(f, "firmware", k->firmware);
    add_info(f, "srcversion", "0123456789ABCDEF0123456");
    add_info(f, "depends", k->depends ? k->depends : "");
    add_info(f, "name", k->name);
    add_info(f, "vermagic", k->vermagic ? k->vermagic : "6.1.0-test SMP mod_unload ");
    add_note_record(f, 2, k->note_version);
    add_note_record(f, 1, k->note_variant);
    add_build_id(f, k->build_id);
    for (size_t i = 0; i < 4 && k->needs[i]; i++)
        add_need(f, k->needs[i]);
    (void)fprintf(f, "int init_module(void);\nint init_module(void)\n{\n    return 0;\n}\n");
    assert_int_equal(fclose(f), 0);
    scratch_run("gcc", "-c", "-O1", "-fno-toplevel-reorder", "-o", scratch_path(s, path),
                scratch_path(s, source), NULL);
    assert_int_equal(unlink(scratch_path(s, source)), 0);
}

void komod_sign(const Scratch *s, const char *path, const char *common_name)
{
    char subject[128];
    glob_t tools = {0};

    (void)snprintf(subject, sizeof(subject), "/O=dmv test/CN=%s", common_name);
    scratch_run("openssl", "req", "-new", "-nodes", "-sha256", "-days", "36500", "-batch", "-x509", "-newkey",
                "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", subject, "-keyout",
                scratch_path(s, "sign.key"), "-out", scratch_path(s, "sign.pem"), NULL);
    assert_int_equal(glob("/usr/lib/linux-kbuild-*/scripts/sign-file", 0, NULL, &tools), 0);
    scratch_run(tools.gl_pathv[0], "sha256", scratch_path(s, "sign.key"), scratch_path(s, "sign.pem"),
                scratch_path(s, path), NULL);
    globfree(&tools);
}

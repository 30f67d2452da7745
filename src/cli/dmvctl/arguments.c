/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of dmvctl.
 *
 * A verb only lists the options it takes; their names, kinds and explanations are in one table. The words are
 * read twice by getopt_long(3): up to the verb, and behind it, where the verb's own options count too.
 */
#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "verb.h"

typedef enum Kind { FLAG, STRING, NUMBER, DATE, MODE, COLOR } Kind;

typedef struct OptionRow {
    const char *name;
    char letter;          /* or 0 */
    const char *argument; /* what stands for the argument in the help; "[...]" makes it optional */
    Kind kind;
    size_t offset; /* of the member of DmvArguments */
    const char *help;
} OptionRow;

#define AT(member) offsetof(DmvArguments, member)

static const OptionRow option_table[DMV_OPTION_MAX] = {
    [DMV_OPTION_HELP] = {"help", 'h', NULL, FLAG, AT(help), "show help"},
    [DMV_OPTION_VERSION] = {"version", 0, NULL, FLAG, AT(version), "show the version of dmvctl"},
    [DMV_OPTION_JSON] = {"json", 'j', "[pretty|short]", MODE, AT(mode), "print JSON, errors too"},
    [DMV_OPTION_COLOR] = {"color", 0, "auto|always|never", COLOR, AT(color), "use colours (auto)"},
    [DMV_OPTION_TIMEOUT] = {"timeout", 0, "SECONDS", NUMBER, AT(timeout),
                            "give up without an answer; 0: never"},
    [DMV_OPTION_HOST] = {"host", 'H', "USER@HOST", STRING, AT(host), "run dmvctl on that host, by ssh"},
    [DMV_OPTION_ADDRESS] = {"address", 0, "PATH", STRING, AT(address), "socket of the daemon"},
    [DMV_OPTION_ROOT] = {"root", 0, "DIR", STRING, AT(root), "work on that root, without a running daemon"},
    [DMV_OPTION_SYSFS] = {"sysfs", 0, "DIR", STRING, AT(sysfs), "read the hardware from there"},
    [DMV_OPTION_PROCFS] = {"procfs", 0, "DIR", STRING, AT(procfs), "read the kernel's state from there"},
    [DMV_OPTION_ALL] = {"all", 'a', NULL, FLAG, AT(all), "show everything, not only what fits"},
    [DMV_OPTION_INSTALLED] = {"installed", 0, NULL, FLAG, AT(installed), "only installed releases"},
    [DMV_OPTION_AVAILABLE] = {"available", 0, NULL, FLAG, AT(available),
                              "only releases that a stream offers"},
    [DMV_OPTION_UNCLAIMED] = {"unclaimed", 'u', NULL, FLAG, AT(unclaimed), "only devices without a driver"},
    [DMV_OPTION_FIELDS] = {"fields", 'f', "A,B,...", STRING, AT(fields), "columns to show, in that order"},
    [DMV_OPTION_NO_HEADINGS] = {"no-headings", 0, NULL, FLAG, AT(no_headings),
                                "no line with the columns' names"},
    [DMV_OPTION_NOW] = {"now", 0, NULL, FLAG, AT(now), "switch at once, not at the next reboot"},
    [DMV_OPTION_STAGED] = {"staged", 0, NULL, FLAG, AT(staged), "switch at the next reboot, not at once"},
    [DMV_OPTION_ANY_HARDWARE] = {"any-hardware", 0, NULL, FLAG, AT(any_hardware),
                                 "although no device here is supported"},
    [DMV_OPTION_ALLOW_STALE] = {"allow-stale", 0, NULL, FLAG, AT(allow_stale),
                                "accept a catalog that has expired"},
    [DMV_OPTION_ACCEPT_LIFELINE] = {"accept-lifeline", 0, NULL, FLAG, AT(accept_lifeline),
                                    "although the host may not come back"},
    [DMV_OPTION_ACCEPT_GUESTS] = {"accept-guests", 0, NULL, FLAG, AT(accept_guests),
                                  "although guests that run are affected"},
    [DMV_OPTION_ACCEPT_REVOKED] = {"accept-revoked", 0, NULL, FLAG, AT(accept_revoked),
                                   "although a release was revoked since then"},
    [DMV_OPTION_BECAUSE] = {"because", 0, "TEXT", STRING, AT(because), "why; kept in the history"},
    [DMV_OPTION_UNTIL] = {"until", 0, "DATE", DATE, AT(until), "YYYY-MM-DD: to the end of that day, UTC"},
    [DMV_OPTION_DRY_RUN] = {"dry-run", 'n', NULL, FLAG, AT(dry_run), "check and show, change nothing"},
    [DMV_OPTION_LIMIT] = {"limit", 0, "N", NUMBER, AT(limit), "entries to show (50)"},
    [DMV_OPTION_CHECK] = {"check", 0, NULL, FLAG, AT(check), "exit status 11 if a reboot is pending"},
    [DMV_OPTION_SHUTDOWN] = {"shutdown", 0, NULL, FLAG, AT(shutdown), "the host goes down now"},
    [DMV_OPTION_WAITED] = {"waited", 0, "SECONDS", NUMBER, AT(waited), "wait for links, after so long"},
    [DMV_OPTION_DETAILED_EXIT_CODE] = {"detailed-exit-code", 0, NULL, FLAG, AT(detailed_exit_code),
                                       "exit status 10 if there are changes"},
};

/* What getopt_long(3) wants: the options that count here. */
typedef struct Choice {
    struct option longs[DMV_OPTION_MAX + 1];
    char letters[3 * DMV_OPTION_MAX + 3];
} Choice;

#define LONG_BASE 256 /* values of long options; below are letters */

static void choose(Choice *c, DmvOption option)
{
    const OptionRow *row = &option_table[option];
    int takes = !row->argument            ? no_argument
                : row->argument[0] == '[' ? optional_argument
                                          : required_argument;
    size_t n = 0, l = strlen(c->letters);

    while (c->longs[n].name)
        n++;
    c->longs[n] = (struct option){row->name, takes, NULL, LONG_BASE + (int)option};
    if (!row->letter)
        return;
    c->letters[l++] = row->letter;
    for (int i = 0; i < takes; i++) /* "x", "x:" or "x::" */
        c->letters[l++] = ':';
}

static DmvOption option_of(int value)
{
    if (value >= LONG_BASE)
        return (DmvOption)(value - LONG_BASE);
    for (int i = DMV_OPTION_NONE + 1; i < DMV_OPTION_MAX; i++)
        if (option_table[i].letter == value)
            return (DmvOption)i;
    return DMV_OPTION_NONE;
}

/* Which of the words of a "a|b|c" list, -1 if none. */
static int word_index(const char *const words[], size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

static int store_mode(const char *value, DmvOutputMode *ret)
{
    static const char *const words[] = {"short", "pretty"};
    int i = value ? word_index(words, DMV_N_ELEMENTS(words), value) : 0;

    if (i < 0)
        return -EINVAL;
    *ret = !value ? DMV_OUTPUT_JSON : i == 0 ? DMV_OUTPUT_JSON_SHORT : DMV_OUTPUT_JSON_PRETTY;
    return 0;
}

static int store_color(const char *value, DmvColorMode *ret)
{
    static const char *const words[] = {"auto", "always", "never"};
    int i = word_index(words, DMV_N_ELEMENTS(words), value);

    if (i < 0)
        return -EINVAL;
    *ret = (DmvColorMode)i;
    return 0;
}

/* A day means up to its end, as people mean it. */
static int store_date(const char *value, char ret[21])
{
    char text[21];
    int64_t t;

    if (strlen(value) == strlen("YYYY-MM-DD"))
        (void)snprintf(text, sizeof(text), "%sT23:59:59Z", value);
    else if (strlen(value) == sizeof(text) - 1)
        memcpy(text, value, sizeof(text));
    else
        return -EINVAL;
    if (dmv_parse_time(text, &t) < 0)
        return -EINVAL;
    memcpy(ret, text, sizeof(text));
    return 0;
}

static int store(DmvArguments *a, const OptionRow *row, const char *value)
{
    void *member = (char *)a + row->offset;

    switch (row->kind) {
    case FLAG:
        *(bool *)member = true;
        return 0;
    case STRING:
        if (!*value)
            return -EINVAL;
        *(const char **)member = value;
        return 0;
    case NUMBER:
        return dmv_parse_u64(value, UINT32_MAX, member);
    case DATE:
        return store_date(value, member);
    case MODE:
        return store_mode(value, member);
    case COLOR:
        return store_color(value, member);
    }
    return -EINVAL;
}

static int remember(DmvArguments *a, DmvOption option, const char *value)
{
    DMV_CLEANUP_FREE char *word = NULL;
    const OptionRow *row = &option_table[option];

    if (option == DMV_OPTION_HOST)
        return 0;
    if (asprintf(&word, "--%s%s%s", row->name, value ? "=" : "", value ? value : "") < 0) {
        word = NULL;
        return -ENOMEM;
    }
    return dmv_strv_push(&a->forwarded, word);
}

static int refuse(DmvError *reterr, const DmvVerb *verb, const char *why, const char *subject)
{
    dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "%s", why);
    dmv_error_set_what(reterr, "%s%s%s", verb ? verb->name : "", verb && subject ? ": " : "",
                       subject ? subject : "");
    dmv_error_set_next(reterr, "dmvctl help%s%s", verb ? " " : "", verb ? verb->name : "");
    return DMV_INVALID_REQUEST;
}

static int take_option(DmvArguments *a, const DmvVerb *verb, int value, char *word, DmvError *reterr)
{
    DmvOption option = option_of(value);
    DMV_CLEANUP_FREE char *subject = NULL;
    int r;

    if (value == '?' || value == ':') {
        char letter[3] = {'-', (char)optopt, '\0'};
        bool is_letter = optopt > 0 && optopt < LONG_BASE;

        return refuse(reterr, verb, value == ':' ? "needs an argument" : "no such option",
                      is_letter ? letter : word);
    }
    r = store(a, &option_table[option], optarg);
    if (r == 0)
        return remember(a, option, optarg);
    if (asprintf(&subject, "--%s=%s", option_table[option].name, optarg) < 0)
        subject = NULL;
    return refuse(reterr, verb, "not a valid argument", subject);
}

/* Reads options from @argv[1]. @order: "+:" stops at the first other word, ":" does not.
 * Return: index of the first word that is none; DMV_INVALID_REQUEST as -EINVAL with @reterr; -ENOMEM. */
static int read_options(int argc, char **argv, const char *order, const DmvVerb *verb, DmvArguments *a,
                        DmvError *reterr)
{
    Choice choice = {0};
    int value, r;

    (void)snprintf(choice.letters, sizeof(choice.letters), "%s", order);
    for (int i = DMV_OPTION_NONE + 1; i <= DMV_OPTION_COMMON_LAST; i++)
        choose(&choice, (DmvOption)i);
    for (size_t i = 0; verb && i < DMV_VERB_OPTIONS_MAX && verb->options[i] != DMV_OPTION_NONE; i++)
        choose(&choice, verb->options[i]);
    opterr = 0;
    optind = 0; /* GNU: start afresh */
    while ((value = getopt_long(argc, argv, choice.letters, choice.longs, NULL)) != -1) {
        r = take_option(a, verb, value, argv[optind - 1], reterr);
        if (r != 0)
            return r < 0 ? r : -EINVAL;
    }
    return optind;
}

static int check_objects(const DmvVerb *verb, DmvArguments *a, DmvError *reterr)
{
    size_t n = dmv_strv_length(a->objects);
    DMV_CLEANUP_FREE char *why = NULL;

    if (a->help || a->version)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!*a->objects[i])
            return refuse(reterr, verb, "an argument is empty", NULL);
    if (n >= verb->min_objects && n <= verb->max_objects)
        return 0;
    if (asprintf(&why, "%s: the usage is dmvctl %s %s",
                 n < verb->min_objects ? "an argument is missing" : "too many arguments", verb->name,
                 verb->synopsis) < 0)
        why = NULL;
    return refuse(reterr, verb, why ? why : "wrong arguments", NULL);
}

/* Is @verb one edit (a letter more, less, other, or two swapped) away from @word? */
static bool resembles(const char *verb, const char *word)
{
    size_t n = strlen(verb), m = strlen(word), head = 0, tail = 0;

    while (head < n && head < m && verb[head] == word[head])
        head++;
    while (tail < n - head && tail < m - head && verb[n - tail - 1] == word[m - tail - 1])
        tail++;
    n -= head + tail;
    m -= head + tail;
    return (n <= 1 && m <= 1) ||
           (n == 2 && m == 2 && verb[head] == word[head + 1] && verb[head + 1] == word[head]);
}

static int refuse_verb(const DmvVerb *const verbs[], const char *word, DmvError *reterr)
{
    DMV_CLEANUP_FREE char *safe = dmv_sanitize(word);

    dmv_error_set(reterr, DMV_INVALID_REQUEST, NULL, NULL, "no such verb");
    dmv_error_set_what(reterr, "%s", safe ? safe : word);
    for (size_t i = 0; verbs[i]; i++)
        if (strlen(word) > 1 && dmv_starts_with(verbs[i]->name, word))
            dmv_error_set_next(reterr, "dmvctl %s", verbs[i]->name);
    for (size_t i = 0; verbs[i]; i++)
        if (resembles(verbs[i]->name, word))
            dmv_error_set_next(reterr, "dmvctl %s", verbs[i]->name);
    dmv_error_set_next(reterr, "dmvctl help");
    return DMV_INVALID_REQUEST;
}

static int check_combination(const DmvVerb *verb, const DmvArguments *a, DmvError *reterr)
{
    DMV_CLEANUP_ERROR DmvError e = {0};

    if (a->address && (a->root || a->sysfs || a->procfs))
        return refuse(reterr, verb, "cannot be combined with --root, --sysfs or --procfs", "--address");
    if (a->host && a->host[0] == '-')
        return refuse(reterr, verb, "not a valid argument", "--host");
    if (a->now && a->staged)
        return refuse(reterr, verb, "cannot be combined with --staged", "--now");
    if (a->fields && verb->columns && dmv_table_check_fields(verb->columns, a->fields, &e) != 0) {
        dmv_error_set_next(&e, "dmvctl help %s", verb->name);
        dmv_error_move(reterr, &e);
        return DMV_INVALID_REQUEST;
    }
    return 0;
}

int dmv_arguments_parse(int argc, char **argv, const DmvVerb *const verbs[], DmvArguments *a,
                        DmvError *reterr)
{
    const DmvVerb *verb = verbs[0];
    int i, r;

    *a = (DmvArguments){.timeout = UINT64_MAX, .waited = UINT64_MAX};
    i = read_options(argc, argv, "+:", NULL, a, reterr);
    if (i >= 0 && i < argc) {
        verb = dmv_verb_find(verbs, argv[i]);
        if (!verb)
            return refuse_verb(verbs, argv[i], reterr);
        a->named = true;
        argc -= i;
        argv += i;
        i = read_options(argc, argv, ":", verb, a, reterr);
    }
    if (i < 0)
        return i == -EINVAL ? DMV_INVALID_REQUEST : i;
    for (; i < argc; i++) {
        r = dmv_strv_push(&a->objects, argv[i]);
        if (r < 0)
            return r;
    }
    a->verb = verb;
    r = check_objects(verb, a, reterr);
    return r != 0 ? r : check_combination(verb, a, reterr);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

void dmv_arguments_environment(DmvArguments *a)
{
    if (a->address)
        return;
    if (!a->root)
        a->root = environment("DMV_ROOT");
    if (!a->sysfs)
        a->sysfs = environment("DMV_SYSFS");
    if (!a->procfs)
        a->procfs = environment("DMV_PROCFS");
    if (!a->root && !a->sysfs && !a->procfs)
        a->address = environment("DMV_ADDRESS");
}

void dmv_arguments_deinit(DmvArguments *a)
{
    a->objects = dmv_strv_free(a->objects);
    a->forwarded = dmv_strv_free(a->forwarded);
}

void dmv_arguments_print_option(DmvOption option, FILE *out)
{
    const OptionRow *row = &option_table[option];
    bool optional = row->argument && row->argument[0] == '[';
    char left[40], letter[5] = "    ";

    if (row->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", row->letter);
    if (!row->argument)
        (void)snprintf(left, sizeof(left), "%s--%s", letter, row->name);
    else if (optional)
        (void)snprintf(left, sizeof(left), "%s--%s[=%s", letter, row->name, row->argument + 1);
    else
        (void)snprintf(left, sizeof(left), "%s--%s=%s", letter, row->name, row->argument);
    (void)fprintf(out, "  %-31s %s\n", left, row->help);
}

const char *dmv_arguments_object(const DmvArguments *a, size_t i)
{
    return i < dmv_strv_length(a->objects) ? a->objects[i] : NULL;
}

/* SPDX-License-Identifier: MIT */
#include "demangle.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 256
#define HASH_DIGITS 16

char *demangle(struct demangler *demangler, const char *name)
{
    if (strncmp(name, "_Z", 2) && strncmp(name, "_GLOBAL_", 8)) /* else it is taken for that of a type */
        return NULL;
    char *rust = demangle_rust(name);
    char *demangled = rust ? NULL : demangler_text(demangler, name);
    return demangled ? drop_return_type(demangled) : rust;
}

/* ---- C++ ----------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static bool ends_with_word(const char *start, const char *end, const char *word)
{
    size_t length = strlen(word);
    while (end > start && end[-1] == ' ')
        end--;
    return (size_t)(end - start) >= length && !strncmp(end - length, word, length) &&
           ((size_t)(end - start) == length || !is_word(end[-(long)length - 1]));
}

/* What stands behind the word "operator": signs that are no brackets, or a type that has blanks. `*has_type`:
 * a conversion, which has no return type. */
static const char *skip_operator(const char *at, bool *has_type)
{
    static const char *const signs[] = {"()",      "[]",        "<=>",  "<<=", ">>=",    "->*",       "<<",
                                        ">>",      "->",        "<=",   ">=",  "==",     "!=",        "&&",
                                        "||",      "++",        "--",   "+=",  "-=",     "*=",        "/=",
                                        "%=",      "^=",        "&=",   "|=",  "<",      ">",         "=",
                                        "!",       "+",         "-",    "*",   "/",      "%",         "^",
                                        "&",       "|",         "~",    ",",   " new[]", " delete[]", " new",
                                        " delete", " co_await", "\"\" "};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (begins(at, signs[i]) && (signs[i][0] != ' ' || !is_word(at[strlen(signs[i])]))) {
            at += strlen(signs[i]);
            return begins(at, " <") ? at + 1 : at; /* template arguments, kept apart from operator< */
        }
    *has_type = true;
    return at;
}

/* The bracket that closes the one at `at`; NULL: it is not closed, or too deep. */
static const char *closing(const char *at)
{
    char stack[DEPTH_MAX];
    unsigned depth = 0;
    const char *start = at;
    for (; *at; at++) {
        const char *open = strchr("([{<", *at), *close = strchr(")]}>", *at);
        bool has_type = false;
        if (*at == 'o' && begins(at, "operator") && !is_word(at[8]) && (at == start || !is_word(at[-1]))) {
            at = skip_operator(at + 8, &has_type) - 1;
        } else if (open) {
            if (depth == DEPTH_MAX)
                return NULL;
            stack[depth++] = ")]}>"[open - "([{<"];
        } else if (close && stack[depth - 1] == *at) {
            if (!--depth)
                return at;
        } else if (close && *at != '>') { /* as in -> */
            return NULL;
        }
    }
    return NULL;
}

/* A declarator: "void (*get<int>(int))(char)" is get<int>(int). */
static char *inside_declarator(char *name, char *open, const char *close)
{
    char *start = open + 1, *sign = start + strcspn(start, "*&(<");
    if (sign >= close || (*sign != '*' && *sign != '&'))
        return name;
    while (*sign == '*' || *sign == '&' || *sign == ' ' || begins(sign, "const ") ||
           begins(sign, "volatile "))
        sign += begins(sign, "const ") ? 6 : begins(sign, "volatile ") ? 9 : 1;
    if (sign >= close)
        return name;
    const char *clone = strstr(close, " [clone ");
    size_t length = (size_t)(close - sign), rest = clone ? strlen(clone) : 0;
    memmove(name, sign, length);
    memmove(name + length, clone ? clone : "", rest);
    name[length + rest] = 0;
    return drop_return_type(name);
}

/* Those of a member function, behind its parameters. */
static const char *skip_qualifiers(const char *at)
{
    static const char *const qualifiers[] = {" const", " volatile", " &&", " &"};
    for (size_t i = 0; i < sizeof qualifiers / sizeof *qualifiers; i++)
        if (begins(at, qualifiers[i]))
            at += strlen(qualifiers[i]);
    return at;
}

/* The return type, if there is one, ends with the last blank outside of brackets before the parameters. A
 * function followed by "::" is but the scope of what comes then. */
char *drop_return_type(char *name)
{
    static const char *const no_functions[] = {"vtable for ",
                                               "VTT for ",
                                               "construction vtable ",
                                               "typeinfo ",
                                               "guard variable ",
                                               "TLS ",
                                               "reference temporary ",
                                               "non-virtual thunk ",
                                               "virtual thunk ",
                                               "covariant return thunk ",
                                               "transaction clone ",
                                               "non-transaction clone ",
                                               "hidden alias ",
                                               "global constructors ",
                                               "global destructors ",
                                               "initializer for ",
                                               "template parameter object ",
                                               "java "};
    for (size_t i = 0; i < sizeof no_functions / sizeof *no_functions; i++)
        if (begins(name, no_functions[i]))
            return name;
    char *start = name;
    for (char *at = name; *at; at++) {
        bool is_conversion = false;
        if (begins(at, "operator") && !is_word(at[8]) && (at == name || !is_word(at[-1]))) {
            at = (char *)skip_operator(at + 8, &is_conversion);
            if (is_conversion)
                break;
            at--;
        } else if (*at == ' ') {
            start = at + 1;
        } else if (strchr("([{<", *at)) {
            const char *close = closing(at);
            if (!close)
                return name;
            bool is_type = ends_with_word(name, at, "decltype") || ends_with_word(name, at, "noexcept");
            if (*at == '(' && !is_type && !begins(at, "(anonymous namespace)")) {
                if (at == start)
                    return inside_declarator(name, at, close);
                close = skip_qualifiers(close + 1);
                if (!begins(close, "::"))
                    break;
            }
            at = (char *)close;
        }
        if (!at[1])
            return name; /* no parameters: no function */
    }
    memmove(name, start, strlen(start) + 1);
    return name;
}

/* ---- Rust ---------------------------------------------------------------------------------------- */

/* What stands between dollar signs in a part of a path (rustc, symbol_mangling/src/legacy.rs). `*at` goes
 * past it. */
static char escape_of(const char **at, const char *end)
{
    static const struct {
        const char *name;
        char character;
    } escapes[] = {{"$SP$", '@'}, {"$BP$", '*'}, {"$RF$", '&'}, {"$LT$", '<'},
                   {"$GT$", '>'}, {"$LP$", '('}, {"$RP$", ')'}, {"$C$", ','}};
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        size_t length = strlen(escapes[i].name);
        if ((size_t)(end - *at) >= length && !strncmp(*at, escapes[i].name, length)) {
            *at += length;
            return escapes[i].character;
        }
    }
    if (end - *at >= 5 && begins(*at, "$u") && isxdigit((unsigned char)(*at)[2])) {
        char *rest;
        unsigned long code = strtoul(*at + 2, &rest, 16);
        if (*rest == '$' && rest < end && code >= ' ' && code < 0x7f) {
            *at = rest + 1;
            return (char)code;
        }
    }
    return 0;
}

static char *write_part(char *out, const char *at, const char *end)
{
    if (end - at > 1 && begins(at, "_$"))
        at++;
    while (at < end) {
        char escaped = *at == '$' ? escape_of(&at, end) : 0;
        if (escaped) {
            *out++ = escaped;
        } else if (end - at >= 2 && begins(at, "..")) {
            *out++ = ':';
            *out++ = ':';
            at += 2;
        } else {
            *out++ = *at++;
        }
    }
    return out;
}

static bool is_hash(const char *part, size_t length)
{
    if (length != HASH_DIGITS + 1 || *part != 'h')
        return false;
    for (size_t i = 1; i < length; i++)
        if (!isdigit((unsigned char)part[i]) && (part[i] < 'a' || part[i] > 'f'))
            return false;
    return true;
}

char *demangle_rust(const char *name)
{
    size_t size = strlen(name);
    const char *end = name + size;
    if (!begins(name, "_ZN"))
        return NULL;
    char *demangled = malloc(2 * size + 1),
         *out = demangled; /* a part has a digit, and becomes "::" longer */
    for (const char *at = name + 3; demangled && isdigit((unsigned char)*at);) {
        char *part;
        unsigned long length = strtoul(at, &part, 10);
        if (!length || length > (size_t)(end - part))
            break;
        at = part + length;
        if (*at == 'E' && is_hash(part, length) && out > demangled) {
            *out = 0;
            return demangled;
        }
        if (out > demangled)
            out = stpcpy(out, "::");
        out = write_part(out, part, at);
    }
    free(demangled);
    return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * shell: the console's command line.
 *
 *     editor.c    one line from a terminal: cursor, history, completion
 *     complete.c  what a word may go on with
 *     words.c     a line into words and redirections (pure)
 *     main.c      the loop, and commands about the shell itself
 *     files.c     commands about files
 *     system.c    commands about services and programs
 *     services.c  what every service is doing, once or live
 *     launch.c    running a program
 *
 * Rule: a command answers 0 when it did what was asked; otherwise it has said why on standard error and answers the status
 * that the shell shows. A command never ends the shell.
 */
#ifndef USER_SHELL_SHELL_H
#define USER_SHELL_SHELL_H

#include <stddef.h>
#include <stdint.h>

#define LINE_BYTES 1024
#define WORDS_MAXIMUM 64

/* A line taken apart. The words point into `room`. */
struct command_line {
    int count;
    char *words[WORDS_MAXIMUM + 1]; /* NULL after the last */
    const char *input;              /* file of <, or NULL */
    const char *output;             /* file of > or >>, or NULL */
    int append;
    int background;
    char room[LINE_BYTES * 2];
};

struct command {
    const char *name;
    const char *usage; /* arguments */
    const char *help;
    int (*run)(int count, char **words);
};

/* ---- words.c ---- */
/*
 * Take `line` apart: blanks separate; '...' and "..." keep blanks; \ takes the next character as it is; # at the start of a
 * word begins a comment; $? is `status`. NULL, or what is wrong with the line.
 */
const char *words_parse(const char *line, int status, struct command_line *parsed);

/* ---- editor.c ---- */
/*
 * Read a line of at most LINE_BYTES - 1 characters. From a terminal it can be edited and is kept in the history.
 * Returns its length, or -1 at the end of the input.
 */
int editor_read(const char *prompt, char *line);

/* ---- complete.c ---- */
/*
 * What may follow the text up to `cursor`: puts what all candidates have in common into `more` (more_bytes of room) and
 * returns the number of candidates. `show` is called with each if there are several; it may be NULL.
 */
int complete(const char *line, size_t cursor, char *more, size_t more_bytes, void (*show)(const char *candidate));

/* ---- launch.c ---- */
/* Run a program with the line's redirections and wait for it unless it goes to the background; its status. */
int launch(const struct command_line *line);

/* Say which programs in the background have ended. */
void launch_report_ended(void);

/* ---- services.c ---- */
struct manifest_service;
/* All that this system has, but init: the services, and the monitor, which is one and which the kernel brings back. */
int service_supervised(const struct manifest_service *service);
/* Of its capability. */
uint32_t service_slot(const struct manifest_service *service);
/* What a CAUSE_* means. */
const char *service_cause(uint32_t cause);
/* The commands `services`, `top` and `policy`. */
int services_run(int count, char **words);
int top_run(int count, char **words);
int policy_run(int count, char **words);

/* ---- the commands ---- */
extern const struct command file_commands[];   /* a NULL name ends each table */
extern const struct command system_commands[];
extern const struct command shell_commands[];

/* The command of this name, or NULL. */
const struct command *command_find(const char *name);

/* Command number `index` over all tables, NULL after the last. */
const struct command *command_at(unsigned index);

/* "shell: COMMAND: SUBJECT: reason of errno"; returns 1. */
int complain(const char *command, const char *subject);

#endif

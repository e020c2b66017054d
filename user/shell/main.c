/* SPDX-License-Identifier: MIT */
/* The loop, and commands about the shell itself. Rule: shell.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "newlib/children.h"
#include "user/shell/shell.h"

#define DISK_SHELL "/bin/ash"

static int last_status;
static int leaving;

int complain(const char *command, const char *subject)
{
    fprintf(stderr, "%s: %s: %s\n", command, subject, strerror(errno));
    return 1;
}

const struct command *command_at(unsigned index)
{
    static const struct command *const tables[] = {shell_commands, file_commands, system_commands};

    for (unsigned table = 0; table < sizeof tables / sizeof tables[0]; table++) {
        for (const struct command *command = tables[table]; command->name; command++) {
            if (index-- == 0) {
                return command;
            }
        }
    }
    return NULL;
}

const struct command *command_find(const char *name)
{
    const struct command *command;

    for (unsigned index = 0; (command = command_at(index)) != NULL; index++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

static int run_help(int count, char **words)
{
    const struct command *command;

    (void)count;
    (void)words;
    for (unsigned index = 0; (command = command_at(index)) != NULL; index++) {
        char call[48];

        snprintf(call, sizeof call, "%s %s", command->name, command->usage);
        printf("  %-24s %s\n", call, command->help);
    }
    puts("Anything else runs a program: by name one that came with the system, by path one from the disk.\n"
         "PROGRAM ... < FILE > FILE (or >> FILE) redirects, & leaves it in the background, $? is the last status.");
    return 0;
}

static int run_cd(int count, char **words)
{
    const char *directory = count > 1 ? words[1] : "/";

    return chdir(directory) == 0 ? 0 : complain("cd", directory);
}

static int run_pwd(int count, char **words)
{
    char directory[PATH_MAX];

    (void)count;
    if (!getcwd(directory, sizeof directory)) {
        return complain(words[0], ".");
    }
    puts(directory);
    return 0;
}

static int run_echo(int count, char **words)
{
    for (int index = 1; index < count; index++) {
        printf("%s%s", index > 1 ? " " : "", words[index]);
    }
    putchar('\n');
    return 0;
}

static int run_exit(int count, char **words)
{
    leaving = 1;
    return count > 1 ? atoi(words[1]) & 0xff : 0;
}

const struct command shell_commands[] = {
    {"help", "", "this list", run_help},
    {"cd", "[DIRECTORY]", "change the working directory", run_cd},
    {"pwd", "", "show it", run_pwd},
    {"echo", "[WORD...]", "show words", run_echo},
    {"exit", "[STATUS]", "leave: the disk is unmounted and the machine ends", run_exit},
    {NULL, NULL, NULL, NULL},
};

/* Put `path` in the place of a standard descriptor; the one that was there, or -1 and errno. */
static int replace(int standard, const char *path, int flags)
{
    int kept = dup(standard);
    int fd = open(path, flags, 0666);

    if (fd < 0 || kept < 0 || dup2(fd, standard) < 0) {
        close(kept);
        kept = -1;
    }
    close(fd);
    return kept;
}

static void restore(int standard, int kept)
{
    if (kept >= 0) {
        dup2(kept, standard);
        close(kept);
    }
}

/* A command of the shell, with its redirections. */
static int run_command(const struct command *command, struct command_line *line)
{
    int input = -1;
    int output = -1;
    int result;

    fflush(stdout);
    if (line->input && (input = replace(STDIN_FILENO, line->input, O_RDONLY)) < 0) {
        return complain(command->name, line->input);
    }
    if (line->output && (output = replace(STDOUT_FILENO, line->output,
                                          O_WRONLY | O_CREAT | (line->append ? O_APPEND : O_TRUNC))) < 0) {
        result = complain(command->name, line->output);
    } else {
        result = command->run(line->count, line->words);
        fflush(stdout);
    }
    restore(STDIN_FILENO, input);
    restore(STDOUT_FILENO, output);
    return result;
}

static void run_line(const char *text)
{
    static struct command_line line;
    const char *problem = words_parse(text, last_status, &line);
    const struct command *command;

    if (problem) {
        fprintf(stderr, "shell: %s\n", problem);
        last_status = 2;
        return;
    }
    if (line.count == 0) {
        return;
    }
    command = command_find(line.words[0]);
    last_status = command ? run_command(command, &line) : launch(&line);
    if (last_status && !leaving) {
        fprintf(stderr, "[status %d]\n", last_status);
    }
}

/* Ctrl-C ends what runs in the foreground, which has not this handler, and not the shell. */
static void stay(int signal_number)
{
    (void)signal_number;
}

static int own_loop(void)
{
    char line[LINE_BYTES];
    char directory[PATH_MAX];
    char prompt[PATH_MAX + 16];

    if (isatty(STDIN_FILENO)) {
        puts("Perdure. `help` lists the commands, Tab completes, `crash fs` kills the file system.");
    }
    while (!leaving) {
        launch_report_ended();
        snprintf(prompt, sizeof prompt, "%s> ", getcwd(directory, sizeof directory) ? directory : "");
        if (editor_read(prompt, line) < 0) {
            break;
        }
        run_line(line);
    }
    return last_status;
}

/* The shell of the disk, if there is one, with all that this one may do: its status, or -1. Its commands about the system are
 * programs under /system, which are this program under their names. */
static int hand_over(void)
{
    static char *arguments[] = {(char *)"sh", (char *)"-i", NULL};
    static struct child_files files;
    const struct child_options options = {.files = &files, .supervisor = 1};
    struct spawn_failure failure;
    pid_t shell;
    int status;

    if (access(DISK_SHELL, X_OK) != 0) {
        return -1;
    }
    setenv("PATH", "/bin:/system", 0);
    setenv("PS1", "$PWD> ", 0);
    puts("Perdure. `services` and `top` show the system, `crash fs` kills the file system, `exit` ends the machine.");
    fflush(stdout);
    glue_files_begin(&files);
    shell = glue_child_start(DISK_SHELL, arguments, environ, &options, &failure);
    if (shell < 0 || waitpid(shell, &status, 0) != shell) {
        complain("shell", DISK_SHELL);
        return -1;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* One command, whose name this program was started under. */
static const struct command *called_as(const char *name)
{
    const char *slash = strrchr(name, '/');

    return command_find(slash ? slash + 1 : name);
}

int main(int count, char **words)
{
    const struct command *command = count > 0 ? called_as(words[0]) : NULL;

    if (command) {
        words[0] = (char *)command->name;
        return command->run(count, words);
    }
    signal(SIGINT, stay);
    if (isatty(STDIN_FILENO)) {
        int status = hand_over();

        if (status >= 0) {
            return status;
        }
    }
    return own_loop();
}

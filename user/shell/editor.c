/* SPDX-License-Identifier: MIT */
/*
 * One line from a terminal.
 *
 * Left and right, Home and End (Ctrl-A, Ctrl-E), up and down through the history, Backspace, Delete (Ctrl-D), Ctrl-K to the
 * end, Ctrl-U to the start, Ctrl-W the word before, Ctrl-L a clear screen, Ctrl-C another line, Tab completes, Ctrl-D on an
 * empty line ends the input.
 *
 * Rule: the terminal is raw only while a line is being edited. A change anywhere but at the end draws the whole line again,
 * in one write.
 */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "user/shell/shell.h"

#define HISTORY_LINES 64
#define COMPLETION_COLUMNS 4

#define CONTROL(letter) ((letter) & 0x1f)
#define KEY_ESCAPE 27
#define KEY_DELETE_BACK 127

/* Keys that arrive as escape sequences. */
enum key { KEY_UP = 256, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE, KEY_UNKNOWN };

struct editor {
    const char *prompt;
    char *line;
    size_t length;
    size_t cursor;
    unsigned back; /* lines back in the history; 0 is the new line */
    char kept[LINE_BYTES]; /* the new line while the history is shown */
};

static char history[HISTORY_LINES][LINE_BYTES];
static unsigned history_count; /* ever entered */

/* Text that goes out in one write. */
static char output[LINE_BYTES * 2 + 256];
static size_t output_bytes;

static void emit(const char *text, size_t bytes)
{
    if (bytes <= sizeof output - output_bytes) {
        memcpy(output + output_bytes, text, bytes);
        output_bytes += bytes;
    }
}

static void emit_text(const char *text)
{
    emit(text, strlen(text));
}

static void flush(void)
{
    write(STDOUT_FILENO, output, output_bytes);
    output_bytes = 0;
}

static void draw(const struct editor *editor)
{
    char move[32];

    emit_text("\r");
    emit_text(editor->prompt);
    emit(editor->line, editor->length);
    emit_text("\x1b[K");
    if (editor->cursor < editor->length) {
        snprintf(move, sizeof move, "\x1b[%zuD", editor->length - editor->cursor);
        emit_text(move);
    }
    flush();
}

static int read_byte(void)
{
    unsigned char byte;

    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
}

/* The rest of an escape sequence. */
static int read_sequence(void)
{
    static const struct {
        const char *text;
        enum key key;
    } sequences[] = {{"A", KEY_UP},     {"B", KEY_DOWN},   {"C", KEY_RIGHT}, {"D", KEY_LEFT}, {"H", KEY_HOME},
                     {"F", KEY_END},    {"1~", KEY_HOME},  {"7~", KEY_HOME}, {"4~", KEY_END}, {"8~", KEY_END},
                     {"3~", KEY_DELETE}};
    char text[8] = {0};
    int byte = read_byte();

    if (byte != '[' && byte != 'O') {
        return KEY_UNKNOWN;
    }
    for (size_t length = 0; length + 1 < sizeof text; length++) {
        byte = read_byte();
        if (byte < 0) {
            return -1;
        }
        text[length] = (char)byte;
        if (byte >= 0x40) {
            break;
        }
    }
    for (size_t index = 0; index < sizeof sequences / sizeof sequences[0]; index++) {
        if (strcmp(text, sequences[index].text) == 0) {
            return sequences[index].key;
        }
    }
    return KEY_UNKNOWN;
}

static int read_key(void)
{
    int byte = read_byte();

    return byte == KEY_ESCAPE ? read_sequence() : byte;
}

/* Put text at the cursor: 1, or 0 if it does not fit. */
static int insert(struct editor *editor, const char *text, size_t bytes)
{
    if (editor->length + bytes >= LINE_BYTES) {
        emit_text("\a");
        return 0;
    }
    memmove(editor->line + editor->cursor + bytes, editor->line + editor->cursor, editor->length - editor->cursor);
    memcpy(editor->line + editor->cursor, text, bytes);
    editor->cursor += bytes;
    editor->length += bytes;
    return 1;
}

/* Remove the bytes from `from` to `to`; the cursor goes to `from`. */
static void cut(struct editor *editor, size_t from, size_t to)
{
    memmove(editor->line + from, editor->line + to, editor->length - to);
    editor->length -= to - from;
    editor->cursor = from;
}

static void cut_word(struct editor *editor)
{
    size_t from = editor->cursor;

    while (from > 0 && editor->line[from - 1] == ' ') {
        from--;
    }
    while (from > 0 && editor->line[from - 1] != ' ') {
        from--;
    }
    cut(editor, from, editor->cursor);
}

/* Show the line `back` lines ago, if there is one. */
static void recall(struct editor *editor, unsigned back)
{
    if (back > history_count || back > HISTORY_LINES) {
        return;
    }
    if (editor->back == 0) {
        memcpy(editor->kept, editor->line, editor->length);
        editor->kept[editor->length] = 0;
    }
    editor->back = back;
    strcpy(editor->line, back ? history[(history_count - back) % HISTORY_LINES] : editor->kept);
    editor->length = editor->cursor = strlen(editor->line);
}

static void remember(const char *line)
{
    if (*line && (history_count == 0 || strcmp(history[(history_count - 1) % HISTORY_LINES], line) != 0)) {
        strcpy(history[history_count++ % HISTORY_LINES], line);
    }
}

static unsigned shown;

static void show_candidate(const char *candidate)
{
    char text[64];

    snprintf(text, sizeof text, "%s%-18.60s", shown % COMPLETION_COLUMNS ? " " : "\r\n", candidate);
    shown++;
    emit_text(text);
    flush();
}

static void complete_here(struct editor *editor)
{
    char more[LINE_BYTES];
    int candidates;

    editor->line[editor->length] = 0;
    candidates = complete(editor->line, editor->cursor, more, sizeof more, NULL);
    if (candidates == 0) {
        emit_text("\a");
    } else if (*more) {
        insert(editor, more, strlen(more));
    } else if (candidates > 1) {
        shown = 0;
        complete(editor->line, editor->cursor, more, sizeof more, show_candidate);
        emit_text("\r\n");
    }
}

static void move_or_cut(struct editor *editor, int key)
{
    switch (key) {
    case KEY_LEFT:
    case CONTROL('B'):
        editor->cursor -= editor->cursor > 0;
        break;
    case KEY_RIGHT:
    case CONTROL('F'):
        editor->cursor += editor->cursor < editor->length;
        break;
    case KEY_HOME:
    case CONTROL('A'):
        editor->cursor = 0;
        break;
    case KEY_END:
    case CONTROL('E'):
        editor->cursor = editor->length;
        break;
    case KEY_DELETE_BACK:
    case CONTROL('H'):
        if (editor->cursor > 0) {
            cut(editor, editor->cursor - 1, editor->cursor);
        }
        break;
    case KEY_DELETE:
    case CONTROL('D'):
        if (editor->cursor < editor->length) {
            cut(editor, editor->cursor, editor->cursor + 1);
        }
        break;
    case CONTROL('K'):
        editor->length = editor->cursor;
        break;
    case CONTROL('U'):
        cut(editor, 0, editor->cursor);
        break;
    default:
        cut_word(editor);
        break;
    }
}

/* Act on one key: 1 when the line is done, -1 at the end of the input, else 0. */
static int act(struct editor *editor, int key)
{
    if (key < 0 || (key == CONTROL('D') && editor->length == 0)) {
        return -1;
    }
    switch (key) {
    case '\r':
    case '\n':
        return 1;
    case CONTROL('C'):
        emit_text("^C");
        editor->length = 0;
        return 1;
    case CONTROL('L'):
        emit_text("\x1b[H\x1b[2J");
        break;
    case '\t':
        complete_here(editor);
        break;
    case KEY_UP:
    case CONTROL('P'):
        recall(editor, editor->back + 1);
        break;
    case KEY_DOWN:
    case CONTROL('N'):
        if (editor->back) {
            recall(editor, editor->back - 1);
        }
        break;
    case KEY_UNKNOWN:
        break;
    default:
        if (key >= ' ' && key < 256 && key != KEY_DELETE_BACK) {
            char character = (char)key;

            if (insert(editor, &character, 1) && editor->cursor == editor->length) {
                emit(&character, 1); /* typing at the end needs no new drawing */
                flush();
                return 0;
            }
        } else {
            move_or_cut(editor, key);
        }
    }
    draw(editor);
    return 0;
}

static int edit(const char *prompt, char *line)
{
    struct editor editor = {.prompt = prompt, .line = line};
    int done;

    draw(&editor);
    while ((done = act(&editor, read_key())) == 0) {
    }
    emit_text("\r\n");
    flush();
    line[editor.length] = 0;
    return done < 0 ? -1 : (int)editor.length;
}

/* A line from a file or a program at the other end. */
static int read_plain(char *line)
{
    size_t length;

    if (!fgets(line, LINE_BYTES, stdin)) {
        return -1;
    }
    length = strcspn(line, "\r\n");
    line[length] = 0;
    return (int)length;
}

int editor_read(const char *prompt, char *line)
{
    struct termios cooked;
    struct termios raw;
    int length;

    fflush(stdout);
    if (tcgetattr(STDIN_FILENO, &cooked) != 0) {
        return read_plain(line);
    }
    raw = cooked;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    length = edit(prompt, line);
    tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
    if (length > 0) {
        remember(line);
    }
    return length;
}

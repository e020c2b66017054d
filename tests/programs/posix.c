/* SPDX-License-Identifier: MIT */
/*
 * What a C program may expect of Perdure's C library: every function of the system-call layer, used as programs use it.
 *
 * Rule: each check prints its line of source when it fails; the last line says how many failed, and so does the exit
 * status. With an argument it plays a child (see children()).
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pwd.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>
#include <wchar.h>

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("posix.c:%d: %s (errno %d)\n", __LINE__, #condition, errno);                                        \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

#define FAILS(expression, reason) CHECK((errno = 0, (expression) < 0) && errno == (reason))

static void make_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(fd) == 0);
}

static void opening(void)
{
    char text[8] = {0};
    int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0666);

    CHECK(fd >= 0);
    FAILS(open("new", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
    FAILS(open("missing", O_RDONLY), ENOENT);
    FAILS(open("new/below", O_RDONLY), ENOTDIR);
    FAILS(open(".", O_WRONLY), EISDIR);
    FAILS(open("new", O_RDONLY | O_DIRECTORY), ENOTDIR);
    FAILS(open("", O_RDONLY), ENOENT);
    CHECK(write(fd, "abc", 3) == 3);
    CHECK(lseek(fd, 0, SEEK_CUR) == 3);
    CHECK(lseek(fd, 1, SEEK_SET) == 1);
    CHECK(read(fd, text, sizeof text) == 2 && strcmp(text, "bc") == 0);
    CHECK(lseek(fd, -1, SEEK_END) == 2);
    FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    FAILS(lseek(fd, 0, 9), EINVAL);
    CHECK(close(fd) == 0);
    FAILS(close(fd), EBADF);
    FAILS(read(fd, text, 1), EBADF);
    fd = open("new", O_RDONLY);
    FAILS(write(fd, "x", 1), EBADF);
    CHECK(close(fd) == 0);
    fd = open("new", O_WRONLY | O_APPEND);
    FAILS(read(fd, text, 1), EBADF);
    CHECK(write(fd, "def", 3) == 3);
    CHECK(close(fd) == 0);
    fd = open("new", O_RDWR | O_TRUNC);
    CHECK(read(fd, text, sizeof text) == 0);
    CHECK(close(fd) == 0);
    CHECK((fd = creat("created", 0600)) >= 0 && close(fd) == 0 && unlink("created") == 0);
    CHECK(unlink("new") == 0);
}

static void transferring(void)
{
    static unsigned char from[200000] __attribute__((aligned(4096)));
    static unsigned char to[200000] __attribute__((aligned(4096)));
    static const size_t offsets[] = {0, 1, 4095, 4096};
    static const size_t sizes[] = {0, 1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537, 150000};
    int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644);

    for (size_t index = 0; index < sizeof from; index++) {
        from[index] = (unsigned char)(index * 2654435761u >> 13);
    }
    for (size_t out = 0; out < 4; out++) {
        for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
            size_t bytes = sizes[size];

            CHECK(pwrite(fd, from + offsets[out], bytes, 5) == (ssize_t)bytes);
            memset(to, 0xee, sizeof to);
            CHECK(pread(fd, to + offsets[3 - out], bytes, 5) == (ssize_t)bytes);
            CHECK(memcmp(from + offsets[out], to + offsets[3 - out], bytes) == 0);
            CHECK(to[offsets[3 - out] + bytes] == 0xee);
        }
    }
    CHECK(ftruncate(fd, 100) == 0);
    CHECK(pread(fd, to, sizeof to, 50) == 50);
    CHECK(pread(fd, to, sizeof to, 100) == 0);
    CHECK(ftruncate(fd, 10000) == 0);
    CHECK(pread(fd, to, 9900, 100) == 9900 && to[0] == 0 && to[9899] == 0);
    FAILS(pread(fd, to, 1, -1), EINVAL);
    FAILS(ftruncate(fd, -1), EINVAL);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
    CHECK(close(fd) == 0);
    CHECK(truncate("data", 3) == 0);
    CHECK(unlink("data") == 0);
}

static void vectors(void)
{
    char first[3] = {0};
    char second[5] = {0};
    struct iovec out[2] = {{(void *)"abc", 3}, {(void *)"defg", 4}};
    struct iovec in[2] = {{first, 2}, {second, 4}};
    int fd = open("vector", O_RDWR | O_CREAT | O_TRUNC, 0644);

    CHECK(writev(fd, out, 2) == 7);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK(readv(fd, in, 2) == 6);
    CHECK(strcmp(first, "ab") == 0 && strcmp(second, "cdef") == 0);
    CHECK(close(fd) == 0 && unlink("vector") == 0);
}

static void duplicating(void)
{
    char text[4] = {0};
    int fd = open("dup", O_RDWR | O_CREAT | O_TRUNC, 0644);
    int copy = dup(fd);

    CHECK(copy > fd);
    CHECK(write(fd, "ab", 2) == 2 && write(copy, "cd", 2) == 2);
    CHECK(lseek(fd, 0, SEEK_CUR) == 4);
    CHECK(close(fd) == 0);
    CHECK(pread(copy, text, 3, 1) == 3 && strncmp(text, "bcd", 3) == 0);
    CHECK(dup2(copy, 50) == 50 && dup2(50, 50) == 50);
    CHECK(close(copy) == 0);
    CHECK(lseek(50, 0, SEEK_END) == 4);
    CHECK((copy = fcntl(50, F_DUPFD, 60)) == 60);
    CHECK(fcntl(60, F_GETFD) == 0 && fcntl(60, F_SETFD, FD_CLOEXEC) == 0 && fcntl(60, F_GETFD) == FD_CLOEXEC);
    CHECK((fcntl(60, F_GETFL) & O_ACCMODE) == O_RDWR);
    CHECK(close(50) == 0 && close(60) == 0);
    FAILS(dup(60), EBADF);
    FAILS(dup2(0, 100000), EBADF);
    CHECK(unlink("dup") == 0);
}

static void describing(void)
{
    struct stat status;
    struct stat other;
    struct utimbuf times = {1000000000, 1234567890};
    struct statvfs volume;

    make_file("file", "12345");
    CHECK(stat("file", &status) == 0);
    CHECK(S_ISREG(status.st_mode) && status.st_size == 5 && status.st_nlink == 1 && status.st_ino > 0);
    CHECK((status.st_mode & 07777) == 0644);
    CHECK(chmod("file", 0751) == 0 && stat("file", &status) == 0 && (status.st_mode & 07777) == 0751);
    CHECK(utime("file", &times) == 0 && stat("file", &status) == 0);
    CHECK(status.st_mtime == 1234567890 && status.st_atime == 1000000000);
    CHECK(link("file", "hard") == 0 && stat("hard", &other) == 0);
    CHECK(other.st_ino == status.st_ino && other.st_nlink == 2);
    CHECK(symlink("file", "soft") == 0 && lstat("soft", &other) == 0);
    CHECK(S_ISLNK(other.st_mode) && other.st_size == 4);
    CHECK(stat("soft", &other) == 0 && other.st_ino == status.st_ino);
    CHECK(chown("file", 12, 34) == 0 && stat("file", &other) == 0 && other.st_uid == 12 && other.st_gid == 34);
    CHECK(lchown("soft", 5, 6) == 0 && lstat("soft", &other) == 0 && other.st_uid == 5);
    CHECK(access("file", F_OK) == 0);
    FAILS(access("missing", F_OK), ENOENT);
    FAILS(stat("missing", &status), ENOENT);
    CHECK(stat(".", &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(fstat(STDOUT_FILENO, &status) == 0 && S_ISCHR(status.st_mode));
    CHECK(statvfs(".", &volume) == 0 && volume.f_blocks > volume.f_bfree && volume.f_namemax == 255);
    CHECK(unlink("file") == 0 && unlink("hard") == 0 && unlink("soft") == 0);
    umask(077);
    make_file("masked", "");
    CHECK(stat("masked", &status) == 0 && (status.st_mode & 0777) == 0600);
    CHECK(umask(022) == 077 && unlink("masked") == 0);
}

static void naming(void)
{
    char target[16] = {0};
    char long_name[300];

    make_file("a", "a");
    make_file("b", "b");
    CHECK(rename("a", "b") == 0 && access("a", F_OK) != 0);
    FAILS(rename("missing", "b"), ENOENT);
    FAILS(link("b", "b"), EEXIST);
    CHECK(symlink("../some where", "link") == 0);
    CHECK(readlink("link", target, 5) == 5 && strcmp(target, "../so") == 0);
    FAILS(readlink("b", target, 5), EINVAL);
    CHECK(unlink("link") == 0);
    FAILS(unlink("link"), ENOENT);
    CHECK(mkdir("dir", 0755) == 0);
    FAILS(mkdir("dir", 0755), EEXIST);
    FAILS(rmdir("b"), ENOTDIR);
    FAILS(rename("dir", "dir/below"), EINVAL);
    CHECK(rename("b", "dir/c") == 0);
    FAILS(rmdir("dir"), ENOTEMPTY);
    CHECK(remove("dir/c") == 0 && remove("dir") == 0);
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[256] = 0;
    FAILS(open(long_name, O_RDONLY), ENAMETOOLONG);
    CHECK(symlink("loop", "loop") == 0);
    FAILS(open("loop", O_RDONLY), ELOOP);
    CHECK(unlink("loop") == 0);
    CHECK(strcmp(basename(strcpy(long_name, "/a/b/")), "b") == 0);
    CHECK(strcmp(dirname(strcpy(long_name, "/a/b/")), "/a") == 0);
    CHECK(strcmp(dirname(strcpy(long_name, "a")), ".") == 0);
}

static void directories(void)
{
    char name[NAME_MAX + 1];
    char path[PATH_MAX];
    const struct dirent *entry;
    unsigned seen = 0;
    long place = -1;
    DIR *stream;
    int fd;

    CHECK(mkdir("many", 0755) == 0 && chdir("many") == 0);
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/posix/many") == 0);
    for (int index = 0; index < 300; index++) {
        snprintf(name, sizeof name, "entry%d", index);
        make_file(name, "");
    }
    stream = opendir(".");
    CHECK(stream != NULL);
    while ((entry = readdir(stream)) != NULL) {
        seen++;
        if (seen == 250) {
            place = telldir(stream);
            snprintf(name, sizeof name, "%s", (entry = readdir(stream)) ? entry->d_name : "");
            seen++;
        }
    }
    CHECK(seen == 302);
    seekdir(stream, place);
    CHECK((entry = readdir(stream)) != NULL && strcmp(entry->d_name, name) == 0);
    rewinddir(stream);
    CHECK(readdir(stream) != NULL);
    CHECK(closedir(stream) == 0);
    for (int index = 0; index < 300; index++) {
        snprintf(name, sizeof name, "entry%d", index);
        CHECK(unlink(name) == 0);
    }
    fd = open("..", O_RDONLY);
    CHECK(fchdir(fd) == 0 && close(fd) == 0);
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/posix") == 0);
    FAILS(getcwd(path, 3) ? 0 : -1, ERANGE);
    CHECK(rmdir("many") == 0);
    FAILS(chdir("many"), ENOENT);
    CHECK(opendir("many") == NULL && errno == ENOENT);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void searching(void)
{
    struct dirent **names;
    glob_t found;
    regex_t pattern;
    int count;

    make_file("one.c", "");
    make_file("two.c", "");
    make_file("three.h", "");
    count = scandir(".", &names, not_hidden, alphasort);
    CHECK(count == 3 && strcmp(names[0]->d_name, "one.c") == 0 && strcmp(names[2]->d_name, "two.c") == 0);
    CHECK(glob("*.c", 0, NULL, &found) == 0 && found.gl_pathc == 2 && strcmp(found.gl_pathv[1], "two.c") == 0);
    globfree(&found);
    CHECK(fnmatch("t*.[ch]", "three.h", 0) == 0 && fnmatch("t*.[ch]", "one.c", 0) == FNM_NOMATCH);
    CHECK(regcomp(&pattern, "^t.*[.](c|h)$", REG_EXTENDED | REG_NOSUB) == 0);
    CHECK(regexec(&pattern, "two.c", 0, NULL, 0) == 0 && regexec(&pattern, "one.c", 0, NULL, 0) == REG_NOMATCH);
    regfree(&pattern);
    CHECK(unlink("one.c") == 0 && unlink("two.c") == 0 && unlink("three.h") == 0);
}

static void memory(void)
{
    unsigned char *pages = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *block = malloc(3000000);
    char *mark;
    const char *text;
    struct rlimit limit;
    int fd;

    CHECK(pages != MAP_FAILED && pages[0] == 0 && pages[99999] == 0);
    memset(pages, 1, 100000);
    CHECK(mprotect(pages, 4096, PROT_READ) == 0 && pages[0] == 1);
    CHECK(mprotect(pages + 8192, 4096, PROT_NONE) == 0 && pages[4096] == 1 && pages[99999] == 1);
    CHECK(munmap(pages + 40960, 8192) == 0 && pages[40959] == 1 && pages[49152] == 1);
    FAILS(mprotect(pages, 100000, PROT_READ), ENOMEM);
    CHECK(munmap(pages, 40960) == 0 && munmap(pages, 100000) == 0);
    FAILS(mprotect(pages, 100000, PROT_READ), ENOMEM);
    CHECK(block != NULL);
    memset(block, 2, 3000000);
    block = realloc(block, 5000000);
    CHECK(block && block[2999999] == 2);
    free(block);
    mark = sbrk(0);
    CHECK(sbrk(4096) == mark && (char *)sbrk(-4096) == mark + 4096 && sbrk(0) == mark);
    CHECK(malloc((size_t)1 << 40) == NULL && errno == ENOMEM);
    make_file("mapped", "contents");
    fd = open("mapped", O_RDONLY);
    text = mmap(NULL, 8, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(text != MAP_FAILED && memcmp(text, "contents", 9) == 0);
    CHECK(mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    CHECK(munmap((void *)text, 8) == 0 && close(fd) == 0 && unlink("mapped") == 0);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 1 << 20);
}

static void clocks(void)
{
    struct timespec before;
    struct timespec after;
    struct timespec wait = {0, 3000000};
    struct timeval now;
    struct tms spent;
    struct tm parts;
    time_t second = time(NULL);

    CHECK(second > 1000000000);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && nanosleep(&wait, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 3000000);
    CHECK(usleep(1000) == 0 && sleep(0) == 0);
    CHECK(gettimeofday(&now, NULL) == 0 && now.tv_sec - second <= 2);
    CHECK(clock() != (clock_t)-1 && times(&spent) != (clock_t)-1);
    CHECK(gmtime_r(&(time_t){86399}, &parts) && parts.tm_hour == 23 && parts.tm_mday == 1);
    wait.tv_nsec = -1;
    FAILS(nanosleep(&wait, NULL), EINVAL);
}

static int handled;

static void handler(int number)
{
    handled = number;
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = handler};
    sigset_t set;
    jmp_buf place;
    volatile int jumps = 0;

    CHECK(signal(SIGUSR1, handler) == SIG_DFL && raise(SIGUSR1) == 0 && handled == SIGUSR1);
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0 && raise(SIGUSR2) == 0 && handled == SIGUSR2);
    CHECK(sigemptyset(&set) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(kill(getpid(), 0) == 0);
    FAILS(kill(123456, 0), ESRCH);
    if (setjmp(place) < 3) {
        longjmp(place, ++jumps);
    }
    CHECK(jumps == 3);
}

static void streams(void)
{
    char line[64];
    int number = 0;
    double real = 0;
    FILE *file = fopen("stream", "w+");

    CHECK(file != NULL);
    CHECK(fprintf(file, "%d %.3f %s\n", 42, 2.5, "text") > 0);
    for (int index = 0; index < 5000; index++) {
        fprintf(file, "line %d\n", index);
    }
    rewind(file);
    CHECK(fscanf(file, "%d %lf %63s\n", &number, &real, line) == 3 && number == 42 && real == 2.5);
    CHECK(fgets(line, sizeof line, file) && strcmp(line, "line 0\n") == 0);
    CHECK(fseek(file, -5, SEEK_END) == 0 && fgets(line, sizeof line, file) && strcmp(line, "4999\n") == 0);
    CHECK(fgetc(file) == EOF && feof(file));
    CHECK(fseek(file, 0, SEEK_SET) == 0 && fgetc(file) == '4' && ungetc('x', file) == 'x' && fgetc(file) == 'x');
    CHECK(fclose(file) == 0);
    file = fopen("stream", "a");
    CHECK(file && fputs("end", file) >= 0 && fclose(file) == 0);
    CHECK(fopen("missing/x", "w") == NULL && errno == ENOENT);
    CHECK(mkdir("/tmp", 0777) == 0 || errno == EEXIST);
    file = tmpfile();
    CHECK(file && fwrite("abc", 1, 3, file) == 3 && fclose(file) == 0);
    CHECK(unlink("stream") == 0);
    CHECK(snprintf(line, sizeof line, "%5.1e|%-4d|%#x|%lld", 12345.678, 7, 255, 1ll << 40) == 31);
    CHECK(strcmp(line, "1.2e+04|7   |0xff|1099511627776") == 0);
    CHECK(strtod("0x1.8p1", NULL) == 3.0 && fabs(sin(1.0) - 0.8414709848078965) < 1e-15);
    CHECK(wcslen(L"wide") == 4);
}

static void devices(void)
{
    unsigned char bytes[64];
    unsigned char others[64];
    struct stat status;
    struct pollfd ready;
    int fd = open("/dev/null", O_RDWR);

    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && read(fd, bytes, 1) == 0);
    FAILS(lseek(fd, 0, SEEK_SET), ESPIPE);
    CHECK(close(fd) == 0);
    memset(bytes, 1, sizeof bytes);
    fd = open("/dev/zero", O_RDONLY);
    CHECK(read(fd, bytes, sizeof bytes) == sizeof bytes && bytes[0] == 0 && bytes[63] == 0 && close(fd) == 0);
    fd = open("/dev/urandom", O_RDONLY);
    CHECK(read(fd, bytes, sizeof bytes) == sizeof bytes && read(fd, others, sizeof others) == sizeof others);
    CHECK(memcmp(bytes, others, sizeof bytes) != 0 && close(fd) == 0);
    CHECK(getentropy(bytes, sizeof bytes) == 0);
    FAILS(getentropy(bytes, 257), EIO);
    CHECK(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
    make_file("ready", "x");
    ready = (struct pollfd){open("ready", O_RDWR), POLLIN | POLLOUT, 0};
    CHECK(poll(&ready, 1, 0) == 1 && ready.revents == (POLLIN | POLLOUT));
    CHECK(!isatty(ready.fd) && errno == ENOTTY);
    CHECK(close(ready.fd) == 0 && unlink("ready") == 0);
}

static void identities(void)
{
    struct utsname name;
    const struct passwd *user = getpwuid(getuid());

    CHECK(uname(&name) == 0 && strcmp(name.sysname, "Perdure") == 0);
    CHECK(user && strcmp(user->pw_name, "root") == 0 && getpwnam("root") == user);
    CHECK(sysconf(_SC_PAGESIZE) == 4096 && getpagesize() == 4096 && sysconf(_SC_OPEN_MAX) > 64);
    CHECK(pathconf(".", _PC_NAME_MAX) == 255);
    CHECK(getpid() > 0 && getppid() > 0 && geteuid() == 0 && getegid() == 0);
    CHECK(setuid(0) == 0);
    FAILS(setuid(5), EPERM);
    CHECK(setenv("POSIX_TEST", "set", 1) == 0 && strcmp(getenv("POSIX_TEST"), "set") == 0);
    CHECK(unsetenv("POSIX_TEST") == 0 && !getenv("POSIX_TEST"));
}

static void refusals(void)
{
    char *const none[] = {NULL};

    FAILS(execve("/x", none, none), ENOENT);
    FAILS(execv("/posix", none), EACCES);
    CHECK(system(NULL) == 0); /* no shell is there */
    FAILS(waitpid(-1, NULL, 0), ECHILD);
    FAILS(kill(29999, 0), ESRCH);
    FAILS(kill(getpid(), 77), EINVAL);
    FAILS(mkfifo("fifo", 0600), ENOSYS);
}

/* Start this program again as a child, with its standard output in a file; what waitpid() says. */
static int child(const char *part)
{
    char *arguments[] = {(char *)"posix", (char *)part, NULL};
    posix_spawn_file_actions_t actions;
    int status = -1;
    pid_t number;

    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 1, "/posix/out", O_WRONLY | O_CREAT | O_TRUNC, 0644) == 0);
    CHECK(posix_spawnp(&number, "posix", &actions, NULL, arguments, environ) == 0);
    CHECK(posix_spawn_file_actions_destroy(&actions) == 0);
    CHECK(waitpid(number, &status, 0) == number);
    return status;
}

static void children(void)
{
    char text[64] = {0};
    char *nothing[] = {(char *)"x", NULL};
    pid_t number;
    int fd;

    fflush(stdout);
    CHECK(child("status") == 7 << 8);
    CHECK(child("abort") == SIGABRT);
    CHECK(child("fault") == SIGSEGV);
    CHECK(child("divide") == SIGFPE);
    CHECK(child("write") == 0);
    fd = open("/posix/out", O_RDONLY);
    CHECK(read(fd, text, sizeof text) > 0 && strcmp(text, "from the child in /posix\n") == 0);
    CHECK(close(fd) == 0 && unlink("/posix/out") == 0);
    CHECK(posix_spawn(&number, "/posix/missing", NULL, NULL, nothing, environ) == ENOENT);
    make_file("text", "not a program at all");
    CHECK(posix_spawn(&number, "/posix/text", NULL, NULL, nothing, environ) == ENOEXEC);
    CHECK(unlink("text") == 0);
    FAILS(waitpid(-1, NULL, 0), ECHILD);
}

static int play(const char *part)
{
    volatile int zero = 0;
    char directory[64];

    if (strcmp(part, "abort") == 0) {
        abort();
    } else if (strcmp(part, "fault") == 0) {
        __asm__ volatile("movl $1, 8");
    } else if (strcmp(part, "divide") == 0) {
        __asm__ volatile("idivl %0" : : "r"(zero), "a"(1), "d"(0));
    } else if (strcmp(part, "write") == 0) {
        printf("from the child in %s\n", getcwd(directory, sizeof directory));
        return 0;
    }
    return 7;
}

int main(int argument_count, char **arguments)
{
    static void (*const groups[])(void) = {opening,   transferring, vectors, duplicating, describing, naming,
                                           directories, searching,  memory,  clocks,      signals,    streams,
                                           devices,   identities,   refusals, children};

    if (argument_count > 1) {
        return play(arguments[1]);
    }
    CHECK(mkdir("/posix", 0755) == 0 && chdir("/posix") == 0);
    for (size_t index = 0; index < sizeof groups / sizeof groups[0]; index++) {
        groups[index]();
    }
    CHECK(chdir("/") == 0 && rmdir("/posix") == 0);
    printf("posix: %d failures\n", failures);
    return failures ? 1 : 0;
}

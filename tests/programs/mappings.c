/* SPDX-License-Identifier: MIT */
/*
 * Mappings as POSIX has them: files whose pages are fetched when they are touched, memory that is shared with children, what
 * fork() copies. Prints `mappings: N failures`.
 *
 * Rule: what ends a program is tried in a child; what a child finds it says by its exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) check((condition) != 0, #condition, __LINE__)
#define PAGE 4096
#define FILE_PAGES 40
#define FILE_BYTES (FILE_PAGES * PAGE + 100)
#define GENERATIONS 12
#define CHILDREN 12
#define OVERLAPPING 90

static int failures;
static unsigned char contents[FILE_BYTES];

static void check(int holds, const char *what, int line)
{
    if (!holds) {
        printf("mappings.c:%d: %s (errno %d)\n", line, what, errno);
        failures++;
    }
}

static int refused(void *address, size_t bytes, int protection, int flags, int fd, off_t offset, int reason)
{
    errno = 0;
    return mmap(address, bytes, protection, flags, fd, offset) == MAP_FAILED && errno == reason;
}

static int status_of(pid_t child)
{
    int status = -1;

    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* The signal that ends a child which reads, or writes, there; 0: none does. */
static int signal_of(volatile unsigned char *place, int write)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        unsigned char value = *place;

        if (write) {
            *place = value;
        }
        _exit(0);
    }
    status = status_of(child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : status;
}

static int file_of_contents(const char *path, size_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    for (size_t place = 0; place < sizeof contents; place++) {
        contents[place] = (unsigned char)(place * 31 + place / 251);
    }
    CHECK(fd >= 0 && write(fd, contents, bytes) == (ssize_t)bytes);
    return fd;
}

static int is_zero(const unsigned char *from, size_t bytes)
{
    while (bytes && !*from) {
        from++;
        bytes--;
    }
    return bytes == 0;
}

static void files(void)
{
    int fd = file_of_contents("mapped", FILE_BYTES);
    unsigned char *map = mmap(NULL, FILE_BYTES + 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    unsigned char *shared = mmap(NULL, 100, PROT_READ, MAP_SHARED, fd, 7 * PAGE);
    unsigned char *copy = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    unsigned char read_back[16];

    CHECK(map != MAP_FAILED && shared != MAP_FAILED && copy != MAP_FAILED);
    CHECK(close(fd) == 0 && unlink("mapped") == 0); /* the mappings keep it */
    CHECK(map[FILE_BYTES - 1] == contents[FILE_BYTES - 1] && is_zero(map + FILE_BYTES, PAGE - 100));
    CHECK(memcmp(map, contents, FILE_BYTES) == 0 && memcmp(shared, contents + 7 * PAGE, PAGE) == 0);
    memset(copy + PAGE - 8, 0xee, 16);
    CHECK(memcmp(copy, contents, PAGE - 8) == 0 && memcmp(copy + PAGE + 8, contents + PAGE + 8, FILE_BYTES - PAGE - 8) == 0);
    CHECK(copy[PAGE] == 0xee && map[PAGE] == contents[PAGE]);
    CHECK(signal_of(map + FILE_BYTES + PAGE, 0) == SIGBUS); /* whole pages behind the end */
    CHECK(signal_of(map, 1) == SIGSEGV && signal_of(map + 3, 0) == 0);
    CHECK(munmap(map + PAGE, 2 * PAGE) == 0 && map[0] == contents[0] && map[3 * PAGE] == contents[3 * PAGE]);
    CHECK(signal_of(map + PAGE, 0) == SIGSEGV);
    fd = open("copied", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(munmap(map, FILE_BYTES + 2 * PAGE) == 0 && munmap(shared, 100) == 0);
    CHECK(write(fd, copy, FILE_BYTES) == FILE_BYTES && pread(fd, read_back, 16, PAGE - 8) == 16);
    CHECK(read_back[0] == 0xee && read_back[15] == 0xee && munmap(copy, FILE_BYTES) == 0);
    CHECK(close(fd) == 0 && unlink("copied") == 0);
}

/* A page that is lent to be written to a file before anybody has touched it; and a file that has become shorter. */
static void untouched_pages(void)
{
    int fd = file_of_contents("mapped", FILE_BYTES);
    int other = open("copied", O_RDWR | O_CREAT | O_TRUNC, 0644);
    unsigned char *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    static unsigned char read_back[FILE_BYTES];

    CHECK(map != MAP_FAILED && write(other, map, FILE_BYTES) == FILE_BYTES);
    CHECK(pread(other, read_back, FILE_BYTES, 0) == FILE_BYTES && memcmp(read_back, contents, FILE_BYTES) == 0);
    CHECK(munmap(map, FILE_BYTES) == 0);
    map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(map[0] == contents[0] && ftruncate(fd, PAGE + 1) == 0);
    CHECK(map[PAGE] == contents[PAGE] && signal_of(map + 2 * PAGE, 0) == SIGBUS);
    CHECK(munmap(map, FILE_BYTES) == 0 && close(fd) == 0 && close(other) == 0);
    CHECK(unlink("mapped") == 0 && unlink("copied") == 0);
}

static void refusals(void)
{
    int fd = file_of_contents("mapped", 10);
    int reader = open("mapped", O_RDONLY), writer = open("mapped", O_WRONLY), folder = open("/", O_RDONLY);
    int ends[2];
    char *map;

    CHECK(pipe(ends) == 0);
    CHECK(refused(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0, EINVAL));
    CHECK(refused(NULL, 10, PROT_READ, 0, fd, 0, EINVAL));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE | MAP_SHARED, fd, 0, EINVAL));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE, fd, 100, EINVAL));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE, fd, -PAGE, EINVAL));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE, 77, 0, EBADF));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE, writer, 0, EACCES));
    CHECK(refused(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0, EACCES));
    CHECK(refused(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, ENOTSUP));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE, folder, 0, ENODEV));
    CHECK(refused(NULL, 10, PROT_READ, MAP_PRIVATE, ends[0], 0, ENODEV));
    CHECK(refused(NULL, (size_t)1 << 40, PROT_READ, MAP_PRIVATE, fd, 0, ENOMEM));
    CHECK(refused(NULL, (size_t)-PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE, EOVERFLOW));
    CHECK(refused((void *)0x400000, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0, ENOMEM));
    CHECK(refused((void *)0x400000001, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0, EINVAL));
    map = mmap(NULL, 10, PROT_READ, MAP_SHARED, reader, 0);
    CHECK(map != MAP_FAILED && mprotect(map, 10, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
    CHECK(mprotect(map + 1, 10, PROT_READ) == -1 && errno == EINVAL);
    CHECK(mprotect(map, 2 * PAGE, PROT_READ) == -1 && errno == ENOMEM);
    CHECK(msync(map, 10, MS_SYNC) == 0 && msync(map, 10, MS_SYNC | MS_ASYNC) == -1 && errno == EINVAL);
    CHECK(msync(map + 1, 10, MS_SYNC) == -1 && errno == EINVAL);
    CHECK(msync(map, 2 * PAGE, MS_SYNC) == -1 && errno == ENOMEM);
    CHECK(munmap(map + 1, 10) == -1 && errno == EINVAL && munmap(map, 0) == -1 && errno == EINVAL);
    CHECK(munmap(map, 3 * PAGE) == 0 && munmap(map, 3 * PAGE) == 0); /* what is not there is no error */
    close(ends[0]), close(ends[1]), close(folder), close(writer), close(reader), close(fd);
    CHECK(unlink("mapped") == 0);
}

static void fixed_addresses(void)
{
    unsigned char *first = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *next;
    int fd = open("/dev/zero", O_RDWR);

    memset(first, 1, 8 * PAGE);
    CHECK(mmap(first + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          first + 2 * PAGE);
    CHECK(first[2 * PAGE - 1] == 1 && is_zero(first + 2 * PAGE, 2 * PAGE) && first[4 * PAGE] == 1);
    CHECK(mmap(first + 12 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == first + 12 * PAGE);
    next = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* not over it */
    CHECK(next != MAP_FAILED && (next + 4 * PAGE <= first + 12 * PAGE || next >= first + 13 * PAGE));
    CHECK(is_zero(first + 12 * PAGE, PAGE) && close(fd) == 0);
    CHECK(munmap(first, 13 * PAGE) == 0 && munmap(next, 4 * PAGE) == 0);
}

/* No handle and no memory is lost, however often. */
static void again_and_again(void)
{
    for (int turn = 0; turn < 200; turn++) {
        int fd = turn % 8 ? open("mapped", O_RDONLY) : file_of_contents("mapped", 2 * PAGE);
        unsigned char *map = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

        CHECK(map != MAP_FAILED && close(fd) == 0 && map[PAGE + turn] == contents[PAGE + turn]);
        CHECK(mprotect(map, PAGE, PROT_NONE) == 0 && munmap(map, PAGE) == 0 && map[PAGE] == contents[PAGE]);
        CHECK(munmap(map, 2 * PAGE) == 0);
    }
    CHECK(unlink("mapped") == 0);
}

static void children_see_mapped_files(void)
{
    int fd = file_of_contents("mapped", FILE_BYTES);
    unsigned char *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
    unsigned char *copy = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    int ends[2];
    char go;
    pid_t child;

    copy[0] = 99;
    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        int same;

        copy[1] = 98;
        read(ends[0], &go, 1); /* the parent has none of it any more */
        same = memcmp(map, contents, FILE_BYTES) == 0 && copy[0] == 99 && memcmp(copy + 2, contents + 2, FILE_BYTES - 2) == 0;
        _exit(same && munmap(map, FILE_BYTES) == 0 && munmap(copy, FILE_BYTES) == 0 && lseek(fd, 0, SEEK_CUR) == FILE_BYTES
                  ? 7
                  : 1);
    }
    CHECK(copy[1] == contents[1] && munmap(map, FILE_BYTES) == 0 && munmap(copy, FILE_BYTES) == 0 && close(fd) == 0);
    CHECK(unlink("mapped") == 0 && write(ends[1], "g", 1) == 1);
    CHECK(WEXITSTATUS(status_of(child)) == 7 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void shared_memory(void)
{
    volatile int *shared = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile int *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile int *hidden = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child;

    shared[0] = private[0] = hidden[0] = 1;
    CHECK(mprotect((void *)hidden, PAGE, PROT_NONE) == 0);
    CHECK(mprotect((void *)(shared + PAGE / sizeof *shared), PAGE, PROT_NONE) == 0);
    child = fork();
    if (child == 0) {
        shared[0]++;
        private[0]++;
        child = fork();
        if (child == 0) {
            shared[2 * PAGE / sizeof *shared] = 5;
            _exit(mprotect((void *)hidden, PAGE, PROT_READ) == 0 && hidden[0] == 1 ? 3 : 1);
        }
        _exit(WEXITSTATUS(status_of(child)));
    }
    CHECK(WEXITSTATUS(status_of(child)) == 3 && shared[0] == 2 && private[0] == 1);
    CHECK(shared[2 * PAGE / sizeof *shared] == 5);
    CHECK(signal_of((volatile unsigned char *)shared + PAGE, 0) == SIGSEGV);
    CHECK(signal_of((volatile unsigned char *)hidden, 0) == SIGSEGV);
    CHECK(mprotect((void *)hidden, PAGE, PROT_READ) == 0 && hidden[0] == 1);
    CHECK(munmap((void *)shared, 3 * PAGE) == 0 && munmap((void *)private, PAGE) == 0 && munmap((void *)hidden, PAGE) == 0);
}

/* Shared memory whose maker is gone: the grandchild goes on with it. */
static void shared_memory_of_the_dead(void)
{
    int ends[2];
    char byte = 0;
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        volatile char *shared = mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        volatile char *private = mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        shared[0] = private[0] = 'p';
        if (fork() == 0) {
            usleep(20000); /* the parent is taken apart */
            shared[8 * PAGE] = private[8 * PAGE] = 'c';
            write(ends[1], shared[0] == 'p' && private[0] == 'p' && shared[8 * PAGE] == 'c' ? "y" : "n", 1);
            _exit(0);
        }
        _exit(4);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 4 && close(ends[1]) == 0);
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'y' && close(ends[0]) == 0);
}

/* A child of a child of a child: each adds its own. */
static int descend(int *heap, int generation)
{
    pid_t child;

    heap[generation] = generation;
    if (generation == GENERATIONS) {
        for (int index = 0; index <= generation; index++) {
            if (heap[index] != index) {
                return 1;
            }
        }
        return 7;
    }
    child = fork();
    if (child == 0) {
        _exit(descend(heap, generation + 1));
    }
    return child < 0 ? 2 : WEXITSTATUS(status_of(child));
}

/* Many children at once, and always one alive while the next one begins. */
static void many_children(void)
{
    static int data[2 * PAGE];
    pid_t children[CHILDREN];
    int ends[2];
    char byte;

    CHECK(pipe(ends) == 0);
    for (int index = 0; index < CHILDREN; index++) {
        data[index] = index + 1;
        children[index] = fork();
        if (children[index] == 0) {
            close(ends[1]);
            read(ends[0], &byte, 1); /* until the parent has them all */
            _exit(data[index] == index + 1 && data[index + 1] == 0 ? index : 99);
        }
        CHECK(children[index] > 0);
    }
    close(ends[1]);
    for (int index = 0; index < CHILDREN; index++) {
        CHECK(WEXITSTATUS(status_of(children[index])) == index);
    }
    close(ends[0]);
    for (int turn = 0; turn < OVERLAPPING; turn++) {
        int next[2];

        data[PAGE + turn] = turn;
        CHECK(pipe(next) == 0);
        children[turn % 2] = fork();
        if (children[turn % 2] == 0) {
            close(next[1]);
            close(ends[1]); /* of the one before, if it lives */
            read(next[0], &byte, 1);
            _exit(data[PAGE + turn] == turn && data[PAGE + turn / 2] == turn / 2 ? 5 : 1);
        }
        CHECK(children[turn % 2] > 0 && close(next[0]) == 0);
        if (turn > 0) {
            close(ends[1]);
            CHECK(WEXITSTATUS(status_of(children[(turn + 1) % 2])) == 5);
        }
        ends[1] = next[1];
    }
    close(ends[1]);
    CHECK(WEXITSTATUS(status_of(children[(OVERLAPPING + 1) % 2])) == 5);
}

int main(void)
{
    static void (*const parts[])(void) = {files,           untouched_pages, refusals,      fixed_addresses,
                                          again_and_again, children_see_mapped_files, shared_memory, shared_memory_of_the_dead,
                                          many_children};

    for (unsigned index = 0; index < sizeof parts / sizeof parts[0]; index++) {
        parts[index]();
    }
    CHECK(descend(calloc(GENERATIONS + 1, sizeof(int)), 0) == 7);
    printf("mappings: %d failures\n", failures);
    return failures != 0;
}

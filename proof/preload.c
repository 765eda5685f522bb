/*
 * Stands between a process and the C library, for proofs: counts the calls that change what is on the disk below some
 * folders, and at the n-th one kills the process, tears the write, or fails the call; or writes down every such call, with its
 * data, in the order in which they took effect. Loaded by LD_PRELOAD into one process; what that starts runs without it.
 * Linux and glibc. Node must not use io_uring (UV_USE_IO_URING=0), which goes past the C library.
 *
 * PROOF_ROOTS    folders, separated by ':'; calls elsewhere are passed on
 * PROOF_LOG      where to write the calls, one line each; the call that was hit is its last line in mode "hit"
 * PROOF_RECORD   "data": every call, with data and what files hold that others wrote; "names": every call, without;
 *                "hit": only the call that was hit
 * PROOF_AT       the call to hit, from 1
 * PROOF_HOW      kill, tear, or the name of an error
 * PROOF_HOLD     "1": the error stays: every later call that can fail so does, as on a disk that is full
 * PROOF_READS    "1": files and folders that are opened to be read count as calls, too
 * PROOF_BOOT     a file with the boot's id that the process is to believe in
 * PROOF_CLOCK    seconds by which the clock of the process is ahead
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

enum record { NOTHING, HIT, NAMES, DATA };

static pid_t owner;
static char *roots[8];
static int root_count;
static int log_file = -1;
static enum record record;
static long hit_at;
static const char *how;
static int how_errno;
static int is_held;
static int counts_reads;
static const char *boot;
static long ahead;
static long count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct { const char *name; int number; } errors[] = {
  {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EMFILE", EMFILE}, {"EACCES", EACCES}, {"EROFS", EROFS},
};

/* The kernel itself, past all that stands below. */
static long raw(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long), d = va_arg(rest, long), e = va_arg(rest, long),
       f = va_arg(rest, long);
  va_end(rest);
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, a, b, c, d, e, f);
}

__attribute__((constructor)) static void begin(void) {
  owner = (pid_t)raw(SYS_getpid);
  const char *text = getenv("PROOF_ROOTS");
  if (text) {
    char *copy = strdup(text);
    for (char *part = strtok(copy, ":"); part && root_count < 8; part = strtok(NULL, ":")) roots[root_count++] = part;
  }
  const char *mode = getenv("PROOF_RECORD");
  record = !mode ? NOTHING : !strcmp(mode, "data") ? DATA : !strcmp(mode, "names") ? NAMES : HIT;
  const char *path = getenv("PROOF_LOG");
  if (path && record != NOTHING) {
    int file = (int)raw(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    /* Out of the way of descriptors that the program counts on. */
    log_file = (int)raw(SYS_fcntl, file, F_DUPFD_CLOEXEC, 500);
    raw(SYS_close, file);
  }
  const char *at = getenv("PROOF_AT");
  hit_at = at ? atol(at) : 0;
  how = getenv("PROOF_HOW");
  if (how) how = strdup(how);
  for (size_t i = 0; how && i < sizeof errors / sizeof *errors; i++)
    if (!strcmp(how, errors[i].name)) how_errno = errors[i].number;
  is_held = getenv("PROOF_HOLD") != NULL;
  counts_reads = getenv("PROOF_READS") != NULL;
  boot = getenv("PROOF_BOOT");
  const char *clock = getenv("PROOF_CLOCK");
  ahead = clock ? atol(clock) : 0;
  if (boot) boot = strdup(boot);
  static const char *own[] = {"LD_PRELOAD", "PROOF_ROOTS", "PROOF_LOG", "PROOF_RECORD", "PROOF_AT", "PROOF_HOW", "PROOF_HOLD", "PROOF_READS", "PROOF_BOOT", "PROOF_CLOCK"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) unsetenv(own[i]);
}

/* A child between fork and exec shares what we hold. */
static int is_ours(void) { return root_count > 0 && (pid_t)raw(SYS_getpid) == owner; }

static int is_watched(const char *path) {
  for (int i = 0; i < root_count; i++) {
    size_t length = strlen(roots[i]);
    if (!strncmp(path, roots[i], length) && (path[length] == '/' || path[length] == 0)) return 1;
  }
  return 0;
}

/* The absolute path that a call means; empty where it is none of ours to know. */
static void path_at(int folder, const char *path, char *out) {
  out[0] = 0;
  if (!path) return;
  if (path[0] == '/') {
    snprintf(out, PATH_MAX, "%s", path);
    return;
  }
  char base[PATH_MAX];
  ssize_t length;
  if (folder == AT_FDCWD) {
    length = raw(SYS_getcwd, base, sizeof base);
    if (length > 0) length--;
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    length = raw(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
  }
  if (length <= 0) return;
  base[length] = 0;
  if (strlen(base) + strlen(path) + 2 < PATH_MAX) sprintf(out, "%s/%s", base, path);
}

static void path_of(int file, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = raw(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
  out[length > 0 ? length : 0] = 0;
}

static void put(const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t done = raw(SYS_write, log_file, bytes, length);
    if (done <= 0) return;
    bytes += done;
    length -= (size_t)done;
  }
}

static void put_hex(const unsigned char *bytes, size_t length) {
  static const char digits[] = "0123456789abcdef";
  char text[4096];
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    text[used++] = digits[bytes[i] >> 4];
    text[used++] = digits[bytes[i] & 15];
    if (used == sizeof text) { put(text, used); used = 0; }
  }
  put(text, used);
}

static void note(long number, const char *kind, const char *path, const char *other, long long value) {
  char line[2 * PATH_MAX + 128];
  int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\t%lld\t", number, kind, path, other ? other : "", value);
  put(line, (size_t)length);
}

/* What a file holds by now, as hex; for files that were written by somebody else. */
static void put_contents(const char *path) {
  int file = (int)raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
  if (file < 0) return;
  struct stat state;
  if (fstat(file, &state) == 0 && S_ISREG(state.st_mode)) {
    unsigned char bytes[8192];
    put("=", 1);
    for (ssize_t got; (got = raw(SYS_read, file, bytes, sizeof bytes)) > 0;) put_hex(bytes, (size_t)got);
  }
  raw(SYS_close, file);
}

enum fate { PASS, FAIL, TEAR };

/* What a kind of call can fail with; EIO is everybody's. */
enum { ROOM = 1, DESCRIPTOR = 2, RIGHT = 4, CHANGE = 8 };

static int can_fail(int abilities) {
  switch (how_errno) {
    case EIO: return 1;
    case ENOSPC: return abilities & ROOM;
    case EMFILE: return abilities & DESCRIPTOR;
    case EACCES: return abilities & RIGHT;
    case EROFS: return abilities & CHANGE;
    default: return 0;
  }
}

/* Counts a call and decides about it. Held by `lock`, so that calls take effect in the order of their numbers. */
static enum fate decide(const char *kind, const char *path, const char *other, int abilities, int is_data) {
  long number = ++count;
  if (!how || hit_at == 0) return PASS;
  int is_hit = how_errno ? (is_held ? number >= hit_at : number == hit_at) && can_fail(abilities) : number == hit_at;
  if (!is_hit) return PASS;
  if (log_file >= 0 && record == HIT) {
    note(number, kind, path, other, abilities);
    put("\n", 1);
  }
  if (how_errno) {
    errno = how_errno;
    return FAIL;
  }
  if (!strcmp(how, "tear") && is_data) return TEAR;
  raw(SYS_kill, owner, SIGKILL);
  for (;;) raw(SYS_pause);
}

static void die(void) {
  raw(SYS_kill, owner, SIGKILL);
  for (;;) raw(SYS_pause);
}

/*
 * A call on names: `CALL` is made, and written down when it worked. Where a name begins to lead elsewhere, what stands
 * there is written down as well: others may have made it.
 */
#define NAMED(kind, path, other, value, abilities, with_contents, CALL) \
  do { \
    if (!is_ours() || !(is_watched(path) || is_watched(other))) return CALL; \
    pthread_mutex_lock(&lock); \
    if (decide(kind, path, other, abilities, 0) == FAIL) { pthread_mutex_unlock(&lock); errno = how_errno; return -1; } \
    int answer_ = CALL, error_ = errno; \
    if (answer_ >= 0 && record >= NAMES) { \
      note(count, kind, path, other, (long long)(value)); \
      if (record == DATA && with_contents) put_contents(other); \
      put("\n", 1); \
    } \
    pthread_mutex_unlock(&lock); \
    errno = error_; \
    return answer_; \
  } while (0)

static int opened(int folder, const char *path, int flags, mode_t mode) {
  if (boot && path && !strcmp(path, "/proc/sys/kernel/random/boot_id")) path = boot;
  int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
  if (!is_ours() || !(writes || counts_reads)) return (int)raw(SYS_openat, folder, path, flags, mode);
  char full[PATH_MAX];
  path_at(folder, path, full);
  if (!is_watched(full)) return (int)raw(SYS_openat, folder, path, flags, mode);
  int is_durable = (flags & (O_CREAT | O_TRUNC)) != 0;
  int abilities = DESCRIPTOR | RIGHT | (flags & O_CREAT ? ROOM : 0) | (writes ? CHANGE : 0);
  const char *kind = is_durable ? "open" : writes ? "reopen" : "read";
  pthread_mutex_lock(&lock);
  if (decide(kind, full, "", abilities, 0) == FAIL) {
    pthread_mutex_unlock(&lock);
    errno = how_errno;
    return -1;
  }
  struct stat before;
  int was_there = is_durable && raw(SYS_newfstatat, AT_FDCWD, full, &before, 0) == 0;
  int file = (int)raw(SYS_openat, folder, path, flags, mode), error = errno;
  if (file >= 0 && is_durable && record >= NAMES && (!was_there || (flags & O_TRUNC))) {
    note(count, was_there ? "truncate" : "create", full, "", was_there ? 0 : (long long)(mode & 0777));
    put("\n", 1);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return file;
}

#define OPEN_MODE \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { OPEN_MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { OPEN_MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { OPEN_MODE return opened(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* Writes pieces at an offset; -1: where the file stands. */
static ssize_t written(int file, const struct iovec *pieces, int number, off_t offset) {
  char path[PATH_MAX];
  path[0] = 0;
  if (is_ours() && file > 2) path_of(file, path);
  if (!path[0] || !is_watched(path)) {
    return offset < 0 ? raw(SYS_writev, file, pieces, number) : raw(SYS_pwritev, file, pieces, number, offset, 0);
  }
  size_t total = 0;
  for (int i = 0; i < number; i++) total += pieces[i].iov_len;
  unsigned char *all = malloc(total + 1);
  size_t used = 0;
  for (int i = 0; i < number; i++) { memcpy(all + used, pieces[i].iov_base, pieces[i].iov_len); used += pieces[i].iov_len; }
  pthread_mutex_lock(&lock);
  enum fate fate = decide("write", path, "", ROOM, 1);
  if (fate == FAIL) {
    pthread_mutex_unlock(&lock);
    free(all);
    errno = how_errno;
    return -1;
  }
  if (fate == TEAR) total = total / 2;
  ssize_t done = offset < 0 ? raw(SYS_write, file, all, total) : raw(SYS_pwrite64, file, all, total, offset);
  int error = errno;
  if (fate == TEAR) die();
  if (done > 0 && record >= NAMES) {
    off_t at = offset < 0 ? raw(SYS_lseek, file, 0, SEEK_CUR) - done : offset;
    note(count, "write", path, "", (long long)at);
    if (record == DATA) put_hex(all, (size_t)done);
    put("\n", 1);
  }
  pthread_mutex_unlock(&lock);
  free(all);
  errno = error;
  return done;
}

ssize_t write(int file, const void *bytes, size_t size) {
  struct iovec piece = {(void *)bytes, size};
  return written(file, &piece, 1, -1);
}
ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset) {
  struct iovec piece = {(void *)bytes, size};
  return written(file, &piece, 1, offset);
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) { return pwrite(file, bytes, size, offset); }
ssize_t writev(int file, const struct iovec *pieces, int number) { return written(file, pieces, number, -1); }
ssize_t pwritev(int file, const struct iovec *pieces, int number, off_t offset) { return written(file, pieces, number, offset); }
ssize_t pwritev64(int file, const struct iovec *pieces, int number, off64_t offset) { return written(file, pieces, number, offset); }

static int renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char a[PATH_MAX], b[PATH_MAX];
  path_at(from_folder, from, a);
  path_at(to_folder, to, b);
  NAMED("rename", a, b, 0, ROOM | RIGHT | CHANGE, 1, (int)raw(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) { return renamed(from_folder, from, to_folder, to, 0); }
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) { return renamed(from_folder, from, to_folder, to, flags); }

static int linked(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  char a[PATH_MAX], b[PATH_MAX];
  path_at(from_folder, from, a);
  path_at(to_folder, to, b);
  NAMED("link", a, b, 0, ROOM | RIGHT | CHANGE, 1, (int)raw(SYS_linkat, from_folder, from, to_folder, to, flags));
}
int link(const char *from, const char *to) { return linked(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) { return linked(from_folder, from, to_folder, to, flags); }

static int symlinked(const char *target, int folder, const char *path) {
  char full[PATH_MAX];
  path_at(folder, path, full);
  if (!is_watched(full)) return (int)raw(SYS_symlinkat, target, folder, path);
  NAMED("symlink", target, full, 0, ROOM | RIGHT | CHANGE, 0, (int)raw(SYS_symlinkat, target, folder, path));
}
int symlink(const char *target, const char *path) { return symlinked(target, AT_FDCWD, path); }
int symlinkat(const char *target, int folder, const char *path) { return symlinked(target, folder, path); }

static int removed(int folder, const char *path, int flags) {
  char full[PATH_MAX];
  path_at(folder, path, full);
  NAMED(flags & AT_REMOVEDIR ? "rmdir" : "unlink", full, "", 0, RIGHT | CHANGE, 0, (int)raw(SYS_unlinkat, folder, path, flags));
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return removed(folder, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  int answer = removed(AT_FDCWD, path, 0);
  return answer < 0 && errno == EISDIR ? removed(AT_FDCWD, path, AT_REMOVEDIR) : answer;
}

static int folder_made(int folder, const char *path, mode_t mode) {
  char full[PATH_MAX];
  path_at(folder, path, full);
  NAMED("mkdir", full, "", mode & 0777, ROOM | RIGHT | CHANGE, 0, (int)raw(SYS_mkdirat, folder, path, mode));
}
int mkdir(const char *path, mode_t mode) { return folder_made(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return folder_made(folder, path, mode); }

static int synced(int file, long call) {
  char path[PATH_MAX];
  path_of(file, path);
  NAMED("fsync", path, "", 0, ROOM, 0, (int)raw(call, file));
}
int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

int ftruncate(int file, off_t size) {
  char path[PATH_MAX];
  path_of(file, path);
  NAMED("truncate", path, "", size, CHANGE, 0, (int)raw(SYS_ftruncate, file, size));
}
int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }
int truncate(const char *path, off_t size) {
  char full[PATH_MAX];
  path_at(AT_FDCWD, path, full);
  NAMED("truncate", full, "", size, RIGHT | CHANGE, 0, (int)raw(SYS_truncate, path, size));
}

/* What is copied by the kernel is written down as what stands there afterwards. */
static ssize_t copied(int to, ssize_t (*copy)(void *), void *what) {
  char path[PATH_MAX];
  path[0] = 0;
  if (is_ours()) path_of(to, path);
  if (!path[0] || !is_watched(path)) return copy(what);
  pthread_mutex_lock(&lock);
  if (decide("copy", path, "", ROOM, 0) == FAIL) { pthread_mutex_unlock(&lock); errno = how_errno; return -1; }
  ssize_t done = copy(what);
  int error = errno;
  if (done >= 0 && record >= NAMES) {
    note(count, "copy", path, "", 0);
    if (record == DATA) put_contents(path);
    put("\n", 1);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

struct range { int from; off64_t *from_at; int to; off64_t *to_at; size_t size; unsigned flags; };
static ssize_t copy_range(void *what) {
  struct range *r = what;
  return raw(SYS_copy_file_range, r->from, r->from_at, r->to, r->to_at, r->size, r->flags);
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags) {
  struct range range = {from, from_at, to, to_at, size, flags};
  return copied(to, copy_range, &range);
}
static ssize_t send_range(void *what) {
  struct range *r = what;
  return raw(SYS_sendfile, r->to, r->from, r->from_at, r->size);
}
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
  struct range range = {from, at, to, NULL, size, 0};
  return copied(to, send_range, &range);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) { return sendfile(to, from, at, size); }

static ssize_t clone_range(void *what) {
  struct range *r = what;
  return raw(SYS_ioctl, r->to, FICLONE, r->from);
}
int ioctl(int file, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  if (request != FICLONE) return (int)raw(SYS_ioctl, file, request, argument);
  struct range range = {(int)(intptr_t)argument, NULL, file, NULL, 0, 0};
  return (int)copied(file, clone_range, &range);
}

/* libuv asks for some calls by number. */
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long), d = va_arg(rest, long), e = va_arg(rest, long),
       f = va_arg(rest, long);
  va_end(rest);
  return number == SYS_copy_file_range ? copy_file_range((int)a, (off64_t *)b, (int)c, (off64_t *)d, (size_t)e, (unsigned)f)
                                       : raw(number, a, b, c, d, e, f);
}

static int mode_changed(int folder, const char *path, mode_t mode, int flags) {
  char full[PATH_MAX];
  path_at(folder, path, full);
  (void)flags;
  NAMED("chmod", full, "", mode & 0777, RIGHT | CHANGE, 0, (int)raw(SYS_fchmodat, folder, path, mode));
}
int chmod(const char *path, mode_t mode) { return mode_changed(AT_FDCWD, path, mode, 0); }
int fchmodat(int folder, const char *path, mode_t mode, int flags) { return mode_changed(folder, path, mode, flags); }
int fchmod(int file, mode_t mode) {
  char path[PATH_MAX];
  path_of(file, path);
  NAMED("chmod", path, "", mode & 0777, CHANGE, 0, (int)raw(SYS_fchmod, file, mode));
}

static int time_set(const char *full, int folder, const char *path, const struct timespec times[2], int flags) {
  long long us = times ? (long long)times[1].tv_sec * 1000000 + times[1].tv_nsec / 1000 : -1;
  NAMED("times", full, "", us, RIGHT | CHANGE, 0, (int)raw(SYS_utimensat, folder, path, times, flags));
}
int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
  char full[PATH_MAX];
  path_at(folder, path, full);
  return time_set(full, folder, path, times, flags);
}
int futimens(int file, const struct timespec times[2]) {
  char full[PATH_MAX];
  path_of(file, full);
  return time_set(full, file, NULL, times, 0);
}
static void spec(const struct timeval in[2], struct timespec out[2]) {
  for (int i = 0; i < 2; i++) { out[i].tv_sec = in[i].tv_sec; out[i].tv_nsec = in[i].tv_usec * 1000; }
}
int utimes(const char *path, const struct timeval times[2]) {
  struct timespec exact[2];
  if (times) spec(times, exact);
  return utimensat(AT_FDCWD, path, times ? exact : NULL, 0);
}
int futimes(int file, const struct timeval times[2]) {
  struct timespec exact[2];
  if (times) spec(times, exact);
  return futimens(file, times ? exact : NULL);
}

/* The time of day; what only measures how long something takes is left alone. */
int clock_gettime(clockid_t clock, struct timespec *out) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int answer = real(clock, out);
  if (answer == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += ahead;
  return answer;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
  int answer = real(out, zone);
  if (answer == 0) out->tv_sec += ahead;
  return answer;
}
time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/*
 * A program that tries everything against its confinement: `hostile MODE ARG...`. Tests build it with cc, run it inside
 * and, for comparison, outside. It answers on standard output, a line for each attempt.
 *
 * So that nothing outlives a failed test, every process that it makes ends by itself after LIFE_MS.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#define LIFE_MS 20000
#define MIB (1024L * 1024)

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_us(long us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
}

static void sleep_ms(long ms) { sleep_us(ms * 1000); }

/* ---- Signs of life: a file that all processes of a run have mapped. Each counts in a place of its own. ---- */

#define PLACES 2048
struct life {
  long until_ms;
  atomic_uint taken;
  uint32_t unused;
  atomic_uint count[PLACES];
};
static struct life *life;

/* - is for those who look in other ways. */
static void open_life(const char *path) {
  int nowhere = !strcmp(path, "-");
  int file = nowhere ? -1 : open(path, O_RDWR);
  life = MAP_FAILED;
  if (nowhere || file >= 0)
    life = mmap(0, sizeof *life, PROT_READ | PROT_WRITE, MAP_SHARED | (nowhere ? MAP_ANONYMOUS : 0), file, 0);
  if (life == MAP_FAILED) {
    perror(path);
    exit(99);
  }
  if (file > 2) close(file);
  life->until_ms = now_ms() + LIFE_MS;
}

static unsigned take_place(void) {
  unsigned place = atomic_fetch_add(&life->taken, 1);
  return place < PLACES ? place : PLACES - 1;
}

static void beat(unsigned place) {
  atomic_fetch_add(&life->count[place], 1);
  if (now_ms() > life->until_ms) _exit(98);
}

static void live(void) {
  unsigned place = take_place();
  for (;;) {
    beat(place);
    sleep_ms(4);
  }
}

static void ignore_signals(void) {
  for (int number = 1; number < 65; number++)
    if (number != SIGCHLD && number != SIGSYS) signal(number, SIG_IGN);
}

static void close_all(void) {
  for (int file = 0; file < 1024; file++) close(file);
}

static void leave_group(void) { setpgid(0, 0); }
/* Where that is refused, as far away as one may get. */
static void leave_session(void) {
  if (setsid() < 0) leave_group();
}

/* ---- grab: in the very first instructions, before main ---- */

static void grab(const char *who, const char *folder) {
  long mapped = mmap(0, 2048 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  int files = 3, next;
  while (files < 300 && (next = open("/dev/null", O_RDONLY)) >= 0) files = next + 1;
  for (int file = 3; file < files; file++) close(file);
  signal(SIGXFSZ, SIG_IGN);
  char name[4096];
  snprintf(name, sizeof name, "%s/%s.%d", folder, who, getpid());
  static char block[65536];
  long written = 0;
  int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  for (ssize_t n; written < 4 * MIB && (n = write(file, block, sizeof block)) > 0;) written += n;
  long stretched = ftruncate(file, 1024 * MIB) == 0;
  unlink(name);
  struct rlimit mark = {0, 0};
  getrlimit(RLIMIT_LOCKS, &mark);
  char line[256];
  int length = snprintf(line, sizeof line, "%s %ld %d %ld %ld %d %d %llx\n", who, mapped, files, written, stretched,
                        getppid(), getpgrp(), (unsigned long long)mark.rlim_max);
  if (write(1, line, length) != length) _exit(97);
}

__attribute__((constructor)) static void first(int argc, char **argv) {
  if (argc < 3 || strcmp(argv[1], "grab") != 0) return;
  pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) {
      leave_session();
      grab("grandchild", argv[2]);
      _exit(0);
    }
    grab("child", argv[2]);
    while (wait(0) > 0) {}
    _exit(0);
  }
  grab("program", argv[2]);
  while (wait(0) > 0) {}
  _exit(child < 0 ? 96 : 0);
}

/* ---- Trees: what a program does to outlive its end. All kinds end in processes that show signs of life. ---- */

static void *live_thread(void *unused) {
  (void)unused;
  live();
  return 0;
}

/* Whose first thread has ended looks dead, and is not. */
static void live_without_leader(void) {
  pthread_t thread;
  if (pthread_create(&thread, 0, live_thread, 0) == 0) syscall(SYS_exit, 0);
  _exit(95);
}

/* Each generation lives for a moment only, so that whoever looks for it finds its parent. */
static void chain(void (*leave)(void)) {
  unsigned place = take_place();
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    beat(place);
    /* Still far less than a look at all processes takes; and whoever has to bury them all can keep up. */
    sleep_us(200);
    pid_t child = fork();
    if (child > 0) _exit(0);
    if (child < 0) sleep_ms(1);
    else if (leave) leave();
  }
}

static void bomb(void) {
  /* Each of them, and a child that leaves the session, goes on living. */
  while (atomic_load(&life->taken) < 60) {
    if (fork() == 0) {
      if (fork() == 0) leave_session();
      live();
    }
    sleep_ms(1);
  }
  live();
}

static void join_group(pid_t group) { setpgid(0, group); }

/* What clone(2) offers and fork(2) does not. */
static pid_t clone_raw(unsigned long flags) { return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0); }

static void spawn_as(const char *self, char **argv) {
  char *environment[] = {0};
  execve(self, argv, environment);
}

static const char *program;
static char *life_path;

/* Starts what is to survive, in the way that `kind` says. */
static void breed(const char *kind, const char *detail) {
  if (!strcmp(kind, "plain")) {
    if (fork() == 0) live();
  } else if (!strcmp(kind, "daemon")) {
    if (fork() == 0) {
      leave_session();
      if (fork() == 0) live();
      _exit(0);
    }
  } else if (!strcmp(kind, "closed")) {
    if (fork() == 0) {
      close_all();
      leave_session();
      if (fork() == 0) live();
      _exit(0);
    }
  } else if (!strcmp(kind, "renamed")) {
    if (fork() == 0) {
      char *argv[] = {"[kworker/0:1]", "live", life_path, 0};
      leave_session();
      spawn_as(program, argv);
      _exit(94);
    }
  } else if (!strcmp(kind, "undumpable")) {
    if (fork() == 0) {
      leave_session();
      prctl(PR_SET_DUMPABLE, 0);
      prctl(PR_SET_NAME, ") Z 1 1 1 (");
      live();
    }
  } else if (!strcmp(kind, "leaderless")) {
    if (fork() == 0) live_without_leader();
  } else if (!strcmp(kind, "chain")) {
    if (fork() == 0) chain(0);
  } else if (!strcmp(kind, "chain_sessions")) {
    if (fork() == 0) chain(leave_session);
  } else if (!strcmp(kind, "chain_groups")) {
    if (fork() == 0) chain(leave_group);
  } else if (!strcmp(kind, "chain_daemon")) {
    if (fork() == 0) {
      close_all();
      leave_session();
      chain(0);
    }
  } else if (!strcmp(kind, "bomb")) {
    if (fork() == 0) bomb();
  } else if (!strcmp(kind, "groups")) {
    for (int i = 0; i < 4; i++)
      if (fork() == 0) {
        if (i % 2) setpgid(0, 0);
        if (fork() == 0) setpgid(0, 0);
        live();
      }
  } else if (!strcmp(kind, "joined")) {
    if (fork() == 0) {
      join_group(atoi(detail));
      live();
    }
  } else if (!strcmp(kind, "siblings")) {
    for (int i = 0; i < 3; i++)
      if (clone_raw(CLONE_PARENT | SIGCHLD) == 0) live();
    /* Already dead: only whoever is its parent now can wait for it. */
    if (clone_raw(CLONE_PARENT | SIGCHLD) == 0) _exit(0);
  } else if (!strcmp(kind, "namespace")) {
    if (fork() == 0) {
      if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) == 0 && fork() == 0) {
        for (int i = 0; i < 3; i++)
          if (fork() == 0) {
            leave_session();
            live();
          }
      }
      live();
    }
  } else if (!strcmp(kind, "stopped")) {
    pid_t child = fork();
    if (child == 0) {
      if (fork() == 0) {
        leave_session();
        live();
      }
      raise(SIGSTOP);
      live();
    }
  } else if (!strcmp(kind, "vfork")) {
    if (fork() == 0) {
      /* The parent waits, not to be interrupted, for a child that never executes anything. */
      if (clone_raw(CLONE_VM | CLONE_VFORK | SIGCHLD) == 0) live();
      _exit(93);
    }
  } else if (!strcmp(kind, "executes")) {
    if (fork() == 0) {
      char *argv[] = {"again", "again", life_path, 0};
      spawn_as(program, argv);
    }
  } else if (!strcmp(kind, "signals")) {
    /* Every single signal is a question to the warden. */
    for (int i = 0; i < 20; i++)
      if (fork() == 0) {
        unsigned place = take_place();
        for (;;) {
          beat(place);
          for (int k = 0; k < 20; k++) syscall(SYS_tkill, getpid(), 0);
        }
      }
  } else {
    exit(92);
  }
}

/* tree KIND LIFE [DETAIL]: never ends by itself. */
static int tree(int argc, char **argv) {
  open_life(life_path = argv[3]);
  ignore_signals();
  breed(argv[2], argc > 4 ? argv[4] : "0");
  live();
  return 0;
}

/* polite LIFE: the same, but SIGTERM ends the program itself. */
static int polite(int argc, char **argv) {
  (void)argc;
  open_life(life_path = argv[2]);
  breed("daemon", "0");
  live();
  return 0;
}

/* leave KIND LIFE [DETAIL]: ends at once, and leaves the others behind. Its output is held open only if HOLD is set. */
static int leave(int argc, char **argv) {
  open_life(life_path = argv[3]);
  if (!getenv("HOLD")) {
    dprintf(1, "left\n");
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    dup2(null, 2);
  }
  ignore_signals();
  breed(argv[2], argc > 4 ? argv[4] : "0");
  /* Until they are there. */
  for (int i = 0; i < 200 && atomic_load(&life->taken) == 0; i++) sleep_ms(1);
  return 0;
}

/* leaderless LIFE: the program itself goes on without its first thread. */
static int leaderless(int argc, char **argv) {
  (void)argc;
  open_life(argv[2]);
  ignore_signals();
  live_without_leader();
  return 0;
}

static int live_on(int argc, char **argv) {
  (void)argc;
  open_life(argv[2]);
  ignore_signals();
  live();
  return 0;
}

/* again LIFE: executes itself for ever. Its place would be lost each time, so it takes one of its own. */
static int again(int argc, char **argv) {
  (void)argc;
  int file = open(argv[2], O_RDWR);
  life = mmap(0, sizeof *life, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (life == MAP_FAILED) return 91;
  close(file);
  if (atomic_load(&life->taken) == 0) take_place();
  beat(PLACES - 2);
  char *environment[] = {0};
  execve(program, argv, environment);
  return 90;
}

/* neighbour MS: says who it is, shows that it lives, and ends with 0. */
static int neighbour(int argc, char **argv) {
  (void)argc;
  long until = now_ms() + atol(argv[2]);
  dprintf(1, "%d\n", getpid());
  while (now_ms() < until) {
    sleep_ms(10);
    if (write(1, ".", 1) != 1) return 1;
  }
  return 0;
}

/* ---- Attempts: `NAME ok` or `NAME ERRNO` for each ---- */

static void tell(const char *name, long result) {
  printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
  fflush(stdout);
}

/* The best that could be had for one of many objects. */
static void each_thread(const char *name, pid_t process, long (*attempt)(pid_t process, pid_t thread)) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", process);
  DIR *folder = opendir(path);
  long best = -1;
  int error = ENOENT;
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    long result = attempt(process, atoi(entry->d_name));
    if (result >= 0) best = result;
    else error = errno;
  }
  if (folder) closedir(folder);
  errno = error;
  tell(name, best);
}

static int signal_number;

static siginfo_t queued(void) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  info.si_signo = signal_number;
  info.si_pid = getpid();
  info.si_uid = getuid();
  return info;
}
static long by_tkill(pid_t process, pid_t thread) {
  (void)process;
  return syscall(SYS_tkill, thread, signal_number);
}
static long by_kill(pid_t process, pid_t thread) {
  (void)process;
  return syscall(SYS_kill, thread, signal_number);
}
static long by_tgkill(pid_t process, pid_t thread) { return syscall(SYS_tgkill, process, thread, signal_number); }
static long by_queue(pid_t process, pid_t thread) {
  (void)process;
  siginfo_t info = queued();
  return syscall(SYS_rt_sigqueueinfo, thread, signal_number, &info);
}
static long by_thread_queue(pid_t process, pid_t thread) {
  siginfo_t info = queued();
  return syscall(SYS_rt_tgsigqueueinfo, process, thread, signal_number, &info);
}
static long through_descriptor(int file) {
  if (file < 0) return -1;
  long best = -1;
  int error = 0;
  /* 0; to the thread, the process, the group */
  for (int flags = 0; flags <= 4; flags = flags ? flags * 2 : 1)
    if (syscall(SYS_pidfd_send_signal, file, signal_number, 0, flags) == 0) best = 0;
    else error = errno == EINVAL && error ? error : errno;
  close(file);
  errno = error;
  return best;
}
static long by_pidfd(pid_t process, pid_t thread) {
  (void)thread;
  return through_descriptor((int)syscall(SYS_pidfd_open, process, 0));
}
static long by_thread_pidfd(pid_t process, pid_t thread) {
  (void)process;
  return through_descriptor((int)syscall(SYS_pidfd_open, thread, O_EXCL));
}
/* pidfd_send_signal(2) takes a folder of /proc for a descriptor, and there is a hidden one for every thread. */
static long by_proc_folder(pid_t process, pid_t thread) {
  (void)process;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", thread);
  return through_descriptor(open(path, O_RDONLY | O_DIRECTORY));
}
static long by_owner(pid_t process, pid_t thread) {
  (void)thread;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return -1;
  long result = fcntl(pair[0], F_SETOWN, process);
  if (result == 0) {
    int error = 0;
    fcntl(pair[0], F_SETSIG, signal_number ? signal_number : SIGURG);
    if (fcntl(pair[0], F_GETOWN) != process) error = ESRCH;
    errno = error;
    result = error ? -1 : 0;
  }
  int error = errno;
  close(pair[0]);
  close(pair[1]);
  errno = error;
  return result;
}
static long by_thread_owner(pid_t process, pid_t thread) {
  (void)process;
  struct f_owner_ex owner = {F_OWNER_TID, thread};
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return -1;
  long result = fcntl(pair[0], F_SETOWN_EX, &owner);
  int error = errno;
  close(pair[0]);
  close(pair[1]);
  errno = error;
  return result;
}
static long by_request(pid_t thread, unsigned long request) {
  int pair[2], owner = thread;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return -1;
  long result = ioctl(pair[0], request, &owner);
  int error = errno;
  close(pair[0]);
  close(pair[1]);
  errno = error;
  return result;
}
static long by_fiosetown(pid_t process, pid_t thread) {
  (void)process;
  return by_request(thread, 0x8901);
}
static long by_siocspgrp(pid_t process, pid_t thread) {
  (void)process;
  return by_request(thread, 0x8902);
}
static long by_group(pid_t process, pid_t thread) {
  (void)thread;
  return kill(-getpgid(process), signal_number);
}

static long attach(pid_t process, pid_t thread) {
  (void)process;
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) return -1;
  /* A seized thread goes on; the tracer's end lets go of it. */
  return 0;
}
static long read_memory(pid_t process, pid_t thread) {
  (void)process;
  char byte;
  struct iovec to = {&byte, 1}, from = {(void *)&signal_number, 1};
  long result = process_vm_readv(thread, &to, 1, &from, 1, 0);
  /* Whether there is something at this address over there is another question. */
  return result < 0 && errno == EFAULT ? 0 : result;
}
static long open_of(pid_t thread, const char *name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", thread, name);
  int file = open(path, flags);
  if (file < 0) return -1;
  char byte;
  /* Of memory the first byte is never there. */
  long result = flags == O_RDONLY && strcmp(name, "mem") && strcmp(name, "fd/0") ? read(file, &byte, 1) : 0;
  int error = errno;
  close(file);
  errno = error;
  return result;
}
static long open_memory(pid_t p, pid_t t) { return (void)p, open_of(t, "mem", O_RDWR); }
static long read_memory_file(pid_t p, pid_t t) { return (void)p, open_of(t, "mem", O_RDONLY); }
static long read_environ(pid_t p, pid_t t) { return (void)p, open_of(t, "environ", O_RDONLY); }
static long read_maps(pid_t p, pid_t t) { return (void)p, open_of(t, "maps", O_RDONLY); }
static long open_descriptor(pid_t p, pid_t t) { return (void)p, open_of(t, "fd/0", O_RDONLY); }
static long take_descriptor(pid_t process, pid_t thread) {
  (void)thread;
  int file = (int)syscall(SYS_pidfd_open, process, 0);
  if (file < 0) return -1;
  long result = syscall(SYS_pidfd_getfd, file, 0, 0);
  int error = errno;
  close(file);
  errno = error;
  return result;
}
static long set_limit(pid_t process, pid_t thread) {
  (void)thread;
  struct rlimit limit;
  if (prlimit(process, RLIMIT_CORE, 0, &limit) != 0) return -1;
  return prlimit(process, RLIMIT_CORE, &limit, 0);
}
/* These set what is set already. */
static long schedule(pid_t p, pid_t t) {
  (void)p;
  struct sched_param parameter = {0};
  return sched_setscheduler(t, SCHED_OTHER, &parameter);
}
static long be_nice(pid_t p, pid_t t) {
  (void)p;
  errno = 0;
  int nice = getpriority(PRIO_PROCESS, t);
  if (errno != 0) return -1;
  return setpriority(PRIO_PROCESS, t, nice);
}
static long pin(pid_t p, pid_t t) {
  (void)p;
  cpu_set_t set;
  if (sched_getaffinity(t, sizeof set, &set) != 0) return -1;
  return sched_setaffinity(t, sizeof set, &set);
}
static long be_idle(pid_t p, pid_t t) {
  (void)p;
  long class = syscall(SYS_ioprio_get, 1, t);
  return class < 0 ? -1 : syscall(SYS_ioprio_set, 1, t, class);
}
static long in_group(pid_t process, pid_t thread) {
  (void)thread;
  setpgid(0, getpgid(process));
  /* Being told so is not being there. */
  errno = EPERM;
  return getpgrp() == getpgid(process) ? 0 : -1;
}

static const struct {
  const char *name;
  long (*attempt)(pid_t process, pid_t thread);
} ATTEMPTS[] = {
    {"kill", by_kill},
    {"tkill", by_tkill},
    {"tgkill", by_tgkill},
    {"rt_sigqueueinfo", by_queue},
    {"rt_tgsigqueueinfo", by_thread_queue},
    {"pidfd_send_signal", by_pidfd},
    {"pidfd_send_signal_thread", by_thread_pidfd},
    {"pidfd_send_signal_proc", by_proc_folder},
    {"kill_group", by_group},
    {"f_setown", by_owner},
    {"f_setown_ex", by_thread_owner},
    {"fiosetown", by_fiosetown},
    {"siocspgrp", by_siocspgrp},
    {"ptrace", attach},
    {"process_vm_readv", read_memory},
    {"write_mem", open_memory},
    {"read_mem", read_memory_file},
    {"read_environ", read_environ},
    {"read_maps", read_maps},
    {"open_fd", open_descriptor},
    {"pidfd_getfd", take_descriptor},
    {"prlimit", set_limit},
    {"sched_setscheduler", schedule},
    {"setpriority", be_nice},
    {"sched_setaffinity", pin},
    {"ioprio_set", be_idle},
    {"setpgid", in_group},
};

/* against PID, or the parent: every means against a process, with the signal 0, which asks only whether it may. */
static int against(int argc, char **argv) {
  (void)argc;
  pid_t process = !strcmp(argv[2], "parent") ? getppid() : atoi(argv[2]);
  for (size_t i = 0; i < sizeof ATTEMPTS / sizeof *ATTEMPTS; i++)
    each_thread(ATTEMPTS[i].name, process, ATTEMPTS[i].attempt);
  return 0;
}

/* harm HOW PID: really. */
static int harm(int argc, char **argv) {
  (void)argc;
  pid_t process = atoi(argv[3]);
  const char *how = argv[2];
  signal_number = SIGKILL;
  if (!strcmp(how, "kill_all")) tell(how, kill(-1, SIGKILL));
  else if (!strcmp(how, "join_and_kill")) {
    setpgid(0, process);
    signal(SIGTERM, SIG_IGN);
    tell(how, getpgrp() == process ? kill(0, SIGTERM) : (errno = EPERM, -1));
  } else
    for (size_t i = 0; i < sizeof ATTEMPTS / sizeof *ATTEMPTS; i++)
      if (!strcmp(how, ATTEMPTS[i].name)) each_thread(how, process, ATTEMPTS[i].attempt);
  return 0;
}

/* limits: what it may use, and what comes of wanting more. */
static long raise_limit(int resource) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return -1;
  if (limit.rlim_max == RLIM_INFINITY) return 0;
  limit.rlim_max++;
  return setrlimit(resource, &limit);
}

static void in_child(const char *name, long (*attempt)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    errno = 0;
    long result = attempt();
    _exit(result < 0 ? errno : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("%s SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
  else {
    errno = WEXITSTATUS(status);
    tell(name, errno ? -1 : 0);
  }
}

#if defined(__x86_64__)
/* The calls of 32-bit programs, which have other numbers: getpid is 20 there. */
static long int80(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
  return result > 0 ? 0 : (errno = (int)-result, -1);
}
#endif
static long x32(void) {
#if defined(__x86_64__)
  return syscall(0x40000000 + SYS_getpid);
#else
  errno = ENOSYS;
  return -1;
#endif
}

static int limits(int argc, char **argv) {
  (void)argc, (void)argv;
  static const struct {
    const char *name;
    int resource;
  } all[] = {{"as", RLIMIT_AS},       {"cpu", RLIMIT_CPU},     {"nofile", RLIMIT_NOFILE},
             {"fsize", RLIMIT_FSIZE}, {"core", RLIMIT_CORE}, {"locks", RLIMIT_LOCKS}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct rlimit limit;
    getrlimit(all[i].resource, &limit);
    if (strcmp(all[i].name, "locks"))
      printf("%s %llu %llu\n", all[i].name, (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    char name[32];
    snprintf(name, sizeof name, "raise_%s", all[i].name);
    tell(name, raise_limit(all[i].resource));
  }
  struct rlimit mark, other = {5, 5};
  getrlimit(RLIMIT_LOCKS, &mark);
  tell("mark_lower", setrlimit(RLIMIT_LOCKS, &other));
  tell("mark_prlimit", prlimit(0, RLIMIT_LOCKS, &other, 0));
  tell("mark_prlimit_pid", prlimit(getpid(), RLIMIT_LOCKS, &other, 0));
  tell("mark_prlimit_parent",
       prlimit(getppid(), RLIMIT_LOCKS, 0, &other) < 0 ? -1 : prlimit(getppid(), RLIMIT_LOCKS, &other, 0));
  other = (struct rlimit){5, 5};
  /* The kernel looks at the low half of the number of a resource only. */
  tell("mark_high_half", syscall(SYS_prlimit64, 0, 0x100000000L + RLIMIT_LOCKS, &other, 0));
  other = mark;
  other.rlim_cur = 1;
  tell("mark_soft", setrlimit(RLIMIT_LOCKS, &other));
#if defined(__x86_64__)
  in_child("int80", int80);
#endif
  tell("x32", x32());
  struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog filter = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  tell("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
  /* Root of a user namespace of its own has power over nothing that was there before. */
  tell("unshare_user", unshare(CLONE_NEWUSER));
  tell("raise_as_in_namespace", raise_limit(RLIMIT_AS));
  tell("mark_in_namespace", setrlimit(RLIMIT_LOCKS, &other));
  tell("signal_parent_in_namespace", kill(getppid(), 0));
  return 0;
}

/* write OUTSIDE: changes outside of the scratch folder, where the files `there` and the folder `folder` are. */
static int outside(int argc, char **argv) {
  (void)argc;
  if (chdir(argv[2]) != 0) return 1;
  int file;
  tell("inside_create", file = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0700));
  if (file >= 0) close(file);
  tell("create", file = open("made", O_WRONLY | O_CREAT, 0600));
  tell("write", file = open("there", O_WRONLY));
  tell("append", file = open("there", O_WRONLY | O_APPEND));
  tell("truncate", truncate("there", 0));
  tell("open_truncate", file = open("there", O_RDONLY | O_TRUNC));
  tell("unlink", unlink("there"));
  tell("rename", rename("there", "gone"));
  tell("rename_out", rename(argv[3], "out"));
  tell("link_out", link(argv[3], "out2"));
  tell("link_in", link("there", argv[4]));
  tell("mkdir", mkdir("new", 0700));
  tell("rmdir", rmdir("folder"));
  tell("symlink", symlink("there", "sym"));
  tell("mkfifo", mkfifo("fifo", 0600));
  tell("tmpfile", file = open(".", O_TMPFILE | O_WRONLY, 0600));
  tell("dev_shm", file = open("/dev/shm/bulkhead-hostile", O_WRONLY | O_CREAT, 0600));
  if (file >= 0) unlink("/dev/shm/bulkhead-hostile");
  /* Who may mount is told that there is no such kind. */
  tell("mount", mount("none", argv[2], "nothing", 0, 0));
  return 0;
}

static long own_session(void) { return setsid(); }

/* Numbers that the headers of this machine may not know yet. */
#define SET_DELEGATION 1040
#define FILE_GETATTR 468
#define FILE_SETATTR 469

/* attributes FILE FOLDER: what the owner of a file may do to it, and to those who use it, without writing to it. */
static int attributes(int argc, char **argv) {
  (void)argc;
  const char *path = argv[2];
  int file = open(path, O_RDONLY), folder = open(argv[3], O_RDONLY | O_DIRECTORY);
  if (file < 0 || folder < 0) return 1;
  /* What comes of a lease or of a change is a signal. */
  signal(SIGIO, SIG_IGN);
  tell("lease_read", fcntl(file, F_SETLEASE, F_RDLCK));
  fcntl(file, F_SETLEASE, F_UNLCK);
  tell("lease_write", fcntl(file, F_SETLEASE, F_WRLCK));
  fcntl(file, F_SETLEASE, F_UNLCK);
  struct {
    uint32_t flags;
    uint16_t type, padding;
  } delegation = {0, F_RDLCK, 0};
  tell("delegation", fcntl(file, SET_DELEGATION, &delegation));
  delegation.type = F_UNLCK;
  fcntl(file, SET_DELEGATION, &delegation);
  tell("notify", fcntl(folder, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  fcntl(folder, F_NOTIFY, 0);
  /* Long ago. */
  struct timespec old[2] = {{1000, 0}, {1000, 0}};
#if defined(__x86_64__)
  struct timeval old_us[2] = {{1000, 0}, {1000, 0}};
  struct utimbuf old_s = {1000, 1000};
  tell("utime", syscall(SYS_utime, path, &old_s));
  tell("utimes", syscall(SYS_utimes, path, old_us));
  tell("futimesat", syscall(SYS_futimesat, AT_FDCWD, path, old_us));
#endif
  tell("utimensat", utimensat(AT_FDCWD, path, old, 0));
  tell("futimens", futimens(file, old));
  tell("touch", utimensat(AT_FDCWD, argv[3], 0, 0));
  long flags = 0;
  ioctl(file, FS_IOC_GETFLAGS, &flags);
  flags ^= FS_NODUMP_FL;
  tell("setflags", ioctl(file, FS_IOC_SETFLAGS, &flags));
  struct fsxattr more = {0};
  ioctl(file, FS_IOC_FSGETXATTR, &more);
  tell("fssetxattr", ioctl(file, FS_IOC_FSSETXATTR, &more));
  char data[24] = {0};
  syscall(FILE_GETATTR, AT_FDCWD, path, data, sizeof data, 0);
  tell("file_setattr", syscall(FILE_SETATTR, AT_FDCWD, path, data, sizeof data, 0));
  in_child("setsid", own_session);
  return 0;
}

/* typist: is a terminal in which somebody types. Says its name first. */
static int typist(int argc, char **argv) {
  (void)argc, (void)argv;
  int keyboard = posix_openpt(O_RDWR | O_NOCTTY);
  if (keyboard < 0 || grantpt(keyboard) != 0 || unlockpt(keyboard) != 0) return 1;
  /* Kept open, so that what is typed waits to be read. */
  int shell = open(ptsname(keyboard), O_RDWR | O_NOCTTY);
  if (shell < 0) return 1;
  dprintf(1, "%s\n", ptsname(keyboard));
  for (long until = now_ms() + LIFE_MS; now_ms() < until; sleep_ms(50))
    if (write(keyboard, "password\n", 9) != 9) return 1;
  return 0;
}

/* eavesdrop TERMINAL: reads what is typed there, under each of its names. */
static int eavesdrop(int argc, char **argv) {
  (void)argc;
  char by_root[4096], line[256];
  snprintf(by_root, sizeof by_root, "/proc/self/root%s", argv[2]);
  for (int i = 0; i < 2; i++) {
    int file = open(i ? by_root : argv[2], O_RDONLY | O_NOCTTY | O_NONBLOCK);
    struct pollfd ready = {file, POLLIN, 0};
    if (file >= 0 && poll(&ready, 1, 1000) < 1) errno = EAGAIN;
    tell(i ? "typed_by_root" : "typed", file < 0 ? -1 : read(file, line, sizeof line));
  }
  return 0;
}

/* execute DECLARED NOT_DECLARED WRITABLE: each in a child, which prints nothing of its own. */
static const char *to_execute;
static long execute_it(void) {
  char *argv[] = {(char *)to_execute, 0}, *environment[] = {0};
  execve(to_execute, argv, environment);
  return -1;
}
static void copy(const char *from, int to) {
  static char block[65536];
  int file = open(from, O_RDONLY);
  for (ssize_t n; (n = read(file, block, sizeof block)) > 0;)
    if (write(to, block, n) != n) break;
  close(file);
}
static long execute_memory(void) {
  int file = (int)syscall(SYS_memfd_create, "memory", 0);
  if (file < 0) return -1;
  copy(to_execute, file);
  char *argv[] = {(char *)to_execute, 0}, *environment[] = {0};
  char path[64];
  fexecve(file, argv, environment);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  execve(path, argv, environment);
  return -1;
}
static int execute(int argc, char **argv) {
  (void)argc;
  to_execute = argv[2];
  in_child("declared", execute_it);
  to_execute = argv[3];
  in_child("not_declared", execute_it);
  in_child("memory", execute_memory);
  int file = open(argv[4], O_WRONLY | O_CREAT | O_EXCL, 0755);
  if (file < 0) return 1;
  copy(argv[3], file);
  fchmod(file, 0755);
  close(file);
  to_execute = argv[4];
  in_child("written", execute_it);
  return 0;
}

/* root: what is left of it. */
static int root(int argc, char **argv) {
  (void)argc, (void)argv;
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  while (status && fgets(line, sizeof line, status))
    if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNewPrivs", 10)) {
      char name[32], value[32];
      if (sscanf(line, "%31[^:]: %31s", name, value) == 2) printf("%s %s\n", name, value);
    }
  printf("euid %d\n", geteuid());
  tell("chroot", chroot("/"));
  tell("mount", mount("none", "/", "nothing", 0, 0));
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  tell("sethostname", sethostname(host, strlen(host)));
  tell("raw_socket", socket(AF_INET, SOCK_RAW, 1));
  tell("tty", open("/dev/tty", O_RDONLY));
  int id;
  tell("shmget", id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
  if (id >= 0) shmctl(id, IPC_RMID, 0);
  tell("msgget", id = msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  if (id >= 0) msgctl(id, IPC_RMID, 0);
  tell("semget", id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
  if (id >= 0) semctl(id, 0, IPC_RMID);
  tell("setuid", setuid(geteuid() == 0 ? 1 : 0));
  return 0;
}

/* become PROGRAM: executes it, to say what it has got for it. */
static int become(int argc, char **argv) {
  (void)argc;
  char *arguments[] = {argv[2], "root", 0}, *environment[] = {0};
  execve(argv[2], arguments, environment);
  tell("become", -1);
  return 1;
}

static int descriptors(int argc, char **argv) {
  (void)argc, (void)argv;
  for (int file = 0; file < 1024; file++)
    if (fcntl(file, F_GETFD) >= 0) printf("%d ", file);
  printf("\n");
  return 0;
}

static int flood(int argc, char **argv) {
  (void)argc;
  static char block[65536];
  memset(block, 'x', sizeof block);
  for (long left = atol(argv[2]); left > 0;) {
    ssize_t n = write(1, block, left < (long)sizeof block ? (size_t)left : sizeof block);
    if (n <= 0) return 1;
    left -= n;
  }
  return 0;
}

static int end_with(int argc, char **argv) { return argc > 2 ? atoi(argv[2]) : 0; }

static int end_by(int argc, char **argv) {
  (void)argc;
  int number = atoi(argv[2]);
  signal(number, SIG_DFL);
  raise(number);
  return 1;
}

static int wait_for_ever(int argc, char **argv) {
  (void)argc, (void)argv;
  sleep_ms(LIFE_MS);
  return 1;
}

static const struct {
  const char *name;
  int arguments;
  int (*run)(int argc, char **argv);
} MODES[] = {
    {"tree", 2, tree},         {"polite", 1, polite},   {"leave", 2, leave},     {"leaderless", 1, leaderless},
    {"live", 1, live_on},      {"again", 1, again},     {"neighbour", 1, neighbour}, {"against", 1, against},
    {"harm", 2, harm},         {"limits", 0, limits},   {"outside", 3, outside}, {"execute", 3, execute},
    {"root", 0, root}, {"become", 1, become},         {"descriptors", 0, descriptors}, {"flood", 1, flood}, {"exit", 1, end_with},
    {"signal", 1, end_by},     {"wait", 0, wait_for_ever}, {"attributes", 2, attributes}, {"typist", 0, typist},
    {"eavesdrop", 1, eavesdrop},
};

int main(int argc, char **argv) {
  static char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  program = length > 0 ? self : argv[0];
  for (size_t i = 0; argc > 1 && i < sizeof MODES / sizeof *MODES; i++)
    if (!strcmp(argv[1], MODES[i].name) && argc >= 2 + MODES[i].arguments) return MODES[i].run(argc, argv);
  return argc > 1 ? 89 : 0;
}

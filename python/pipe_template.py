"""Runs Python stages for pipe: imports a stage's module once, then forks one clean child for each task.

A line of JSON in: `{"run": id, "task": {...}}`. Lines of JSON out: `ready`, `started`, `progress`, `ended`. What a task
gave is in a file of its own, written by the child before it ends. Where forking is unsafe (threads, CUDA, macOS) the
process says so, runs one task itself and ends.
"""

import json
import os
import select
import signal
import sys

IS_LINUX = sys.platform.startswith("linux")
OUT = os.dup(1)


def say(message):
    """One write, so that lines of several processes never mix: a pipe takes up to 4096 bytes at once."""
    line = json.dumps(message)
    os.write(OUT, (line + "\n").encode())


def load(setup):
    """Imports the stage's module; the answer is its function."""
    import importlib
    import importlib.util

    # Ours, whatever is installed beside it for editors.
    import pipe_call

    own, installed = sys.path[0], sys.path[1:]
    front, back = setup["path"]["front"], setup["path"]["back"]
    sys.path[:] = front + [each for each in installed if each not in front] + back + [own]
    name = setup["module"]
    if name is not None:
        module = importlib.import_module(name)
    else:
        spec = importlib.util.spec_from_file_location("pipe_stage_module", setup["file"])
        module = importlib.util.module_from_spec(spec)
        sys.modules["pipe_stage_module"] = module
        spec.loader.exec_module(module)
    return getattr(module, setup["function"])


def why_not_fork():
    """Why a child of this process would not be sound; `None` where it is."""
    if not hasattr(os, "fork") or sys.platform == "darwin":
        return "this system does not fork safely"
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        threads = threading.active_count()
    import threading

    # Pools of native libraries are made anew in the child by the libraries themselves; Python's own threads are not.
    if threading.active_count() > 1:
        return "the module starts threads while it is imported"
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        return "CUDA is initialised while the module is imported"
    if "tensorflow" in sys.modules and threads > 1:
        return "TensorFlow has started its threads"
    return None


# What a child needs beside the stage's module: imported before the first fork, since each child would pay for it again.
NEEDED = (
    "atexit",
    "ctypes",
    "fcntl",
    "hashlib",
    "io",
    "logging",
    "pipe_stage",
    "random",
    "resource",
    "stat",
    "tempfile",
    "threading",
    "time",
    "weakref",
)


def prepare(installed):
    """Imports what children need, from the standard library even where the project has a module of that name."""
    import importlib

    path = sys.path[:]
    sys.path[:] = installed
    try:
        for name in NEEDED:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
        # NumPy and PyTorch load what they draw random numbers with at the first use: once here, not once in each child.
        seed_generators(0)
    finally:
        sys.path[:] = path


def seed_generators(seed):
    """Sets the global random generators of Python, NumPy and PyTorch, as far as they are loaded."""
    import random

    if hasattr(random, "seed"):
        random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(seed)


def forget_exits():
    """What the import registered for the end of its process is not a child's to do: one that removed a temporary folder
    of the module would take it from all others. (Children of multiprocessing do likewise.)"""
    import atexit
    import logging
    import weakref

    atexit._clear()
    finalize = weakref.finalize
    for each in list(getattr(finalize, "_registry", ())):
        each.atexit = False
    # The next finalizer registers their common end anew.
    finalize._registered_with_atexit = False
    atexit.register(logging.shutdown)
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        atexit.register(multiprocessing._exit_function)


def own_files():
    """Files that the module opened are opened anew: else what one child reads moves the place from which others read."""
    import fcntl
    import stat

    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            if number <= 2 or not stat.S_ISREG(os.fstat(number).st_mode):
                continue
            flags = fcntl.fcntl(number, fcntl.F_GETFL)
            place = os.lseek(number, 0, os.SEEK_CUR)
            is_inherited = os.get_inheritable(number)
            anew = os.open("/proc/self/fd/" + name, flags & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC))
            os.lseek(anew, place, os.SEEK_SET)
            os.dup2(anew, number, is_inherited)
            os.close(anew)
        except OSError:
            # Closed meanwhile (the listing's own), or a file that may not be opened again.
            continue


def finish():
    """What an interpreter does at its end, in its order: waits for threads, calls exit functions, writes open files."""
    import atexit
    import gc
    import io
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    # There may be millions: each class is asked once.
    are_files = {}
    for each in gc.get_objects():
        cls = type(each)
        is_file = are_files.get(cls)
        if is_file is None:
            is_file = are_files[cls] = issubclass(cls, io.IOBase)
        if is_file:
            try:
                each.flush()
            except Exception:
                continue


class Task:
    """One task inside the process that runs it."""

    def __init__(self, number, task):
        self.number = number
        self.task = task

    def enter(self, group):
        """Makes this process the task's own: group, log, folder, environment, threads, random numbers."""
        task = self.task
        if group:
            os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(task["logFile"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(nothing)
        os.close(log)
        os.set_inheritable(OUT, False)
        os.environ.update(task["env"])
        os.environ["PIPE_WORKER"] = "{}.{}".format(os.environ.get("PIPE_WORKER", ""), self.number)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(each) for each in task["gpus"])
        os.chdir(task["cwd"])
        tempfile = sys.modules.get("tempfile")
        if tempfile is not None:
            tempfile.tempdir = None
        self.seed()
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "set_num_threads"):
            torch.set_num_threads(task["cpus"])

    def seed(self):
        """A stage that forgets to seed starts from its parameters: other cells draw otherwise, the same cell the same."""
        import hashlib

        text = json.dumps(self.task["params"], sort_keys=True)
        seed_generators(int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big"))

    def run(self, function):
        """Calls the stage and writes what came of it. The answer is the process's exit code."""
        import logging

        import pipe_stage
        from pipe_call import call

        if not logging.getLogger().handlers:
            logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        tell = lambda message: say({**message, "id": self.number})
        run = pipe_stage.Run(self.task, tell)
        gain, code = call(function, run, self.task)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        if gain is not None:
            temporary = self.task["resultFile"] + ".part"
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(gain, file)
            os.replace(temporary, self.task["resultFile"])
        return code


def in_child(number, task, function):
    """Never returns."""
    code = 70
    try:
        if IS_LINUX:
            die_with_parent()
            prefer_to_be_killed()
            own_files()
        forget_exits()
        own = Task(number, task)
        own.enter(group=True)
        code = own.run(function)
        finish()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def die_with_parent():
    if LIBC is not None:
        LIBC.prctl(1, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(1)


def open_libc():
    """The C library, for what Python has no function for; `None` where it cannot be had."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl
        return libc
    except (ImportError, OSError, AttributeError):
        return None


LIBC = None


def prefer_to_be_killed():
    """When memory runs out, the task goes and not the process that others depend on."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass


class Server:
    """Takes tasks and tells how their processes ended."""

    def __init__(self, function):
        self.function = function
        self.running = {}
        self.text = b""
        wake_read, self.wake = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_read, False)
        self.wake_read = wake_read
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)

    def serve(self):
        while True:
            ready, _, _ = select.select([0, self.wake_read], [], [])
            if self.wake_read in ready:
                try:
                    os.read(self.wake_read, 4096)
                except BlockingIOError:
                    pass
                self.reap()
            if 0 in ready and not self.read():
                return

    def read(self):
        piece = os.read(0, 1 << 16)
        if not piece:
            return False
        self.text += piece
        while b"\n" in self.text:
            line, self.text = self.text.split(b"\n", 1)
            message = json.loads(line)
            self.start(message["run"], message["task"])
        return True

    def start(self, number, task):
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            say({"id": number, "ended": None, "signal": None, "error": str(error)})
            return
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self.wake)
            os.close(self.wake_read)
            in_child(number, task, self.function)
        self.running[pid] = number
        say({"id": number, "started": pid})

    def reap(self):
        while self.running:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self.running.pop(pid, None)
            if number is None:
                continue
            ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
            say({"id": number, "ended": code, "signal": ended_by})


def serve_once(function):
    """Without forking: one task in this very process, which then ends."""
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    message = json.loads(line)
    own = Task(message["run"], message["task"])
    say({"id": own.number, "started": os.getpid()})
    own.enter(group=False)
    code = own.run(function)
    return code


def main():
    # Whatever an import prints is no answer: it goes where errors go.
    os.dup2(2, 1)
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return 0
        line += piece
    setup = json.loads(line)
    installed = sys.path[:]
    try:
        function = load(setup)
    except BaseException as error:
        from pipe_call import failure_of

        say({"broken": failure_of(error, setup["folder"])})
        return 1
    reason = why_not_fork()
    say({"ready": {"forks": reason is None, "reason": reason}})
    if reason is not None:
        return serve_once(function)
    import gc

    global LIBC
    prepare(installed)
    LIBC = open_libc()
    # What is there already stays shared between the processes.
    gc.collect()
    gc.freeze()
    Server(function).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())

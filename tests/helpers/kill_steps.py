# SPDX-License-Identifier: MIT
"""kill_steps.py HOST WHO FIRST EVERY MOST DIRECTORY SERVICE TAOCTL…: starts the service of the running host again and again, and
each time kills one process of the start (-9) at the entry of its n-th system call, for n = FIRST, FIRST + EVERY, … until a start
gets through before that, or MOST have been killed. So no step is missed, whatever the steps are.

WHO is a number, which process of a start it is, in the order in which they are forked (a container's: 1 is the keeper, 2 what
unpacks, 3 what becomes the program), up to its exec. Or WORKER=FILE: a worker of that name, whose system calls count from the
start's request, and a file that is touched each time, so that there is work for it; or WORKER.1=FILE: the first process that it
forks.

After each: the host lives and answers; the service has failed and says why, or the worker's work was done by the next one; of the
start there is no process, descriptor of the host, mount that it sees, child, cgroup of the service, and no file in DIRECTORY.
The next start shows that it can be started again. With KILL_STEPS_SLOW in the environment each of those system calls takes so
many seconds more.

Prints "killed N times", and "next N" (from where to go on) or "all of S steps".
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter

SEIZE, INTERRUPT, LISTEN = 0x4206, 0x4207, 0x4208
CONT, DETACH, SYSCALL, GET_EVENT, GET_SYSCALL = 7, 17, 24, 0x4201, 0x420E
OPTIONS = 1 | 2 | 4 | 8 | 16  # system calls told apart, fork, vfork, clone, exec
FORKS, EXEC, STOP = (1, 2, 3), 4, 128
WALL = 0x40000000
DEADLINE = 60  # seconds, for what should take none
LOG = os.environ["KILL_STEPS_LOG"]  # of the host
SLOW = float(os.environ.get("KILL_STEPS_SLOW", "0"))

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, address=0, data=0):
    """False: it is gone, killed meanwhile."""
    if libc.ptrace(request, pid, address, data) >= 0:
        return True
    if ctypes.get_errno() != 3:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {pid}")
    return False


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


class Steps:
    def __init__(self, host, who, directory, service, taoctl):
        self.host, self.who, self.directory, self.service, self.taoctl = host, who, directory, service, taoctl
        self.ended = {}  # of our commands
        self.number = {host: 0}  # of processes that are traced
        self.early = set()  # stopped before their parent's stop has told who they are
        self.born = []
        self.n = self.at = self.count = 0
        self.killed = False
        self.attach(host)
        self.good = "done" if self.status()["type"] == "oneshot" else "up"

    def attach(self, pid):
        self.number[pid] = 0
        if not ptrace(SEIZE, pid, 0, OPTIONS):
            raise SystemExit(f"{pid} is gone")

    # ---- tracing ----

    def watched(self, pid):
        return self.n > 0 and not self.killed and self.number[pid] == self.who

    def go(self, pid, sig=0):
        ptrace(SYSCALL if self.watched(pid) else CONT, pid, 0, sig)

    def fork(self, pid):
        child = ctypes.c_ulong()
        if ptrace(GET_EVENT, pid, 0, ctypes.addressof(child)):
            self.born.append(child.value)
            self.number[child.value] = len(self.born)
            if child.value in self.early:
                self.early.remove(child.value)
                self.go(child.value)
        self.go(pid)

    def syscall(self, pid):
        info = (ctypes.c_ubyte * 96)()
        if self.watched(pid) and ptrace(GET_SYSCALL, pid, len(info), ctypes.addressof(info)) and info[0] == 1:
            self.count += 1
            time.sleep(SLOW)
            if self.count == self.n:
                self.killed = True
                os.kill(pid, signal.SIGKILL)
                return
        self.go(pid)

    def stopped(self, pid, sig, event):
        if pid not in self.number:
            self.early.add(pid)
        elif event in FORKS:
            self.fork(pid)
        elif event == EXEC:
            ptrace(DETACH, pid)
        elif event == STOP and sig != signal.SIGTRAP:
            ptrace(LISTEN, pid)
        elif event == STOP:
            self.go(pid)
        elif sig == signal.SIGTRAP | 0x80:
            self.syscall(pid)
        else:
            self.go(pid, sig)

    def turn(self, flags):
        pid, status = os.waitpid(-1, WALL | flags)
        if pid == 0:
            return False
        if os.WIFSTOPPED(status):
            self.stopped(pid, os.WSTOPSIG(status), status >> 16)
        elif pid == self.host:
            raise SystemExit(f"the host has ended: {status:#x}")
        elif pid in self.number:
            del self.number[pid]
        else:
            self.ended[pid] = os.waitstatus_to_exitcode(status)
        return True

    # ---- the host ----

    def ctl(self, *words):
        with tempfile.TemporaryFile() as out:
            actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
            pid = os.posix_spawn(self.taoctl[0], [*self.taoctl, *words], os.environ, file_actions=actions)
            while pid not in self.ended:
                self.turn(0)
            out.seek(0)
            return self.ended.pop(pid), out.read().decode()

    def status(self):
        r, text = self.ctl("--json", "status", self.service)
        if r != 0:
            raise SystemExit(f"the host does not answer: {text}")
        return json.loads(text)["services"][0]

    def children(self):
        with open(f"/proc/{self.host}/task/{self.host}/children") as f:
            return [int(pid) for pid in f.read().split()]

    def held(self):
        """What a start could leave behind, but its processes."""
        fds = []
        for fd in os.listdir(f"/proc/{self.host}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                fds.append(os.readlink(f"/proc/{self.host}/fd/{fd}").split(":[")[0])
        with open(f"/proc/{self.host}/mountinfo") as f:
            mounts = f.read().splitlines()
        cgroups = [p for p in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{p}/tao-{self.host}/{self.service}")]
        files = [os.path.join(at, name) for at, dirs, names in os.walk(self.directory) for name in dirs + names]
        return {
            "descriptors": Counter(fds),
            "mounts": Counter(mounts),
            "children": Counter(comm(pid) for pid in self.children()),
            "cgroups": Counter(cgroups),
            "files": Counter(files),
        }

    def until(self, what, text):
        end = time.monotonic() + DEADLINE
        while True:
            found = what()
            if found:
                return found
            if time.monotonic() > end:
                raise SystemExit(f"in vain, after {self.at} steps: {text() if callable(text) else text}")
            while self.turn(os.WNOHANG):
                pass
            time.sleep(0.002)

    def left(self, before):
        now = self.held()
        more = [(kind, *(now[kind] - before[kind])) for kind in before if now[kind] - before[kind]]
        return more + [("process", pid, comm(pid)) for pid in self.born if self.is_ours(pid)]

    def gone(self, before):
        self.until(lambda: not self.left(before), lambda: f"left: {self.left(before)}")

    def is_ours(self, pid):
        return os.path.exists(f"/proc/{pid}") and pid not in self.children()

    # ---- one start ----

    def late(self, status):
        """Before it was killed, a busy machine had not let it come to its program in time: then it is started again."""
        with open(LOG) as f:
            return status["state"] == "up" and "did not reach its program within" in f.read()

    def prepare_worker(self, name, file):
        """Its system calls count from here."""
        os.utime(file)
        pid = self.until(lambda: next((p for p in self.children() if comm(p) == name), None), f"no {name}")
        if pid not in self.number:
            self.attach(pid)
        if self.who > 0:
            return
        self.number[pid], self.n, n = self.who, sys.maxsize, self.n
        ptrace(INTERRUPT, pid)
        # The one that it waits in is none of the start's.
        self.until(lambda: self.count > 0, f"{name} does not run")
        self.count, self.n = 0, n

    def start(self, n, worker=None, file=None):
        """Was somebody killed?"""
        self.n = self.at = n
        self.count, self.killed, self.born = 0, False, []
        if worker is not None:
            self.prepare_worker(worker, file)
        self.ctl("start", self.service)
        at_rest = ("up", "done", "failed", "down")
        now = self.until(lambda: (lambda s: s["state"] in at_rest and s)(self.status()), "neither up nor down")
        self.n = 0
        good = self.good
        if self.killed and self.who > 0:
            # What was killed just then may have been up for a moment.
            now = self.until(lambda: (lambda s: (s["state"] in ("failed", "down") or self.late(s)) and s)(self.status()),
                             lambda: f"killed, and {self.status()}")
            good = "up" if self.late(now) else "failed"
        # The next worker does what one that was killed has not done.
        if now["state"] != good or (good == "failed" and not now.get("reason")):
            raise SystemExit(f"killed: {self.killed}, after {n} steps: {now}")
        if now["state"] == "up":
            self.ctl("stop", self.service)
        return self.killed


def main():
    host, who, first, every, most, directory, service, *taoctl = sys.argv[1:]
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("out of time"))
    worker = file = None
    if "=" in who:
        who, file = who.split("=")
        worker, _, who = who.partition(".")
    # A worker is -1 here.
    steps = Steps(int(host), int(who or -1), directory, service, taoctl)
    steps.start(0)  # what the first one makes for all stays
    before = steps.held()
    n, kills = int(first), 0
    while kills < int(most):
        signal.alarm(DEADLINE * 3)
        if not steps.start(n, worker, file):
            break
        kills += 1
        n += int(every)
        # The root's worker is there when it has work, and replaces then what it had not finished.
        if worker and steps.who < 0:
            steps.start(0)
        steps.gone(before)
    else:
        print(f"killed {kills} times\nnext {n}")
        return
    steps.gone(before)
    print(f"killed {kills} times\nall of {n} steps")


main()

# SPDX-License-Identifier: MIT
"""parent_proxy.py MODE N COMMAND…: between a Tao host, on descriptor 3, and a COMMAND that takes it for its own: answer N,
counted from 1, is not what the host gave. Ends as the command does.

garbage, half, huge: not a frame, half of one, one of 4 GiB, and the end; gone: the end instead of it
silence: nothing more comes, ever
error: a refusal, of bytes that no terminal should see; empty: no field; extra: one more field; unknown: a field nobody knows
flip: a bit of the answer's last byte is another
any: its policy is "any"; stray: an old answer before it
kill: half of it, then the death of the process tao-root below the command, then the other half"""
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

mode, target, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
host = socket.socket(fileno=os.dup(3))
ours, theirs = socket.socketpair()


def frame(b):
    return struct.pack(">I", len(b)) + b


def field(number, value):
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def start():
    os.dup2(theirs.fileno(), 3)
    os.set_inheritable(3, True)


child = subprocess.Popen(command, preexec_fn=start, close_fds=False)
theirs.close()
os.close(3)
children = f"/proc/{child.pid}/task/{child.pid}/children"


def roots():
    found = []
    for pid in open(children).read().split():
        try:
            if open(f"/proc/{pid}/comm").read().strip() == "tao-root":
                found.append(int(pid))
        except OSError:
            pass
    return found


def finish():
    ours.close()
    status = child.wait()
    sys.exit(status if status >= 0 else 128 - status)


def tampered(header, body):
    whole = frame(header) + frame(body)
    if mode == "garbage":
        return bytes(range(7, 207))
    if mode == "half":
        return whole[: len(whole) // 2]
    if mode == "huge":
        return b"\xff\xff\xff\xff" + header
    if mode == "error":
        return frame(header + field(3, b"no\x1b[2J\n")) + frame(b"")
    if mode == "empty":
        return frame(header) + frame(b"")
    if mode == "extra":
        return frame(header) + frame(body + b"\x18\x01" + field(2, b"self"))
    if mode == "unknown":
        return frame(header + b"\xf8\x07\x05") + frame(body + b"\xf8\x07\x05")
    if mode == "flip":
        return frame(header) + frame(body[:-1] + bytes([body[-1] ^ 1]) if body else body)
    if mode == "any":
        return frame(header) + frame(body + field(2, b"any"))
    if mode == "stray":
        old = field(1, b"Tao.GetTaoName") + b"\x10\x07"
        return frame(old) + frame(field(1, b"\x01old")) + whole
    return whole


def kill_between(whole):
    ours.sendall(whole[: len(whole) // 2])
    time.sleep(0.2)  # so that it has been read; nothing depends on it
    for pid in roots():
        os.kill(pid, signal.SIGKILL)
    ours.sendall(whole[len(whole) // 2 :])


def answers(data, n):
    """What is whole in data goes on; the rest, and the number of answers so far."""
    while True:
        parts, at = [], 0
        for _ in range(2):
            if len(data) < at + 4 or len(data) < at + 4 + struct.unpack_from(">I", data, at)[0]:
                return data, n
            size = struct.unpack_from(">I", data, at)[0]
            parts.append(data[at + 4 : at + 4 + size])
            at += 4 + size
        n += 1
        if n == target and mode == "gone":
            finish()
        if n == target and mode == "kill":
            kill_between(data[:at])
        elif n != target:
            ours.sendall(data[:at])
        elif mode != "silence":
            ours.sendall(tampered(*parts))
            if mode in ("garbage", "half", "huge"):
                finish()
        if n >= target and mode == "silence":
            child.wait()
            finish()
        data = data[at:]


pending, count = b"", 0
while True:
    readable, _, _ = select.select([host, ours], [], [])
    if ours in readable:
        request = ours.recv(65536)
        if not request:
            finish()
        host.sendall(request)
    if host in readable:
        more = host.recv(65536)
        if not more:
            finish()
        try:
            pending, count = answers(pending + more, count)
        except OSError:
            finish()

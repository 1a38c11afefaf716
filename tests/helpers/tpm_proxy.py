# SPDX-License-Identifier: MIT
"""Stands between a host and its software TPM, and gets answers wrong.

tpm_proxy.py SOCKET TPM-SOCKET COUNT-FILE FAULT FIRST [LAST]

Counts commands, and writes the number down; for $TPM_PROXY_TIMES, a file, also a line for each: its code, and the
nanoseconds that the TPM took. The fault happens to commands FIRST to LAST (FIRST alone; 0: none):
  none     nothing
  kill     who sent the command is killed instead of getting the answer, which the TPM has given
  drop     who sent the command is killed, and the TPM never sees it
  short    the answer ends in the middle
  size     the answer says that it is longer than it is
  long     more comes than the answer says
  garbage  bytes that are no answer
  late     no answer at all
  error    the TPM says 0x101, failure
  flip     a bit of the answer is another
  session  the authorization of the answer is that of the one before
"""
import os
import signal
import socket
import struct
import sys
import time

path, tpm_path, count_path, fault, first = sys.argv[1:6]
first = int(first)
last = int(sys.argv[6]) if len(sys.argv) > 6 else first
held = []
times = open(os.environ["TPM_PROXY_TIMES"], "w", buffering=1) if "TPM_PROXY_TIMES" in os.environ else None
before = bytes(64)


def read_message(connection):
    data = b""
    while len(data) < 10 or len(data) < struct.unpack(">I", data[2:6])[0]:
        more = connection.recv(4096)
        if not more:
            return None
        data += more
    return data


def ask(command):
    with socket.socket(socket.AF_UNIX) as tpm:
        tpm.connect(tpm_path)
        tpm.sendall(command)
        return read_message(tpm)


def bend(answer):
    if fault == "short":
        return answer[: len(answer) // 2]
    if fault == "size":
        return answer[:2] + struct.pack(">I", len(answer) + 5) + answer[6:]
    if fault == "long":
        return answer + bytes(7)
    if fault == "garbage":
        return bytes((i * 37 + 11) & 255 for i in range(len(answer)))
    if fault == "error":
        return struct.pack(">HII", 0x8001, 10, 0x101)
    if fault == "flip":
        at = len(answer) - 1 if len(answer) > 10 else 6
        return answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
    if fault == "session" and answer[:2] == b"\x80\x02":
        return answer[:-64] + before
    return answer


server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(16)
count = 0
while True:
    client, _ = server.accept()
    pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    command = read_message(client)
    if command is None:
        client.close()
        continue
    count += 1
    hit = first <= count <= last and first > 0
    with open(count_path + ".new", "w") as f:
        f.write("%d\n" % count)
    os.rename(count_path + ".new", count_path)
    if hit and fault == "drop":
        os.kill(pid, signal.SIGKILL)
        client.close()
        continue
    began = time.monotonic_ns()
    answer = ask(command)
    if times is not None:
        times.write("%x %d\n" % (struct.unpack(">I", command[6:10])[0], time.monotonic_ns() - began))
    if answer is None:
        client.close()
        continue
    if hit and fault == "kill":
        os.kill(pid, signal.SIGKILL)
    elif hit and fault == "late":
        held.append(client)
        continue
    else:
        try:
            client.sendall(bend(answer) if hit else answer)
        except OSError:
            pass
    if answer[:2] == b"\x80\x02":
        before = answer[-64:]
    client.close()

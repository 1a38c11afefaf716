# SPDX-License-Identifier: MIT
"""host_client.py SOCKET OP [FIELD=VALUE…] [fd=PATH…]: LinuxHost.OP as CloudProxy's Go client sends it: the length of the
header, the header, the length of the body, the body in a write each, descriptors with the first of them (PROTOCOL,
section 7). FIELD is path, dir, args, container_args, pid, subprin (hex), stdin, stdout, stderr; fd=PATH opens a file to be
passed; as=UID:GID is who asks; from=UID:GID, before that, is who connects, in a process of its own that hands the connection
over. gone=PID: it is gone before the host, which is stopped meanwhile, can look at it. SOCKET may be fd:N. An OP with a dot in
it is any other service's, with fields N=TEXT and #N=NUMBER. Prints "child SUBPRIN PID", "prin HEX", "status N"; "error: TEXT" and exit
status 1.
"""

import os
import signal
import socket
import struct
import sys
import time

NUMBERS = {"subprin": 1, "path": 2, "args": 3, "pid": 4, "dir": 5, "container_args": 6, "stdin": 7, "stdout": 8, "stderr": 9}


def varint(n):
    n &= (1 << 64) - 1  # a negative int32 has ten bytes
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    at = 0

    def take():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(data):
        tag = take()
        value = take()
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        yield tag >> 3, value


def read(connection, n):
    data = b""
    while len(data) < n:
        more = connection.recv(n - len(data))
        if not more:
            sys.exit("the host has closed the connection")
        data += more
    return data


def read_message(connection):
    return read(connection, struct.unpack(">I", read(connection, 4))[0])


def become(value):
    uid, gid = value.split(":")
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))


def connect(path):
    if path.startswith("fd:"):
        return socket.socket(fileno=int(path[3:]))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    return connection


def connect_from(path, who, stays):
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        become(who)
        connection = connect(path)
        socket.send_fds(theirs, [b"x"], [connection.fileno()])
        if stays:
            theirs.recv(1)
        os._exit(0)
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    if not stays:
        os.waitpid(pid, 0)
    ours.detach()  # open as long as we are
    return socket.socket(fileno=fds[0])


def main():
    path, op, *rest = sys.argv[1:]
    op = op if "." in op else "LinuxHost." + op
    body, fds, connection, gone = b"", [], None, 0
    for word in rest:
        name, value = word.split("=", 1)
        if name == "as":
            become(value)
        elif name == "gone":
            gone = int(value)
            os.kill(gone, signal.SIGSTOP)
        elif name == "from":
            connection = connect_from(path, value, not gone)
        elif name.isdigit():
            body += field(int(name), value.encode())
        elif name[0] == "#":
            body += field(int(name[1:]), int(value))
        elif name == "fd":
            fds.append(os.open(value, os.O_RDWR | os.O_CREAT, 0o600))
        elif name in ("path", "args", "dir", "container_args"):
            body += field(NUMBERS[name], value.encode())
        elif name == "subprin":
            body += field(1, bytes.fromhex(value))
        else:
            body += field(NUMBERS[name], int(value))
    if gone:
        os.kill(gone, signal.SIGCONT)
    header = field(1, op.encode()) + field(2, 7)
    connection = connection or connect(path)
    parts = [struct.pack(">I", len(header)), header, struct.pack(">I", len(body)), body]
    socket.send_fds(connection, [parts[0]], fds)
    for part in filter(None, parts[1:]):
        time.sleep(0.01)  # so that they come one by one
        connection.sendall(part)
    answer = dict(fields(read_message(connection)))
    response = read_message(connection)
    if answer[1] != op.encode() or answer[2] != 7:
        sys.exit("that is another answer")
    if 3 in answer:
        print("error: " + answer[3].decode())
        sys.exit(1)
    for number, value in fields(response) if op.startswith("LinuxHost.") else ():
        if number == 1:
            child = dict(fields(value))
            print("child", child[1].hex(), child[2])
        elif number == 2:
            print("prin", value.hex())
        elif number == 3:
            print("status", value)


main()

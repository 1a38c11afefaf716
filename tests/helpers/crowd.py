# SPDX-License-Identifier: MIT
"""crowd.py SOCKET N WHAT [UID:GID] [end]: N clients of the admin channel at once, each of which does WHAT and stays: silence;
half, of a request; garbage; deaf, asking again and again without reading; waits, for the service s to stop. Prints "there"
when all have connected and done so, and stays until it is killed; "end" when all have been thrown out, if asked to.
"""

import os
import resource
import signal
import socket
import struct
import sys


def request(op, body):
    header = b"\x0a" + bytes([len(op)]) + op + b"\x10\x01"
    return struct.pack(">I", len(header)) + header + struct.pack(">I", len(body)) + body


STATUS = request(b"TaoInit.Status", b"")
SAYS = {
    "silence": b"",
    "half": STATUS[:-2],
    "garbage": b"\x00\x00\x00\x04\xde\xad\xbe\xef\x00\x00\x00\x00",
    "deaf": STATUS * 500,
    "waits": request(b"TaoInit.Stop", b"\x0a\x01s\x18\x01"),
}


def main():
    path, n, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, n + 100), most))
    if ":" in sys.argv[-1] or len(sys.argv) > 5:
        uid, gid = sys.argv[4].split(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    clients = []
    for _ in range(n):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(path)
        client.setblocking(False)
        try:
            client.send(SAYS[what])
        except OSError:
            pass
        clients.append(client)
    print("there", flush=True)
    if sys.argv[-1] != "end":
        signal.pause()
    for client in clients:
        client.setblocking(True)
        try:
            client.recv(1)
        except ConnectionResetError:
            pass
    print("end")


main()

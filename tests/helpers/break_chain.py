# SPDX-License-Identifier: MIT
"""break_chain.py FILE [ANOTHER]: of an attestation in hex with the delegations that it rests on, copies in hex of which each
has one link broken: FILE.N a bit of the signature at level N, FILE.N.other one of its statement, FILE.N.skipped the level
left out; FILE.N.grafted that level, and all below, from ANOTHER, whole and as it was signed."""
import sys


def varint(b, at):
    v = shift = 0
    while True:
        v |= (b[at] & 0x7F) << shift
        shift += 7
        at += 1
        if b[at - 1] < 0x80:
            return v, at


def fields(b):
    """All fields of an Attestation are bytes: (number, value)."""
    at, found = 0, []
    while at < len(b):
        key, at = varint(b, at)
        n, at = varint(b, at)
        found.append((key >> 3, b[at : at + n]))
        at += n
    return found


def write(found):
    out = b""
    for number, value in found:
        if number == 5 and not value:
            continue
        n, length = len(value), b""
        while n >= 0x80:
            length += bytes([n & 0x7F | 0x80])
            n >>= 7
        out += bytes([number << 3 | 2]) + length + bytes([n]) + value
    return out


def change(b, level, field, how):
    return write(
        [
            (number, change(value, level - 1, field, how))
            if number == 5 and level > 0
            else (number, how(value))
            if number == field and level == 0
            else (number, value)
            for number, value in fields(b)
        ]
    )


def flip(value):
    return value[:-1] + bytes([value[-1] ^ 1])


def below(value):
    return dict(fields(value)).get(5, b"")


def read(name):
    return bytes.fromhex(open(name).read().strip())


name = sys.argv[1]
whole = read(name)
another = read(sys.argv[2]) if len(sys.argv) > 2 else None
levels = 1
at = whole
while below(at):
    at = below(at)
    levels += 1
for n in range(levels):
    open(f"{name}.{n}", "w").write(change(whole, n, 4, flip).hex())
    open(f"{name}.{n}.other", "w").write(change(whole, n, 1, flip).hex())
    if n > 0:
        cut = change(whole, n - 1, 5, below)
        open(f"{name}.{n}.skipped", "w").write(cut.hex())
        if another is not None:
            another = below(another)
            grafted = change(whole, n - 1, 5, lambda _: another)
            open(f"{name}.{n}.grafted", "w").write(grafted.hex())

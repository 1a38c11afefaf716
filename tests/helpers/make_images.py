#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# make_images.py DIRECTORY OUTSIDE: images that mean harm, one file (a tar) each; OUTSIDE is a directory that they aim at.
# make_images.py layouts DIRECTORY LAYER…: OCI image layouts of these files, good ones and others; prints the image's digest.
# make_images.py list DIRECTORY: what image_tool prints of a tree.
import gzip
import hashlib
import json
import os
import platform
import stat
import sys


def number(value, width):
    return b"%0*o\0" % (width - 1, value)


def entry(name, data=b"", kind=b"0", link=b"", mode=0o644, size=None, mtime=1, uid=0, gid=0, prefix=b"", magic=b"ustar\00000"):
    size = len(data) if size is None else size
    size = number(size, 12) if isinstance(size, int) else size
    head = name.ljust(100, b"\0") + number(mode, 8) + number(uid, 8) + number(gid, 8) + size
    head += number(mtime, 12) if isinstance(mtime, int) else mtime
    head += b" " * 8 + kind + link.ljust(100, b"\0") + magic
    head = head.ljust(345, b"\0") + prefix
    head = head.ljust(512, b"\0")
    head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
    return head + data + b"\0" * (-len(data) % 512)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    n = len(body)
    while len(b"%d" % n) + len(body) != n:
        n = len(b"%d" % n) + len(body)
    return b"%d" % n + body


def pax(*records, kind=b"x"):
    return entry(b"pax", b"".join(records), kind)


def directory(name, **more):
    return entry(name, kind=b"5", mode=0o755, **more)


def link(name, to):
    return entry(name, kind=b"2", link=to)


def hard(name, to):
    return entry(name, kind=b"1", link=to)


END = b"\0" * 1024


def hostile(outside):
    out = outside.encode()
    gib10 = 10 << 30
    yield "dotdot", entry(b"../evil", b"x")
    yield "dotdot-inside", directory(b"a/") + entry(b"a/../../evil", b"x")
    yield "dotdot-pax", pax(record(b"path", b"a/../../../.." + out + b"/evil")) + entry(b"x", b"x")
    yield "dotdot-hard", hard(b"evil", b"../.." + out + b"/secret")
    yield "absolute", entry(out + b"/evil", b"inside")
    yield "absolute-link", link(b"way", out) + entry(b"way/evil", b"x")
    yield "dotdot-link", link(b"way", b"../../../../../../../.." + out) + entry(b"way/evil", b"x")
    yield "root-link", link(b"way", b"/") + entry(b"way/inside", b"x")
    yield "dangling", link(b"way", b"nowhere") + entry(b"way/evil", b"x")
    yield "loop", link(b"a", b"b") + link(b"b", b"a") + entry(b"a/evil", b"x")
    yield "link-then-file", link(b"f", out + b"/secret") + entry(b"f", b"mine")
    yield "link-then-directory", link(b"d", out) + directory(b"d/") + entry(b"d/evil", b"mine")
    yield "link-then-hard", link(b"f", out + b"/secret") + hard(b"g", b"f") + entry(b"g", b"mine")
    yield "hard-outside", hard(b"f", out + b"/secret")
    yield "hard-to-itself", entry(b"f", b"mine") + hard(b"f", b"f")
    yield "hard-to-directory", directory(b"d/") + hard(b"f", b"d")
    yield "hard-with-data", entry(b"f", b"mine") + entry(b"g", b"more", kind=b"1", link=b"f")
    yield "hard-in-what-goes", directory(b"d/") + entry(b"d/f", b"x") + hard(b"d", b"d/f")
    yield "character", entry(b"dev/null", kind=b"3")
    yield "block", entry(b"dev/sda", kind=b"4")
    yield "fifo", entry(b"run/pipe", kind=b"6")
    # A kernel takes some of these bits away by itself, when a file is written or a directory made.
    setuid = entry(b"su", b"x", mode=0o6755) + entry(b"empty", mode=0o6755) + directory(b"d/") + entry(b"d/", kind=b"5", mode=0o7755)
    yield "setuid", setuid + entry(b"t/", kind=b"5", mode=0o3777)
    yield "mtimes", pax(record(b"mtime", b"99999999999999999.5")) + entry(b"late") + entry(b"early", mtime=b"\xff" * 12)
    yield "sparse-gnu", entry(b"hole", kind=b"S", size=512)
    yield "sparse-pax", pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.realsize", b"%d" % gib10)) + entry(b"hole")
    yield "size-10g", entry(b"huge", size=b"\x80" + gib10.to_bytes(11, "big"))
    yield "size-negative", entry(b"huge", size=b"\xff" * 12)
    yield "size-no-number", entry(b"huge", size=b"12345x\0\0\0\0\0\0")
    yield "pax-size-overflow", pax(record(b"size", b"99999999999999999999999")) + entry(b"huge")
    yield "pax-size-wraps", pax(record(b"size", b"18446744073709551615")) + entry(b"huge")
    yield "pax-size-negative", pax(record(b"size", b"-1")) + entry(b"huge")
    yield "pax-path-huge", pax(record(b"path", b"a/" * 2500)) + entry(b"x")
    yield "pax-path-long", pax(record(b"path", b"d/" * 100 + b"n" * 256)) + entry(b"x")
    yield "pax-path-deep", pax(record(b"path", b"d/" * 128 + b"f")) + entry(b"x")
    yield "pax-path-nul", pax(record(b"path", b"a\0b")) + entry(b"x")
    yield "pax-records", pax(*[record(b"comment.%d" % i, b"x" * 40) for i in range(10000)], record(b"path", b"last")) + entry(b"x", b"ok")
    yield "pax-too-large", pax(record(b"comment", b"x" * (1 << 20))) + entry(b"x", b"ok")
    yield "pax-length", pax(b"99 path=a\n") + entry(b"x")
    yield "pax-length-0", pax(b"0 path=a\n") + entry(b"x")
    yield "pax-no-key", pax(b"6 =ab\n") + entry(b"x")
    yield "pax-uid", pax(record(b"uid", b"4294967296")) + entry(b"x")
    yield "pax-global", pax(record(b"path", b"all"), kind=b"g") + entry(b"x")
    yield "pax-global-comment", pax(record(b"comment", b"of git"), kind=b"g") + entry(b"x", b"ok")
    yield "pax-alone", pax(record(b"path", b"none"))
    yield "control", entry(b"a\nb", b"x")
    yield "escape", entry(b"\x1b]0;title\x07", b"x")
    yield "no-name", entry(b"", b"x")
    yield "root-file", entry(b"./", b"x", kind=b"7")
    yield "root-whiteout", entry(b".wh...", b"")
    yield "empty-link", link(b"l", b"")
    yield "duplicates", entry(b"f", b"first") + entry(b"./f", b"second") + entry(b"//f", b"third")
    yield "file-then-directory", entry(b"d", b"x") + directory(b"d/") + entry(b"d/f", b"in it")
    yield "directory-then-file", directory(b"d/") + entry(b"d/e/f", b"x") + link(b"d/l", out) + entry(b"d", b"now a file")
    yield "directory-then-link", directory(b"d/") + entry(b"d/f", b"x") + link(b"d", out) + entry(b"d/evil", b"x")
    yield "file-as-directory", entry(b"d", b"x") + entry(b"d/f", b"x")
    yield "case", entry(b"File", b"one") + entry(b"file", b"two") + entry(b"FILE", b"three")
    yield "owners", entry(b"f", b"x", uid=1000, gid=100) + link(b"l", b"f")
    yield "owner-none", entry(b"f", b"x", uid=65536)
    yield "many-inodes", b"".join(entry(b"f%d" % i) for i in range(2000))
    yield "wrong-sum", entry(b"f", b"x").replace(b"f", b"g", 1)
    yield "behind", entry(b"f", b"x") + END + b"secret"
    yield "unknown", entry(b"f", kind=b"Z")
    yield "volume", entry(b"f", kind=b"V")
    # Links make a tree deeper than any path, which is then removed.
    deep, way = directory(b"top/"), b"top"
    for i in range(35):
        below = way + (b"/" + b"d" * 200) * 10
        deep += pax(record(b"path", below)) + directory(b"x/") + pax(record(b"linkpath", below)) + link(b"way%d" % i, b"x")
        way = b"way%d" % i
    yield "deep", deep + entry(b"top", b"now a file")


def outer(root):
    """Archives that do not end as the others do."""
    million = entry(b"same") * 1000
    with gzip.open(os.path.join(root, "million.tar.gz"), "wb", 1) as f:
        for _ in range(1000):
            f.write(million)
        f.write(END)
    with gzip.open(os.path.join(root, "bomb.tar.gz"), "wb", 1) as f:
        for _ in range(200):
            f.write(b"\0" * (1 << 20))
    good = entry(b"d/", kind=b"5", mode=0o755) + pax(record(b"path", b"d/long" * 30)) + entry(b"f", b"x" * 1500)
    good += entry(b"././@LongLink", b"g" * 150 + b"\0", kind=b"L", magic=b"ustar  \0") + entry(b"g", b"y" * 600) + link(b"l", b"f") + END
    with open(os.path.join(root, "good.tar"), "wb") as f:
        f.write(good)
    with open(os.path.join(root, "empty.tar"), "wb") as f:
        pass


def show(root, top=""):
    for name in sorted(os.listdir(root), key=os.fsencode):
        path = os.path.join(root, name)
        st = os.lstat(path)
        line = "%s/%s %o %d:%d %d" % (top, name, st.st_mode, st.st_uid, st.st_gid, st.st_mtime)
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                data = f.read()
            line += " %d %d" % (st.st_nlink, st.st_size)
            line += ' "%s"' % data.decode() if len(data) <= 60 else " (%d not zero)" % (len(data) - data.count(0))
        elif stat.S_ISLNK(st.st_mode):
            line += " -> " + os.readlink(path)
        print(line)
        if stat.S_ISDIR(st.st_mode):
            show(path, top + "/" + name)


ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
TYPES = {"gz": "+gzip", "zst": "+zstd", "tar": ""}


class Layout:
    def __init__(self, root):
        self.root = root
        os.makedirs(os.path.join(root, "blobs/sha256"), exist_ok=True)
        self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})

    def write(self, name, value):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
            json.dump(value, f)

    def blob(self, data, media):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        name = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.root, "blobs/sha256", name), "wb") as f:
            f.write(data)
        return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + name, "size": len(data)}

    def image(self, layers, **config):
        rows = []
        for path in layers:
            with open(path, "rb") as f:
                rows.append(self.blob(f.read(), "layer.v1.tar" + TYPES[path.rsplit(".", 1)[1]]))
        machine = config.pop("architecture", ARCHITECTURE)
        settings = {"os": "linux", "architecture": machine, "config": config, "rootfs": {"type": "layers", "diff_ids": []}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.blob(settings, "config.v1+json"), "layers": rows}
        row = self.blob(manifest, "manifest.v1+json")
        row["platform"] = {"os": "linux", "architecture": machine}
        return row

    def index(self, rows):
        return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": rows}

    def nested(self, rows):
        return self.blob(self.index(rows), "index.v1+json")

    def finish(self, rows):
        self.write("index.json", self.index(rows))


def tagged(row, tag):
    return dict(row, annotations={"org.opencontainers.image.ref.name": tag})


def layouts(root, layers):
    """The one image in all the ways that an index can lead to it."""
    other = "arm64" if ARCHITECTURE == "amd64" else "amd64"

    def layout(name):
        return Layout(os.path.join(root, name))

    plain = layout("plain")
    row = plain.image(layers, Entrypoint=["/bin/app", "--serve"], Cmd=["now"], Env=["A=1", "B=two words"], WorkingDir="/srv", User="app:100")
    print(row["digest"].split(":")[1])
    plain.finish([row])

    def same(name):
        l = layout(name)
        return l, l.image(layers, Entrypoint=["/bin/app", "--serve"], Cmd=["now"], Env=["A=1", "B=two words"], WorkingDir="/srv", User="app:100")

    def bare(r):
        return {k: v for k, v in r.items() if k != "platform"}

    l, row = same("platforms")
    l.finish([l.image(layers, architecture=other), row, dict(row, platform={"os": "unknown", "architecture": "unknown"})])
    l, row = same("nested")
    l.finish([l.nested([l.nested([l.image(layers, architecture=other), row])])])
    l, row = same("nested3")
    l.finish([l.nested([l.nested([l.nested([row])])])])
    l, row = same("tags")
    l.finish([tagged(row, "1.0"), tagged(l.image(layers, User="2"), "2.0")])
    l, row = same("two")
    l.finish([row, l.image(layers, User="2")])
    l, row = same("elsewhere")
    l.finish([l.image(layers, architecture=other)])
    l, row = same("config-elsewhere")
    l.finish([bare(l.image(layers, architecture=other))])
    l, row = same("none")
    l.finish([])
    l, row = same("size")
    l.finish([dict(row, size=row["size"] + 1)])
    l, row = same("size-fraction")
    l.finish([dict(row, size=0.5)])
    l, row = same("sha512")
    l.finish([dict(row, digest="sha512:" + "0" * 128)])
    l, row = same("upwards")
    l.finish([dict(row, digest="sha256:../../../../etc/passwd")])
    l, row = same("missing")
    l.finish([dict(row, digest="sha256:" + "0" * 64)])
    l, row = same("altered-manifest")
    with open(os.path.join(l.root, "blobs/sha256", row["digest"][7:]), "r+", encoding="utf-8") as f:
        f.write('{ ')
    l.finish([row])
    l, row = same("altered-layer")
    with open(layers[0], "rb") as f:
        name = hashlib.sha256(f.read()).hexdigest()
    with open(os.path.join(l.root, "blobs/sha256", name), "r+b") as f:
        f.write(b"X")
    l.finish([row])
    l, row = same("version")
    l.write("oci-layout", {"imageLayoutVersion": "2.0.0"})
    l.finish([row])
    l, row = same("large-index")
    l.finish([row, {"mediaType": "x", "pad": "x" * (1 << 20)}])
    l, row = same("no-json")
    with open(os.path.join(l.root, "index.json"), "w", encoding="utf-8") as f:
        f.write('{"manifests": [},]')
    l, row = same("layers")
    l.finish([l.image(layers[:1] * 65)])
    l = layout("foreign")
    row = l.blob({"schemaVersion": 2, "config": l.blob({}, "config.v1+json"), "layers": [l.blob(b"", "layer.nondistributable.v1.tar")]}, "manifest.v1+json")
    l.finish([row])
    l = layout("artifact")
    row = l.blob({"schemaVersion": 2, "config": l.blob({}, "empty"), "layers": [l.blob(b"", "layer.v1.tar")]}, "manifest.v1+json")
    l.finish([row])
    l = layout("confusion")
    row = l.blob({"schemaVersion": 2, "manifests": [], "config": l.blob({}, "config.v1+json"), "layers": []}, "manifest.v1+json")
    l.finish([row])


def layer_tars(root):
    lower = directory(b"etc/") + entry(b"etc/keep", b"below") + entry(b"etc/gone", b"below") + entry(b"opaque/a", b"below")
    lower += entry(b"opaque/d/b", b"below") + link(b"lib", b"usr/lib") + directory(b"usr/lib/") + entry(b"usr/lib/so", b"below") + entry(b"tree/x/y", b"below")
    upper = entry(b"opaque/new", b"above") + entry(b"opaque/.wh..wh..opq") + entry(b"etc/.wh.gone") + entry(b"lib/so", b"above") + entry(b".wh.tree")
    upper += entry(b"etc/.wh.never") + entry(b"nowhere/.wh.x") + entry(b".wh..wh.plnk") + entry(b"tree", b"above") + entry(b"etc/keep2", b"above")
    names = []
    for name, data in ("lower.tar", lower), ("upper.tar", upper):
        names.append(os.path.join(root, name))
        with open(names[-1], "wb") as f:
            f.write(data + END)
    return names


def main():
    if sys.argv[1] == "list":
        show(sys.argv[2])
        return
    if sys.argv[1] == "layouts":
        layouts(sys.argv[2], sys.argv[3:])
        return
    root, outside = sys.argv[1:]
    os.makedirs(root)
    layer_tars(root)
    for name, data in hostile(outside):
        with open(os.path.join(root, name + ".tar"), "wb") as f:
            f.write(data + (b"" if name == "behind" else END))
    outer(root)


main()

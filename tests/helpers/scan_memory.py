# SPDX-License-Identifier: MIT
# scan_memory.py PID FILE [N]: does the process's memory hold any N (32) bytes in a row of FILE, beyond its first 14, that
# look like a key (at least a third as many different values)? Prints "found" or "clean". Root only.
import sys

pid, path = sys.argv[1], sys.argv[2]
size = int(sys.argv[3]) if len(sys.argv) > 3 else 32
data = open(path, "rb").read()
step = max(1, len(data) // 200)  # of a large file, some
keys = {data[i:i + size] for i in range(14, len(data) - size + 1, step) if len(set(data[i:i + size])) > size // 3}
found = False
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
    for line in maps:
        span, rights = line.split()[:2]
        if "r" not in rights or "[v" in line:
            continue
        low, high = (int(x, 16) for x in span.split("-"))
        try:
            mem.seek(low)
            block = mem.read(high - low)
            # Most pages were never written to: the others, which takes a fraction of the time.
            pages = (block[i:i + 4096] for i in range(0, len(block), 4096))
            block = b"".join(page for page in pages if page.count(0) < len(page))
        except (OSError, ValueError, OverflowError):
            continue
        found = found or any(key in block for key in keys)
print("found" if found else "clean")

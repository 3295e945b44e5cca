"""Duplicates in dupscan beside jscpd and fclones, over one tree of 400,000 lines that all of them look through.

The tree is of sources that lie on any machine which built this package: the crates of Cargo.lock in cargo's registry (Rust,
and C of zstd) and Python's own library, in the order of their names. jscpd comes from npm, fclones from crates.io, each of
one version, into the bench's own directory below target/; scripts/deps puts them there. Imported by scripts/bench."""

import glob
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time

JSCPD = "5.3.3"
FCLONES = "0.35.0"
# Lines of each language; together 400,000.
SHARES = {".rs": 220_000, ".c": 60_000, ".h": 20_000, ".py": 100_000}
# Tables that a program wrote, many times the size of the rest: no person looks for copies in them.
TABLES = ("linux-raw-sys", "windows", "fiat-crypto", "libc", "chrono-tz", "winapi", "web-sys")
LONGEST_FILE = 5_000


def sources(lock):
    """Files by language, with the name that each gets in the tree."""
    with open(lock, encoding="utf-8") as file:
        crates = re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource', file.read())
    registry = os.path.join(os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")), "registry/src/*")
    roots = []
    for name, version in sorted(crates):
        if not name.startswith(TABLES):
            roots += [(path, f"{name}-{version}") for path in sorted(glob.glob(os.path.join(registry, f"{name}-{version}")))[:1]]
    roots.append((sysconfig.get_paths()["stdlib"], "python"))
    for root, into in roots:
        for place, inner, names in os.walk(root):
            inner[:] = sorted(name for name in inner if name not in ("dist-packages", "site-packages", "test", "__pycache__"))
            for name in sorted(names):
                path = os.path.join(place, name)
                yield os.path.splitext(name)[1], path, os.path.join(into, os.path.relpath(path, root))


def plant(tree, lock):
    """The tree: so many lines of each language as are its share, no file in part."""
    left = dict(SHARES)
    for extension, path, into in sources(lock):
        if left.get(extension, 0) <= 0 or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            lines = file.read().count(b"\n")
        if 0 < lines <= LONGEST_FILE:
            target = os.path.join(tree, into)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            left[extension] -= lines
    lacking = {extension: lines for extension, lines in left.items() if lines > 0}
    if lacking:
        sys.exit(f"bench: too few lines for the tree: {lacking} are lacking; run `cargo fetch --locked`")


def home():
    """Where scripts/deps puts the rivals."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(here, "target")), "bench")


def programs():
    """The two rivals; jscpd itself, not the script of npm that starts it."""
    found = glob.glob(os.path.join(home(), "jscpd/node_modules/jscpd-*/bin/jscpd"))
    return found[0] if found else "jscpd", os.path.join(home(), "fclones/bin/fclones")


def rivals():
    for argv, said in zip(programs(), (JSCPD, FCLONES)):
        try:
            told = subprocess.run([argv, "--version"], capture_output=True, text=True).stdout.split()
        except OSError:
            told = []
        if said not in told:
            name = os.path.basename(argv)
            sys.exit(f"bench: {name} {said} is needed, found {' '.join(told) or 'none'}: run scripts/deps bench")


# Of its settings those that found most where what is to be found is known, renamed and edited copies too.
BEST = ["--mode", "weak", "--min-tokens", "25", "--min-lines", "3", "--ignore-identifiers", "--ignore-literals",
        "--max-gap-lines", "8", "--similarity", "0.7"]


class Part:
    def __init__(self, table, program, place):
        self.table, self.program = table, program
        self.jscpd, self.fclones = programs()
        self.tree = os.path.join(place, "dup-tree")
        self.out = os.path.join(place, "dup.out")
        plant(self.tree, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Cargo.lock"))
        self.environment = os.environ | {"XDG_CACHE_HOME": os.path.join(place, "dup-cache")}

    def cost(self, argv):
        """Seconds on the clock and of the processor, and the most KiB of memory."""
        began = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, self.environment, file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
        _, status, used = os.wait4(pid, 0)
        if status != 0:
            sys.exit(f"bench: {' '.join(argv)}: exit {os.waitstatus_to_exitcode(status)}")
        return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss

    def ours(self, *words):
        return self.cost([self.program, "code", *words, "--json", self.tree])

    def theirs(self, *words):
        return self.cost([self.jscpd, "--reporters", "silent", *words, self.tree])

    def turns(self, n, *rivals):
        """Samples of each, in an order drawn anew each time."""
        samples = [[] for _ in rivals]
        for rival in rivals:
            rival()
        order = list(zip(rivals, samples))
        for _ in range(n):
            random.shuffle(order)
            for rival, into in order:
                into.append(rival())
        return samples

    def code(self, what, ours, theirs, whose, memory, n=5):
        """A row for the processor and one for memory."""
        mine, other = self.turns(n, lambda: self.ours("--no-cache", *ours), lambda: self.theirs(*theirs))
        self.table.compare(f"{what}, CPU", column(mine, 1), column(other, 1), whose, most=1.0)
        self.table.compare(f"{what}, memory", column(mine, 2), column(other, 2), whose, most=memory, show=megabytes)

    def cached(self, n=10):
        # What was written a moment ago is not kept: it may be written again under the same time.
        newest = max(os.stat(os.path.join(place, name)).st_ctime for place, _, names in os.walk(self.tree) for name in names)
        time.sleep(max(0.0, newest + 2.5 - time.time()))
        self.ours()
        with open(self.out, encoding="utf-8") as file:
            first = json.load(file)
        walls = [self.ours()[0] for _ in range(n)]
        with open(self.out, encoding="utf-8") as file:
            if json.load(file) != first:
                sys.exit("bench: dupscan code finds otherwise with its cache")
        self.table.alone("code, second run", walls, "≤ 300 ms", statistics.median(walls) <= 0.3)

    def groups(self, argv):
        """What is told, as sets of files."""
        self.cost(argv)
        with open(self.out, encoding="utf-8") as file:
            told = json.load(file)["groups"]
        return {frozenset(os.path.relpath(os.path.join(self.tree, name), self.tree) for name in it["files"]) for it in told}

    def files(self, n=20):
        ours = [self.program, "files", "--json", "--no-ignore", "--hidden", self.tree]
        theirs = [self.fclones, "group", "--no-ignore", "--hidden", "--min", "1", "--format", "json", self.tree]
        found, beside = self.groups(ours), self.groups(theirs)
        if found != beside:
            sys.exit(f"bench: dupscan files and fclones differ in {len(found ^ beside)} groups")
        mine, other = self.turns(n, lambda: self.cost(ours), lambda: self.cost(theirs))
        what = f"files, the same {len(found)} groups"
        self.table.compare(what, column(mine, 0), column(other, 0), "fclones", most=1.0)


def column(samples, nth):
    return [sample[nth] for sample in samples]


def megabytes(kib):
    return f"{kib / 1000:.0f} MB"


def measure(table, directory, place):
    program = os.path.join(place, "dupscan")
    subprocess.run(["install", os.path.join(directory, "dupscan"), program], check=True)
    part = Part(table, program, place)
    lines = f"{sum(SHARES.values()):,} lines"
    part.code(f"code --exact, {lines}", ["--exact"], [], "jscpd", 0.5)
    part.code(f"code, {lines}", [], BEST, "jscpd, weak, near misses", 0.25)
    part.cached()
    part.files()

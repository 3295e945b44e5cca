"""Memory: a million lines taken up, and asked for by whole processes.

Lines are of three hundred templates with numbers, addresses, paths and ids; what is asked for are the subjects of commits
in the words of those lines. Where the yardsticks lie beside the checkout, the issues and the queries of `issue-recall` are
taken instead, repeated with other numbers. Imported by scripts/bench."""

import json
import os
import random
import shutil
import statistics
import subprocess
import time

LINES = 1_000_000
WORDS = ("worker queue block cache session packet commit branch deploy lease token socket index segment replica shard "
         "volume mount kernel thread fiber buffer channel daemon parser lexer").split()
VERBS = "opened closed started stopped failed retried accepted dropped merged flushed allocated released".split()
SEED = 20261126
QUERIES = 200


def templates(random):
    def one():
        parts = [random.choice(WORDS) if random.random() < 0.6 else "%s" for _ in range(random.randrange(3, 7))]
        return " ".join(parts) + " " + random.choice(VERBS)
    return [one() for _ in range(300)]


def value(random):
    kind = random.random()
    if kind < 0.4:
        return str(random.randrange(100_000))
    if kind < 0.6:
        return f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}"
    if kind < 0.8:
        return f"blk_{random.randrange(10**12)}"
    return f"/var/lib/{random.choice(WORDS)}/{random.randrange(1000)}"


def lines(count):
    source = random.Random(SEED)
    known = templates(source)
    for n in range(count):
        at = 1_795_348_800 + n // 40
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        template = source.choice(known)
        text = template % tuple(value(source) for _ in range(template.count("%s")))
        level = "ERROR" if source.random() < 0.05 else "INFO"
        yield f"{stamp} {level} [{source.randrange(30)}] {source.choice(WORDS)}: {text}"


def yardstick():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.path.join(here, "../shared/eval/memory/data/issue-recall")
    return path if os.path.isdir(path) else None


def issues(count):
    """Fragments: those of the yardstick over and over, each time with some words exchanged, or lines as above."""
    source = random.Random(SEED)
    path = yardstick()
    if path is None:
        for n, line in enumerate(lines(count)):
            stamp, text = line.split(" ", 1)
            yield {"id": f"n{n}", "timestamp": stamp, "agent_id": "bench", "type": "note", "content": text}
        return
    with open(os.path.join(path, "fragments.jsonl"), encoding="utf-8") as file:
        known = [json.loads(line) for line in file]
    pool = [word for it in known for word in it["content"].split()]
    for n in range(count):
        it = dict(known[n % len(known)])
        if n >= len(known):
            words = it["content"].split()[:60]
            for place in range(len(words)):
                if source.random() < 0.5:
                    words[place] = source.choice(pool)
            it |= {"id": f"{it['id']}.{n}", "content": " ".join(words)}
        yield it


def queries():
    path = yardstick()
    if path is None:
        source = random.Random(SEED + 1)
        return [" ".join(source.sample(WORDS, 4) + [source.choice(VERBS)]) for _ in range(QUERIES)]
    with open(os.path.join(path, "truth.json"), encoding="utf-8") as file:
        return [it["text"] for it in json.load(file)["queries"]]


class Part:
    def __init__(self, table, program, place):
        self.table, self.program, self.place = table, program, place
        self.log = os.path.join(place, "memory.log")
        with open(self.log, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines(LINES))

    def home(self, name):
        home = os.path.join(self.place, name)
        scripts = os.path.dirname(os.path.abspath(__file__))
        subprocess.run([os.path.join(scripts, "home"), home], check=True, stdout=subprocess.DEVNULL)
        return home

    def cost(self, argv):
        """Seconds on the clock and of the processor, and the most KiB of memory."""
        began = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
        _, status, used = os.wait4(pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            raise SystemExit(f"bench: {argv} ended with {os.waitstatus_to_exitcode(status)}")
        return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss

    def ingest(self, n=3):
        rates, sizes = [], []
        for turn in range(n):
            home = self.home(f"memory-{turn}")
            wall, _, size = self.cost([self.program, "--home", home, "ingest", self.log])
            rates.append(LINES / wall)
            sizes.append(size)
            shutil.rmtree(home)
        what = f"ingest, {LINES:,} lines"
        per_second = statistics.median(rates)
        self.table.alone(what, rates, "≥ 80,000/s", per_second >= 80_000, show=lambda n: f"{n:,.0f}/s")
        self.table.alone(f"{what}, memory", sizes, "≤ 300 MB", max(sizes) <= 300_000, show=megabytes)

    def query(self, count, bound):
        home = self.home(f"memory-{count}")
        source = os.path.join(self.place, "memory.jsonl")
        with open(source, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(it) + "\n" for it in issues(count))
        _, _, taking = self.cost([self.program, "--home", home, "ingest", source])
        walls, sizes = [], [taking]
        for text in queries():
            wall, _, size = self.cost([self.program, "--home", home, "query", "--", text])
            walls.append(wall)
            sizes.append(size)
        p95 = sorted(walls)[len(walls) * 95 // 100]
        what = f"query of {count:,} memories"
        self.table.alone(f"{what}, p95 of {len(walls)}", [p95], f"≤ {bound} ms", p95 * 1000 <= bound)
        self.table.alone(f"{what}, memory with ingest", sizes[:1], "≤ 300 MB", max(sizes) <= 300_000, show=megabytes)
        shutil.rmtree(home)


def megabytes(kib):
    return f"{kib / 1000:.0f} MB"


def measure(table, programs, place):
    program = os.path.join(place, "dreamscribe")
    subprocess.run(["install", os.path.join(programs, "dreamscribe"), program], check=True)
    part = Part(table, program, place)
    part.ingest()
    part.query(100_000, 5)
    part.query(1_000_000, 20)

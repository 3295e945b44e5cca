"""Logs in logctl beside jq, ripgrep with jq, and lnav: a million lines searched, each time by a whole process.

The lines are as the toolkit writes them, over four channels, one in a thousand about what is looked for. The rivals get
the same files by their names. Imported by scripts/bench."""

import json
import os
import random
import shutil
import subprocess

PINNED = {"jq": "1.6-", "ripgrep": "13.0.0-", "lnav": "0.11.1-"}
LINES = 1_000_000
CHANNELS = ("system", "agents", "tasks", "messages")
SOUGHT = "timed out after 30s"
# Of jq's time.
BOUND = 0.33
EVENTS = ("task.started", "task.completed", "mail.sent", "mail.acked", "agent.started")


def lines(count):
    """Of one channel each, in the order of time."""
    for n in range(count):
        at, ms = divmod(n * 37, 1000)
        hour, minute, second = at // 3600, at // 60 % 60, at % 60
        msg = f"attempt {n} {SOUGHT}" if n % 1000 == 7 else f"t{n} goes on as it should, said by agent-{n % 12}"
        channel = CHANNELS[n % len(CHANNELS)]
        yield channel, json.dumps({
            "v": 1, "ts": f"2026-11-22T{hour:02}:{minute:02}:{second:02}.{ms:03}Z",
            "level": "warn" if n % 50 == 0 else "info", "channel": channel, "event": EVENTS[n % len(EVENTS)], "msg": msg,
            "who": f"agent-{n % 12}", "agent": f"agent-{n % 7}", "id": f"01jd8x3k5m6n7p8q9r0{n:07}",
            "pid": 1000 + n % 999, "seq": n, "task": f"t{n % 5000}"}, separators=(",", ":"))


class Part:
    def __init__(self, table, program, place, run):
        self.table, self.program, self.run = table, program, run
        self.home = os.path.join(place, "logs-home")
        scripts = os.path.dirname(os.path.abspath(__file__))
        subprocess.run([os.path.join(scripts, "home"), self.home], check=True, stdout=subprocess.DEVNULL)
        self.out = os.path.join(place, "logs.out")
        self.files = [os.path.join(self.home, f"runtime/logs/{channel}.log") for channel in CHANNELS]
        files = {channel: open(path, "w", encoding="utf-8") for channel, path in zip(CHANNELS, self.files)}
        for channel, line in lines(LINES):
            files[channel].write(line + "\n")
        for file in files.values():
            file.close()

    def timed(self, argv):
        """Seconds; what was printed stays in a file."""
        return self.run(argv, stdout=self.out)[1]

    def found(self):
        with open(self.out, encoding="utf-8") as file:
            return sum(SOUGHT in line for line in file)

    def ours(self, *words):
        return self.timed([self.program, "--home", self.home, "query", *words])

    def shell(self, script):
        return self.timed(["/bin/dash", "-c", script, *self.files])

    def search(self, n=5):
        rg, lnav = shutil.which("rg"), shutil.which("lnav")
        test = f'select(.msg|test("{SOUGHT}"))'
        rivals = {
            "ours": lambda: self.ours("--grep", SOUGHT, "--format", "jsonl"),
            "jq": lambda: self.shell(f"exec jq -c '{test}' \"$0\" \"$@\""),
            "rg | jq": lambda: self.shell(f"{rg} -IN '{SOUGHT}' \"$0\" \"$@\" | jq -c '{test}'"),
            "lnav -n": lambda: self.shell(f"exec {lnav} -n -c ':filter-in {SOUGHT}' \"$0\" \"$@\""),
        }
        samples = {name: [] for name in rivals}
        for turn in range(n):
            # A look of jq's or lnav's takes seconds.
            order = [name for name in rivals if turn < 3 or name in ("ours", "rg | jq")]
            random.shuffle(order)
            for name in order:
                samples[name].append(rivals[name]())
                if self.found() < LINES // 1000:
                    raise SystemExit(f"bench: {name} found {self.found()} of {LINES // 1000} lines")
        what = f"query --grep, {LINES:,} lines"
        self.table.compare(what, samples["ours"], samples["jq"], "jq", most=BOUND)
        self.table.compare(what, samples["ours"], samples["rg | jq"], "rg, jq")
        self.table.compare(what, samples["ours"], samples["lnav -n"], "lnav -n")

    def tail(self):
        samples = [self.timed([self.program, "--home", self.home, "tail"]) for _ in range(5)]
        self.table.alone(f"tail, {LINES:,} lines", samples, "", None)

    def count(self):
        self.table.alone(f"query --by level,event, {LINES:,} lines", [self.ours("--by", "level,event")], "", None)


def measure(table, programs, place, run):
    program = os.path.join(place, "logctl")
    subprocess.run(["install", os.path.join(programs, "logctl"), program], check=True)
    part = Part(table, program, place, run)
    part.search()
    part.tail()
    part.count()

"""Tasks in taskctl beside taskwarrior and pueue: written down, looked for, taken, done; each time a whole process.

They stand in chains of ten, or in one long chain where the row says so; one in a hundred is critical. Taskwarrior is as
slow with either. With 100,000 tasks it needs over a minute for a look, so it gets one, which is ended at a limit.
Pueue cannot import, so it is fed by its own `add`. Imported by scripts/bench."""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import uuid

PINNED = {"taskwarrior": "2.6.2+dfsg-1"}
PUEUE = "4.0.4"
LIMIT = 20
WORKERS = 8
# Of the whole process, by how many tasks there are: the bounds in seconds.
READING = {10_000: 0.025, 100_000: 0.25}
CHANGING = {10_000: 0.06, 100_000: 0.6}


def rivals():
    found = subprocess.run("pueue --version", shell=True, capture_output=True, text=True).stdout.strip()
    if found != f"pueue {PUEUE}":
        sys.exit(f"bench: pueue {PUEUE} is needed, found {found or 'none'}: run scripts/deps bench")


def tasks(count, chain):
    """A number, the number of what it waits for, whether it is critical."""
    for n in range(count):
        yield n, n - 1 if n % chain else None, n % 100 == 0


def limited(argv, limit):
    """Seconds, or None of what was ended at the limit."""
    began = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    return time.monotonic() - began


def rounds(n, ours, few=0, theirs=()):
    """Samples by name: n of each of ours, a few of each of theirs, in an order drawn anew each time."""
    samples = {name: [] for name in (*ours, *theirs)}
    for turn in range(n):
        order = [*ours.items(), *(dict(theirs).items() if turn < few else ())]
        random.shuffle(order)
        for name, once in order:
            samples[name].append(once())
    return samples


class Taskctl:
    """A home, and in it tasks that are nobody's yet."""

    def __init__(self, place, name, program, run):
        self.home = os.path.join(place, name)
        self.out = os.path.join(place, f"{name}.out")
        self.program = program
        self.run = run
        scripts = os.path.dirname(os.path.abspath(__file__))
        subprocess.run([os.path.join(scripts, "home"), self.home], check=True, stdout=subprocess.DEVNULL)
        agents = "".join(f"  w{n}: {{}}\n" for n in range(WORKERS))
        with open(os.path.join(self.home, "config/agents.yaml"), "w", encoding="utf-8") as file:
            file.write(f"version: 1\nagents:\n{agents}")
        # The first change also takes over the files that came with the home.
        self.call("create", "what was there before")

    def call(self, *words):
        return self.run([self.program, "--home", self.home, *words], stdout=self.out)[1]

    def said(self):
        with open(self.out, encoding="utf-8") as file:
            return file.read()

    def feed(self, count, chain=10):
        batch = f"{self.home}.jsonl"
        with open(batch, "w", encoding="utf-8") as file:
            for n, after, critical in tasks(count, chain):
                task = {"id": f"n{n}", "name": f"part {n}", "priority": "critical" if critical else "medium"}
                file.write(json.dumps(task | ({"dependencies": [f"n{after}"]} if after is not None else {})) + "\n")
        return self.call("create", "--batch", batch)

    def rev(self):
        with open(os.path.join(self.home, "config/agent_comms/unassigned.json"), encoding="utf-8") as file:
            return json.load(file)["rev"]

    def create(self):
        return self.call("create", "one more", "--after", "n5")

    def ready(self):
        return self.call("ready", "-n", "10")

    def list(self):
        return self.call("list", "--priority", "critical")

    def show(self):
        return self.call("show", "n5")

    def work(self):
        """One task from the queue to its end: the seconds of claim, start and complete."""
        claimed = self.call("--as", "w0", "claim", "--format", "plain")
        task = self.said().partition("\t")[0]
        return claimed, self.call("--as", "w0", "start", task), self.call("--as", "w0", "complete", task)


class Taskwarrior:
    def __init__(self, place, name, run):
        self.place = os.path.join(place, name)
        os.mkdir(self.place)
        settings = os.path.join(self.place, "taskrc")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f"data.location={self.place}\nconfirmation=off\nverbose=nothing\n")
        self.task = [shutil.which("task"), f"rc:{settings}"]
        self.run = run

    def call(self, *words):
        return self.run([*self.task, *words])[1]

    def feed(self, count, chain=10):
        def name(n):
            return str(uuid.UUID(int=n, version=4))
        listed = []
        for n, after, critical in tasks(count, chain):
            task = {"uuid": name(n), "description": f"part {n}", "status": "pending"}
            task |= {"depends": [name(after)]} if after is not None else {}
            listed.append(task | ({"priority": "H"} if critical else {}))
        source = f"{self.place}.json"
        with open(source, "w", encoding="utf-8") as file:
            json.dump(listed, file)
        return self.call("import", source)

    def add(self):
        return self.call("add", "one more", "depends:6")

    def ready(self):
        return self.call("ready", "limit:10")


class Pueue:
    def __init__(self, place, run):
        self.place = os.path.join(place, "pueue")
        os.mkdir(self.place)
        settings = os.path.join(self.place, "pueue.yml")
        with open(settings, "w", encoding="utf-8") as file:
            json.dump({"shared": {"pueue_directory": self.place, "runtime_directory": self.place,
                                  "use_unix_socket": True}, "client": {}, "daemon": {}}, file)
        self.pueue = [shutil.which("pueue"), "--config", settings]
        self.run = run
        self.daemon = subprocess.Popen(["pueued", "--config", settings], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        while subprocess.run([*self.pueue, "status"], capture_output=True).returncode:
            time.sleep(0.05)
            if time.monotonic() - began > 10:
                sys.exit("bench: pueued does not answer")

    def feed(self, count):
        for n in range(count):
            self.run([*self.pueue, "add", "--stashed", "true"])

    def status(self):
        return self.run([*self.pueue, "status"])[1]

    def stop(self):
        self.daemon.terminate()
        self.daemon.wait()


def ms(bound):
    return f"≤ {bound * 1e3:.0f} ms"


class Part:
    def __init__(self, table, programs, place, run):
        self.table = table
        self.place = place
        self.run = run
        # Installed, as the rivals are.
        self.program = os.path.join(place, "taskctl")
        subprocess.run(["install", os.path.join(programs, "taskctl"), self.program], check=True)

    def ours(self, name):
        return Taskctl(self.place, f"taskctl-{name}", self.program, self.run)

    def theirs(self, name):
        return Taskwarrior(self.place, f"taskwarrior-{name}", self.run)

    def alone(self, what, samples, bound):
        self.table.alone(what, samples, ms(bound), statistics.median(samples) <= bound)

    def few(self):
        ours, theirs = self.ours("100"), self.theirs("100")
        ours.feed(100)
        theirs.feed(100)
        samples = rounds(50, {"create": ours.create, "ready": ours.ready}, 50, {"add": theirs.add, "look": theirs.ready})
        self.table.compare("create, 100 tasks", samples["create"], samples["add"], "taskwarrior")
        self.table.compare("ready -n 10, 100 tasks", samples["ready"], samples["look"], "taskwarrior")

    def batch(self, count):
        """Three times each into nothing; the last of both remain."""
        own, imported = [], []
        for n in range(3):
            ours, theirs = self.ours(f"{count}-{n}"), self.theirs(f"{count}-{n}")
            before = ours.rev()
            turns = [(ours, own), (theirs, imported)]
            random.shuffle(turns)
            for whose, into in turns:
                into.append(whose.feed(count))
            replaced = ours.rev() - before
        self.table.compare(f"create --batch of {count:,}", own, imported, "taskwarrior's import")
        self.table.add(f"create --batch of {count:,}, replacements (rev)", str(replaced), "", "", "1", replaced == 1, 1, "")
        return ours, theirs

    def verbs(self, count, n, ours, theirs, few):
        names = ("create", "ready", "list", "show", "work")
        rival = {"add": theirs.add, "look": theirs.ready} if few else {}
        samples = rounds(n, {name: getattr(ours, name) for name in names}, few, rival)
        claimed, started, completed = zip(*samples["work"])
        read, change = READING[count], CHANGING[count]
        if few:
            self.table.compare(f"create, {count:,} tasks", samples["create"], samples["add"], "taskwarrior", within=change)
            self.table.compare(f"ready -n 10, {count:,} tasks", samples["ready"], samples["look"], "taskwarrior", within=read)
        else:
            self.alone(f"create, {count:,} tasks", samples["create"], change)
            took = limited([*theirs.task, "ready", "limit:10"], LIMIT)
            whose = "taskwarrior" if took else "taskwarrior, not done yet"
            self.table.compare(f"ready -n 10, {count:,} tasks", samples["ready"], [took or LIMIT], whose, within=read)
        for what, taken in (("claim", claimed), ("start", started), ("complete", completed)):
            self.alone(f"{what}, {count:,} tasks", taken, change)
        for what, verb in (("list --priority critical", "list"), ("show", "show")):
            self.alone(f"{what}, {count:,} tasks", samples[verb], read)

    def one_chain(self, count, n):
        ours = self.ours(f"{count}-chain")
        ours.feed(count, chain=count)
        samples = rounds(n, {"create": ours.create, "ready": ours.ready})
        self.alone(f"create, {count:,} in one chain", samples["create"], CHANGING[count])
        self.alone(f"ready -n 10, {count:,} in one chain", samples["ready"], READING[count])

    def status(self, count=981):
        ours, theirs = self.ours(f"{count}"), Pueue(self.place, self.run)
        ours.feed(count - 1)
        try:
            theirs.feed(count)
            samples = rounds(20, {"ours": lambda: ours.call("list")}, 20, {"theirs": theirs.status})
        finally:
            theirs.stop()
        self.table.compare(f"list of all {count} tasks", samples["ours"], samples["theirs"], "pueue status")

    def queue(self, count=1000):
        """Eight who claim until nothing is left: every task went to one of them, who still holds it."""
        ours = self.ours("queue")
        ours.feed(count - 1, chain=1)
        claim = f"'{self.program}' --home '{ours.home}' claim --format plain --as"
        began = time.monotonic()
        workers = [subprocess.Popen(["/bin/dash", "-c", f'while line=$({claim} w{n}) || exit; do echo "$line"; done'],
                                    stdin=subprocess.DEVNULL, stdout=open(f"{ours.home}.w{n}", "wb"),
                                    stderr=subprocess.DEVNULL) for n in range(WORKERS)]
        ended = [worker.wait() for worker in workers]
        took = time.monotonic() - began
        if ended != [1] * WORKERS:
            sys.exit(f"bench: claims ended with {ended}; 1 is nothing left")
        claims = []
        for n in range(WORKERS):
            with open(f"{ours.home}.w{n}", encoding="utf-8") as file:
                claims += [(line.partition("\t")[0], f"w{n}") for line in file]
        ours.call("list", "--json")
        held = sorted((task["id"], task["derived"]["claimed_by"]) for task in json.loads(ours.said())["tasks"])
        once = sorted(claims) == held and len(dict(claims)) == len(claims) == count
        self.table.add(f"{WORKERS} processes claim from {count:,}", f"{len(claims) / took:,.0f}/s", "", "", "each once", once, 1, "")


def measure(table, programs, place, run):
    part = Part(table, programs, place, run)
    part.few()
    part.status()
    part.verbs(10_000, 20, *part.batch(10_000), few=3)
    part.one_chain(10_000, 20)
    ours, theirs = part.ours("100000"), part.theirs("100000")
    ours.feed(100_000)
    theirs.feed(100_000)
    part.verbs(100_000, 5, ours, theirs, few=0)
    part.one_chain(100_000, 5)
    part.queue()

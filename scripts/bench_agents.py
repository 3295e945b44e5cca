"""Agents under dreamos-superd beside runit, s6, supervisor, and pm2 where that is installed: started, restarted, looked
at, left alone.

Each child is the same shell, which makes a file when it runs and then becomes a sleep: whose file is there has been
exec'd, however it was started. Imported by scripts/bench."""

import glob
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

COUNT = 50
PINNED = {"runit": "2.1.2-", "s6": "2.11.3.2-", "supervisor": "4.2.5-"}


def child(marks, name):
    return f": > {marks}/{name}.$$; exec sleep 1000000"


def pss(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def ticks(pids):
    used = []
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        used.append(int(fields[11]) + int(fields[12]))
    return used


def below(pid):
    """Everything that descends from a process, itself first."""
    found, rest = [], [pid]
    while rest:
        pid = rest.pop()
        found.append(pid)
        for task in glob.glob(f"/proc/{pid}/task/*/children"):
            with open(task, encoding="utf-8") as file:
                rest += map(int, file.read().split())
    return found


class Swarm:
    """Fifty children under somebody's supervision."""

    def __init__(self, place, name):
        self.place = os.path.join(place, name)
        self.marks = os.path.join(self.place, "marks")
        os.makedirs(self.marks)

    def names(self):
        return [f"a{n}" for n in range(COUNT)]

    def script(self, path, name):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{child(self.marks, name)}\n")
        os.chmod(path, 0o755)

    def made(self):
        return len(os.listdir(self.marks))

    def started(self):
        """Seconds until all children were exec'd."""
        began = time.monotonic()
        self.start()
        while self.made() < COUNT:
            time.sleep(0.001)
            if time.monotonic() - began > 60:
                sys.exit(f"bench: {type(self).__name__} starts {self.made()} of {COUNT}")
        return time.monotonic() - began

    def restarted(self, name):
        """Seconds from a kill -9 of a child in its first life to its second."""
        mark = glob.glob(f"{self.marks}/{name}.*")[0]
        began = time.monotonic()
        os.kill(int(mark.rpartition(".")[2]), signal.SIGKILL)
        while len(glob.glob(f"{self.marks}/{name}.*")) < 2:
            time.sleep(0.0002)
            if time.monotonic() - began > 30:
                sys.exit(f"bench: {type(self).__name__} does not restart {name}")
        return time.monotonic() - began


    def look(self):
        """The command that tells how all of them stand, if there is one."""


class Runit(Swarm):
    def look(self):
        return ["sv", "status", *(os.path.join(self.place, "services", name) for name in self.names())]

    def start(self):
        services = os.path.join(self.place, "services")
        for name in self.names():
            os.makedirs(os.path.join(services, name))
            self.script(os.path.join(services, name, "run"), name)
        self.process = subprocess.Popen([self.program, services], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    program = "runsvdir"

    def supervisors(self):
        return [pid for pid in below(self.process.pid) if open(f"/proc/{pid}/comm").read().strip() != "sleep"]

    def stop(self):
        everybody = below(self.process.pid)
        self.process.send_signal(signal.SIGHUP if self.program == "runsvdir" else signal.SIGTERM)
        self.process.wait()
        for pid in everybody[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class S6(Runit):
    program = "s6-svscan"

    def look(self):
        """Its s6-svstat looks at one only."""


class Supervisor(Swarm):
    def look(self):
        return ["supervisorctl", "-c", os.path.join(self.place, "supervisord.conf"), "status"]

    def start(self):
        settings = os.path.join(self.place, "supervisord.conf")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={self.place}/pid\n")
            file.write(f"[unix_http_server]\nfile={self.place}/socket\n[supervisorctl]\nserverurl=unix://{self.place}/socket\n")
            file.write("[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n")
            for name in self.names():
                script = os.path.join(self.place, name)
                self.script(script, name)
                file.write(f"[program:{name}]\ncommand={script}\nstdout_logfile=/dev/null\nstderr_logfile=/dev/null\n")
        self.process = subprocess.Popen(["supervisord", "-c", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def supervisors(self):
        return [self.process.pid]

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Pm2(Swarm):
    """Of npm, which is no part of Debian's usual set: measured only where somebody has installed it."""

    def look(self):
        return ["env", f"PM2_HOME={os.path.join(self.place, 'pm2')}", "pm2", "jlist"]

    def start(self):
        self.environment = {**os.environ, "PM2_HOME": os.path.join(self.place, "pm2")}
        apps = []
        for name in self.names():
            script = os.path.join(self.place, name)
            self.script(script, name)
            apps.append({"name": name, "script": script, "interpreter": "none"})
        settings = os.path.join(self.place, "swarm.config.json")
        with open(settings, "w", encoding="utf-8") as file:
            json.dump({"apps": apps}, file)
        self.process = subprocess.Popen(["pm2", "start", settings], env=self.environment, stdout=subprocess.DEVNULL)

    def supervisors(self):
        self.process.wait()
        with open(os.path.join(self.environment["PM2_HOME"], "pm2.pid"), encoding="utf-8") as file:
            return [int(file.read())]

    def stop(self):
        subprocess.run(["pm2", "kill"], env=self.environment, check=True, stdout=subprocess.DEVNULL)


class Dreamos(Swarm):
    def __init__(self, place, programs):
        super().__init__(place, "dreamos")
        self.home = os.path.join(self.place, "home")
        # Installed, as the rivals are.
        for program in ("agentctl", "dreamos-superd"):
            shutil.copy(os.path.join(programs, program), self.place)
        self.agentctl = os.path.join(self.place, "agentctl")
        home = os.path.join(os.path.dirname(os.path.abspath(__file__)), "home")
        subprocess.run([home, self.home], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(self.home, "config/agents.yaml"), "w", encoding="utf-8") as file:
            file.write("version: 1\ndefaults: {restart: always, backoff: {initial: 0}, unproductive_after: 0}\nagents:\n")
            for name in self.names():
                file.write(f"  {name}: {{command: {json.dumps(child(self.marks, name))}}}\n")
        self.environment = {**os.environ, "DREAMOS_HOME": self.home}
        self.run("list")

    def run(self, *words):
        return subprocess.run([self.agentctl, *words], env=self.environment, check=True, capture_output=True, text=True).stdout

    def start(self):
        self.began = time.monotonic()
        self.process = subprocess.Popen([self.agentctl, "start", "--all"], env=self.environment, stdout=subprocess.DEVNULL)

    def confirmed(self):
        """Seconds until the start had said of all that they run."""
        if self.process.wait() != 0:
            sys.exit("bench: agentctl start --all failed")
        return time.monotonic() - self.began

    def supervisors(self):
        agents = json.loads(self.run("list", "--json"))["agents"]
        return [agent["state"]["supervisor"]["pid"] for agent in agents]

    def stop(self):
        self.run("down", "--grace", "0s")


def measure(table, programs, place, run):
    ours = Dreamos(place, programs)
    others = {"s6": S6(place, "s6"), "runit": Runit(place, "runit"), "supervisord": Supervisor(place, "supervisor")}
    if shutil.which("pm2"):
        others["pm2"] = Pm2(place, "pm2")
    beside = [name for name in others if name != "s6"]
    started = {name: rival.started() for name, rival in others.items() if name == "s6"}
    own = ours.started()
    confirmed = ours.confirmed()
    started.update({name: rival.started() for name, rival in others.items() if name != "s6"})

    def row(what, own, beside, whose, most=None, show=lambda v: f"{v * 1e3:.0f} ms"):
        ratio = own / beside
        table.add(what, show(own), f"{show(beside)} {whose}", f"{ratio:.2f}", f"≤ {most}" if most else "",
                  ratio <= most if most else None, 1, "")
    row(f"{COUNT} agents exec'd", own, started["s6"], "s6", 1.2)
    for name in beside:
        row(f"{COUNT} agents exec'd", own, started[name], name)
    later = confirmed - own
    table.add(f"{COUNT} agents confirmed after that", f"{later * 1e3:.0f} ms", "", "", "≤ 250 ms", later <= 0.25, 1, "")
    # runit and supervisord take a child that lived for less than a second for one that crashes.
    time.sleep(2)
    # In turns; those that wait for a second first show with fewer what there is to see.
    again = {name: [] for name in ("ours", *others)}
    turns = list({"ours": ours, **others}.items())
    for n, name in enumerate(ours.names()[:40]):
        random.shuffle(turns)
        for whose, swarm in turns:
            if n < 10 or whose in ("ours", "runit"):
                again[whose].append(swarm.restarted(name))
    mine = again.pop("ours")
    table.compare("kill -9 → running again", mine, again["runit"], "runit", most=1.2)
    for name in (name for name in others if name != "runit"):
        table.compare("kill -9 → running again", mine, again[name], name)
    kib = {name: pss(rival.supervisors()) / COUNT for name, rival in {"ours": ours, **others}.items()}
    for name in others:
        bound = {"s6": "≤ 200 KiB"}.get(name, "")
        table.add(f"memory (PSS) an agent, of {COUNT}", f"{kib['ours']:.0f} KiB", f"{kib[name]:.0f} KiB {name}",
                  f"{kib['ours'] / kib[name]:.2f}", bound, kib["ours"] <= 200 if bound else None, 1, "")
    os.environ["DREAMOS_HOME"] = ours.home
    # Without its home the supervisor ends at once: a program that does nothing, linked the same way.
    empty = os.path.join(ours.place, "dreamos-superd")
    nothing, listed = [], []
    for _ in range(50):
        began = time.monotonic()
        pid = os.posix_spawn(empty, [empty], os.environ)
        os.waitpid(pid, 0)
        nothing.append(time.monotonic() - began)
        listed.append(run([ours.agentctl, "list"])[1])
    table.compare(f"agentctl list of {COUNT}", listed, nothing, "an empty program", most=6)
    for name, look in ((name, rival.look()) for name, rival in others.items()):
        if look:
            theirs = [run([shutil.which(look[0]), *look[1:]])[1] for _ in range(5)]
            table.compare(f"agentctl list of {COUNT}", listed, theirs, name)
    pids = ours.supervisors()
    before = ticks(pids)
    time.sleep(60)
    used = max(after - then for after, then in zip(ticks(pids), before))
    table.add("idle supervisor, 60 s", f"{used} ticks", "", "", "≤ 1", used <= 1, 1, "")
    for swarm in (ours, *others.values()):
        swarm.stop()

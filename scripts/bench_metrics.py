"""Figures of a home of 1,000 agents, each with a few messages: by a whole process, and by a server that is asked.

Imported by scripts/bench."""

import json
import os
import shutil
import statistics
import subprocess
import time
import urllib.request

AGENTS = 1000
MESSAGES = 3
MOST = 0.1


def home_of_many(place, cellphone, run):
    """One mailbox is filled, the others are its copies: it is a look that is measured, not what makes them."""
    home = os.path.join(place, "home-of-many")
    scripts = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([os.path.join(scripts, "home"), home], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(home, "config/agents.yaml"), "w", encoding="utf-8") as file:
        file.write("version: 1\nagents:\n" + "".join(f"  w{n}: {{}}\n" for n in range(AGENTS)))
    for n in range(MESSAGES):
        run([cellphone, "--home", home, "send", "w0", f"message {n}"])
    mailbox = os.path.join(home, "runtime/mailbox")
    for n in range(1, AGENTS):
        shutil.copytree(os.path.join(mailbox, "w0"), os.path.join(mailbox, f"w{n}"))
    return home


def asked(url):
    begun = time.monotonic()
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    took = time.monotonic() - begun
    if text.count(f"}} {MESSAGES}\n") < AGENTS:
        raise SystemExit("bench: the figures lack agents")
    return took


def scrape(table, programs, place, run, n=20):
    cellphone, metricsd = (os.path.join(programs, name) for name in ("cellphone", "metricsd"))
    home = home_of_many(place, cellphone, run)
    out = os.path.join(place, "figures")
    whole = [run([metricsd, "--home", home, "export"], stdout=out)[1] for _ in range(n)]
    table.alone(f"metricsd export, {AGENTS:,} agents", whole, f"≤ {MOST * 1e3:.0f} ms", statistics.median(whole) <= MOST)
    server = subprocess.Popen([metricsd, "--home", home, "serve", "--listen", "127.0.0.1:0", "--json"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        url = json.loads(server.stdout.readline())["url"]
        answers = [asked(url) for _ in range(n)]
    finally:
        server.terminate()
        server.wait()
    table.alone(f"GET /metrics, {AGENTS:,} agents", answers, f"≤ {MOST * 1e3:.0f} ms", statistics.median(answers) <= MOST)

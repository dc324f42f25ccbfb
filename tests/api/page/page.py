#!/usr/bin/env python3
"""The status page of a running operator in a real browser: what it shows, with keys only, and on a phone.

page.py [--pictures FOLDER]: also leaves status-list.png, status-running.png and status-running-phone.png there, for the docs.

A real API server, an operator process that leads and another one that follows, two sets whose shards are one real PostgreSQL
(tests/api/scale/fleet.py), and a Prometheus that is played: the first set's load passes its limit in an hour and a half.
"""
import argparse
import json
import math
import os
import pathlib
import re
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/api/scale")]
import browser  # noqa: E402
import devtools  # noqa: E402
from cluster import OURS, Missing, wait_for  # noqa: E402
from fleet import SPACE, Fleet  # noqa: E402
from metrics import Metrics  # noqa: E402

DAY = 86400
# The name of a set to people, and to the player of Prometheus, which takes curves by number.
NAMES = {"orders": "f0000", "payments": "f0004"}
TABS_MAX = 60
SCROLLED_SECONDS_MAX = 10
FOCUSED = """(() => { const e = document.activeElement, b = e.getBoundingClientRect(), s = getComputedStyle(e);
  return { tag: e.tagName, text: e.textContent.trim().slice(0, 40), label: e.getAttribute("aria-label") || "",
           seen: Math.min(b.bottom, innerHeight) - Math.max(b.top, 0) >= Math.min(b.height, 12) && b.left >= 0 && b.width > 1,
           box: [b.top, b.bottom, innerHeight], ring: s.outlineStyle }; })()"""


class Load(Metrics):
    def __init__(self, shards):
        real = {number: name for name, number in NAMES.items()}
        super().__init__(lambda number: shards(real[number]))
        peak = time.time() + 5400

        def busy(height):
            return lambda at: 1000 * height * (1 + 0.75 * math.cos(2 * math.pi * (at - peak) / DAY)) + 20 * math.sin(at / 700)
        self.curves[0], self.curves[1] = busy(1.05), busy(0.55)

    def matrix(self, query, start, end, step):
        for name, number in NAMES.items():
            query = query.replace(name, number)
        return super().matrix(query, start, end, step)


class Shown(Fleet):
    def __init__(self):
        super().__init__(len(NAMES), 2, forecast=False)
        self.forecast, self.metrics = True, Load(self.shards_of)

    def names(self):
        return list(NAMES)

    def status_url(self, operator):
        found = re.search(r'"listening".*?"status":(\d+)', operator.log.read_text())
        return f"http://127.0.0.1:{found.group(1)}" if found else None


def tab_to(page, want):
    """Presses Tab until `want` holds of what has the focus; each stop on the way can be seen and says that it has it."""
    stops = []
    for _ in range(TABS_MAX):
        page.press("Tab")
        focused = page.ask(FOCUSED)
        if focused["tag"] == "BODY":
            continue
        stops.append(focused)
        deadline = time.monotonic() + SCROLLED_SECONDS_MAX
        while not focused["seen"]:  # it scrolls there with the next frame
            assert time.monotonic() < deadline, f"the focus is where nobody sees it: {focused}"
            focused = page.ask(FOCUSED)
        assert focused["ring"] != "none", f"nothing shows the focus: {focused}"
        if want(focused):
            return stops
    raise AssertionError(f"no key press reaches it; stops: {[stop['text'] or stop['label'] for stop in stops]}")


def enter(page):
    page.await_load(lambda: page.press("Enter"))
    return page.ask("location.pathname")


def with_keys(page, url):
    """From the list to a set, into its numbers, following it and stopping that, without a mouse."""
    page.size(1240, 900)
    page.open(url + "/")
    stops = tab_to(page, lambda focused: focused["text"] == "orders")
    assert stops[0]["text"] == "Skip to the content", stops[0]
    assert enter(page) == f"/sets/{SPACE}/orders"
    page.press("Tab")
    page.press("Enter")
    assert page.ask("location.hash") == "#main", "the skip link leads past the header"
    stops = tab_to(page, lambda focused: focused["tag"] == "SUMMARY")
    assert all(stop["text"] not in ("follow", "reload") for stop in stops), f"behind the header: {stops}"
    page.press("Enter")
    opened = page.ask("document.activeElement.parentElement.open && document.activeElement.parentElement.querySelectorAll('tbody tr').length")
    assert opened and opened >= 3, f"the forecast in numbers has {opened} rows"
    tab_to(page, lambda focused: focused["label"] == "Conditions")
    page.open(f"{url}/sets/{SPACE}/orders")
    tab_to(page, lambda focused: focused["text"] == "follow")
    assert enter(page) == f"/live/sets/{SPACE}/orders"
    as_of = "document.querySelector('.when time').getAttribute('datetime')"
    before = page.ask(as_of)
    page.await_load(lambda: None)  # nobody presses anything
    assert page.ask(as_of) > before, "it follows"
    tab_to(page, lambda focused: focused["text"] == "stop")
    assert enter(page) == f"/sets/{SPACE}/orders"


def says_what_is(page, url, fleet):
    """What the page shows is what the API says."""
    page.open(f"{url}/sets/{SPACE}/orders")
    table = fleet.api.get(f"{OURS}/namespaces/{SPACE}/routingtables/orders")["spec"]
    owners = page.ask("[...document.querySelectorAll('ol.keys b')].map(e => e.textContent)")
    assert owners == [one["shard"] for one in table["ranges"]], (owners, table["ranges"])
    cards = page.ask("[...document.querySelectorAll('.grid article h3')].map(e => e.textContent.trim())")
    assert sorted(cards) == sorted(one["id"] for one in table["shards"]), cards
    status = fleet.api.get(f"{OURS}/namespaces/{SPACE}/shardsets/orders")["status"]
    text = page.ask("document.body.innerText")
    for condition in status["conditions"]:
        assert condition["type"] in text, f"condition {condition['type']} is missing"
    assert status["plan"]["summary"] in text, "the plan in its own words"
    assert page.ask("document.querySelectorAll('article svg[role=img]').length") == len(cards), "a fan for each shard"
    texts = page.ask("[...document.querySelectorAll('.grid article')].map(e => e.innerText)")
    peaks = [int(re.search(r"peak\s+(\d+) %", one).group(1)) for one in texts]
    assert max(peaks) > 80 > min(peaks), f"one shard passes its limit: {peaks}"


def on_a_phone(page, url):
    page.size(390, 844, phone=True)
    for path in ("/", f"/sets/{SPACE}/orders", f"/live/sets/{SPACE}/payments"):
        page.open(url + path)
        page.ask("document.querySelectorAll('details').forEach(e => { e.open = true; })")
        wide = page.ask("document.documentElement.scrollWidth")
        assert wide <= 390, f"{path} is {wide} wide"
        small = page.ask("[...document.querySelectorAll('main p, main dd, main td')].filter(e => "
                         "e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 11).length")
        assert small == 0, f"{path}: {small} texts are too small to read"


def manners(url):
    """Read-only, and for this machine's own names only."""
    for request, codes in ((urllib.request.Request(url + "/", headers={"Host": "somebody.example"}), (400, 403, 404, 421)),
                           (urllib.request.Request(url + "/", data=b"x", method="POST"), (400, 403, 404, 405))):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                raise AssertionError(f"{request.get_method()} as {request.headers} was answered: {answer.status}")
        except urllib.error.HTTPError as error:
            assert error.code in codes, error.code


def pictures(page, url, folder):
    for name, path, size in (("status-list", "/", (1240, 330, False, False)),
                             ("status-running", f"/sets/{SPACE}/orders", (1240, 900, False, False)),
                             ("status-running-phone", f"/sets/{SPACE}/orders", (390, 844, True, True))):
        page.size(*size)
        page.open(url + path)
        height = page.ask("document.documentElement.scrollHeight")
        page.size(size[0], height, *size[2:])
        page.picture(os.path.join(folder, name + ".png"))
        size_bytes = os.path.getsize(os.path.join(folder, name + ".png"))
        assert size_bytes > 20_000, f"{name}.png has {size_bytes} bytes: nothing was drawn"


def prepare(fleet):
    leader = fleet.start_operator(more=["--status-listen=127.0.0.1:0"])
    fleet.create_sets()
    fleet.await_ready(150)
    follower = fleet.start_operator("two", more=["--status-listen=127.0.0.1:0"])
    wait_for("the follower has its copies", 60, follower.synced)

    def planned():
        status = fleet.api.get(f"{OURS}/namespaces/{SPACE}/shardsets/orders").get("status", {})
        planned.seen = json.dumps(status)[-1500:]
        return status.get("plan", {}).get("summary")
    wait_for("there is a plan", 120, planned)
    return fleet.status_url(leader), fleet.status_url(follower)


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--pictures", metavar="FOLDER")
    asked = words.parse_args()
    if browser.program() is None:
        raise Missing("chromium")
    with Shown() as fleet:
        url, follower = prepare(fleet)

        with devtools.Page() as page:
            def curves():
                page.open(f"{url}/sets/{SPACE}/orders")
                return page.ask("document.querySelectorAll('article svg[role=img]').length") == 2
            wait_for("the page has its curves", 60, curves)
            says_what_is(page, url, fleet)
            with_keys(page, url)
            on_a_phone(page, url)
            if asked.pictures:
                pictures(page, url, asked.pictures)
            page.size(1240, 900)
            page.open(f"{follower}/sets/{SPACE}/orders")
            assert "does not lead" in page.ask("document.body.innerText"), "who follows has no curves, and says so"
            fleet.api.patch(f"{OURS}/namespaces/{SPACE}/shardsets/orders",
                            {"metadata": {"annotations": {"foreshard.dev/pause": "true"}}})

            def paused():
                page.open(f"{url}/sets/{SPACE}/orders")
                return "Paused" in page.ask("document.body.innerText")
            wait_for("a change shows", 60, paused)
            others = [one for one in page.asked if not one.startswith((url, follower, "data:", "about:"))]
            assert not others, f"it asks for {others}"
            assert not page.complaints, page.complaints
            print(f"status page: {len(page.asked)} requests, all to the operators; keys, phone, list, follower: good")
        manners(url)


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

#!/usr/bin/env python3
"""The status page in a real browser: it fits every width, is read without a mouse, has enough contrast, and asks for nothing else.

A page of ours puts the reviewed page (tests/golden/operator/status_page.html) into frames of several widths and measures them;
then the page itself is opened as the operator sends it, and a picture of it is taken.
"""

import json
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests/support"))
import browser  # noqa: E402

WIDTHS = [320, 390, 768, 1280]

PROBE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><pre id="found">nothing</pre><script>
const widths = %s, found = [];
const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const parse = text => text.match(/[0-9.]+/g).map(Number);
function ground(element) {
  for (; element; element = element.parentElement) {
    const colour = parse(element.ownerDocument.defaultView.getComputedStyle(element).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
  }
  return [255, 255, 255];
}
function contrast(element) {
  const style = element.ownerDocument.defaultView.getComputedStyle(element);
  const ink = light(parse(element instanceof element.ownerDocument.defaultView.SVGElement ? style.fill : style.color).slice(0, 3));
  const paper = light(ground(element));
  return (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
}
function look(frame, width) {
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach(part => { part.open = true; });
  const one = { width, wide: page.documentElement.scrollWidth, outside: [], faint: [], silent: [] };
  for (const element of page.querySelectorAll("body *")) {
    if (element.closest(".scroll, .keys, .skip")) continue;
    const box = element.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) one.outside.push(element.tagName + " " + element.className);
  }
  for (const element of page.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest("svg > title, svg > desc, .skip") || ["TITLE", "DESC"].includes(element.tagName.toUpperCase())) continue;
    if (contrast(element) < 4.5) one.faint.push(element.textContent.trim().slice(0, 30) + " " + contrast(element).toFixed(1));
  }
  for (const element of page.querySelectorAll("a, summary, [tabindex]")) {
    element.focus();
    if (page.activeElement !== element) one.silent.push(element.tagName);
  }
  one.stops = page.querySelectorAll("a, summary, [tabindex]").length;
  one.pictures = [...page.querySelectorAll("svg[role=img]")].filter(p => p.querySelector("title") && p.querySelector("desc")).length;
  one.headings = page.querySelectorAll("h1").length;
  one.dark = frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches;
  one.ground = frame.contentWindow.getComputedStyle(page.body).backgroundColor;
  found.push(one);
}
let left = 2 * widths.length;
for (const width of widths) for (const colours of ["light", "dark"]) {
  const frame = document.createElement("iframe");
  frame.style = "border:0;height:900px;color-scheme:" + colours + ";width:" + width + "px";
  frame.src = "/page";
  frame.onload = () => { look(frame, width); if (--left === 0) document.getElementById("found").textContent = JSON.stringify(found); };
  document.body.append(frame);
}
</script>"""


def measured(page):
    with browser.Server({"/": (PROBE % json.dumps(WIDTHS), {}), "/page": (page, {})}) as server:
        text = browser.run(["--virtual-time-budget=10000", "--dump-dom"], server.url + "/")
        others = set(server.asked) - {"/", "/page"}
    match = re.search(r'<pre id="found">(.*?)</pre>', text, re.S)
    return json.loads(match.group(1).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")), others


def problems_at(one):
    at = "at %d pixels, %s: " % (one["width"], "dark" if one["dark"] else "light")
    if one["wide"] > one["width"]:
        yield at + "it is %d wide" % one["wide"]
    for outside in sorted(set(one["outside"])):
        yield at + "outside: " + outside
    for faint in one["faint"]:
        yield at + "contrast below 4.5: " + faint
    for silent in one["silent"]:
        yield at + "cannot be reached by keyboard: " + silent
    if one["stops"] < 6 or one["pictures"] != 3 or one["headings"] != 1:
        yield at + "%d stops, %d pictures with words, %d h1" % (one["stops"], one["pictures"], one["headings"])


def problems(page):
    found, others = measured(page)
    if sorted((one["width"], one["dark"]) for one in found) != [(width, dark) for width in WIDTHS for dark in (False, True)]:
        yield "not every width was measured in both colours"
    for one in found:
        yield from problems_at(one)
    for other in others:
        yield "it asks for " + other
    grounds = {(one["dark"], one["ground"]) for one in found}
    if len(grounds) != 2 or len({ground for _, ground in grounds}) != 2:
        yield "light and dark are not two: %s" % sorted(grounds)


def picture(page):
    """Opens it as the operator sends it: the policy must not take its style away, and nothing else may be asked for."""
    with tempfile.TemporaryDirectory() as folder, browser.Server({"/": (page, {"Content-Security-Policy": browser.POLICY})}) as server:
        path = os.path.join(folder, "page.png")
        browser.run(["--window-size=1240,1560", "--screenshot=" + path], server.url + "/")
        size = os.path.getsize(path)
        if size < 60_000:  # without style it is a third of that
            yield "the picture has only %d bytes: the policy took the style away, or nothing was drawn" % size
        for other in set(server.asked) - {"/"}:
            yield "it asks for " + other


def main():
    if browser.program() is None:
        print("skipped: chromium is not installed")
        return 77
    with open(os.path.join(ROOT, "tests/golden/operator/status_page.html"), encoding="utf-8") as file:
        page = file.read()
    found = list(problems(page)) + list(picture(page))
    for problem in found:
        print(problem)
    print("status page: %d widths, light and dark, %d problems" % (len(WIDTHS), len(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

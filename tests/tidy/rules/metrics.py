"""Dashboards and alerts speak of metrics that exist; every alert has its page."""

import re

from tree import Violation

METRIC = re.compile(r"\bforeshard_[a-z0-9_]+\b")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


def charts(tree):
    return [path for path in tree.paths if path.startswith("charts/") and path.endswith((".json", ".yaml", ".yml", ".tpl"))]


def metric_exported(tree):
    exported = set()
    for path in tree.cpp():
        if not path.startswith("tests/"):
            exported.update(re.findall(r"foreshard_[a-z0-9_]+", tree.text(path)))
    for path in charts(tree):
        recorded = set(re.findall(r"record:\s*(\S+)", tree.text(path)))
        for number, line in tree.lines(path):
            for name in METRIC.findall(line):
                if not {name, SUFFIX.sub("", name)} & (exported | recorded):
                    yield Violation("metric-exported", path, number, f"no program exports {name}")


def alert_runbook(tree):
    pages = {re.sub(r"[^a-z0-9]", "", path.split("/")[-1][:-3].lower()) for path in tree.paths
             if path.startswith("docs/runbooks/") and path.endswith(".md")}
    for path in charts(tree):
        for number, line in tree.lines(path):
            match = re.match(r"\s*-\s*alert:\s*(\w+)", line)
            if match and match.group(1).lower() not in pages:
                yield Violation("alert-runbook", path, number, f"the alert {match.group(1)} has no page in docs/runbooks/")

"""Asserting and waiting: each failure says what was seen."""

import os
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "deploy", "demo"))

from steps import Failed, wait_for  # noqa: E402,F401


def check(claim, what, seen=""):
    if not claim:
        raise Failed("%s; seen: %s" % (what, seen))
    print("  ok  %s" % what, flush=True)


def equal(seen, wanted, what):
    check(seen == wanted, "%s is %s" % (what, wanted), seen)

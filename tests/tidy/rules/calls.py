"""Calls that have one home."""

import re

from tree import Violation

TESTS_SUPPORT = r"tests/support/.*"
# Pattern, where it is allowed, what to use instead.
BANNED = (
    (r"_clock::now\b", r"base/clock\.cpp", "pass a Clock& (base/clock.h)"),
    (r"\bstd::random_device\b", r"base/random\.cpp", "pass a Random& (base/random.h)"),
    (r"(?<![\w.>:])(?:std::)?s?rand\(", r"", "pass a Random& (base/random.h)"),
    (r"\bstd::(?:mt19937|uniform_int_distribution|uniform_real_distribution|normal_distribution)", r"",
     "use base/random.h: the standard library's distributions differ between machines"),
    (r"\bsleep_(?:for|until)\b|(?<![\w.>:])u?sleep\(|\bnanosleep\(", r"",
     "wait on a condition or a stop token; in tests tests/support/wait.h"),
    (r"\b(?:std::|secure_)?getenv\(", r".*main\.cpp|" + TESTS_SUPPORT, "read the environment in main.cpp and pass it on"),
    (r"\bstd::c(?:out|err|log)\b", r"", "log with base/log.h; programs print with fmt::print"),
    (r"(?<![\w.>:])(?:std::)?f?printf\(", r"", "log with base/log.h; programs print with fmt::print"),
    (r"(?:\bstd|(?<!\w))::system\(|(?<![\w.>:])system\(\"", r"", "start a program with its arguments, never through a shell"),
    (r"[.>]detach\(\)", r"", "own the thread: std::jthread"),
    (r"(?<![\w.>:])assert\(", r"", "CHECK (base/check.h) stays on in every build"),
)


def calls(tree):
    compiled = [(re.compile(pattern), re.compile(home) if home else None, instead) for pattern, home, instead in BANNED]
    for path in tree.cpp():
        for number, line in tree.code(path):
            for pattern, home, instead in compiled:
                found = pattern.search(line)
                if found and not (home and home.fullmatch(path)):
                    yield Violation("calls", path, number, f"'{found.group(0).strip()}' is not used here; {instead}")

"""Tests that can fail, and that run."""

import re

from rules.switches import closing_brace
from tree import Violation

TEST = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
CLAIM = re.compile(r"\b(?:EXPECT_|ASSERT_|FAIL\(|ADD_FAILURE|Expect[A-Z]|Assert[A-Z]|Check[A-Z]\w*\(|Settle|CHECK\()")


def test_asserts(tree):
    for path in tree.cpp("tests"):
        text = "\n".join(line for _, line in tree.code(path))
        for match in TEST.finditer(text):
            begin = text.find("{", match.end())
            if begin < 0:
                continue
            if not CLAIM.search(text[begin:closing_brace(text, begin)]):
                number = text.count("\n", 0, match.start()) + 1
                yield Violation("test-asserts", path, number,
                                f"{match.group(1)}.{match.group(2)} expects nothing; say what must be true afterwards")


def test_disabled(tree):
    for path in tree.cpp("tests"):
        for number, line in tree.code(path):
            if re.search(r"\bDISABLED_\w|\bGTEST_SKIP\b", line):
                yield Violation("test-disabled", path, number,
                                "a test that does not run proves nothing; if a program is missing use tests/support/needs.h")

#!/usr/bin/env python3
"""Each rule finds exactly the lines that its bad example breaks (bad/RULE/expected), and each rule has such an example."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from rules import ALL  # noqa: E402
from tree import Tree, blank  # noqa: E402


class BadExamples(unittest.TestCase):
    def test_every_rule_finds_what_breaks_it_and_nothing_else(self):
        for name, rule in ALL.items():
            with self.subTest(rule=name):
                root = os.path.join(HERE, "bad", name)
                self.assertTrue(os.path.isdir(root), "a rule without a bad example is not tested")
                with open(os.path.join(root, "expected"), encoding="utf-8") as file:
                    expected = file.read().split()
                self.assertTrue(expected, "a bad example that breaks nothing proves nothing")
                self.assertEqual(sorted(expected), sorted(f"{found.path}:{found.line}" for found in rule(Tree(root))))

    def test_no_example_is_without_its_rule(self):
        self.assertEqual(sorted(os.listdir(os.path.join(HERE, "bad"))), sorted(ALL))


class Blank(unittest.TestCase):
    def test_comments_and_strings_go_and_places_stay(self):
        self.assertEqual(blank('f("a//b"); // c'), 'f("    ");     ')
        self.assertEqual(blank("x = '\\'';"), "x = '  ';")
        self.assertEqual(blank("n = 10'000; g();"), "n = 10'000; g();")
        self.assertEqual(blank('#include "base/log.h"'), '#include "base/log.h"')

    def test_raw_strings_go(self):
        self.assertNotIn("rand", blank('R"(rand())"'))


if __name__ == "__main__":
    unittest.main()

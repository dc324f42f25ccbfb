"""Exhaustive switches; no decision that depends on the order of a hash table."""

import re

from tree import Violation

SWITCH = re.compile(r"\bswitch\s*\(")
ENUM_CASE = re.compile(r"\bcase\s+[\w:]+::k[A-Z]\w*\s*:")


def default_in_switch(tree):
    for path in tree.cpp():
        text = "\n".join(line for _, line in tree.code(path))
        for match in SWITCH.finditer(text):
            begin = text.find("{", match.end())
            body = text[begin:closing_brace(text, begin)]
            own = without_nested_switches(body)
            label = re.search(r"\bdefault\s*:", own)
            if label and ENUM_CASE.search(own):
                number = text.count("\n", 0, begin + label.start()) + 1
                yield Violation("default-in-switch", path, number,
                                "name every value, and end with Unreachable(): then a new one does not compile unseen")


def closing_brace(text, begin):
    depth = 0
    for place in range(begin, len(text)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return place
    return len(text)


def without_nested_switches(body):
    """The body with inner switches blanked out, so that their labels are not taken for its own."""
    result = body
    for match in SWITCH.finditer(body):
        begin = body.find("{", match.end())
        end = closing_brace(body, begin)
        result = result[:begin] + re.sub(r"[^\n]", " ", result[begin:end]) + result[end:]
    return result


def unordered_iteration(tree):
    for path in tree.cpp():
        if not (path.startswith(("planner/", "migration/")) or "_decide." in path):
            continue
        text = "\n".join(line for _, line in tree.code(path))
        names = set(re.findall(r"\bunordered_(?:multi)?(?:map|set)<[^;{}()]*>&?\s+(\w+)", text))
        for number, line in tree.code(path):
            for name in names:
                if re.search(rf"\bfor\s*\([^;]*:\s*\*?(?:\w+(?:\.|->))?{name}\)", line) or re.search(rf"\b{name}\.c?begin\(\)", line):
                    yield Violation("unordered-iteration", path, number,
                                    f"the order of '{name}' differs between machines; use std::map, or sort first")

"""docs/behaviours.md says the truth: each behaviour of the operator names the tests that are marked as its proof."""

import re

from tree import Violation

PAGE = "docs/behaviours.md"
STATES = ("proved", "partly", "missing")
ROW = re.compile(r"^\|\s*(\d+)\s*\|[^|]*\|\s*(\w+)\s*\|([^|]*)\|")
TEST = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
MARK = re.compile(r"behaviour-(\d\d)")
LAST = 26


def marked(tree):
    """Behaviour -> name of test -> place. C++: comment lines right above a TEST that begin with '// behaviour-NN'.
    Others: a line of CMake that declares the test has the label."""
    found = {}

    def add(numbers, name, path, number):
        for behaviour in numbers:
            found.setdefault(int(behaviour), {})[name] = (path, number)

    for path in tree.paths:
        if not path.startswith("tests/") or path.startswith("tests/tidy/"):
            continue
        waiting = []
        for number, line in tree.lines(path) if path.endswith(".cpp") else []:
            test = TEST.match(line)
            if test:
                add(waiting, f"{test.group(1)}.{test.group(2)}", path, number)
            if line.startswith("//"):
                waiting += MARK.findall(line) if line.startswith("// behaviour-") else []
            else:
                waiting = []
        for number, line in tree.lines(path) if path.endswith("CMakeLists.txt") else []:
            script = re.match(r"\s*foreshard_(e2e|script_test)\(([\w.]+)", line)
            if script:
                add(MARK.findall(line), ("e2e." if script.group(1) == "e2e" else "") + script.group(2), path, number)
    return found


def behaviours(tree):
    if not tree.has(PAGE):
        yield Violation("behaviours", PAGE, 1, "the page that lists the 26 behaviours with their tests is missing")
        return
    found, seen = marked(tree), set()
    for number, line in tree.lines(PAGE):
        row = ROW.match(line)
        if not row:
            continue
        behaviour, state, names = int(row.group(1)), row.group(2), set(re.findall(r"`([^`]+)`", row.group(3)))
        proofs = found.get(behaviour, {})
        if behaviour in seen or not 1 <= behaviour <= LAST:
            yield Violation("behaviours", PAGE, number, f"one row for each behaviour from 1 to {LAST}")
        seen.add(behaviour)
        if state not in STATES:
            yield Violation("behaviours", PAGE, number, f"a state is one of {', '.join(STATES)}")
        if (state == "missing") == bool(names):
            yield Violation("behaviours", PAGE, number, "what is proved names its tests, what is missing has none")
        for name in sorted(names - set(proofs)):
            yield Violation("behaviours", PAGE, number, f"no test {name} is marked behaviour-{behaviour:02}")
        for name in sorted(set(proofs) - names):
            yield Violation("behaviours", PAGE, number, f"{name} is marked behaviour-{behaviour:02} and not listed")
    for behaviour in sorted(set(range(1, LAST + 1)) - seen):
        yield Violation("behaviours", PAGE, 1, f"behaviour {behaviour} has no row")

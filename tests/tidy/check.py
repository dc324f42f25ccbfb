#!/usr/bin/env python3
"""check.py [--root FOLDER] [--rule NAME]... [--advise NAME]... [--report FILE]: the rules of style that a program can check.

Prints file, line and what to do instead; ends with 1 if there is a violation that tests/tidy/exceptions.txt does not list.
An exception that nothing needs any more is a violation too.
"""

import argparse
import collections
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from rules import ALL  # noqa: E402
from tree import Tree, Violation  # noqa: E402


def exceptions(root):
    """Lines are: rule, path, reason. Returns a dictionary from rule and path to the line number."""
    listed = {}
    path = os.path.join(root, "tests/tidy/exceptions.txt")
    if not os.path.exists(path):
        return listed
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            rule, name, reason = (line.split(None, 2) + ["", "", ""])[:3]
            if rule not in ALL or not reason:
                sys.exit(f"tests/tidy/exceptions.txt:{number}: a line is: rule, path, reason")
            listed[(rule, name)] = number
    return listed


def check(root, names):
    tree = Tree(root)
    listed, used, found = exceptions(root), set(), []
    for name in names:
        for violation in ALL[name](tree):
            if (name, violation.path) in listed:
                used.add((name, violation.path))
            else:
                found.append(violation)
    for key, number in listed.items():
        if key not in used and key[0] in names:
            found.append(Violation("exceptions", "tests/tidy/exceptions.txt", number, f"nothing needs '{key[0]} {key[1]}' any more; remove it"))
    return found, len(tree.paths)


def write_report(path, found):
    by_folder = collections.defaultdict(list)
    for violation in found:
        by_folder[violation.path.split("/")[0]].append(violation)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for folder in sorted(by_folder):
            file.write(f"== {folder}: {len(by_folder[folder])}\n")
            file.writelines(f"{violation}\n" for violation in by_folder[folder])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(HERE)))
    parser.add_argument("--rule", action="append", choices=sorted(ALL))
    parser.add_argument("--advise", action="append", choices=sorted(ALL), default=[],
                        help="a rule that is not kept everywhere yet: counted and reported, but no failure")
    parser.add_argument("--report", help="write the violations there, by folder")
    arguments = parser.parse_args()
    names = arguments.rule or list(ALL)
    found, files = check(arguments.root, names)
    if arguments.report:
        write_report(arguments.report, found)
    hard = [violation for violation in found if violation.rule not in arguments.advise]
    for violation in hard:
        print(violation)
    for rule in arguments.advise:
        print(f"not yet kept everywhere: {rule}: {sum(violation.rule == rule for violation in found)}")
    print(f"tidy: {files} files, {len(names)} rules, {len(hard)} violations")
    return 1 if hard else 0


if __name__ == "__main__":
    sys.exit(main())

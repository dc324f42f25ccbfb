#!/usr/bin/env python3
"""make_readme.py [--check]: writes the table of values in charts/foreshard/README.md from values.yaml, or says that it differs.

A value's line is the comment above it. A value whose default is a map or a list is one line.
"""

import json
import os
import sys

import yaml

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreshard")
BEGIN, END = "<!-- values: made by charts/make_readme.py -->\n", "<!-- end of values -->\n"


def comments(path):
    """From the dotted name of each commented value to its comment."""
    found, names, pending = {}, [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            text = line.strip()
            if not text:
                pending = []
            elif text.startswith("#"):
                pending.append(text[1:].strip())
            elif ":" in text and not text.startswith("-"):
                depth = (len(line) - len(line.lstrip())) // 2
                names = names[:depth] + [text.split(":", 1)[0]]
                if pending:
                    found[".".join(names)] = " ".join(pending)
                pending = []
    return found


def leaves(values, told, prefix=""):
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, dict) and value and name not in told:
            yield from leaves(value, told, name + ".")
        else:
            yield name, value


def table():
    path = os.path.join(FOLDER, "values.yaml")
    told = comments(path)
    with open(path, encoding="utf-8") as file:
        values = yaml.safe_load(file)
    lines = ["| value | default | what |\n", "|---|---|---|\n"]
    for name, value in leaves(values, told):
        if name not in told:
            sys.exit("charts/foreshard/values.yaml: %s has no comment above it" % name)
        default = "" if value == "" else "`%s`" % (value if isinstance(value, str) else json.dumps(value))
        lines.append("| `%s` | %s | %s |\n" % (name, default, told[name]))
    return "".join(lines)


def main():
    path = os.path.join(FOLDER, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = before + BEGIN + table() + END + after
    if "--check" in sys.argv:
        if made != text:
            print("charts/foreshard/README.md is not what values.yaml says; run charts/make_readme.py")
        return int(made != text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())

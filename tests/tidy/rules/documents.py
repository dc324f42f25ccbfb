"""Words, READMEs, records, and what must not be written down."""

import os
import re

from tree import FOLDERS_OF_SOURCES, Violation

TEXT = (".h", ".cpp", ".md", ".py", ".sh", ".yaml", ".yml", ".json", ".txt", ".cmake", ".sql", ".tpl", ".toml", "Makefile", "Dockerfile")


def is_text(path):
    name = os.path.basename(path)
    return path.endswith(TEXT) or "." not in name


def words(tree):
    fix, to_do = "FIX" + "ME", "TO" + "DO"
    for path in tree.paths:
        if not is_text(path) or path.startswith("tests/tidy/"):
            continue
        for number, line in tree.lines(path):
            if re.search(rf"\b{fix}\b", line):
                yield Violation("words", path, number, f"{fix} never lands: fix it, or write {to_do}(#issue): reason")
            if re.search(rf"\b{to_do}\b(?!\(#\d+\): )", line):
                yield Violation("words", path, number, f"a {to_do} needs its issue: {to_do}(#123): reason")


def readme(tree):
    """Each folder of the table in ARCHITECTURE.md and each tier of tests; folders below may have one."""
    wanted = {}
    for path in tree.paths:
        if path.split("/")[0] in FOLDERS_OF_SOURCES + ("bench", "deploy", "charts", "crds") and "/" in path:
            wanted[path.split("/")[0]] = path
        elif path.startswith("tests/") and path.count("/") >= 2:
            wanted["/".join(path.split("/")[:2])] = path
    for folder in sorted(wanted):
        if not tree.has(folder + "/README.md"):
            yield Violation("readme", folder + "/README.md", 1, "each folder says what it is, its door, its files, how to test it")
    for path in tree.paths:
        if os.path.basename(path) == "README.md" and path != "README.md":
            count = len(tree.lines(path))
            if count > 60:
                yield Violation("readme", path, 61, f"{count} lines; one screen (60) at most: move the rest to docs/")


def adr(tree):
    seen = {}
    for path in tree.paths:
        match = re.fullmatch(r"docs/adr/([^/]*)\.md", path)
        if not match or match.group(1) == "README":
            continue
        number = re.match(r"(\d{4})-[a-z0-9-]+$", match.group(1))
        if not number:
            yield Violation("adr", path, 1, "a record is called NNNN-title.md")
        elif number.group(1) in seen:
            yield Violation("adr", path, 1, f"number {number.group(1)} is taken by {seen[number.group(1)]}")
        else:
            seen[number.group(1)] = path


MACHINE = re.compile(r"(?<![\w.$}{/~-])/(?:work|root|home/\w+|Users/\w+|tmp/fs)(?:/|\b(?![\w-]))")


def machine_path(tree):
    for path in tree.paths:
        if not is_text(path) or path.startswith("tests/tidy/") or path.endswith("go.sum"):
            continue
        for number, line in tree.lines(path):
            found = MACHINE.search(line)
            if found:
                yield Violation("machine-path", path, number, f"'{found.group(0)}' exists on one machine only; use a relative path or a variable")


SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*$|-----BEGIN [A-Z ]*PRIVATE KEY-----\\n[A-Za-z0-9+/]{20}|\bAKIA[0-9A-Z]{16}\b|"
                    r"\bgh[pousr]_[A-Za-z0-9]{36}|\bxox[bap]-[0-9A-Za-z-]{10,}")


def secret(tree):
    for path in tree.paths:
        if not is_text(path) or path.startswith("tests/tidy/"):
            continue
        for number, line in tree.lines(path):
            if SECRET.search(line):
                yield Violation("secret", path, number, "this looks like a key; make it when it is needed, and revoke this one")


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def links(tree):
    """A relative link of a page leads to a file or a folder of the tree."""
    for path in tree.paths:
        if not path.endswith(".md"):
            continue
        fenced = False
        for number, line in tree.lines(path):
            fenced = fenced != line.startswith("```")
            for target in [] if fenced else LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                place = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if not tree.has(place) and not any(other.startswith(place + "/") for other in tree.paths):
                    yield Violation("links", path, number, f"'{target}' leads nowhere")

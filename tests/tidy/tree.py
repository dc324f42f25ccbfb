"""The files that the rules look at, and the text of C++ without comments and strings."""

import os
import re
import subprocess

FOLDERS_OF_SOURCES = ("base", "model", "pg", "kube", "forecast", "planner", "migration", "backup", "router", "operator", "cli")
NOT_OURS = ("build/", "tests/tidy/bad/", ".git/")


class Violation:
    def __init__(self, rule, path, line, message):
        self.rule, self.path, self.line, self.message = rule, path, line, message

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.message}"


class Tree:
    """A folder of files; paths are relative to it and use '/'."""

    def __init__(self, root):
        self.root = root
        self.paths = sorted(path for path in self._list() if os.path.isfile(os.path.join(root, path)))
        self._texts = {}

    def _list(self):
        if os.path.exists(os.path.join(self.root, ".git")):
            listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=self.root, check=True,
                                    capture_output=True, text=True).stdout.splitlines()
            return [path for path in listed if not path.startswith(NOT_OURS)]
        found = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                found.append(os.path.relpath(os.path.join(folder, name), self.root))
        return [path for path in found if not path.startswith(NOT_OURS)]

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def lines(self, path):
        """Pairs of number and line."""
        return list(enumerate(self.text(path).splitlines(), start=1))

    def code(self, path):
        """Pairs of number and line of a C++ file, with comments and the content of strings blanked out."""
        return list(enumerate(blank(self.text(path)).splitlines(), start=1))

    def cpp(self, *folders):
        """C++ files, of these top folders or of all."""
        return [path for path in self.paths
                if path.endswith((".h", ".cpp")) and (not folders or path.split("/")[0] in folders)]

    def has(self, path):
        return path in self.paths


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\n]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def blank(text):
    """Comments and string contents become spaces; lines and columns stay where they are."""
    def spaces(match):
        token = match.group(0)
        if re.match(r"'\d", token) and match.start() and text[match.start() - 1].isdigit():
            return token  # 10'000'000: a digit separator
        keep = '"' if token[0] in '"R' else "'" if token[0] == "'" else ""
        if token[0] == '"' and re.search(r'^\s*#\s*include\s*$', text[text.rfind("\n", 0, match.start()) + 1:match.start()]):
            return token
        inner = re.sub(r"[^\n]", " ", token)
        return keep + inner[1:-1] + keep if keep and len(inner) > 1 else inner
    return TOKEN.sub(spaces, text)


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(tree, path):
    """Triples of line number, '<' or '"', and what is included."""
    found = []
    for number, line in tree.code(path):
        match = INCLUDE.match(line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found

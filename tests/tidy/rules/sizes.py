"""Files of 400 lines, functions of 70, lines of 100 columns."""

import re

from tree import Violation

CODE = (".h", ".cpp", ".py", ".cmake", "CMakeLists.txt", ".sql")


def file_size(tree):
    for path in tree.paths:
        count = len(tree.lines(path)) if path.endswith(CODE) else 0
        if count > 400:
            yield Violation("file-size", path, count, f"{count} lines; split it by question (400 at most)")


def line_length(tree):
    for path in tree.paths:
        if not path.endswith((".h", ".cpp")):
            continue
        for number, line in tree.lines(path):
            if len(line) > 100 and not re.search(r"https?://|#include", line):
                yield Violation("line-length", path, number, f"{len(line)} columns (100 at most); clang-format, and break comments")


NOT_A_FUNCTION = re.compile(r"\s*(?:}|#|//|/\*|namespace\b|(?:template.*)?(?:class|struct|enum|union)\b|extern\b|TEST|INSTANTIATE|using\b)")


def function_size(tree):
    """As clang-format lays them out: a definition begins at the left edge, and its end is a brace there."""
    for path in tree.cpp():
        begin = None
        signature = ""
        for number, line in tree.code(path):
            if begin is None:
                if line and not line[0].isspace() and not NOT_A_FUNCTION.match(line):
                    signature = line
                if signature and "(" in signature and line.rstrip().endswith("{"):
                    begin = number
                elif line.rstrip().endswith((";", "}")):
                    signature = ""
            elif line.startswith("}"):
                if number - begin > 70:
                    name = re.sub(r"\(.*", "", signature).split()[-1]
                    yield Violation("function-size", path, begin,
                                    f"{name} has {number - begin} lines (70 at most); keep the branches, move straight work out")
                begin, signature = None, ""

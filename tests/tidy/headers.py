#!/usr/bin/env python3
"""headers.py BUILD_FOLDER COMPILER: each header compiles alone.

Those with a source of the same name are proved by that source, which includes its own header first (rule own-header-first);
the others are compiled here. What compiled once, in any checkout, is not compiled again until something of it changes.
"""

import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from tree import Tree, includes  # noqa: E402


def include_flags(build):
    """The include folders of all sources together."""
    flags = []
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            words = shlex.split(entry["command"])
            for place, word in enumerate(words):
                pair = ["-isystem", words[place + 1]] if word == "-isystem" else [word] if word.startswith("-I") else []
                if pair and pair not in flags:
                    flags.append(pair)
    return [word for pair in flags for word in pair]


def closure(tree, path):
    """The text of a header and of all of ours that it includes, directly or not."""
    seen, waiting = set(), [path]
    while waiting:
        name = waiting.pop()
        if name not in seen and tree.has(name):
            seen.add(name)
            waiting.extend(found for _, _, found in includes(tree, name))
    return "".join(name + tree.text(name) for name in sorted(seen))


def system_version():
    """Changes with every package that is installed or renewed: headers of others may be other ones then."""
    with open("/var/lib/dpkg/status", encoding="utf-8") as file:
        return "".join(line for line in file if line.startswith(("Package:", "Version:")))


def main():
    build, compiler = sys.argv[1:3]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    tree = Tree(root)
    headers = [path for path in tree.cpp() if path.endswith(".h") and not tree.has(path[:-2] + ".cpp")]
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only", "-x", "c++"] + include_flags(build)

    cache = os.environ.get("FORESHARD_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "foreshard")
    proved = os.path.join(cache, "headers")
    os.makedirs(proved, exist_ok=True)
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    same = version + " ".join(flags).replace(root, "") + system_version()

    def compile_alone(path):
        stamp = os.path.join(proved, hashlib.sha256((same + closure(tree, path)).encode()).hexdigest())
        if os.path.exists(stamp):
            return path, 0, ""
        # Included rather than compiled itself, because of `#pragma once` in a main file.
        done = subprocess.run([compiler, *flags, "-"], input=f'#include "{path}"\n', cwd=root, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            open(stamp, "w", encoding="utf-8").close()
        return path, done.returncode, done.stderr

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, status, errors in pool.map(compile_alone, headers):
            if status:
                bad += 1
                print(f"{path}:1: [headers] does not compile alone; include what it uses\n{errors[:800]}")
    print(f"headers: {len(headers)} compiled alone, {bad} failures")
    return 1 if bad or not headers else 0


if __name__ == "__main__":
    sys.exit(main())

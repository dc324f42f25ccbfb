"""Every source has its test, and CMake knows both."""

import os
import re

from tree import FOLDERS_OF_SOURCES, Violation


# The tiers in which the test of a source may live: what talks to PostgreSQL is tested with a real one.
TIERS = ("unit", "contract", "integration", "api", "sim")


def mirrored_test(tree):
    """x.cpp has tests/TIER/FOLDER/x_test.cpp. A family (session.cpp, session_copy.cpp) may share session_test.cpp, and the
    files of a subfolder (models/) may share models_test.cpp beside it."""
    for path in tree.cpp(*FOLDERS_OF_SOURCES):
        name = os.path.basename(path)[:-len(".cpp")]
        if not path.endswith(".cpp") or name in ("main", "exporter") or name.endswith("_main"):
            continue
        folder = os.path.dirname(path)
        words = name.split("_")
        stems = [f"{folder}/{'_'.join(words[:count])}" for count in range(len(words), 0, -1)]
        if "/" in folder:
            stems.append(folder)
        if not any(tree.has(f"tests/{tier}/{stem}_test.cpp") for tier in TIERS for stem in stems):
            yield Violation("mirrored-test", path, 1, f"its test is missing: tests/unit/{folder}/{name}_test.cpp")


def named_in_cmake(tree):
    listings = [path for path in tree.paths if path.endswith(("CMakeLists.txt", ".cmake"))]
    for path in tree.cpp():
        if not path.endswith(".cpp") or path.startswith(("tests/tidy/", "deploy/")):
            continue
        name, folder = os.path.basename(path), os.path.dirname(path)
        pattern = re.compile(rf"(?<!\w){re.escape(name[:-4])}(?!\w)")
        named = False
        while folder and not named:
            named = any(pattern.search(tree.text(listing)) for listing in listings if os.path.dirname(listing) == folder)
            folder = os.path.dirname(folder)
        if not named:
            yield Violation("named-in-cmake", path, 1, f"no CMakeLists.txt above it names {name}: it is neither built nor tested")

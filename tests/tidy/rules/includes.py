"""Arrows of the layers, and the one home of each foreign library."""

import os
import re

from tree import FOLDERS_OF_SOURCES, Violation, includes

# What a folder may include besides itself. bench and tests may include everything; nobody else includes them.
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "pg": {"base"},
    "kube": {"base"},
    "forecast": {"base", "model"},
    "planner": {"base", "model"},
    "migration": {"base", "model", "pg", "kube"},
    "backup": {"base", "model", "pg"},
    "router": {"base", "model", "pg", "kube"},
    "operator": {"base", "model", "pg", "kube", "forecast", "planner", "migration", "backup"},
    "cli": set(FOLDERS_OF_SOURCES),
}

# The data path of the mover is not for the operator: it shares decisions and rows only.
MOVER_ONLY = re.compile(r"migration/(mover|copy|copier|steps|catch_up|verify|digest)")


def layers(tree):
    for path in tree.cpp(*MAY_INCLUDE):
        folder = path.split("/")[0]
        for number, kind, name in includes(tree, path):
            target = name.split("/")[0]
            if kind != '"' or target == folder or (target not in MAY_INCLUDE and target not in ("bench", "tests")):
                continue
            if target not in MAY_INCLUDE[folder]:
                allowed = ", ".join(sorted(MAY_INCLUDE[folder])) or "nothing but itself"
                yield Violation("layers", path, number,
                                f"{folder} may not include {target}; it may include: {allowed}. Move what both need down")
            elif folder == "operator" and MOVER_ONLY.match(name):
                yield Violation("layers", path, number,
                                f"{name} is the mover's data path; the operator includes decisions and rows of migration only")


def detail(tree):
    for path in tree.cpp():
        for number, kind, name in includes(tree, path):
            if kind == '"' and "/detail/" in name:
                owner = name.split("/detail/")[0] + "/"
                if not path.startswith((owner, "tests/unit/" + owner)):
                    yield Violation("detail", path, number, f"{name} belongs to {owner}; include its door instead")


# Library, the include that gives it away, the files that may have it (regular expressions on the path).
HOMES = (
    ("libpq", r"libpq-fe\.h|libpq/", r"pg/[^/]*\.cpp|pg/connection_impl\.h|bench/.*\.cpp", "use pg/connection.h"),
    ("libuv", r"uv\.h", r"router/.*", "use router/loop.h"),
    ("OpenSSL", r"openssl/", r"router/(detail/)?(tls|scram)[^/]*|.*/(scram|certificates?|tls|sha256|digest|base64)[^/]*\.cpp|"
     r"operator/(routers/https_[^/]*|webhook/[^/]*|random_secret)\.cpp|kube/rest_api[^/]*\.cpp",
     "one file a use: router/tls, a scram or certificate file"),
    ("libpg_query", r"pg_query", r"router/classify[^/]*\.cpp", "use router/classify.h"),
    ("Eigen", r"Eigen/", r"forecast/.*|tests/unit/forecast/.*|bench/.*", "use the structs of forecast/forecaster.h"),
    ("cpprestsdk", r"cpprest/|pplx/", r"kube/(rest_api|rest_task)\.(cpp|h)|operator/metrics/prometheus_http\.cpp|operator/webhook/.*",
     "use kube/kube_api.h or operator/metrics"),
    ("nlohmann::json", r"nlohmann/", r"operator/api/.*|kube/.*\.cpp|kube/detail/.*|operator/metrics/prometheus_(http|json)\.cpp|operator/webhook/.*|"
     r"operator/routers/[^/]*\.cpp|router/((?:\w+_)?table_feed|admin|config|classify|detail/)[^/]*\.(cpp|h)|(migration|backup)/([^/]*json[^/]*|progress)\.cpp|tests/.*|bench/.*|cli/.*",
     "turn it into our structs once, at the rim"),
    ("yaml-cpp", r"yaml-cpp/", r"operator/api/manifest\.cpp|kube/kubeconfig\.cpp|tests/.*", "use operator/api/manifest.h"),
    ("prometheus-cpp", r"prometheus/", r".*/exporter([^/]*\.cpp|_families\.h)", "use the program's exporter.h"),
    ("libical", r"libical/", r"operator/calendar/occurrences\.cpp", "use operator/calendar/occurrences.h"),
    ("GoogleTest", r"gtest/|gmock/", r"tests/.*", "tests only"),
    ("CLI11", r"CLI/", r".*/main\.cpp|cli/.*|bench/.*|.*_main\.cpp|tests/.*", "command lines are parsed in main.cpp"),
)


def homes(tree):
    for path in tree.cpp():
        for number, _, name in includes(tree, path):
            for library, pattern, home, instead in HOMES:
                if re.match(pattern, name) and not re.fullmatch(home, path):
                    yield Violation("homes", path, number, f"{library} is not at home here; {instead}")


def own_header_first(tree):
    """A source that includes its own header first proves that the header compiles alone."""
    for path in tree.cpp():
        header = os.path.splitext(path)[0] + ".h"
        if not path.endswith(".cpp") or not tree.has(header):
            continue
        found = includes(tree, path)
        if found and found[0][2] != header:
            yield Violation("own-header-first", path, found[0][0],
                            f'include "{header}" first: that proves that it compiles alone')

"""Whoever reads a reason finds it in a runbook."""

import re

from tree import Violation

# A reason is a literal of two words or more: "LagTooHigh".
REASON = re.compile(r'"([A-Z][a-z]+(?:[A-Z][a-z0-9]*)+)"')
# Who says why a migration waits or ends.
SPEAKERS = re.compile(
    r"migration/(?:decide|mover|preflight|cleanup|copier|snapshot_keeper|shard_objects|pg_dump|verify)\w*\.cpp"
    r"|operator/controllers/migration_decide\w*\.cpp")


def reason_runbook(tree):
    pages = "".join(tree.text(path) for path in tree.paths
                    if path.startswith("docs/runbooks/migration-") and path.endswith(".md"))
    for path in tree.cpp():
        if not SPEAKERS.fullmatch(path):
            continue
        for number, line in tree.lines(path):
            for reason in REASON.findall(line):
                if f"`{reason}`" not in pages:
                    yield Violation("reason-runbook", path, number, f"no page docs/runbooks/migration-*.md explains `{reason}`")

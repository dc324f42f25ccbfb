#!/usr/bin/env python3
"""The Job that verifies a backup, as the operator builds it (tests/golden/operator/verification.json), on real parts.

Two servers with pgBackRest and encryption were backed up and are gone (tests/api/restore/old_set.py). Each run gets what the Job's
pod would have and no more: no network, the repository read-only, a volume of its own. A good backup is told as good; and each of
the ways in which one can be bad, planted here one after the other, has to be found. Nothing may be left of any run.
"""
import contextlib
import os
import pathlib
import sys
import tempfile
import time

from jobs import MISSING, Jobs
from old_set import SHARDS, UID, OldSet  # where it is: jobs.py

FIRST, SECOND = SHARDS  # the newest backup of the first one had ended after the point, that of the second before it


@contextlib.contextmanager
def changed(path, change):
    """A file of the repository is another one for a while."""
    keep = path.read_bytes()
    stat = path.stat()
    try:
        change(path)
        yield
    finally:
        path.write_bytes(keep)
        os.chown(path, stat.st_uid, stat.st_gid)


def flip(path):
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 2, min(len(data) // 2 + 16, len(data))):
        data[at] ^= 0xFF
    path.write_bytes(bytes(data))


def largest(folder):
    return max((one for one in folder.rglob("*") if one.is_file() and "manifest" not in one.name), key=lambda one: one.stat().st_size)


def good_ones(jobs):
    seen = jobs.good(SECOND)
    assert seen["point"] == f"foreshard/{UID}/1" and seen["rows"] == 200 and seen["pages"] > 1000, seen
    print("to the point:", seen)
    seen = jobs.good(FIRST)
    assert seen["point"] == "" and seen["rows"] > 100 and seen["pages"] > 1000, "its backup ended after the point"
    print("to where it is consistent:", seen)
    assert jobs.good(SECOND, to_point=False)["point"] == "", "a set without a point"


def bad_repositories(jobs, old):
    backup = sorted((old.repository / f"old/backup/{SECOND}").glob("2*F"))[-1]
    with changed(largest(backup), flip):
        jobs.bad("a damaged file of the backup", SECOND, "ERROR")
    with changed(largest(backup), os.remove):
        jobs.bad("a missing file of the backup", SECOND, "ERROR")
    segment = next((old.repository / f"old/archive/{SECOND}").rglob("000000010000000000000003-*"))
    with changed(segment, os.remove):
        jobs.bad("a WAL segment that is missing before the point", SECOND, "before configured recovery target")
    with changed(segment, flip):
        jobs.bad("a damaged WAL segment", SECOND, "ended while it recovered", "before configured recovery target")
    for number in range(3):  # what it makes of the files is another garbage each time
        jobs.bad("another passphrase", SECOND, "is the passphrase the one", passphrase=f"another {number}")
    jobs.bad("a shard that knows a newer table than the point", SECOND, "knows epoch 12", epoch=11)
    jobs.bad("the backup of another server", SECOND, "of server", systemIdentifier="42")
    jobs.bad("a shard without a backup", SECOND, "no backup of shard", stanza="s-cccc")
    jobs.bad("another database than the set's", SECOND, "no database", database="shop")
    assert jobs.good(SECOND)["rows"] == 200, "all is as it was"


def bad_databases(jobs, server):
    """What was bad before it was copied."""
    server.start()
    server.sql("CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes SELECT generate_series(1, 9000)")
    ready = "SET allow_system_table_mods = on; UPDATE pg_index SET indisready = %s WHERE indexrelid = 'notes_pkey'::regclass"
    server.sql(ready % "false")
    server.sql("INSERT INTO notes VALUES (10000)")
    server.sql(ready % "true")
    server.pgbackrest("--type=full", "backup")
    jobs.bad("an index that lacks a row", SECOND, "lacks matching index tuple")
    server.sql("REINDEX TABLE notes")
    file = server.folder / "pg" / server.sql("CHECKPOINT; SELECT pg_relation_filepath('notes')")
    server.stop()
    keep = file.read_bytes()
    file.write_bytes(keep[:8192 * 3 + 4000] + b"damaged!" + keep[8192 * 3 + 4008:])
    server.start()
    try:
        server.pgbackrest("--type=full", "backup")
        jobs.bad("a page that was damaged when it was copied", SECOND, "wrong checksums")
        server.pgbackrest("--type=full", "--no-checksum-page", "backup")
        jobs.bad("one at which nobody looked then", SECOND, "invalid page")
    finally:
        server.stop()
        file.write_bytes(keep)
    server.start()
    server.pgbackrest("--type=full", "backup")
    server.stop()
    assert jobs.good(SECOND)["point"] == "", "a new whole backup is good again"


def main():
    if MISSING or os.getuid() != 0:
        print("skipped: missing " + (", ".join(MISSING) or "root"), file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory(prefix="foreshard-verify-") as keep:
        os.chmod(keep, 0o755)
        directory = pathlib.Path(keep)
        (directory / "old").mkdir()
        began = time.monotonic()
        old = OldSet(directory / "old")
        try:
            jobs = Jobs(directory, old)
            good_ones(jobs)
            bad_repositories(jobs, old)
            bad_databases(jobs, old.servers[1])
            print(f"{jobs.runs} verifications in {time.monotonic() - began:.0f} s")
        finally:
            old.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Clients of a real foreshard-router while the primaries of two shards go, one after the other: killed, and deleted as a pod.

Each client writes rows of all shards on one connection and keeps it: what it was told to be safe is there afterwards, once; an
error ends no connection, says that the same may be tried again, and comes only to what was in flight (at most one for each
client and each primary that goes). A transaction of the other shard that is open meanwhile is committed.

Ends with one line of counts.
"""
import itertools
import os
import pathlib
import sys
import time

try:
    import psycopg2
except ImportError:  # Debian's Python has it, another one in PATH may not
    if sys.executable == "/usr/bin/python3":
        print("skipped: missing python3-psycopg2", file=sys.stderr)
        sys.exit(77)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

from clients import run
from rounds import FAULTS, Missing, Shards
from router import CLIENTS, INSERT, PATIENCE, Clients, Router, lost_rows, rows_of

from cluster import wait_for

# May be tried again: not done; connection to a shard lost; the fate of a commit is not known.
RETRYABLE = {"40001", "08006", "08007"}


def row_for(router, shard, numbers):
    """The first of `numbers` that belongs to this shard; asked with a row that is written and removed."""
    connection = shard.login.open(router.address)
    try:
        for number in numbers:
            run(connection, INSERT, (number,), seconds=PATIENCE)
            there = number in rows_of(shard)
            run(connection, "DELETE FROM orders WHERE id = %s", (number,), seconds=PATIENCE)
            if there:
                return number
    finally:
        connection.close()
    raise AssertionError("no row of this shard")


def server_of(shard):
    return shard.primary().pids("postgres")[:1]


def timelines(shards):
    return sum(shard.primary().ask("patroni")[1]["timeline"] for shard in shards)


class Open:
    """A transaction that has written a row of one shard and stays open."""

    def __init__(self, router, shard, numbers):
        self.number = row_for(router, shard, numbers)
        self.connection = shard.login.open(router.address)
        run(self.connection, "BEGIN")
        run(self.connection, INSERT, (self.number,), seconds=PATIENCE)

    def commit(self):
        """SQLSTATE, or "" if it was committed. The connection goes on in either case."""
        try:
            answer, code = run(self.connection, "COMMIT", seconds=PATIENCE).statusmessage, ""
            assert answer == "COMMIT", answer
        except psycopg2.Error as error:
            code = error.pgcode or str(error)
            assert not self.connection.closed, error
            run(self.connection, "ROLLBACK", seconds=PATIENCE)
        assert run(self.connection, "SELECT 1", seconds=PATIENCE).fetchone() == (1,)
        self.connection.close()
        return code


def strike(kind, router, shard, other, clients, numbers):
    """One primary goes under load. Rows are compared at the end, when all is quiet."""
    shard.await_whole()
    open_here, open_there = Open(router, shard, numbers), Open(router, other, numbers)
    old, struck, bystander = shard.primary(), time.monotonic(), server_of(other)
    server = old.pids("postgres")[0]
    FAULTS[kind][0](old)
    wait_for(f"{old.name}: its server is gone", 60, lambda: server not in old.pids("everything"))
    before = clients.last()
    wait_for(f"{shard.scope}: a row is written after '{kind}'", PATIENCE,
             lambda: clients.broken or max(rows_of(shard) & clients.acknowledged(), default=0) > before + 2 * CLIENTS)
    assert not clients.broken, clients.broken
    here, there = open_here.commit(), open_there.commit()
    assert here in RETRYABLE, f"a transaction on the primary that went was told '{here}'"
    # On a machine that is busy enough a primary goes by itself.
    assert there == "" or (there in RETRYABLE and server_of(other) != bystander), \
        f"a transaction on another shard was told '{there}'"
    shard.await_whole()
    other.await_whole()
    assert open_here.number not in rows_of(shard) and (open_there.number in rows_of(other)) == (there == "")
    return kind, shard, struck, shard.primary() is not old


def judge(clients, struck, by_themselves):
    """When nobody writes any more. `by_themselves`: primaries that went though nobody struck them."""
    for client in range(CLIENTS):
        errors = [attempt for attempt in clients.errors() if attempt[1] == client]
        assert len(errors) <= len(struck) + by_themselves, f"more than was in flight: {errors}"
    for number, _, _, _, code in clients.errors():
        assert code in RETRYABLE, f"row {number}: {code}"
        assert code != "40001" or not any(number in rows_of(shard) for _, shard, *_ in struck), \
            f"row {number} was told not to be written, and is there"
    if by_themselves:
        print(f"{by_themselves} primaries went by themselves: a busy machine")
    for kind, shard, moment, _ in struck:
        seconds = clients.longest_gap(moment, rows_of(shard))
        print(f"{kind}: {seconds:.1f} s without an acknowledged row of the shard")


def main():
    with Shards(2) as fleet:
        router, clients = Router(fleet, pathlib.Path(fleet.keep.name) / "router"), None
        try:
            first, second = fleet.shards
            for shard in fleet.shards:
                shard.load.close()  # nobody goes around the router here
            session = first.login.open(router.address)
            run(session, "CREATE TABLE orders (id bigint PRIMARY KEY)", seconds=PATIENCE)
            clients, numbers = Clients(first.login, router.address), itertools.count(1_000_000_000)
            before = timelines(fleet.shards)
            struck = [strike("postgres killed", router, first, second, clients, numbers),
                      strike("pod deleted", router, second, first, clients, numbers)]
            clients.close()
            assert not clients.broken, clients.broken
            lost = lost_rows(clients, fleet.shards)
            assert not lost, f"{len(lost)} acknowledged rows are missing: {lost[:10]}"
            judge(clients, struck, timelines(fleet.shards) - before - sum(moved for *_, moved in struck))
            session.close()
        except BaseException:
            print(router.log.read_text()[-4000:])
            raise
        finally:
            if clients:
                clients.stopping.set()
            router.close()
    codes = [code for *_, code in clients.errors()]
    print(f"through the router: {len(struck)} primaries, {len(clients.acknowledged())} acknowledged rows, 0 lost, "
          f"{len(codes)} in flight were told {sorted(set(codes))}")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

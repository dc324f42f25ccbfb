"""The worst that a budget allows: it counts members that are ready, and the one that goes may be the only one in sync.

A replica falls behind and is ready all the same; the one in sync is evicted; then the primary dies. Nothing may be acknowledged
meanwhile that one server alone has, and who is behind may not lead (docs/adr/0059).
"""
import os
import signal
import time

import psycopg2
from clients import Silent, run
from members import ROOT  # noqa: F401  it names the folder of `cluster`

from cluster import wait_for

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def replicas(shard, primary):
    """(the one in sync, the other), as the primary tells."""
    streams = primary.ask("patroni")[1]["replication"]
    in_sync = next(one["application_name"] for one in streams if one["sync_state"] == "sync")
    others = [member for member in shard.members if member is not primary]
    return sorted(others, key=lambda member: member.name != in_sync)


def receiver_of(member):
    for pid in member.pids("postgres"):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
            if "walreceiver" in line.read():
                return pid
    raise AssertionError(f"{member.name} receives nothing")


def answer(shard, member, sql):
    """One number from a member, or nothing."""
    try:
        connection = shard.login.open(member.address)
        try:
            return run(connection, sql).fetchone()[0]
        finally:
            connection.close()
    except (psycopg2.Error, Silent, OSError):
        return None


def drained_while_another_is_behind(shard):
    """(acknowledged rows that are missing afterwards, rows that are there twice, writes that waited)."""
    shard.await_whole()
    primary = shard.primary()
    in_sync, behind = replicas(shard, primary)
    os.kill(receiver_of(behind), signal.SIGSTOP)
    try:
        since = len(shard.load.acknowledged)
        wait_for("rows are acknowledged that one replica does not have", 30,
                 lambda: len(shard.load.acknowledged) > since + 20)
        assert behind.ask("readiness")[0] == 200, "who is behind counts for the budget"
        in_sync.wanted = False  # its node is drained: it comes back elsewhere, later
        server = in_sync.pids("postgres")[0]
        in_sync.delete()
        wait_for(f"{in_sync.name} is gone", 60, lambda: server not in in_sync.pids("everything"))

        def waits():
            time.sleep(0.2)
            return answer(shard, primary, WAITING)
        waited = wait_for("writes wait", 60, waits)
        told, server = len(shard.load.acknowledged), primary.pids("postgres")[0]
        primary.kill_postgres()
        wait_for(f"{primary.name} is back", 60, lambda: server not in primary.pids("postgres") and
                 answer(shard, primary, "SELECT 1"))
        assert shard.primary() is primary, "somebody leads who does not have all that was acknowledged"
        assert behind.ask("patroni")[1]["role"] == "replica"
        assert len(shard.load.acknowledged) == told, "acknowledged by one server alone"
    finally:
        behind.thaw()
        in_sync.wanted = True
    shard.await_whole()
    before = time.monotonic()
    wait_for("a write is acknowledged again", 60, lambda: shard.load.first_after(before))
    connection = shard.login.open(shard.address())
    missing, twice = shard.load.missing(connection)
    connection.close()
    return len(missing), twice, waited


__all__ = ["drained_while_another_is_behind"]

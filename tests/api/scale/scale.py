#!/usr/bin/env python3
"""Many sets beside one operator, small: 5 ShardSets with 50 shards. `bench/operator` is the same with 100 and 1,000.

Every set becomes Ready, an idle operator writes nothing but leases while every shard's Patroni renews its lock, an edit is
acted on; when the leader is frozen another one goes on, and the first one writes nothing more when it comes back. All pods
are admitted under Pod Security `restricted`. How fast is printed, not judged.
Ends with one line of counts.
"""
import sys
import time

from fleet import SPACE, Fleet, Missing

SETS, SHARDS_PER_SET = 5, 10
IDLE_RENEWALS = 2  # of each shard's lock: the clock of the idle time


def main():
    with Fleet(SETS, SHARDS_PER_SET) as fleet:
        operator = fleet.start_operator()
        began = time.monotonic()
        fleet.create_sets()
        fleet.await_ready(150)
        fleet.cluster.kubectl("-n", SPACE, "wait", "--for=condition=Ready", "--all", "--timeout=60s", "shardsets")
        print(f"{SETS} sets with {SETS * SHARDS_PER_SET} shards are Ready after {time.monotonic() - began:.1f} s")
        fleet.await_quiet(60, quiet=4)
        written, renewed = len(fleet.cluster.operator_writes()), fleet.player.renewals
        cpu, began = operator.cpu_seconds(), time.monotonic()
        while fleet.player.renewals < renewed + IDLE_RENEWALS * SETS * SHARDS_PER_SET:
            time.sleep(0.1)
            assert time.monotonic() < began + 120, "the played Patronis do not renew their locks"
        writes = fleet.cluster.operator_writes()[written:]
        assert not writes, f"an idle operator wrote {writes}"
        print(f"idle: 0 writes, {100 * (operator.cpu_seconds() - cpu) / (time.monotonic() - began):.1f} % of a core, "
              f"{operator.megabytes():.0f} MB")
        fleet.watch_routers()
        seen = fleet.changes_seen(10, seed=1)
        print(f"a change is seen after {seen[len(seen) // 2]:.2f} s, at most {seen[-1]:.2f} s")
        second = fleet.start_operator("two")
        print(f"another leader acts after {fleet.leader_change(second, operator.freeze):.1f} s")
        operator.thaw()
        fleet.changes_seen(5, seed=2)
        authors = [who for *_, who in fleet.cluster.operator_writes()]
        assert "one" in authors[:1] and "one" not in authors[authors.index("two"):], "the old leader came back and wrote"
        print("the old leader, frozen until then, writes nothing more")
        assert not fleet.player.problems, fleet.player.problems[:3]
        print(f"scale: {SETS} sets, {SETS * SHARDS_PER_SET} shards, 6 claims, 0 failures")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

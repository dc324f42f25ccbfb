#!/usr/bin/env python3
"""A new template reaches running shards: with the real controllers of StatefulSets and disruption budgets, and evictions.

Each shard gives up its replica first and its primary last, which has handed over to the new one before; one shard after the
other, and no pod goes while another of the set is away. The operator was told to let one set at a time do so: the second one begins when the first one is done. Ends with one line of counts.
"""
import sys
import threading

from fleet import Fleet, Missing
from player import SHARD

SETS, SHARDS_PER_SET, MEMBERS = 2, 2, 2


class Witness:
    """Notes each pod of a shard that goes: (set, shard, name, did it lead, how many pods of the set were there then)."""

    def __init__(self, fleet):
        self.fleet, self.gone, self.there, self.lock = fleet, [], {}, threading.Lock()
        fleet.player.on_pod = self.see

    def see(self, event, pod):
        labels = pod["metadata"]["labels"]
        if SHARD not in labels:
            return
        owner = labels["foreshard.dev/shardset"]
        with self.lock:
            there = self.there.setdefault(owner, set())
            if event != "DELETED" and "deletionTimestamp" not in pod["metadata"]:
                there.add(pod["metadata"]["uid"])
                return
            if pod["metadata"]["uid"] not in there:
                return  # its end was seen when it was asked for; somebody else leads by now
            key = (pod["metadata"]["namespace"], labels["foreshard.dev/cluster"])
            led = self.fleet.player.leaders.get(key) == pod["metadata"]["name"]
            self.gone.append((owner, labels[SHARD], pod["metadata"]["name"], led, len(there)))
            there.discard(pod["metadata"]["uid"])


def main():
    with Fleet(SETS, SHARDS_PER_SET, members=MEMBERS) as fleet:
        witness = Witness(fleet)
        fleet.start_operator(more=["--rolling-sets-max=1"])
        fleet.create_sets()
        fleet.await_ready(150)
        fleet.await_quiet(60, quiet=2)
        assert not witness.gone, witness.gone
        seconds = fleet.roll(SETS, 240)
        for owner in fleet.names():
            gone = [entry[1:] for entry in witness.gone if entry[0] == owner]
            shards = [shard for shard, *_ in gone]
            assert len(gone) == SHARDS_PER_SET * MEMBERS, f"{owner}: each pod goes once: {gone}"
            assert shards == sorted(shards), f"{owner}: one shard after the other: {gone}"
            assert not any(led for _, _, led, _ in gone), f"{owner}: nobody goes who leads: {gone}"
            handed_over = [entry for entry in fleet.player.handed_over if entry[0].startswith(owner)]
            expected = [(f"{owner}-{shards[i]}", gone[i + 1][1], gone[i][1]) for i in range(0, len(gone), MEMBERS)]
            assert handed_over == expected, f"{owner}: the primary last, after it has handed over: {handed_over}, {gone}"
            assert all(there == SHARDS_PER_SET * MEMBERS for *_, there in gone), f"{owner}: one at a time: {gone}"
        owners = [owner for owner, *_ in witness.gone]
        changes = sum(before != after for before, after in zip(owners, owners[1:]))
        assert changes == SETS - 1, f"one set after the other: {owners}"
        print(f"rolling: {SETS} sets, {len(witness.gone)} pods in {seconds:.0f} s, 0 failures")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

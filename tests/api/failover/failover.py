#!/usr/bin/env python3
"""Failover of real shards under acknowledged load, once for each kind of trouble, on a shard of its own each. Before it, strangers
ask Patroni for every change that it knows.

No acknowledged row is missing or doubled, a primary takes writes again, and the old primary acknowledges nothing once another
one leads: not while it is cut off from the API server, and not when it comes back with a client's statement waiting for it. Then
the only replica in sync is evicted while the other is behind, and the primary killed: writes wait, and again nothing is lost.
`bench/failover` measures the times over many rounds; here they are printed. Ends with one line of counts.
"""
import os
import sys

try:
    import psycopg2  # noqa: F401  pylint: disable=unused-import
except ImportError:  # Debian's Python has it, another one in PATH may not
    if sys.executable == "/usr/bin/python3":
        print("skipped: missing python3-psycopg2", file=sys.stderr)
        sys.exit(77)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

from drained import drained_while_another_is_behind
from renewal import renew
from rounds import FAULTS, Missing, Shards
from strangers import knock


def main():
    kinds = sys.argv[1:] or list(FAULTS)
    with Shards(len(kinds)) as shards:
        knocked = knock(shards.shards[0])
        renewed = renew(shards.shards[0])
        results = shards.each(lambda shard, number: shard.round(kinds[number]))
        lost, twice, waited = drained_while_another_is_behind(shards.shards[-1])
        rows = sum(len(shard.load.acknowledged) for shard in shards.shards)
        for shard in shards.shards:
            for member in shard.members:
                assert "no pg_hba.conf entry" not in (member.directory / "log").read_text(), f"{member.name} refuses Patroni"
    print(f"strangers at Patroni: {knocked} changes asked for without certificate or password, none carried out")
    print(f"a renewed certificate: served by every member {renewed:.1f} s after its files")
    print(f"evicted, the only one in sync, and the primary killed: {waited} writes waited; {lost} lost, {twice} twice")
    assert lost == twice == 0
    for result in results:
        print(f"{result['kind']}: {result['seconds']:.1f} s without an acknowledged write; {result['lost']} lost, "
              f"{result['twice']} twice, {result['late']} acknowledged by the old primary afterwards"
              f"{'' if result['moved'] else '; the same primary came back'}")
    for result in results:
        assert result["lost"] == result["twice"] == result["late"] == 0, result
    print(f"failover: {len(kinds)} kinds, {rows} acknowledged rows, 0 lost")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

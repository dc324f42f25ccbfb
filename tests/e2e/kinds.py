"""What a Split does not show: keys that move alone, a rollback, a shard that goes. Under one load, on a real cluster."""

import json

from support import check, equal, wait_for
from world import cluster


def keys_of(world, shard, count, skip=0):
    rows = world.psql("SELECT id FROM public.customers ORDER BY id OFFSET %d LIMIT %d" % (skip, count), world.shards()[shard])
    return rows.split()


def pins(world):
    return {pin["key"]: pin["shard"] for pin in world.table().get("pins", [])}


def rolled_back(world):
    before = world.table()["ranges"]
    world.split("and-back", soak="10m")
    world.await_phase("and-back", ("Soaking",))
    check(world.table()["ranges"] != before, "the range has left", world.table()["ranges"])
    wait_for("a rollback is possible", 60, lambda: (lambda c: (c is not None and c["status"] == "True", c))(
        cluster.condition(world.migration("and-back"), "RollbackPossible")))
    world.kubectl("patch", "smig", "and-back", "--type=merge", "-p", json.dumps({"spec": {"rollback": True}}))
    world.await_phase("and-back", ("RolledBack",))
    equal(world.table()["ranges"], before, "after a rollback the table")


def keys_move(world, first, second):
    keys = keys_of(world, first, 20)
    world.migrate("keys", "MoveKeys", first, destination=second, keys=keys)
    world.await_phase("keys", ("Completed",))
    equal(pins(world), dict.fromkeys(keys, second), "pins of the keys that moved")
    world.migrate("keys-back", "MoveKeys", second, destination=first, keys=keys)
    world.await_phase("keys-back", ("Completed",))
    equal(pins(world), {}, "pins of keys that are at home again")


def hot_key(world, first):
    key = keys_of(world, first, 1, skip=100)
    world.migrate("hot", "Isolate", first, keys=key)
    world.await_phase("hot", ("Completed",))
    made = world.migration("hot")["status"]["destination"]
    equal(pins(world), {key[0]: made}, "the pin of the hot key")
    equal(world.psql("SELECT id FROM public.customers", world.shards()[made]), key[0], "customers on the new shard")


def shard_goes(world, first, second):
    world.migrate("all", "Merge", second, destination=first)
    world.await_phase("all", ("Completed",))
    equal(world.table()["ranges"], [{"from": "", "to": "", "shard": first}], "ranges after the merge")
    selector = "foreshard.dev/shardset=%s,foreshard.dev/shard=%s" % (world.name, second)
    wait_for("the merged shard is gone", 180, lambda: (lambda l: (not l, l))(
        [kind for kind in ("statefulsets", "pods") if cluster.items(kind, world.namespace, selector)]))
    check(second not in [shard["id"] for shard in world.table()["shards"]], "the table has forgotten the merged shard")


def kinds(world):
    world.create()
    world.fill()
    first, second = [r["shard"] for r in world.table()["ranges"]]
    process = world.start_load(rate=200, seconds=580)
    rolled_back(world)
    keys_move(world, first, second)
    hot_key(world, first)
    shard_goes(world, first, second)
    world.end_load(process)
    world.verify()
    equal(world.leftovers(), [], "what is left on the shards")

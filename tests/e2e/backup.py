"""A set with backups on a volume: a base backup of each shard, a point over all of them, and a new set that begins there."""

import copy
import datetime
import json
import os
import subprocess

from support import check, equal, wait_for

import world as of_world
from world import cluster


def status(world):
    return cluster.get("shardset", world.name, world.namespace).get("status", {}).get("backup", {})


def insert(world, name, first):
    world.psql("INSERT INTO public.customers (id, name) VALUES " +
               ", ".join("(%d, '%s')" % (i, name) for i in range(first, first + 100)))


def create(world):
    world.kubectl("create", "secret", "generic", "passphrase", "--from-literal=passphrase=of-this-test-only")
    world.kubectl("apply", "-f", "-", stdin="""{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"backups"},
        "spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"2Gi"}}}}""")
    world.create(of_world.SET % {"name": world.name} + """  backup:
    repository: { volume: { claimName: backups } }
    encryptionSecretName: passphrase
    points: { interval: 30s }
    verification: {}
""")
    world.psql("CREATE TABLE public.customers (id bigint PRIMARY KEY, name text)")


def backed_up(world, what, claim, seconds=240):
    return wait_for(what, seconds, lambda: (lambda s: (claim(s), s))(status(world)),
                    "deploy/local/kubectl -n %s get jobs,pods -l foreshard.dev/component=backup" % world.namespace)


def nothing_secret(world):
    """The passphrase is in Secrets only: not in what a person may read who may not read Secrets."""
    text = world.kubectl("get", "configmaps,pods,statefulsets,jobs,shardsets", "-o", "yaml")
    check("of-this-test-only" not in text, "the passphrase is in no object but Secrets")
    shard = sorted(world.shards())[0]
    logs = world.kubectl("logs", "-l", "foreshard.dev/component=backup", "--tail=-1")
    check("of-this-test-only" not in logs and "backup command end: completed successfully" in logs, "nor in a log", logs[-500:])
    files = world.kubectl("exec", "%s-%s-0" % (world.name, shard), "-c", "postgres", "--", "sh", "-c",
                          "grep -rl 'of-this-test-on[l]y' /repository /data/pg /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true")
    equal(files.strip(), "", "files, environments and command lines with the passphrase")


def verified(world, number):
    """Restores of the newest backups beside the shards: the first at once, another when asked, to a point; nothing stays."""
    backed_up(world, "the first verification has ended well", lambda s: s.get("verification", {}).get("time"))
    world.kubectl("annotate", "shardset", world.name, "foreshard.dev/verify-backup=again")
    seen = backed_up(world, "the one that was asked for has ended",
                     lambda s: s.get("verification", {}).get("request") == "again")["verification"]
    equal([one["id"] for one in seen["shards"]], sorted(world.shards()), "verified shards")
    for one in seen["shards"]:
        check(not one.get("problem") and one["pages"] > 1000, "the backup of %s is good" % one["id"], one)
        check(int(one["point"].rsplit("/", 1)[1]) >= number, "it recovered to a point: %s" % one["point"], one)
    equal(sum(one["rows"] for one in seen["shards"]) >= 100, True, "the rows of before the point are in it")
    equal(cluster.condition(cluster.get("shardset", world.name, world.namespace), "BackupVerified")["status"], "True", "BackupVerified")
    left = "jobs,pods,pvc"

    def nothing():
        names = world.kubectl("get", left, "-o", "name").split()
        mine = [name for name in names if "-verify" in name or "scratch" in name]
        return not mine, mine

    wait_for("its Jobs, pods and volumes are gone", 60, nothing, "deploy/local/kubectl -n %s get %s" % (world.namespace, left))


def ask_for_one(world):
    done = world.plugin("backup", world.name, "--timeout", "180")
    check(done.returncode == 0 and "incremental  2" in done.stdout, "kubectl foreshard backup makes one",
          done.stdout + done.stderr)
    print(done.stdout)


def restore(world, number):
    """A new set by one command. The old one goes on meanwhile."""
    listed = world.plugin("restore", "copy", "--from", world.name, "--list", "-o", "json")
    check(listed.returncode == 0 and number in [one["number"] for one in json.loads(listed.stdout)],
          "kubectl foreshard restore --list shows point %d" % number, listed.stdout + listed.stderr)
    made = world.plugin("restore", "copy", "--from", world.name, "--point", str(number), "--yes")
    check(made.returncode == 0 and "restoreFrom:" in made.stdout, "it shows the set and makes it",
          made.stdout + made.stderr)
    again = world.plugin("restore", "copy", "--from", world.name, "--point", str(number), "--yes")
    check(again.returncode == 1 and "already" in again.stderr, "never over one that is there", again.stdout + again.stderr)
    restored = copy.copy(world)
    restored.name = "copy"

    def ended():
        seen = cluster.condition(cluster.get("shardset", "copy", world.namespace), "Restored") or {}
        return seen.get("status") == "True", "%s: %s" % (seen.get("reason"), seen.get("message"))

    said = wait_for("the new set is restored", 360, ended,
                    "deploy/local/kubectl -n %s get pods,shardsets; deploy/local/kubectl -n %s logs --tail 60 -c postgres "
                    "-l foreshard.dev/shardset=copy,foreshard.dev/component=shard" % (world.namespace, world.namespace))
    print(said)
    restored.await_ready()
    return restored


def judge(world, restored):
    counts = {name: restored.psql("SELECT count(*) FROM public.customers WHERE name = '%s'" % name)
              for name in ("before", "after")}
    equal(counts, {"before": "100", "after": "0"}, "rows of before and after the point, through the new set's routers")
    equal(world.psql("SELECT count(*) FROM public.customers"), "200", "rows of the old set, which goes on")
    was, now = world.table(), restored.table()
    ranges = [[(one["from"], one["to"], one["shard"]) for one in table["ranges"]] for table in (was, now)]
    equal(ranges[1], ranges[0], "its ranges are those of the point")
    check(now["epoch"] > was["epoch"], "its epoch is a later one", (was["epoch"], now["epoch"]))
    for shard, address in restored.shards().items():
        rows = int(restored.psql("SELECT count(*) FROM public.customers", host=address))
        check(rows > 20, "shard %s has its part" % shard, rows)
        equal(restored.psql("SELECT count(*) FROM pg_prepared_xacts", host=address), "0", "prepared transactions on %s" % shard)
    restored.psql("INSERT INTO public.customers (id, name) VALUES (5001, 'new'), (5002, 'new')")
    equal(restored.psql("SELECT count(*) FROM public.customers WHERE name = 'new'"), "2", "rows written to the new set")
    equal(world.psql("SELECT count(*) FROM public.customers WHERE name = 'new'"), "0", "of them in the old set")


def backup(world):
    create(world)
    first = backed_up(world, "every shard has a base backup", lambda s: "lastFull" in s)
    equal(len(first["shards"]), 2, "shards with a base backup")
    equal(cluster.condition(cluster.get("shardset", world.name, world.namespace), "BackedUp")["status"], "True", "BackedUp")
    insert(world, "before", 1)
    # Whole seconds: a point of the same one may be older.
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = backed_up(world, "a point is made after that", lambda s: s.get("lastPoint", {}).get("time", "") > now, 180)
    verified(world, made["lastPoint"]["number"])
    insert(world, "after", 1001)
    book = cluster.get("configmap", world.name + "-points", world.namespace)["data"]
    record = json.loads(book["point-%d" % made["lastPoint"]["number"]])
    check(True, "point %d is in the book" % made["lastPoint"]["number"])
    check(len(record["shards"]) == 2, "it knows both shards", record)
    nothing_secret(world)
    ask_for_one(world)
    restored = restore(world, made["lastPoint"]["number"])
    judge(world, restored)
    backed_up(restored, "the new set has backups of its own", lambda s: "lastFull" in s)

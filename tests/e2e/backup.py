"""A set with backups on a volume: a base backup of each shard, a point over all of them, and a restore of every shard to it."""

import datetime
import json
import os
import subprocess

from support import check, equal, wait_for

import world as of_world
from world import cluster

# Recovery needs at least the limits of the primary; the socket is nobody else's.
RESTORE = """
set -eu
export PGBACKREST_CONFIG=/etc/foreshard/backup/shard.conf PGBACKREST_CONFIG_INCLUDE_PATH=/etc/foreshard/backup-secret PGBACKREST_STANZA=%(shard)s
mkdir -m 700 /data/pg
pgbackrest --set=%(label)s --type=name --target=%(target)s --target-timeline=%(timeline)s --target-action=promote --archive-mode=off restore >&2
echo 'local all all trust' >/tmp/hba
postgres -D /data/pg -c hba_file=/tmp/hba -c unix_socket_directories=/tmp -c listen_addresses= -c ssl=off -c max_connections=1000 \\
  -c max_prepared_transactions=1000 -c max_worker_processes=64 -c max_wal_senders=64 >&2 &
server=$!
ask() { psql -h /tmp -U postgres -d app -XAtqc "$1"; }
for i in $(seq 120); do [ "$(ask 'SELECT pg_is_in_recovery()' 2>/dev/null)" != f ] || break; sleep 1; done
ask "SELECT json_build_object('before', count(*) FILTER (WHERE name = 'before'), 'after', count(*) FILTER (WHERE name = 'after'),
     'prepared', (SELECT count(*) FROM pg_prepared_xacts)) FROM public.customers"
kill -INT $server
wait $server
"""


def pod(world, shard, script, image):
    """A pod that mounts the repository as a shard's does, and nothing of the shard."""
    mounts = {"repository": "/repository", "config": "/etc/foreshard/backup", "secret": "/etc/foreshard/backup-secret", "data": "/data",
              "tmp": "/tmp", "shm": "/dev/shm"}
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "restore-" + shard},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999,
                                "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "restore", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["bash", "-c", script],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()]}],
            "volumes": [{"name": "repository", "persistentVolumeClaim": {"claimName": "backups"}},
                        {"name": "config", "configMap": {"name": "%s-%s-backup" % (world.name, shard)}},
                        {"name": "secret", "secret": {"secretName": world.name + "-backup", "defaultMode": 0o440}},
                        {"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}},
                        {"name": "shm", "emptyDir": {"medium": "Memory"}}]}})


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
""")
    world.psql("CREATE TABLE public.customers (id bigint PRIMARY KEY, name text)")


def backed_up(world, what, claim, seconds=240):
    return wait_for(what, seconds, lambda: (lambda s: (claim(s), s))(status(world)),
                    "deploy/local/kubectl -n %s get jobs,pods -l foreshard.dev/component=backup" % world.namespace)


def restore(world, shard, label, point):
    image = cluster.items("statefulsets", world.namespace)[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    of_shard = [s for s in point["shards"] if s["shard"] == shard][0]
    script = RESTORE % {"shard": shard, "label": label, "target": "foreshard/%s/%d" % (point["uid"], point["number"]),
                        "timeline": of_shard["timeline"]}
    world.kubectl("apply", "-f", "-", stdin=pod(world, shard, script, image))

    def ended():
        seen = cluster.get("pod", "restore-" + shard, world.namespace)["status"]
        return seen.get("phase") in ("Succeeded", "Failed"), seen.get("phase")

    phase = wait_for("shard %s is restored" % shard, 180, ended)
    log = world.kubectl("logs", "restore-" + shard, check=False)
    lines = [line for line in log.splitlines() if line.startswith("{")]
    check(phase == "Succeeded" and lines, "shard %s restores to the point" % shard, log[-3000:])
    return json.loads(lines[-1])


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


def ask_for_one(world):
    program = os.path.join(world.programs, "kubectl-foreshard")
    config = world.kubectl("config", "view", "--raw", "--flatten")
    path = os.path.join(world.folder, "kubeconfig")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(config)
    done = subprocess.run([program, "--kubeconfig", path, "-n", world.namespace, "backup", world.name, "--timeout", "180"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200)
    check(done.returncode == 0 and "incremental  2" in done.stdout, "kubectl foreshard backup makes one", done.stdout + done.stderr)
    print(done.stdout)


def backup(world):
    create(world)
    first = backed_up(world, "every shard has a base backup", lambda s: "lastFull" in s)
    equal(len(first["shards"]), 2, "shards with a base backup")
    equal(cluster.condition(cluster.get("shardset", world.name, world.namespace), "BackedUp")["status"], "True", "BackedUp")
    insert(world, "before", 1)
    # Whole seconds: a point of the same one may be older.
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = backed_up(world, "a point is made after that", lambda s: s.get("lastPoint", {}).get("time", "") > now, 180)
    insert(world, "after", 1001)
    book = cluster.get("configmap", world.name + "-points", world.namespace)["data"]
    record = json.loads(book["point-%d" % made["lastPoint"]["number"]])
    check(True, "point %d is in the book" % made["lastPoint"]["number"])
    point = {"uid": cluster.get("shardset", world.name, world.namespace)["metadata"]["uid"],
             "number": made["lastPoint"]["number"], "shards": record["shards"]}
    nothing_secret(world)
    ask_for_one(world)
    found = [restore(world, s["id"], s["label"], point) for s in first["shards"]]
    equal(sum(f["before"] for f in found), 100, "rows written before the point, over all restored shards")
    equal(sum(f["after"] for f in found), 0, "rows written after it")
    check(all(f["before"] > 20 for f in found), "both shards have their part", found)

"""One namespace with one ShardSet in it, clients with an oracle, and the proof that nothing is left."""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile

from support import ROOT, Failed, check, equal, wait_for

import cluster
import watch

LEFTOVERS = """SELECT 'slot', slot_name::text FROM pg_replication_slots WHERE slot_name LIKE 'foreshard\\_%'
UNION ALL SELECT 'publication', pubname::text FROM pg_publication WHERE pubname LIKE 'foreshard\\_%'
UNION ALL SELECT 'subscription', subname::text FROM pg_subscription WHERE subname LIKE 'foreshard\\_%'
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE tgname LIKE 'zzz\\_foreshard\\_%' AND tgparentid = 0
UNION ALL SELECT 'event trigger', evtname::text FROM pg_event_trigger WHERE evtname LIKE 'foreshard\\_%'
UNION ALL SELECT 'gate', migration_id::text FROM foreshard.gate
UNION ALL SELECT DISTINCT 'chunk', migration_id::text FROM foreshard.chunk_done"""

LOAD_CLIENTS = 48

SET = """apiVersion: foreshard.dev/v1alpha1
kind: ShardSet
metadata: {name: %(name)s}
spec:
  sharding:
    strategy: Hash
    keyType: Bigint
    tables:
      - { name: public.customers, column: id }
      - { name: public.orders, column: customer_id }
    referenceTables: [public.countries]
    initialShards: 2
  shardTemplate:
    members: 1
    synchronousReplication: false
    storage: { size: 1Gi, maxSize: 2Gi }
    resources: { requests: { cpu: 100m, memory: 256Mi }, limits: { cpu: "1", memory: 768Mi } }
  router:
    replicas: 2
    resources: { requests: { cpu: 100m, memory: 64Mi } }
  scaling: { mode: "Off", minShards: 2, maxShards: 4 }
  deletionPolicy: Delete
"""


class World:
    def __init__(self, namespace, programs, name="orders"):
        self.namespace, self.name, self.programs = namespace, name, programs
        self.folder = tempfile.mkdtemp(prefix="foreshard-e2e-")
        self.ledger = os.path.join(self.folder, "ledger.txt")
        self.customers, self.orders, self.processes = 20_000, 60_000, []
        # Of a run that was ended in the middle.
        cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=true", "--timeout=180s", timeout=200)
        cluster.kubectl("create", "namespace", namespace)

    # -- the set -----------------------------------------------------------------------------------------------------
    def kubectl(self, *arguments, **options):
        return cluster.kubectl("-n", self.namespace, *arguments, **options)

    def plugin(self, *words):
        return cluster.plugin(os.path.join(self.programs, "kubectl-foreshard"), self.folder, self.namespace, *words)

    def create(self, text=None):
        self.kubectl("apply", "-f", "-", stdin=text or SET % {"name": self.name})
        self.await_ready()

    def await_ready(self, seconds=240):
        self.kubectl("wait", "--for=condition=Ready", "shardset/" + self.name, "--timeout=%ds" % seconds, timeout=seconds + 30)
        data = cluster.get("secret", self.name + "-app", self.namespace)["data"]
        self.secret = {k: base64.b64decode(v).decode() for k, v in data.items()}
        self.write_passwords()
        self.router = cluster.get("service", self.name + "-router", self.namespace)["spec"]["clusterIP"]
        # The API server knows the Service's endpoints; the node's kube-proxy learns of them a moment later and rejects till then.
        wait_for("%s-router takes connections" % self.name, 30, self.reachable)

    def reachable(self):
        try:
            socket.create_connection((self.router, 5432), timeout=5).close()
        except OSError as error:
            return False, str(error)
        return True, ""

    def shards(self):
        """{shard id: address of its primary's pod}."""
        pods = cluster.items("pods", self.namespace, "foreshard.dev/shardset=%s,foreshard.dev/component=shard" % self.name)
        return {p["metadata"]["labels"]["foreshard.dev/shard"]: p["status"]["podIP"] for p in pods
                if p["status"].get("podIP") and not p["metadata"].get("deletionTimestamp")}

    def table(self):
        return cluster.get("routingtable", self.name, self.namespace)["spec"]

    # -- clients -----------------------------------------------------------------------------------------------------
    def conninfo(self, host, role=None):
        return "host=%s port=5432 user=%s passfile=%s dbname=%s sslmode=require" % (
            host, role or self.secret["username"], self.passfile, self.secret["database"])

    def write_passwords(self):
        """Everybody may read a command line, so that no password stands in one."""
        internal = cluster.get("secret", self.name + "-internal", self.namespace)["data"]
        self.passfile = os.path.join(self.folder, "pgpass-" + self.name)
        with open(os.open(self.passfile, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write("*:*:*:%s:%s\n" % (self.secret["username"], self.secret["password"]))
            file.write("*:*:*:foreshard:%s\n" % base64.b64decode(internal["foreshard"]).decode())

    def psql(self, statement, host=None, check_status=True):
        done = subprocess.run(["psql", self.conninfo(host or self.router), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if check_status and done.returncode != 0:
            raise Failed("psql %r: %s" % (statement[:80], done.stderr.strip()))
        return done.stdout.strip() if check_status else (done.returncode, done.stdout.strip(), done.stderr.strip())

    def load(self, *arguments, wait=True, accept=(0,)):
        line = [os.path.join(self.programs, "foreshard-load"), "--customers", self.customers, "--orders", self.orders,
                "--ledger", self.ledger, "--network", "10.96.0.0/16", "--network", "10.244.0.0/16"] + list(arguments)
        process = subprocess.Popen(cluster.beside() + [str(w) for w in line], text=True, stdout=subprocess.PIPE)
        self.processes.append(process)
        return self.finish(process, accept) if wait else process

    def finish(self, process, accept=(0,)):
        out, _ = process.communicate(timeout=600)
        if process.returncode not in accept:
            raise Failed("foreshard-load ended with %d: %s" % (process.returncode, out[-500:]))
        return out

    def fill(self):
        self.load("fill", "--conninfo", self.conninfo(self.router))

    def start_load(self, rate=400, seconds=60, report="load.json"):
        self.report = os.path.join(self.folder, report)
        return self.load("run", "--conninfo", self.conninfo(self.router), "--rate", rate, "--seconds", seconds, "--clients", LOAD_CLIENTS,
                         "--report", self.report, wait=False)

    def end_load(self, process, disconnects_allowed=0):
        process.terminate()
        self.finish(process, accept=(0, 1))
        with open(self.report) as file:
            seen = json.load(file)
        equal(seen["clientErrors"], 0, "errors seen by clients (first: %s)" % seen["firstError"])
        check(seen["retryableDisconnects"] <= disconnects_allowed, "at most %d connections ended" % disconnects_allowed,
              seen["retryableDisconnects"])
        check(seen["acknowledgedWrites"] > 0, "writes were acknowledged", seen)
        return seen

    def verify(self):
        arguments = ["verify"]
        for address in self.shards().values():
            arguments += ["--shard", self.conninfo(address)]
        verdict = json.loads(self.load(*arguments, accept=(0, 1)))
        for key in ("missingRows", "duplicatedRows", "lostWrites", "duplicatedWrites"):
            equal(verdict[key], 0, key)
        equal(verdict["orders"], self.orders, "orders on all shards")
        return verdict

    # -- migrations --------------------------------------------------------------------------------------------------
    def split(self, name, soak="10s", **more):
        """Asks for the upper half of the first range of the table."""
        first = self.table()["ranges"][0]
        low = int((first["from"] or "0").ljust(16, "0"), 16)
        high = int((first["to"] or "").ljust(16, "0"), 16) if first["to"] else 1 << 64
        middle = ("%016x" % ((low + high) // 2)).rstrip("0")
        middle += "0" * (len(middle) % 2)
        self.migrate(name, "Split", first["shard"], range={"from": middle, "to": first["to"]}, soak=soak, **more)
        return first["shard"], middle

    def migrate(self, name, kind, source, soak="10s", **more):
        spec = {"shardSetName": self.name, "type": kind, "source": source, "soak": soak, "approved": True}
        spec.update(more)
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "foreshard.dev/v1alpha1", "kind": "ShardMigration",
                                                           "metadata": {"name": name}, "spec": spec}))

    def prove_split(self, name, source, at):
        """Of one that is over and whose load has ended: the keys have gone, every row is where it should be, nothing is left."""
        status = self.migration(name)["status"]
        owners = {r["from"]: r["shard"] for r in self.table()["ranges"]}
        equal(owners.get(at), status["destination"], "owner of the range from %s" % at)
        check(owners.get(at) != source, "the range left its shard", owners)
        self.verify()
        equal(self.leftovers(), [], "what is left on the shards")
        print("  held %d ms" % status.get("cutover", {}).get("holdMillis", -1))

    def migration(self, name):
        return cluster.get("shardmigration", name, self.namespace)

    def phase(self, name):
        return (self.migration(name) or {}).get("status", {}).get("phase", "")

    def await_phase(self, name, wanted, seconds=240):
        over = ("Completed", "Aborted", "RolledBack")

        def ask():
            phase = self.phase(name)
            return phase in wanted or phase in over, phase

        look = "deploy/local/kubectl -n %s describe smig %s" % (self.namespace, name)
        seen = wait_for("%s is %s" % (name, " or ".join(wanted)), seconds, ask, look)
        if seen not in wanted:
            raise Failed("%s ended as %s: %s" % (name, seen, cluster.condition(self.migration(name), "Failed")), look)

    def leftovers(self):
        """What the sweeper would find, on every shard, asked as the operator's own role."""
        found = []
        for shard, address in self.shards().items():
            done = subprocess.run(["psql", self.conninfo(address, "foreshard"), "-XAtqc", LEFTOVERS], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)
            if done.returncode != 0:
                raise Failed("shard %s cannot be asked what is left: %s" % (shard, done.stderr.strip()))
            found += ["%s: %s" % (shard, row) for row in done.stdout.splitlines()]
        return found

    # -- the end -----------------------------------------------------------------------------------------------------
    def close(self, keep_files=False):
        for process in self.processes:  # whose case failed while they ran
            if process.poll() is None:
                process.kill()
                process.wait()
        if not keep_files:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.kubectl("delete", "shardset", "--all", "--wait=true", "--timeout=180s", check=False)
        cluster.kubectl("delete", "namespace", self.namespace, "--wait=true", "--timeout=120s", check=False)

    def explain(self):
        """For a failed case: the objects and the newest lines of the operator."""
        print(self.kubectl("get", "shardset,smig,rtab,pods,jobs", "-o", "wide", check=False))
        print(self.kubectl("get", "shardset,smig", "-o", "yaml", check=False)[-6000:])
        print(cluster.kubectl("-n", cluster.SYSTEM, "logs", "-l", "app.kubernetes.io/component=operator", "--tail=40", check=False))


__all__ = ["World", "SET", "cluster", "watch"]

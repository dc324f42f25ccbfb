"""Many ShardSets beside one operator: what the scale test and bench/operator measure on.

The databases are real: one PostgreSQL, over TLS, answers at the address of every pod. Each set is a database in it, so the
shards of one set are set up once, and looked into one by one as in any fleet. All sets share one CA and one password for
that, in Secrets that are there before the sets; everything else the operator makes itself.
"""
import base64
import os
import pathlib
import pwd
import random
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

from cluster import APPS, CORE, OURS, ROOT, Cluster, Missing, Refused, start, stop, wait_for
from metrics import Metrics
from player import SHARD, Player

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
PASSWORD = "of-this-run-only"
SPACE = "fleet"
# The controller of disruption budgets knows an evicted pod by its name, and a StatefulSet's next one has the same. If it has not
# looked while the old one was ending, it takes the new one for the old and allows nobody to go for two minutes. Real pods take
# longer to end than it takes to look.
END_SECONDS = 1.0
TICKS = os.sysconf("SC_CLK_TCK")


def run(*command, **more):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def make_authority(directory):
    """ca.crt, ca.key, and a server's certificate from it."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", "/CN=fleet CA", "-keyout", directory / "ca.key", "-out", directory / "ca.crt")
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=shard",
        "-keyout", directory / "server.key", "-out", directory / "server.csr")
    run("openssl", "x509", "-req", "-in", directory / "server.csr", "-CA", directory / "ca.crt", "-CAkey", directory / "ca.key",
        "-CAcreateserial", "-days", "30", "-out", directory / "server.crt")


class Database:
    """One PostgreSQL on a loopback address of its own, on the port that shards have."""

    def __init__(self, directory, settings=()):
        self.directory = directory
        if not (POSTGRES / "initdb").exists():
            raise Missing("PostgreSQL 15")
        # An address that belongs to this process as long as it lives: several fleets run beside each other.
        self.address = f"127.{100 + os.getpid() // 65536 % 100}.{os.getpid() // 256 % 256}.{os.getpid() % 256 or 1}"
        make_authority(directory)
        as_postgres = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            for file in (directory, directory / "server.key", directory / "server.crt"):
                os.chown(file, user.pw_uid, user.pw_gid)
            as_postgres = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        (directory / "password").write_text(PASSWORD)
        os.chmod(directory / "password", 0o644)
        data = directory / "data"
        run(POSTGRES / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={directory}/password",
            "--no-sync", "--no-instructions", cwd=directory, **as_postgres)
        (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        self.process = start(
            [POSTGRES / "postgres", "-D", data, "-h", self.address, "-p", "5432", "-k", directory, "-c", "fsync=off",
             "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "ssl=on", "-c", "shared_buffers=32MB",
             "-c", f"ssl_cert_file={directory}/server.crt", "-c", f"ssl_key_file={directory}/server.key",
             "-c", "password_encryption=scram-sha-256", "-c", "autovacuum=off",
             *(part for setting in settings for part in ("-c", setting))],
            directory / "postgres.log", cwd=directory, **as_postgres)

    def ask(self, program, database, *arguments):
        """What one of PostgreSQL's programs (psql, pg_dump) prints, as its superuser."""
        conninfo = f"host={self.address} user=postgres password={PASSWORD} dbname={database} sslmode=require"
        return subprocess.run([str(POSTGRES / program), "-d", conninfo, *arguments], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def close(self):
        stop(self.process)


class Operator:
    """The program as it is built, and what /proc says about it."""

    def __init__(self, cluster, identity, more=(), before=()):
        self.identity = identity
        self.log = cluster.directory / f"log/operator-{identity}.log"
        self.kubeconfig = cluster.operator_kubeconfig(identity)
        page = [] if any(word.startswith("--status-listen=") for word in more) else ["--status-listen=off"]
        self.process = start([*before, ROOT / "build/release/bin/foreshard-operator", f"--kubeconfig={self.kubeconfig}",
                              "--listen=127.0.0.1:0", *page, "--lease-namespace=foreshard-system",
                              # Audits ask every shard by its name in the cluster's DNS, and there is none here.
                              "--audit-interval=0s", f"--temporary-directory={cluster.directory}/operator-files",
                              f"--identity={identity}", *more], self.log)

    def port(self):
        found = re.search(r'"listening".*?"metrics":(\d+)', self.log.read_text())
        return int(found.group(1)) if found else None

    def synced(self):
        if self.port() is None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port()}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def megabytes(self, name="VmRSS"):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", text).group(1)) / 1024

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        stop(self.process)


class Pauses:
    """For Player.on_pod: seconds from the moment when the last pod that was away is ready until the next one of its set goes. By
    then the StatefulSet's status, the budget's and the operator have followed."""

    def __init__(self):
        self.seconds, self.ready, self.known = [], {}, {}

    def see(self, event, pod):
        owner, uid = pod["metadata"]["labels"].get("foreshard.dev/shardset"), pod["metadata"]["uid"]
        if SHARD not in pod["metadata"]["labels"]:
            return
        goes = event == "DELETED" or "deletionTimestamp" in pod["metadata"]
        is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))
        state = "goes" if goes else "ready" if is_ready else "starts"
        if self.known.get(uid) == state:
            return
        self.known[uid] = state
        if state == "ready":
            self.ready[owner] = time.monotonic()
        elif state == "goes" and owner in self.ready:
            self.seconds.append(time.monotonic() - self.ready.pop(owner))


class Fleet:
    """`with Fleet(...) as fleet`. Raises Missing where a program is not there."""

    def __init__(self, sets, shards_per_set, members=2, forecast=False, controllers=(), arguments=(), settings=()):
        """`controllers` run beside those that make pods, with `arguments`; `settings` are PostgreSQL's."""
        self.sets, self.shards_per_set, self.members = sets, shards_per_set, members
        self.forecast = forecast  # of every set, from a Prometheus that is played
        self.keep = tempfile.TemporaryDirectory(prefix="foreshard-fleet-")
        directory = pathlib.Path(self.keep.name)
        os.chmod(directory, 0o755)
        self.cluster = self.database = self.player = self.metrics = None
        self.operators = []
        self.routers_wanted = {}  # set -> (number, when it was seen), by a watch of Deployments
        self.watched = threading.Event()
        (directory / "postgres").mkdir()
        self.cluster = Cluster(directory)
        self.database = Database(directory / "postgres", settings)
        self.cluster.install(also=controllers, arguments=arguments)
        self.api = self.cluster.api
        self.player = Player(self.api, self.database.address)
        self.player.place, self.player.end_seconds = (lambda pod: "played"), END_SECONDS
        self.player.start()
        self.metrics = Metrics(self.shards_of) if forecast else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *ignored):
        if kind is not None:
            self.tell_all()
        for operator in self.operators:
            operator.close()
        self.watched.set()
        for part in (self.metrics, self.player, self.database, self.cluster):
            if part is not None:
                part.close()
        self.keep.cleanup()

    def tell_all(self):
        """What a person wants to see when something did not come as it should."""
        try:
            first = self.api.get(f"{OURS}/namespaces/{SPACE}/shardsets")["items"][0]
            print([(c["type"], c["status"], c["message"][:600]) for c in first.get("status", {}).get("conditions", [])])
        except (Refused, OSError, IndexError) as error:
            print(error)
        print(self.player.problems[-3:])
        for file in ([operator.log for operator in self.operators] + [self.cluster.directory / "log/manager.log"]):
            print(f"{file.name}: ...", file.read_text()[-1500:])

    def names(self):
        return [f"f{i:04}" for i in range(self.sets)]

    def shards_of(self, owner):
        """[(shard, its leader's pod)]"""
        with self.player.lock:
            return sorted((shard, self.player.leaders.get(key) or "") for key, (name, shard) in self.player.labels.items()
                          if name == owner)

    def start_operator(self, identity="one", more=(), before=()):
        """`before`: the words of a command that starts it."""
        prometheus = [f"--prometheus-url={self.metrics.url}"] if self.metrics else []
        self.operators.append(Operator(self.cluster, identity, [*prometheus, *more], before))
        return self.operators[-1]

    def secret(self, name, owner, data):
        labels = {"foreshard.dev/shardset": owner, "app.kubernetes.io/managed-by": "foreshard-operator"}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        self.api.create(f"{CORE}/namespaces/{SPACE}/secrets", {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SPACE, "labels": labels},
            "data": encoded})

    def create_sets(self):
        # Every pod that the controllers make is held to the strictest of Kubernetes' own standards.
        self.api.create(f"{CORE}/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": SPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
        authority = {name: (self.database.directory / name).read_text() for name in ("ca.crt", "ca.key")}
        roles = ("superuser", "replication", "rewind", "foreshard", "restapi", "exporter")
        # Recommend shows what it would do and does nothing; both kinds of sets keep their shards.
        scaling = {"mode": "Recommend" if self.forecast else "Off"}
        for name in self.names():
            self.secret(f"{name}-ca", name, authority)
            self.secret(f"{name}-internal", name, {role: PASSWORD for role in roles})
            self.api.create(f"{OURS}/namespaces/{SPACE}/shardsets", {
                "apiVersion": "foreshard.dev/v1alpha1", "kind": "ShardSet", "metadata": {"name": name, "namespace": SPACE},
                "spec": {"postgres": {"database": name},
                         "sharding": {"tables": [{"name": "public.orders", "column": "id"}],
                                      "initialShards": self.shards_per_set},
                         "shardTemplate": {"members": self.members, "storage": {"size": "1Gi"},
                                           "resources": {"requests": {"cpu": "0.1", "memory": "256Mi"}}},
                         "router": {"replicas": 1}, "scaling": scaling}})

    def ready(self):
        """(sets Ready, shards ready) as their statuses tell."""
        items = self.api.get(f"{OURS}/namespaces/{SPACE}/shardsets")["items"]
        sets = sum(any(c["type"] == "Ready" and c["status"] == "True" and
                       i["status"].get("observedGeneration") == i["metadata"]["generation"]
                       for c in i.get("status", {}).get("conditions", [])) for i in items)
        return sets, sum(i.get("status", {}).get("readyShards", 0) for i in items)

    def await_ready(self, seconds, tell=lambda text: None):
        told, began = 0.0, time.monotonic()

        def look():
            seen = self.ready()
            look.seen = f"{seen[0]} of {self.sets} sets are Ready, {seen[1]} shards"
            nonlocal told
            if time.monotonic() - told > 10:
                told = time.monotonic()
                tell(f"{time.monotonic() - began:.0f} s: {look.seen}")
            time.sleep(0.2 + self.sets / 200)
            return seen == (self.sets, self.sets * self.shards_per_set)
        wait_for("every set is Ready", seconds, look)

    def await_quiet(self, seconds, quiet=10):
        """Until the operator wrote nothing but leases for `quiet` seconds."""
        last, since = -1, time.monotonic()

        def look():
            nonlocal last, since
            writes = self.cluster.operator_writes()
            if len(writes) != last:
                last, since = len(writes), time.monotonic()
            look.seen = f"the last writes: {writes[-3:]}"
            time.sleep(1)
            return time.monotonic() - since > quiet
        wait_for("the operator is quiet", seconds, look)

    def watch_routers(self):
        """Notes when each set's Deployment changes its number of routers: what a user would wait for after an edit."""
        def see(_, deployment):
            name = deployment["metadata"]["labels"]["foreshard.dev/shardset"]
            number = deployment["spec"]["replicas"]
            if self.routers_wanted.get(name, (None,))[0] != number:
                self.routers_wanted[name] = (number, time.monotonic())
        thread = threading.Thread(target=self.api.watch, daemon=True, args=(
            f"{APPS}/namespaces/{SPACE}/deployments", "foreshard.dev/shardset", see, self.watched))
        thread.start()
        wait_for("every Deployment is seen", 60, lambda: len(self.routers_wanted) == self.sets)

    def edit(self, name, routers):
        self.api.patch(f"{OURS}/namespaces/{SPACE}/shardsets/{name}", {"spec": {"router": {"replicas": routers}}})
        return time.monotonic()

    def edit_and_see(self, name, routers, seconds=60):
        """Seconds from the API server's answer to an edit until its effect is in the API."""
        began = time.monotonic()
        answered = self.edit(name, routers)
        wait_for(f"{name} has {routers} routers", seconds, lambda: self.routers_wanted[name][0] == routers)
        return max(self.routers_wanted[name][1] - answered, 0.0) if answered > began else 0.0

    def changes_seen(self, count, seed):
        """Seconds for each of `count` edits of sets drawn from the seed, ascending."""
        chance = random.Random(seed)
        times = []
        for _ in range(count):
            name = chance.choice(self.names())
            times.append(self.edit_and_see(name, 3 - self.routers_wanted[name][0]))
        return sorted(times)

    def leader_change(self, second, strike):
        """Seconds from `strike()` at the leader until the other one has acted on an edit made right after it."""
        wait_for("the second operator has its copies", 300, second.synced)
        name = self.names()[0]
        routers = 3 - self.routers_wanted[name][0]
        strike()
        struck = time.monotonic()
        self.edit(name, routers)
        wait_for("the other one acts", 120, lambda: self.routers_wanted[name][0] == routers)
        return self.routers_wanted[name][1] - struck

    def roll(self, sets, seconds):
        """A new template for the shards of so many sets, until every pod has it and every set is Ready; how long it took."""
        began = time.monotonic()
        for name in self.names()[:sets]:
            self.api.patch(f"{OURS}/namespaces/{SPACE}/shardsets/{name}",
                           {"spec": {"shardTemplate": {"resources": {"requests": {"cpu": "0.2"}}}}})

        def look():
            pods = self.api.get(f"{CORE}/namespaces/{SPACE}/pods?labelSelector=foreshard.dev/component=shard")["items"]
            new = sum(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "200m" for pod in pods)
            look.seen = f"{new} pods are new; {self.ready()}"
            time.sleep(1)
            return new == sets * self.shards_per_set * self.members and self.ready()[0] == self.sets
        wait_for(f"{sets} sets are rolled", seconds, look)
        return time.monotonic() - began


__all__ = ["Fleet", "Missing", "Refused", "SPACE"]

"""Shards of real members under load, and what is done to their primaries: what the test and bench/failover share."""
import base64
import json
import os
import pathlib
import tempfile
import threading
import time

import psycopg2
from clients import Load, Login, Loyal, Silent, run
from members import ROOT, Member, Missing, members_of

from cluster import CORE, OURS, Cluster, Refused, start, stop, wait_for

SPACE, OWNER = "shop", "orders"
MEMBERS = 3  # strict: with two, nothing is acknowledged while one is away
BACK = 120  # seconds until everybody is back: a deadline, no promise


class Shard:
    """One shard with its load. `primary()` and `address()` follow what Patroni writes into the Service's Endpoints."""

    def __init__(self, fleet, members, login):
        self.fleet, self.members, self.login = fleet, members, login
        self.scope = members[0].name.rsplit("-", 1)[0]
        self.public = None
        self.loyal_number = -1
        for member in members:
            member.start()
            threading.Thread(target=member.play_kubelet, args=(fleet.stopping,), daemon=True).start()
        self.load = None

    def see(self, endpoints):
        """What kube-proxy does with the Endpoints of a Service."""
        subsets = endpoints.get("subsets") or [{}]
        addresses = subsets[0].get("addresses") or [{}]
        self.public = addresses[0].get("ip")

    def primary(self):
        return next((member for member in self.members if member.public == self.public), None)

    def address(self):
        primary = self.primary()
        return primary.address if primary else None

    def whole(self):
        """One leads, all others stream from it, one of them in sync. Asked of each: what the API has of a member may be old."""
        answers = [member.ask("patroni") for member in self.members]
        self.whole_seen = [(member.name[-1], answer and {key: answer[1].get(key) for key in ("role", "state", "replication")})
                           for member, answer in zip(self.members, answers)]
        if not all(answer and answer[1].get("state") == "running" for answer in answers):
            return False
        leaders = [answer[1] for answer in answers if answer[1]["role"] == "master"]
        streams = leaders[0].get("replication", []) if len(leaders) == 1 else []
        return self.primary() is not None and len([one for one in streams if one["state"] == "streaming"]) == MEMBERS - 1 and \
            any(one["sync_state"] == "sync" for one in streams)

    def await_whole(self, seconds=BACK):
        def look():
            look.seen = getattr(self, "whole_seen", "")
            time.sleep(0.2)
            return self.whole()
        wait_for(f"{self.scope}: every member is back", seconds, look)

    def begin(self):
        connection = self.login.open(self.address())
        run(connection, "CREATE TABLE IF NOT EXISTS load (id bigint PRIMARY KEY)")
        connection.close()
        self.load = Load(self.login, self.address)

    def round(self, kind):
        """The longest time without an acknowledged write; how many acknowledged rows are missing afterwards; how many writes
        the old primary acknowledged after another one had taken over. (One whose Patroni is frozen goes on for a while.)"""
        self.await_whole()
        old = self.primary()
        before = time.monotonic()
        wait_for("a write is acknowledged", 30, lambda: self.load.first_after(before))
        loyal = Loyal(self.login, old.address) if kind != "postgres killed" else None
        FAULTS[kind][0](old)
        struck = time.monotonic()
        # A killed PostgreSQL may be back before anybody else can lead; after all else somebody else must.
        but = old.address if loyal else None
        written = wait_for(f"{self.scope}: a write after '{kind}'", 90, lambda: self.load.first_after(struck, but))
        seconds = self.load.longest_gap(struck - 1, written)
        moved = self.primary() is not old
        if loyal and moved:
            loyal.begin(self.loyal_number)  # negative numbers: nobody else writes them
            self.loyal_number -= 1
            time.sleep(1)  # the old primary has the statement before it comes back
        FAULTS[kind][1](old)
        self.await_whole()
        late = loyal.acknowledged if loyal and moved else 0
        if loyal:
            loyal.close()
        connection = self.login.open(self.address())
        missing, twice = self.load.missing(connection)
        connection.close()
        return {"kind": kind, "seconds": seconds, "lost": len(missing), "twice": twice, "late": late, "moved": moved}

    def close(self):
        if self.load:
            self.load.close()
        for member in self.members:
            member.close()


def nothing(_):
    pass


# Kind -> (what happens to the primary, how it ends).
FAULTS = {
    "postgres killed": (lambda member: member.kill_postgres(), nothing),
    "pod deleted": (lambda member: member.delete(), nothing),
    "patroni frozen": (lambda member: member.freeze("patroni"), lambda member: member.thaw()),
    "vanished": (lambda member: member.freeze("everything"), lambda member: member.thaw()),
    "API server unreachable": (lambda member: member.door.open.clear(), lambda member: member.door.open.set()),
}


class Shards:
    """So many shards of one ShardSet, whole and under load. `with Shards(2) as shards`."""

    member, controllers = Member, False  # who plays a pod; whether StatefulSets make them

    def __init__(self, count, arguments=()):
        """`arguments` of the operator."""
        self.arguments = arguments
        self.keep = tempfile.TemporaryDirectory(prefix="foreshard-failover-")
        directory = pathlib.Path(self.keep.name)
        os.chmod(directory, 0o755)
        (directory / "members").mkdir()
        self.stopping = threading.Event()
        self.cluster = self.operator = None
        self.shards = []
        self.network = f"127.{200 + os.getpid() // 256 % 50}.{os.getpid() % 256}"
        try:
            self.begin(directory, count)
        except BaseException:
            self.tell_all()
            self.close()
            raise

    def begin(self, directory, count):
        self.cluster = Cluster(directory / "cluster")
        self.cluster.install(controllers=self.controllers)
        self.operator = start([ROOT / "build/release/bin/foreshard-operator",
                               f"--kubeconfig={self.cluster.operator_kubeconfig('one')}", "--listen=127.0.0.1:0",
                               "--status-listen=off", "--lease-namespace=foreshard-system", "--audit-interval=0s",
                               f"--temporary-directory={directory}/operator-files", *self.arguments],
                              directory / "cluster/log/operator.log")
        self.make_set(count)
        self.start_members(count, directory / "members")

    def make_set(self, count):
        api = self.cluster.api
        api.create(f"{CORE}/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": SPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
        api.create(f"{OURS}/namespaces/{SPACE}/shardsets", {
            "apiVersion": "foreshard.dev/v1alpha1", "kind": "ShardSet", "metadata": {"name": OWNER, "namespace": SPACE},
            "spec": {"sharding": {"tables": [{"name": "public.orders", "column": "id"}], "initialShards": count},
                     "shardTemplate": {"members": MEMBERS, "storage": {"size": "1Gi"},
                                       "resources": {"requests": {"cpu": "0.1", "memory": "256Mi"}}},
                     "router": {"replicas": 1}, "scaling": {"mode": "Off"}}})

    def status(self):
        return self.cluster.api.get(f"{OURS}/namespaces/{SPACE}/shardsets/{OWNER}").get("status", {})

    def start_members(self, count, directory):
        api = self.cluster.api
        found = wait_for("the operator has made every StatefulSet", 60, lambda: self.stateful_sets(count))
        secret = api.get(f"{CORE}/namespaces/{SPACE}/secrets/{OWNER}-app")
        authority = api.get(f"{CORE}/namespaces/{SPACE}/secrets/{OWNER}-ca")
        (directory / "ca.crt").write_bytes(base64.b64decode(authority["data"]["ca.crt"]))
        login = Login(base64.b64decode(secret["data"]["password"]).decode(), directory / "ca.crt")
        for number, shard in enumerate(found):
            members = members_of(self.cluster, SPACE, OWNER, shard, number, directory, self.network, self.member)
            self.shards.append(Shard(self, members, login))
        by_scope = {shard.scope: shard for shard in self.shards}

        def see(_, endpoints):
            if endpoints["metadata"]["name"] in by_scope:
                by_scope[endpoints["metadata"]["name"]].see(endpoints)
        threading.Thread(target=api.watch, daemon=True, args=(
            f"{CORE}/namespaces/{SPACE}/endpoints", "foreshard.dev/shardset", see, self.stopping)).start()
        for shard in self.shards:
            shard.await_whole()

        def ready():
            ready.seen = self.status().get("shardStatuses")
            return self.status().get("readyShards") == count
        wait_for("the operator has set up every shard", 60, ready)
        for shard in self.shards:
            shard.begin()

    def stateful_sets(self, count):
        items = self.cluster.api.get(f"apis/apps/v1/namespaces/{SPACE}/statefulsets")["items"]
        configs = self.cluster.api.get(f"{CORE}/namespaces/{SPACE}/configmaps")["items"]
        made = [one for one in configs if one["metadata"]["name"].endswith("-patroni")]
        return sorted(one["metadata"]["labels"]["foreshard.dev/shard"] for one in items) \
            if len(items) == count and len(made) == count else None

    def each(self, work):
        """work(shard, number) for each shard at the same time; the results in their order. The first failure is raised."""
        results, failures = [None] * len(self.shards), []

        def go(number):
            try:
                results[number] = work(self.shards[number], number)
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)
        threads = [threading.Thread(target=go, args=(number,)) for number in range(len(self.shards))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return results

    def __enter__(self):
        return self

    def __exit__(self, kind, *ignored):
        if kind is not None:
            self.tell_all()
        self.close()

    def tell_all(self):
        """What a person wants to see when something did not come as it should."""
        if not self.operator:
            return
        try:
            print(json.dumps(self.status())[:2000])
        except (Refused, OSError) as error:
            print(error)
        print((self.cluster.directory / "log/operator.log").read_text()[-2000:])
        for shard in self.shards:
            for member in shard.members:
                if (member.directory / "log").exists():
                    print(member.name, (member.directory / "log").read_text()[-1500:])

    def close(self):
        self.stopping.set()
        for shard in self.shards:
            shard.close()
        stop(self.operator)
        if self.cluster is not None:
            self.cluster.close()
        self.keep.cleanup()


__all__ = ["FAULTS", "Missing", "Shards", "Silent", "psycopg2"]

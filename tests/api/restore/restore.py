#!/usr/bin/env python3
"""spec.restoreFrom on real parts: the operator's program, a real API server, PostgreSQL under Patroni, pgBackRest.

A set that is gone (old_set.py) left backups and a point. A new one is made with spec.restoreFrom; its members are started from
what the operator makes, as in tests/api/failover. One of them is killed in the middle of its restore. Then all that was written
before the point is there and nothing later, what was in doubt has ended by its decision, nothing of the migration is left, and
nobody ever asked the old set for anything.
"""
import base64
import os
import pathlib
import sys
import tempfile
import threading
import time

try:
    import psycopg2  # noqa: F401  pylint: disable=unused-import
except ImportError:  # Debian's Python has it, another one in PATH may not
    if sys.executable == "/usr/bin/python3":
        print("skipped: missing python3-psycopg2", file=sys.stderr)
        sys.exit(77)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "failover"))
from clients import Login, run  # noqa: E402  pylint: disable=wrong-import-position
from members import Member  # noqa: E402  pylint: disable=wrong-import-position
from old_set import SHARDS, OldSet  # noqa: E402  pylint: disable=wrong-import-position

from cluster import APPS, CORE, OURS, ROOT, Cluster, Missing, Refused, start, stop, wait_for  # noqa: E402,I100

SPACE, NAME = "shop", "copy"


class RestoredMember(Member):
    """A member that also mounts the repository and what the operator says of it."""

    def __init__(self, cluster, shard, number, directory, repository, network):
        self.repository, self.directory, self.shard = repository, directory, shard
        scope = f"{NAME}-{shard}"
        core = f"{CORE}/namespaces/{SPACE}"
        for folder in ("restore", "restore-secret", "backup", "backup-secret"):
            (directory / "foreshard" / folder).mkdir(parents=True)
        files = self.secret(cluster, f"{core}/secrets/{NAME}-shard-tls", "tls")
        files["patroni/patroni.yml"] = cluster.api.get(f"{core}/configmaps/{scope}-patroni")["data"]["patroni.yml"]
        for folder in ("restore", "backup"):
            data = cluster.api.get(f"{core}/configmaps/{scope}-{folder}")["data"]
            files.update({f"{folder}/{name}": text if name.endswith(".py") else self.moved(text)
                          for name, text in data.items()})
            files.update(self.secret(cluster, f"{core}/secrets/{NAME}-{folder}", f"{folder}-secret"))
        super().__init__(cluster, cluster.api.get(f"{APPS}/namespaces/{SPACE}/statefulsets/{scope}")["spec"]["template"],
                         f"{scope}-0", SPACE, f"{network}.{10 * number + 1}", f"192.0.2.{10 * number + 1}", directory, files)
        account = directory / "account"
        account.mkdir()
        (account / "namespace").write_text(SPACE)
        (account / "ca.crt").write_text((directory / "api.crt").read_text())
        token = cluster.kubectl("-n", SPACE, "create", "token", f"{NAME}-shard", "--duration=1h")
        (account / "token").write_text(token.strip())
        self.environment.update({"FORESHARD_LAST_WORDS": str(directory / "last"), "FORESHARD_ACCOUNT": str(account),
                                 "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.door.port)})
        os.system(f"chown -R postgres:postgres {directory}")

    @staticmethod
    def secret(cluster, path, folder):
        data = cluster.api.get(path)["data"]
        return {f"{folder}/{name}": base64.b64decode(text).decode() for name, text in data.items()}

    def moved(self, text):
        return super().moved(text).replace("/repository", str(self.repository))

    def begins(self):
        return (self.directory / "data/pg.restoring").exists() and (self.directory / "data/pg/base").exists()


def spec(point="1"):
    return {"sharding": {"tables": [{"name": "public.customers", "column": "id"}], "initialShards": 1},
            "shardTemplate": {"members": 1, "synchronousReplication": False, "storage": {"size": "1Gi"},
                              "resources": {"requests": {"cpu": "0.1", "memory": "256Mi"}}},
            "router": {"replicas": 1}, "scaling": {"mode": "Off"},
            "backup": {"repository": {"volume": {"claimName": "backups"}}, "encryptionSecretName": "passphrase"},
            "restoreFrom": {"set": "old", "point": point, "repository": {"volume": {"claimName": "backups"}},
                            "encryptionSecretName": "passphrase"}}


class World:
    def __init__(self, directory):
        self.directory, self.members, self.operator, self.cluster, self.old = directory, [], None, None, None
        self.stopping = threading.Event()
        self.network = f"127.{200 + os.getpid() // 256 % 50}.{os.getpid() % 256}"
        (directory / "old").mkdir()
        self.old = OldSet(directory / "old")
        self.cluster = Cluster(directory / "cluster")
        self.cluster.install(controllers=False)
        self.cluster.api.create(f"{CORE}/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
        self.start_operator("one")

    def start_operator(self, identity):
        self.operator = start([ROOT / "build/release/bin/foreshard-operator",
                               f"--kubeconfig={self.cluster.operator_kubeconfig(identity)}", "--listen=127.0.0.1:0",
                               "--status-listen=off", "--lease-namespace=foreshard-system", "--audit-interval=0s",
                               f"--temporary-directory={self.directory}/operator-files"],
                              self.directory / "cluster/log/operator.log")

    def make_set(self, name, what):
        self.cluster.api.create(f"{OURS}/namespaces/{SPACE}/shardsets", {
            "apiVersion": "foreshard.dev/v1alpha1", "kind": "ShardSet", "metadata": {"name": name, "namespace": SPACE},
            "spec": what})

    def condition(self, kind, name=NAME):
        status = self.cluster.api.get(f"{OURS}/namespaces/{SPACE}/shardsets/{name}").get("status", {})
        conditions = status.get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), {"status": "", "reason": "", "message": ""})

    def await_condition(self, what, seconds, look, name=NAME):
        def seen():
            condition = self.condition("Restored", name)
            seen.seen = condition
            return condition if look(condition) else None
        return wait_for(what, seconds, seen)

    def start_members(self):
        def made():
            try:
                configs = [self.cluster.api.get(f"{APPS}/namespaces/{SPACE}/statefulsets/{NAME}-{shard}") for shard in SHARDS]
                self.cluster.api.get(f"{CORE}/namespaces/{SPACE}/configmaps/{NAME}-{SHARDS[1]}-patroni")
                return configs
            except Refused:
                return None
        wait_for("the operator has made every StatefulSet", 60, made)
        for number, shard in enumerate(SHARDS):
            self.members.append(RestoredMember(self.cluster, shard, number + 1, self.directory / shard,
                                               self.old.repository, self.network))
        for member in self.members:
            member.start()
            threading.Thread(target=member.play_kubelet, args=(self.stopping,), daemon=True).start()

    def login(self, user):
        core = f"{CORE}/namespaces/{SPACE}"
        key, name = ("superuser", f"{NAME}-internal") if user == "postgres" else ("password", f"{NAME}-app")
        password = base64.b64decode(self.cluster.api.get(f"{core}/secrets/{name}")["data"][key]).decode()
        authority = self.directory / "ca.crt"
        authority.write_bytes(base64.b64decode(self.cluster.api.get(f"{core}/secrets/{NAME}-ca")["data"]["ca.crt"]))
        return Login(password, authority, user=user)

    def tell_all(self):
        if self.cluster:
            log = self.cluster.directory / "log/operator.log"
            print(log.read_text()[-3000:] if log.exists() else "no operator")
        for member in self.members:
            for file in ("log", "last"):
                if (member.directory / file).exists():
                    print(member.name, file, (member.directory / file).read_text()[-4000:])

    def close(self):
        self.stopping.set()
        for member in self.members:
            member.close()
        stop(self.operator)
        for one in (self.cluster, self.old):
            if one is not None:
                one.close()


def refusals(world):
    """Before anything can be restored: what is missing is named, and nothing is made."""
    world.make_set("early", {**spec("2026-05-01T09:00:00Z")})
    seen = world.await_condition("a set without points is refused", 60, lambda c: c["reason"] == "PointNotFound", "early")
    assert "'old': there is no ConfigMap old-points" in seen["message"], seen
    world.old.tell(world.cluster.api, SPACE)
    seen = world.await_condition("a time before every point is refused", 60,
                                 lambda c: "there is no such point" in c["message"], "early")
    assert "from foreshard/" in seen["message"], seen
    sets = world.cluster.api.get(f"{APPS}/namespaces/{SPACE}/statefulsets")["items"]
    assert not sets, "nothing is made before a point is chosen"
    world.cluster.api.delete(f"{OURS}/namespaces/{SPACE}/shardsets/early")


def judge(world):
    login, counts = world.login("postgres"), {"before": 0, "after": 0, "a copy": 0}
    for member in world.members:
        connection = login.open(member.address)

        def ask(sql, connection=connection):
            return run(connection, sql, seconds=10).fetchall()
        rows = ask("SELECT name, count(*) FROM customers GROUP BY 1 ORDER BY 1")
        print(member.name, rows)
        for name, count in rows:
            counts[name] = counts.get(name, 0) + count
        stray = ask(f"SELECT count(*) FROM customers WHERE (hashint8extended(id, 0) < 0) <> {member.shard == SHARDS[0]} "
                    "AND id < 900000")
        assert stray == [(0,)], f"{member.name}: rows of the other shard {stray}"
        assert ask("SELECT count(*) FROM pg_prepared_xacts") == [(0,)], "something is in doubt"
        left = ask("SELECT (SELECT count(*) FROM pg_subscription), (SELECT count(*) FROM pg_publication), "
                   "(SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zzz%%'), "
                   "(SELECT count(*) FROM foreshard.gate)")
        assert left == [(0, 0, 0, 0, 0)], f"{member.name}: left of the migration {left}"
        assert ask("SELECT phase FROM foreshard.migration WHERE migration_id = 7") == [("Aborted",)]
        assert ask("SELECT max(migration_id) FROM foreshard.migration") == [(9,)], "the next one gets a greater number"
        assert ask("SELECT owner, epoch, leased FROM foreshard.range") == [("s-aaaa", 13, False)]
        assert ask("SHOW max_logical_replication_workers") == [("12",)], "the next migration can work"
        settings = (member.directory / "data/pg/postgresql.auto.conf").read_text()
        assert "restore" not in settings, f"no setting of the restore stays: {settings}"
        connection.close()
        world.login("app").open(member.address).close()  # the new password
    assert counts["before"] == 200 and counts["after"] == 0 and counts["a copy"] == 0, counts
    assert counts.get("over shards") == 1, f"what was decided is there, what was not is gone: {counts}"
    table = world.cluster.api.get(f"{OURS}/namespaces/{SPACE}/routingtables/{NAME}")["spec"]
    assert table["epoch"] == 13 and [one["shard"] for one in table["ranges"]] == list(SHARDS), table
    assert not world.old.tried(), "a restored subscription asked the old set for its stream"
    return counts


def main():
    with tempfile.TemporaryDirectory(prefix="foreshard-restore-") as keep:
        directory = pathlib.Path(keep)
        os.chmod(directory, 0o755)
        world, began = None, time.monotonic()
        try:
            world = World(directory)
            print(f"the old set is gone: {time.monotonic() - began:.1f} s")
            refusals(world)
            world.make_set(NAME, spec())
            world.start_members()
            victim = world.members[1]
            wait_for("the second shard is being restored", 60, victim.begins)
            victim.process.kill()  # and the operator with it
            stop(world.operator)
            world.start_operator("two")
            seen = world.await_condition("all is restored", 180, lambda c: c["status"] == "True")
            print(f"{time.monotonic() - began:.1f} s: {seen['message']}")
            counts = judge(world)
            assert "begins anew" in (victim.directory / "log").read_text(), "the interrupted restore was begun anew"
            print(f"restore: {counts['before']} rows of before the point, 0 of after it, a member and the operator killed in between")
        except BaseException:
            if world is not None:
                world.tell_all()
            raise
        finally:
            if world is not None:
                world.close()


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

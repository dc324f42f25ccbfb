"""A set of two shards that was backed up and is gone: two servers of this machine with pgBackRest, and a book with one point.

Caught by the point: a transaction over both shards that is decided, one that is not, and a migration that copies keys of the
first shard to the second: gate, triggers, publication, a subscription that would run as soon as it may, and copies of rows.
"""
import base64
import json
import pathlib
import socket
import subprocess
import time

from cluster import CORE, ROOT

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
UID = "0f3c-of-the-old-one"
PASSPHRASE = "of-this-test-only"
SHARDS = ("s-aaaa", "s-bbbb")
CONF = """[global]
{repository}
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass={passphrase}
repo1-retention-full=9
lock-path={folder}/lock
log-path={folder}
log-level-file=off
log-level-console=warn
compress-type=lz4
start-fast=y
[{shard}]
pg1-path={folder}/pg
pg1-port={port}
pg1-socket-path={folder}
"""
SETTINGS = """
port = {port}
unix_socket_directories = '{folder}'
listen_addresses = ''
wal_level = logical
max_prepared_transactions = 300
max_connections = 300
archive_mode = on
archive_command = 'pgbackrest --config={folder}/conf --stanza={shard} archive-push %p'
"""
ROLES = """
CREATE ROLE standby REPLICATION LOGIN PASSWORD 'old';
CREATE ROLE rewind LOGIN PASSWORD 'old';
CREATE ROLE foreshard SUPERUSER LOGIN REPLICATION PASSWORD 'old';
CREATE ROLE exporter LOGIN PASSWORD 'old';
CREATE ROLE app LOGIN PASSWORD 'old';
"""
# Of both sides; the source of the migration is the first shard.
MIGRATION = """
INSERT INTO foreshard.migration (migration_id, uid, peer, phase, token, state, objects)
  VALUES (7, 'm', '{peer}', 'Copying', 3145728, '{state}', '[{{"kind": "slot", "name": "foreshard_7_s_aaaa"}}]');
INSERT INTO foreshard.range VALUES ('migration-7', 'hash', '40', '80', NULL, 's-aaaa', 12, true, 7);
"""
SOURCE = """
INSERT INTO foreshard.gate VALUES (7);
CREATE TRIGGER zzz_foreshard_7_insert BEFORE INSERT ON public.customers FOR EACH ROW EXECUTE FUNCTION foreshard.gate_check('7');
ALTER TABLE public.customers ENABLE ALWAYS TRIGGER zzz_foreshard_7_insert;
CREATE PUBLICATION foreshard_7 FOR TABLE public.customers;
CREATE EVENT TRIGGER foreshard_7_ddl ON ddl_command_end EXECUTE FUNCTION foreshard.refuse_ddl();
"""
DESTINATION = """
CREATE SUBSCRIPTION foreshard_7_s_aaaa CONNECTION 'host=127.0.0.1 port={port} dbname=app user=foreshard connect_timeout=5'
  PUBLICATION foreshard_7 WITH (connect = false, enabled = false, create_slot = false, slot_name = 'foreshard_7_s_aaaa');
ALTER SUBSCRIPTION foreshard_7_s_aaaa ENABLE;
INSERT INTO public.customers SELECT id, 'a copy' FROM generate_series(1, 200) id WHERE hashint8extended(id, 0) < 0;
"""


def as_postgres(*command, text=None):
    done = subprocess.run(["runuser", "-u", "postgres", "--", *map(str, command)], input=text, capture_output=True, text=True,
                          check=False, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


class Server:
    """One shard. `number` 0 owns the keys with a negative hash. `repository`: lines of pgBackRest's section [global]."""

    def __init__(self, directory, repository, number):
        self.id, self.number, self.folder = SHARDS[number], number, directory / SHARDS[number]
        self.port = 55430 + number
        self.folder.mkdir()
        words = {"folder": self.folder, "repository": repository, "port": self.port, "shard": self.id, "passphrase": PASSPHRASE}
        (self.folder / "conf").write_text(CONF.format(**words))
        subprocess.run(["chown", "-R", "postgres:postgres", str(self.folder)], check=True)
        as_postgres(BIN / "initdb", "-D", self.folder / "pg", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                    "--data-checksums", "-N")
        with open(self.folder / "pg/postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(SETTINGS.format(**words))
        self.start()
        self.pgbackrest("stanza-create")
        self.sql(ROLES, "postgres")
        self.sql("CREATE DATABASE app OWNER app", "postgres")
        self.sql("ALTER SCHEMA public OWNER TO app; CREATE TABLE public.customers (id bigint PRIMARY KEY, name text)")
        for part in ("shard_schema.sql", "shard_decisions.sql"):
            self.sql((ROOT / "migration" / part).read_text())
        self.sql("ALTER TABLE public.customers OWNER TO app")

    def start(self):
        as_postgres(BIN / "pg_ctl", "-D", self.folder / "pg", "-w", "-l", self.folder / "log", "start")

    def stop(self):
        if (self.folder / "pg/postmaster.pid").exists():
            as_postgres(BIN / "pg_ctl", "-D", self.folder / "pg", "-w", "-m", "fast", "stop")

    def pgbackrest(self, *words):
        return as_postgres("pgbackrest", f"--config={self.folder}/conf", f"--stanza={self.id}", *words)

    def sql(self, text, database="app", user="postgres"):
        return as_postgres("psql", "-h", self.folder, "-p", self.port, "-U", user, "-d", database, "-XAtq",
                           "-v", "ON_ERROR_STOP=1", text=text).strip()

    def write(self, name, first):
        sign = "<" if self.number == 0 else ">="
        self.sql(f"INSERT INTO customers SELECT id, '{name}' FROM generate_series({first}, {first + 199}) id "
                 f"WHERE hashint8extended(id, 0) {sign} 0", user="app")

    def fail_over(self):
        """Its history goes on a second timeline."""
        self.stop()
        as_postgres("touch", self.folder / "pg/standby.signal")
        self.start()
        as_postgres(BIN / "pg_ctl", "-D", self.folder / "pg", "-w", "promote")

    def make_point(self, number):
        lsn, wal_file, system, timeline = self.sql(
            f"SELECT lsn, pg_walfile_name(lsn), system_identifier, ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int "
            f"FROM pg_create_restore_point('foreshard/{UID}/{number}') lsn, pg_control_system()", "postgres").split("|")
        return {"shard": self.id, "systemIdentifier": system, "timeline": int(timeline), "lsn": lsn, "walFile": wal_file}

    def archive(self):
        """Everything so far is in the repository."""
        file = self.sql("SELECT pg_walfile_name(pg_switch_wal())", "postgres")
        deadline = time.monotonic() + 60
        while self.sql("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver", "postgres") < file:
            assert time.monotonic() < deadline, f"{file} is not archived"
            time.sleep(0.1)


class OldSet:
    """Made, backed up, caught at point 1, written to afterwards, and stopped. `tried`: somebody wanted its stream.

    `lines`: where its repository is, as pgBackRest is told; a folder, where none are given.
    """

    def __init__(self, directory, lines=None):
        self.repository = directory / "repository"
        self.repository.mkdir()
        (self.repository / "old").mkdir()
        subprocess.run(["chown", "-R", "postgres:postgres", str(directory)], check=True)
        # Bound, but deaf until the old servers are gone.
        self.canary = socket.socket()
        self.canary.bind(("127.0.0.1", 0))
        self.servers = []
        try:
            self.servers = [Server(directory, lines or f"repo1-path={self.repository}/old", number) for number in range(2)]
            self.point = self.live()
        finally:
            for server in self.servers:
                server.stop()
        self.canary.listen()
        self.canary.setblocking(False)

    def live(self):
        first, second = self.servers
        for server in self.servers:
            server.pgbackrest("--type=full", "backup")
            server.write("before", 1)
        first.fail_over()
        first.sql(MIGRATION.format(peer="s-bbbb", state="open") + SOURCE)
        second.sql(MIGRATION.format(peer="s-aaaa", state="closed") + DESTINATION.format(port=self.canary.getsockname()[1]))
        for number, key in ((1, 900_001), (2, 900_002)):
            second.sql(f"BEGIN; INSERT INTO customers VALUES ({key}, 'over shards'); "
                       f"PREPARE TRANSACTION 'foreshard:s-aaaa:t:{number}@s-bbbb'", user="app")
        first.sql("SELECT foreshard.decide('foreshard:s-aaaa:t:1', ARRAY['s-bbbb'])", user="app")
        shards = [server.make_point(1) for server in self.servers]
        first.sql("DROP EVENT TRIGGER foreshard_7_ddl; ALTER TABLE customers DISABLE TRIGGER zzz_foreshard_7_insert")
        for server in self.servers:
            server.write("after", 1001)
            server.archive()
        first.pgbackrest("--type=full", "backup")  # after the point: useless for it
        return {"version": 1, "number": 1, "madeAt": "2026-05-01T09:10:00.000000Z", "shards": shards, "state": {
            "setUid": UID, "epoch": 12, "migrations": "[]", "numberMax": 9, "recordMax": 3, "leaseTransitions": 1,
            "routingTable": json.dumps({
                "shardSetName": "old", "epoch": 12,
                "ranges": [{"from": "", "to": "80", "shard": "s-aaaa"}, {"from": "80", "to": "", "shard": "s-bbbb"}],
                "pins": [],
                "shards": [{"id": one, "primaryService": f"old-{one}", "replicaService": f"old-{one}-pods"}
                           for one in SHARDS],
                "moving": [{"migration": "old-split", "number": 7, "range": {"from": "40", "to": "80"}, "keys": []}]})}}

    def tried(self):
        try:
            self.canary.accept()[0].close()
            return True
        except BlockingIOError:
            return False

    def tell(self, api, space):
        """What stands in the cluster when the set itself is gone."""
        api.create(f"{CORE}/namespaces/{space}/configmaps", {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old-points"},
            "data": {"last": "1", "point-1": json.dumps(self.point)}})
        api.create(f"{CORE}/namespaces/{space}/secrets", {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "passphrase"},
            "data": {"passphrase": base64.b64encode(PASSPHRASE.encode()).decode()}})

    def close(self):
        self.canary.close()
        for server in self.servers:
            server.stop()


__all__ = ["OldSet", "SHARDS"]

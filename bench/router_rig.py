"""What bench/router measures on: one PostgreSQL with a database a shard, PgBouncer and foreshard-router in front of it.

Everything listens on loopback and lies in a temporary folder; `close()` ends what was started, by its pid.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PG = pathlib.Path("/usr/lib/postgresql/15/bin")
PASSWORD = "bench"
ACCOUNTS = 50_000
BRANCHES = 400  # of the TPC-B-like mix, whose rows are all colocated by branch
ACCOUNTS_PER_BRANCH = 100
SERVER_CONNECTIONS = 20  # in all, of each proxy


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, what, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{what} ended with {process.returncode}")
        with socket.socket() as s:
            s.settimeout(0.2)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"{what} does not listen on {port}")


def remove_segment(data):
    """A server that was killed leaves a segment of shared memory, named in the seventh line of what it leaves in its folder."""
    try:
        key, number = (data / "postmaster.pid").read_text().splitlines()[6].split()
        with open("/proc/sysvipc/shm", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except (OSError, ValueError, IndexError):
        return  # it ended by itself, or never came so far
    # Keys are signed there: key, shmid, perms, size, cpid, lpid, nattch, ...
    if any(row[1] == number and row[0] != "key" and (int(row[0]) - int(key)) % 2**32 == 0 and row[6] == "0" for row in rows):
        subprocess.run(["ipcrm", "-m", number], check=False)


def scram_verifier(iterations=64):
    """Few iterations, so that a thousand logins of pgbench do not fill the measured seconds."""
    salt = b"0123456789abcdef"
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


TABLES = f"""
CREATE TABLE pgbench_accounts(aid bigint PRIMARY KEY, bid int, abalance int, filler char(84));
INSERT INTO pgbench_accounts SELECT i, 1, 0, '' FROM generate_series(1, {ACCOUNTS}) i;
CREATE TABLE tpcb_branches(bid bigint PRIMARY KEY, bbalance int NOT NULL) WITH (fillfactor = 20);
INSERT INTO tpcb_branches SELECT i, 0 FROM generate_series(1, {BRANCHES}) i;
CREATE TABLE tpcb_tellers(bid bigint, tid int, tbalance int NOT NULL, PRIMARY KEY (bid, tid)) WITH (fillfactor = 50);
INSERT INTO tpcb_tellers SELECT b, t, 0 FROM generate_series(1, {BRANCHES}) b, generate_series(1, 10) t;
CREATE TABLE tpcb_accounts(bid bigint, aid int, abalance int NOT NULL, PRIMARY KEY (bid, aid)) WITH (fillfactor = 90);
INSERT INTO tpcb_accounts SELECT b, a, 0 FROM generate_series(1, {BRANCHES}) b, generate_series(1, {ACCOUNTS_PER_BRANCH}) a;
CREATE TABLE tpcb_history(bid bigint, tid int, aid int, delta int, mtime timestamp);
VACUUM ANALYZE;
"""


class Rig:
    def __init__(self, shards, threads, program):
        self.shards, self.threads = shards, threads
        self.program = pathlib.Path(program or ROOT / "build/release/bin/foreshard-router")
        if not self.program.exists():
            sys.exit(f"{self.program} is missing; run: make build")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="foreshard-bench-router-"))
        os.chmod(self.directory, 0o755)
        self.children = []
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.prefix = []
        if os.geteuid() == 0:
            self.prefix = ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups"]

    def start(self, command, as_user=False, log="log", **options):
        out = open(self.directory / log, "wb")
        child = subprocess.Popen([str(c) for c in (self.prefix if as_user else []) + command], stdout=out, stderr=out,
                                 stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.children.append(child)
        return child

    def close(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGINT if child is self.children[0] else signal.SIGKILL)
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    child.kill()
        remove_segment(self.directory / "data")
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, command, **options):
        environment = dict(os.environ, PGPASSWORD=PASSWORD, PGSSLMODE="disable")
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=environment, **options)
        if done.returncode != 0:
            sys.exit(f"{command[0]}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def sql(self, sql, database="postgres", user=None):
        return self.run(["psql", "-qAtX", "-h", self.directory / "socket" if user is None else "127.0.0.1", "-p",
                         self.postgres_port, "-U", user or "postgres", "-v", "ON_ERROR_STOP=1", "-f", "-", database],
                        input=sql).strip()

    def start_postgres(self):
        data = self.directory / "data"
        sockets = self.directory / "socket"
        for folder in (data, sockets):
            folder.mkdir()
            if os.geteuid() == 0:
                shutil.chown(folder, self.user, self.user)
            os.chmod(folder, 0o700 if folder is data else 0o755)
        self.run(self.prefix + [PG / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust",
                                "--auth-host=scram-sha-256", "-N"], cwd="/")
        self.postgres_port = free_port()
        with open(data / "postgresql.conf", "a") as conf:
            conf.write(f"port={self.postgres_port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{sockets}'\n"
                       "fsync=off\nmax_connections=1200\nmax_prepared_transactions=50\nshared_buffers=256MB\n"
                       "checkpoint_timeout=1h\nmax_wal_size=8GB\nautovacuum=off\n")
        child = self.start([PG / "postgres", "-D", data], as_user=True, log="postgres.log", cwd="/")
        wait_port(self.postgres_port, "postgres", child)
        self.verifier = scram_verifier()
        self.sql(f"CREATE ROLE app LOGIN PASSWORD '{self.verifier}'")
        # Each database has all rows, so that a proxy that does not route finds any key, too.
        self.sql("CREATE DATABASE shard_0 OWNER app")
        self.sql(TABLES, "shard_0", "app")
        for shard in range(1, self.shards):
            self.sql(f"CREATE DATABASE shard_{shard} OWNER app TEMPLATE shard_0")

    def keys_of_shard(self, shard, table, column):
        """At most 4,096 keys that the router's table gives to a shard: its ranges cut the first byte of PostgreSQL's hash."""
        found = self.sql(f"SELECT {column} FROM {table} WHERE ((hashint8extended({column}, 0) >> 56) & 255) * {self.shards} / 256"
                         f" = {shard} LIMIT 4096", "shard_0", "app")
        return [int(key) for key in found.split()]

    def start_router(self, name="router", more=()):
        (self.directory / "users").write_text(f"app {self.verifier}\n")
        tables = [{"name": "public.pgbench_accounts", "column": "aid"}] + [
            {"name": f"public.tpcb_{name}", "column": "bid"} for name in ("branches", "tellers", "accounts", "history")]
        (self.directory / "router.json").write_text(json.dumps({
            "shardSet": "bench", "database": "app", "strategy": "Hash", "keyType": "Bigint", "tables": tables,
            "referenceTables": [], "serverConnectionsPerShard": SERVER_CONNECTIONS // self.shards,
            "clientConnections": 10_000, "tlsMode": "Disable"}))
        bounds = [""] + [f"{i * 256 // self.shards:02x}" for i in range(1, self.shards)] + [""]
        (self.directory / "table.json").write_text(json.dumps({
            "shardSetName": "bench", "epoch": 1, "pins": [], "moving": [],
            "ranges": [{"from": bounds[i], "to": bounds[i + 1], "shard": f"s-{i}"} for i in range(self.shards)],
            "shards": [{"id": f"s-{i}", "primaryService": f"127.0.0.1:{self.postgres_port}/shard_{i}"}
                       for i in range(self.shards)]}))
        port = free_port()
        child = self.start([self.program, "--config", self.directory / "router.json", "--users", self.directory / "users",
                            "--listen", f"127.0.0.1:{port}", "--metrics-listen", "127.0.0.1:0", "--table-file",
                            self.directory / "table.json", "--shard-tls", "disable", "--threads", self.threads, *more],
                           log=f"{name}.log")
        wait_port(port, "foreshard-router", child)
        return Target(name, port, child, ["app"] * self.shards)

    def start_pgbouncer(self):
        if shutil.which("pgbouncer") is None:
            sys.exit("pgbouncer is missing; run: make deps")
        port = free_port()
        databases = "".join(f"app_{i} = host=127.0.0.1 port={self.postgres_port} dbname=shard_{i}\n"
                            for i in range(self.shards))
        (self.directory / "userlist.txt").write_text(f'"app" "{self.verifier}"\n')
        (self.directory / "pgbouncer.ini").write_text(
            f"[databases]\n{databases}[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\nunix_socket_dir=\n"
            f"auth_type=scram-sha-256\nauth_file={self.directory}/userlist.txt\npool_mode=transaction\n"
            f"default_pool_size={SERVER_CONNECTIONS // self.shards}\nmax_client_conn=10000\nserver_tls_sslmode=disable\n"
            "log_connections=0\nlog_disconnections=0\nignore_startup_parameters=extra_float_digits\n")
        child = self.start([shutil.which("pgbouncer"), self.directory / "pgbouncer.ini"], as_user=True, log="pgbouncer.log")
        wait_port(port, "pgbouncer", child)
        return Target("pgbouncer", port, child, [f"app_{i}" for i in range(self.shards)])

    def direct(self):
        return Target("direct", self.postgres_port, None, [f"shard_{i}" for i in range(self.shards)])


class Target:
    """What pgbench is pointed at: a port, its process, and one database name a shard."""

    def __init__(self, name, port, process, databases):
        self.name, self.port, self.process, self.databases = name, port, process, databases

    def cpu(self):
        if self.process is None:
            return 0.0
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0


class IdleClients:
    """Logged-in connections that say nothing."""

    def __init__(self, target):
        self.target, self.sockets, self.salted = target, [], {}

    def grow(self, count):
        while len(self.sockets) < count:
            self.sockets.append(self.connect())

    def close(self):
        for connection in self.sockets:
            connection.close()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.target.port), 20)
        said = b"\0\3\0\0user\0app\0database\0" + self.target.databases[0].encode() + b"\0\0"
        connection.sendall(struct.pack(">I", len(said) + 4) + said)
        self.message(connection)
        bare = b"n=,r=abcdefghijklmnop"
        first = b"SCRAM-SHA-256\0" + struct.pack(">I", len(bare) + 3) + b"n,," + bare
        connection.sendall(b"p" + struct.pack(">I", len(first) + 4) + first)
        server = self.message(connection)[1][4:]
        fields = dict(part.split(b"=", 1) for part in server.split(b","))
        key = (fields[b"s"], int(fields[b"i"]))
        if key not in self.salted:
            self.salted[key] = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(key[0]), key[1])
        client_key = hmac.digest(self.salted[key], b"Client Key", "sha256")
        proof_of = b"c=biws,r=" + fields[b"r"]
        signature = hmac.digest(hashlib.sha256(client_key).digest(), b",".join((bare, server, proof_of)), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature)))
        final = proof_of + b",p=" + proof
        connection.sendall(b"p" + struct.pack(">I", len(final) + 4) + final)
        while True:
            kind, body = self.message(connection)
            if kind == b"Z":
                return connection
            if kind == b"E":
                sys.exit(f"login refused: {body!r}")

    @staticmethod
    def message(connection):
        def exactly(size):
            data = b""
            while len(data) < size:
                part = connection.recv(size - len(data))
                if not part:
                    sys.exit("the connection was closed during the login")
                data += part
            return data
        head = exactly(5)
        return head[:1], exactly(struct.unpack(">I", head[1:])[0] - 4)

#!/usr/bin/python3
"""Proves that the newest backup of a shard can be restored (docs/adr/0066); the Job of a verification runs this.

It restores into a volume of its own, starts PostgreSQL there without a network, lets it recover to the newest point over all
shards that the backup reaches, reads while nothing can be written, then ends recovery as a restore would, and looks at every page
and index. The last message is what was proved, as JSON, or what is wrong.

Settings: verify.conf and restore.py beside this file, FORESHARD_VERIFY (JSON), a volume at its dataFolder.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.environ.get("FORESHARD_VERIFY_FILES", os.path.dirname(os.path.abspath(__file__)))
LAST_WORDS = os.environ.get("FORESHARD_LAST_WORDS", "/dev/termination-log")
WISH = json.loads(os.environ["FORESHARD_VERIFY"])
LOOK_AGAIN_SECONDS = 0.2
STOP_SECONDS_MAX = 600
# A member may have been told to take more connections since the backup: a standby with less than its primary stops.
SPARE = 4


def load_restore():
    """restore.py, with this Job's settings: what restores for real is what is verified."""
    folder = tempfile.mkdtemp(prefix="verify-")
    shutil.copy(os.path.join(HERE, "verify.conf"), os.path.join(folder, "restore.conf"))
    with open(os.path.join(folder, "restore.json"), "w") as file:
        json.dump(WISH, file)
    os.environ["FORESHARD_RESTORE"] = folder
    sys.dont_write_bytecode = True
    sys.path.insert(0, HERE)
    import restore
    return restore, folder


restore, FOLDER = load_restore()
DATA = WISH["dataFolder"]
LOG = os.path.join(FOLDER, "postgres.log")


def run(*words, **environment):
    done = subprocess.run(words, env={**os.environ, **environment}, text=True, errors="replace", stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.strip()


def control_data():
    code, text = run("pg_controldata", "-D", DATA, LC_ALL="C")
    if code != 0:
        raise restore.Impossible("pg_controldata: " + text[-500:])
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def choose():
    """The newest backup, and how far it is to recover: to the point, where the backup had ended before it."""
    stanza = restore.read_stanza()
    newest = max(stanza["backup"], key=lambda backup: (backup["timestamp"]["stop"], backup["label"]))
    if newest.get("error"):
        raise restore.Impossible("backup %s: pgBackRest found pages with wrong checksums when it was made" % newest["label"])
    if WISH["target"]:
        left = restore.ancestors(stanza)
        timeline = restore.timeline_of(newest["archive"]["stop"])
        if timeline in left and restore.number_of(newest["lsn"]["stop"]) <= left[timeline]:
            return newest["label"], WISH["target"]
    return newest["label"], ""


class Server:
    """PostgreSQL on the restored files: nothing but this program can reach it, and it archives nothing."""

    def __init__(self):
        seen = control_data()
        names = {"max_connections": "max_connections setting", "max_worker_processes": "max_worker_processes setting",
                 "max_wal_senders": "max_wal_senders setting", "max_prepared_transactions": "max_prepared_xacts setting",
                 "max_locks_per_transaction": "max_locks_per_xact setting"}
        settings = {name: str(SPARE * int(seen[said])) for name, said in names.items()}
        settings.update({
            "listen_addresses": "", "unix_socket_directories": FOLDER, "hba_file": os.path.join(FOLDER, "hba"), "ssl": "off",
            "archive_mode": "off", "hot_standby": "on", "max_logical_replication_workers": "0", "autovacuum": "off",
            "shared_preload_libraries": "", "session_preload_libraries": "", "local_preload_libraries": "",
            "primary_conninfo": "", "synchronous_standby_names": "", "default_transaction_read_only": "on",
            "max_parallel_workers_per_gather": "0", "shared_buffers": "128MB", "huge_pages": "off", "fsync": "off",
            "dynamic_shared_memory_type": "mmap", "logging_collector": "off", "log_destination": "stderr",
            "log_statement": "none", "log_min_messages": "warning", "jit": "off"})
        with open(os.path.join(FOLDER, "hba"), "w") as hba:
            hba.write("local all all trust\n")
        with open(os.path.join(FOLDER, "conf"), "w") as conf:
            conf.write("# of no use: all is said when it starts\n")
        words = ["postgres", "-D", DATA, "-c", "config_file=" + os.path.join(FOLDER, "conf")]
        for name, value in settings.items():
            words += ["-c", "%s=%s" % (name, value)]
        with open(LOG, "wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)

    def words(self):
        """What it complained of; the newest last."""
        with open(LOG, errors="replace") as log:
            lines = [line.strip() for line in log if any(word in line for word in ("ERROR", "FATAL", "PANIC", "DETAIL", "HINT"))]
        return "\n".join([line for line in lines if "starting up" not in line and "not accepting" not in line][-8:])

    def connect(self, database):
        import psycopg2
        connection = psycopg2.connect(host=FOLDER, user="postgres", dbname=database)
        connection.set_session(autocommit=True)
        return connection

    def ask(self, database, sql, values=None):
        connection = self.connect(database)
        try:
            cursor = connection.cursor()
            cursor.execute(sql, values)
            return cursor.fetchall()
        finally:
            connection.close()

    def await_goal(self):
        """Recovered so far as it was told, and stopped there: everything can be read and nothing written."""
        import psycopg2
        while True:
            if self.process.poll() is not None:
                raise restore.Impossible("PostgreSQL ended while it recovered:\n" + self.words())
            try:
                state, recovering = self.ask("postgres", "SELECT pg_get_wal_replay_pause_state(), pg_is_in_recovery()")[0]
                if not recovering:
                    raise restore.Impossible("recovery ended by itself before its goal")
                if state == "paused":
                    return
            except psycopg2.OperationalError:
                pass
            time.sleep(LOOK_AGAIN_SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(STOP_SECONDS_MAX)


def look_inside(server, point):
    """While it is paused. Returns LSN and the rows of the sharded tables."""
    system, lsn = server.ask("postgres", "SELECT (SELECT system_identifier::text FROM pg_control_system()), "
                                         "pg_last_wal_replay_lsn()::text")[0]
    if WISH["target"] and system != WISH["systemIdentifier"]:
        raise restore.Impossible("the backup is of server %s, and point %s was made by %s" % (
            system, WISH["target"], WISH["systemIdentifier"]))
    if point and restore.number_of(lsn) < restore.number_of(WISH["lsn"]):
        raise restore.Impossible("recovery stopped at %s, and point %s is at %s: see the log\n%s" % (
            lsn, point, WISH["lsn"], server.words()))
    database = WISH["database"]
    if not server.ask("postgres", "SELECT FROM pg_database WHERE datname = %s", [database]):
        raise restore.Impossible("there is no database %s in it" % database)
    for table in ("migration", "range", "gate", "decision"):
        if not server.ask(database, "SELECT to_regclass(%s) IS NOT NULL", ["foreshard." + table])[0][0]:
            raise restore.Impossible("foreshard.%s is not in it" % table)
        server.ask(database, "SELECT count(*) FROM foreshard." + table)
    if point:
        newest = server.ask(database, "SELECT coalesce(max(epoch), 0) FROM foreshard.range")[0][0]
        if newest > WISH["epoch"]:
            raise restore.Impossible("the shard knows epoch %d, and the routing table of point %s has %d" % (
                newest, point, WISH["epoch"]))
    rows = 0
    for name in WISH["tables"]:
        table = ".".join('"%s"' % part.replace('"', '""') for part in name.split("."))
        if server.ask(database, "SELECT to_regclass(%s) IS NOT NULL", [table])[0][0]:
            rows += server.ask(database, "SELECT count(*) FROM " + table)[0][0]
    return lsn, rows


def look_at_structure(server):
    """Recovery ends as in a restore; tables and indexes are compared with each other in every database."""
    server.ask("postgres", "SELECT pg_promote(true, 3600)")
    if server.ask("postgres", "SELECT pg_is_in_recovery()")[0][0]:
        raise restore.Impossible("recovery does not end:\n" + server.words())
    # amcheck has to be made in this copy; triggers of a migration refuse that to others.
    options = "-c default_transaction_read_only=off -c session_replication_role=replica -c lock_timeout=60s"
    code, said = run("pg_amcheck", "-h", FOLDER, "-U", "postgres", "--all", "--install-missing", "--heapallindexed",
                     PGOPTIONS=options)
    if code != 0:
        raise restore.Impossible("pg_amcheck: " + said[-1500:])


def look_at_pages():
    """Of a server that is down. Returns how many pages; 0: they have no checksums."""
    if control_data().get("Data page checksum version", "0") == "0":
        return 0
    code, said = run("pg_checksums", "--check", "-D", DATA, LC_ALL="C")
    if code != 0:
        raise restore.Impossible("pg_checksums: " + said[-1500:])
    return next((int(line.split(":")[1]) for line in said.splitlines() if line.startswith("Blocks scanned")), 0)


def verify():
    began = time.monotonic()
    label, point = choose()
    print("verifying backup %s of %s to %s" % (label, WISH["stanza"], point or "where it is consistent"), file=sys.stderr)
    os.makedirs(DATA, mode=0o700, exist_ok=True)
    goal = restore.to_the_point("pause") if point else ("--type=immediate", "--target-action=pause", "--recovery-option=recovery_target_timeline=current")
    restore.fill(label, goal)
    server = Server()
    try:
        server.await_goal()
        lsn, rows = look_inside(server, point)
        look_at_structure(server)
    finally:
        server.stop()
    return {"label": label, "point": point, "lsn": lsn, "rows": rows, "pages": look_at_pages(),
            "seconds": int(time.monotonic() - began + 0.5)}


def main():
    words, code = "", 1
    try:
        words, code = json.dumps(verify()), 0
    except restore.Impossible as error:
        words = "verify: %s" % error
    except Exception as error:  # pylint: disable=broad-except
        words = "verify: %s: %s" % (type(error).__name__, error)
    finally:
        for folder in (DATA, FOLDER):
            shutil.rmtree(folder, ignore_errors=True)
    print(words, file=sys.stderr)
    try:
        with open(LAST_WORDS, "w", errors="replace") as last:
            last.write(words[-2500:])
    except OSError:
        pass
    return code


if __name__ == "__main__":
    sys.exit(main())

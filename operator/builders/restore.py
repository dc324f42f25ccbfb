#!/usr/bin/python3
"""How the first member of a shard begins where a backup ended (docs/adr/0061); Patroni calls this instead of initdb.

restore.py              fills the empty data folder from the newest backup that ended before the point
restore.py opened URI   recovery has ended and nobody is let in yet: what must not begin to work is ended here
restore.py again        before Patroni, on a volume where a restore was interrupted: it begins anew

Settings: restore.json and restore.conf in the folder of FORESHARD_RESTORE.
"""

import json
import os
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

FOLDER = os.environ.get("FORESHARD_RESTORE", "/etc/foreshard/restore")
LAST_WORDS = os.environ.get("FORESHARD_LAST_WORDS", "/dev/termination-log")
ACCOUNT = os.environ.get("FORESHARD_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount")

with open(os.path.join(FOLDER, "restore.json")) as file:
    WISH = json.load(file)
DATA = WISH["dataFolder"]
# On the volume, beside the data: where it is, the data is not whole.
MARK = DATA.rstrip("/") + ".restoring"
OURS = {"PGBACKREST_CONFIG": os.path.join(FOLDER, "restore.conf"), "PGBACKREST_CONFIG_INCLUDE_PATH": WISH["secretFolder"],
        "PGBACKREST_STANZA": WISH["stanza"]}


class Impossible(Exception):
    """What a person has to know."""


def pgbackrest(*words):
    # The container may have settings for the backups of the new set: none of them counts here.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PGBACKREST_")}
    # With a wrong passphrase it quotes what it read.
    return subprocess.run(["pgbackrest", *words], env={**environment, **OURS}, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def number_of(lsn):
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


def timeline_of(wal_file):
    return int(wal_file[:8], 16)


def ancestors(stanza):
    """Timeline -> where the point's history left it; nothing after that belongs to the point."""
    left = {WISH["timeline"]: number_of(WISH["lsn"])}
    for archive in stanza["archive"] if WISH["timeline"] > 1 else []:
        got = pgbackrest("repo-get", "archive/%s/%s/%08X.history" % (WISH["stanza"], archive["id"], WISH["timeline"]))
        for words in (line.split() for line in got.stdout.splitlines() if got.returncode == 0):
            if len(words) >= 2 and words[0].isdigit():
                left[int(words[0])] = min(number_of(words[1]), number_of(WISH["lsn"]))
    return left


def choose(stanza, left):
    """The newest backup of that server that had ended before the point, on the point's own history."""
    ids = [one["id"] for one in stanza["db"] if str(one["system-id"]) == WISH["systemIdentifier"]]
    if not ids:
        raise Impossible("the repository has no backup of server %s, only of %s" % (
            WISH["systemIdentifier"], ", ".join(str(one["system-id"]) for one in stanza["db"]) or "none"))
    good = []
    for backup in stanza["backup"]:
        timeline = timeline_of(backup["archive"]["stop"])
        if backup["database"]["id"] in ids and not backup.get("error") and timeline in left and \
                number_of(backup["lsn"]["stop"]) <= left[timeline]:
            good.append(backup)
    if good:
        return max(good, key=lambda backup: (backup["timestamp"]["stop"], backup["label"]))["label"]
    raise Impossible("no backup ended before point %s at %s of timeline %d; there are: %s" % (
        WISH["target"], WISH["lsn"], WISH["timeline"],
        ", ".join("%s (to %s)" % (one["label"], one["lsn"]["stop"]) for one in stanza["backup"]) or "none"))


def why_not(told, stanzas):
    """What pgBackRest says of a repository in which it finds no backup."""
    states = [one["status"] for stanza in stanzas for one in [*stanza.get("repo", []), stanza] if one["status"]["code"] != 0]
    text = "; ".join(dict.fromkeys(state["message"] for state in states)) or (told.stderr or told.stdout).strip()
    unread = ("Crypto" in text or "Format" in text) and "certificate" not in text
    hint = " (is the passphrase the one with which it was written?)" if unread else ""
    return "".join(one if one.isprintable() else " " for one in text[:500]) + hint


def read_stanza():
    told = pgbackrest("--output=json", "info")
    # With a wrong passphrase it quotes what it read, control characters too: not strictly JSON.
    stanzas = json.loads(told.stdout, strict=False) if told.returncode == 0 and told.stdout else []
    stanza = [one for one in stanzas if one["name"] == WISH["stanza"] and one.get("backup")]
    if not stanza:
        raise Impossible("the repository has no backup of shard %s: %s" % (WISH["stanza"], why_not(told, stanzas)))
    return stanza[0]


def to_the_point(action):
    return ("--type=name", "--target=" + WISH["target"], "--target-timeline=%d" % WISH["timeline"], "--target-action=" + action)


def fill(label, goal):
    """The data folder from that backup; recovery goes on to the goal when PostgreSQL starts."""
    # The server asks for WAL with the settings of this repository, whatever its container was told.
    fetch = " ".join(["env"] + ["%s=%s" % pair for pair in sorted(OURS.items())] + ["pgbackrest", "archive-get", "%f", '"%p"'])
    done = pgbackrest("--pg1-path=" + DATA, "--set=" + label, *goal, "--recovery-option=restore_command=" + fetch, "restore")
    if done.returncode != 0:
        raise Impossible((done.stderr + done.stdout).strip()[-1500:])


def restore():
    stanza = read_stanza()
    with open(MARK, "w"):
        pass
    label = choose(stanza, ancestors(stanza))
    print("restoring %s from %s to %s" % (WISH["stanza"], label, WISH["target"]), file=sys.stderr)
    fill(label, to_the_point("promote"))
    # Of the old set: its members, its settings. Patroni writes its own.
    for name in ("patroni.dynamic.json",):
        if os.path.exists(os.path.join(DATA, name)):
            os.remove(os.path.join(DATA, name))
    with open(os.path.join(DATA, "postgresql.auto.conf"), "a") as conf:
        # A subscription of a migration would drink from a slot of the set that may still be alive.
        conf.write("max_logical_replication_workers = 0\n")


def opened(uri):
    import psycopg2
    import psycopg2.extensions

    def connect(database):
        connection = psycopg2.connect(uri, dbname=database)
        connection.set_session(autocommit=True)
        return connection, connection.cursor()

    def names(cursor, query):
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]

    connection, cursor = connect("postgres")
    databases = names(cursor, "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")
    for database in databases:
        inside, hand = connect(database)
        for name in names(hand, "SELECT subname FROM pg_subscription WHERE subdbid = "
                                "(SELECT oid FROM pg_database WHERE datname = current_database())"):
            quoted = psycopg2.extensions.quote_ident(name, inside)
            hand.execute("ALTER SUBSCRIPTION %s DISABLE" % quoted)
            if name.startswith("foreshard_"):
                # The slot belongs to a server of the old set: it is not ours to drop.
                hand.execute("ALTER SUBSCRIPTION %s SET (slot_name = NONE)" % quoted)
                hand.execute("DROP SUBSCRIPTION %s" % quoted)
        inside.close()
    # The old set's passwords are in the roles; Patroni sets these only after this program, and must not be needed for it.
    cursor.execute("SET log_min_error_statement = panic; SET log_statement = none; SET log_min_duration_statement = -1; "
                   "SET password_encryption = 'scram-sha-256'")
    for role, variable in (("standby", "PATRONI_REPLICATION_PASSWORD"), ("rewind", "PATRONI_REWIND_PASSWORD")):
        if os.environ.get(variable):
            cursor.execute("ALTER ROLE %s PASSWORD %%s" % role, (os.environ[variable],))
    cursor.execute("ALTER SYSTEM RESET max_logical_replication_workers")
    connection.close()
    os.remove(MARK)


def cluster_key(scope):
    """Patroni's lock on the first start, left by this pod when it was interrupted: nobody else could begin."""
    with open(os.path.join(ACCOUNT, "namespace")) as namespace, open(os.path.join(ACCOUNT, "token")) as token:
        request = urllib.request.Request(
            "https://%s:%s/api/v1/namespaces/%s/endpoints/%s-config" % (
                os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"], namespace.read().strip(), scope),
            headers={"Authorization": "Bearer " + token.read().strip()})
    context = ssl.create_default_context(cafile=os.path.join(ACCOUNT, "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            seen = json.load(answer)["metadata"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return
        raise
    if seen.get("annotations", {}).get("initialize") != "":
        return
    request.method = "PATCH"
    request.add_header("Content-Type", "application/merge-patch+json")
    request.data = json.dumps({"metadata": {"resourceVersion": seen["resourceVersion"],
                                            "annotations": {"initialize": None}}}).encode()
    urllib.request.urlopen(request, context=context, timeout=30).close()


def again():
    if not os.path.exists(MARK):
        return
    print("a restore was interrupted here: it begins anew", file=sys.stderr)
    for folder in (DATA, DATA + ".failed"):
        shutil.rmtree(folder, ignore_errors=True)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        cluster_key(WISH["scope"])
    os.remove(MARK)


def main(words):
    try:
        if words[:1] == ["opened"]:
            opened(words[1])
        elif words == ["again"]:
            again()
        else:
            restore()
    except Exception as error:  # pylint: disable=broad-except
        text = str(error) if isinstance(error, Impossible) else "%s: %s" % (type(error).__name__, error)
        print("restore: " + text, file=sys.stderr)
        try:
            with open(LAST_WORDS, "w") as last:
                last.write("restore: " + text[-2000:])
        except OSError:
            pass
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

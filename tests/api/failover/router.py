"""The real foreshard-router in front of real members, and clients of it.

It is started as the operator's Deployment says it, with its own service account. Played: the cluster's DNS (the names of the
shards' Services lead to whom Patroni's Endpoints name), and the kubelet's hand that puts Secrets into its folder.
"""
import base64
import itertools
import json
import os
import threading
import time
import urllib.request

import psycopg2
from clients import Silent, run
from members import ROOT
from rounds import OWNER, SPACE

from cluster import APPS, CORE, start, stop, wait_for

CLIENTS = 6
PATIENCE = 90  # seconds for one statement: a pause is no failure
THINK = 0.02
INSERT = "INSERT INTO orders (id) VALUES (%s)"


class Router:
    """Threads: one, that plays the DNS. `close()` ends it."""

    def __init__(self, fleet, directory):
        self.fleet, self.address = fleet, f"{fleet.network}.200"
        self.directory, api = directory, fleet.cluster.api
        for folder in ("config", "users", "tls"):
            (directory / folder).mkdir(parents=True)
        config = api.get(f"{CORE}/namespaces/{SPACE}/configmaps/{OWNER}-router")["data"]["router.json"]
        (directory / "config/router.json").write_text(config)
        self.write_secrets()
        pod = api.get(f"{APPS}/namespaces/{SPACE}/deployments/{OWNER}-router")["spec"]["template"]["spec"]
        token = fleet.cluster.kubectl("-n", SPACE, "create", "token", pod["serviceAccountName"], "--duration=12h").strip()
        (directory / "kubeconfig").write_text(json.dumps({
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{fleet.cluster.port}",
                                                   "certificate-authority": str(fleet.cluster.directory / "pki/ca.crt")}}],
            "users": [{"name": "u", "user": {"token": token}}]}))
        arguments = [word.replace("/etc/foreshard", str(directory)).replace("0.0.0.0", self.address)
                     .replace("$(POD_NAME)", "router-0") for word in pod["containers"][0]["args"]]
        self.hosts, self.told = directory / "hosts", None
        self.name_primaries()
        self.log = directory / "log"
        self.process = start(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', self.hosts,
                              ROOT / "build/release/bin/foreshard-router", *arguments,
                              f"--kubeconfig={directory}/kubeconfig"], self.log)
        threading.Thread(target=self.play_dns, daemon=True).start()
        wait_for("the router is ready", 60, self.ready)

    def write_secrets(self):
        """What is new in a Secret, into its folder."""
        for folder, secret in (("users", f"{OWNER}-router-users"), ("tls", f"{OWNER}-router-tls")):
            data = self.fleet.cluster.api.get(f"{CORE}/namespaces/{SPACE}/secrets/{secret}")["data"]
            for name, text in sorted(data.items()):
                write_if_new(self.directory / folder / name, base64.b64decode(text))

    def name_primaries(self):
        """In place: the file is bound by its inode; in one write of one length: nobody reads half of it."""
        text = "".join(f"{shard.address() or '127.0.0.1'} {shard.scope}\n" for shard in self.fleet.shards).ljust(1024, "\n")
        if text == self.told:
            return
        file = os.open(self.hosts, os.O_CREAT | os.O_WRONLY)
        os.pwrite(file, text.encode(), 0)
        os.close(file)
        self.told = text

    def play_dns(self):
        while not self.fleet.stopping.wait(0.05):
            self.name_primaries()

    def ready(self):
        time.sleep(0.1)
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://{self.address}:9187/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def close(self):
        stop(self.process)


def write_if_new(path, content):
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


class Clients:
    """So many connections to the router that write without a pause. Threads: one each; `close()` ends them."""

    def __init__(self, login, address):
        self.login, self.address = login, address
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.attempts = []  # (number, client, began, ended, SQLSTATE or "")
        self.broken = []    # what happened to a connection
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(client,), daemon=True) for client in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def write(self, client):
        try:
            connection = self.login.open(self.address)
            while not self.stopping.wait(THINK):
                number, began, code = next(self.numbers), time.monotonic(), ""
                try:
                    run(connection, INSERT, (number,), seconds=PATIENCE)
                except psycopg2.Error as error:
                    code = error.pgcode or str(error)
                    if connection.closed:
                        raise
                with self.lock:
                    self.attempts.append((number, client, began, time.monotonic(), code))
        except (psycopg2.Error, Silent, OSError) as error:
            with self.lock:
                self.broken.append((client, type(error).__name__, str(error)))

    def last(self):
        with self.lock:
            return max((number for number, *_ in self.attempts), default=0)

    def errors(self):
        with self.lock:
            return [attempt for attempt in self.attempts if attempt[4]]

    def acknowledged(self):
        with self.lock:
            return {number for number, _, _, _, code in self.attempts if not code}

    def longest_gap(self, since, rows):
        """Seconds without an acknowledgement of these rows, counted from the last one before `since`."""
        with self.lock:
            ends = sorted(ended for number, _, _, ended, code in self.attempts if not code and number in rows)
        inside = [ended for ended in ends if ended <= since][-1:] + [ended for ended in ends if ended > since]
        return max((b - a for a, b in zip(inside, inside[1:])), default=0.0)

    def close(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)


def rows_of(shard):
    """What its primary has; nothing while nobody answers."""
    try:
        connection = shard.login.open(shard.address())
        rows = {row[0] for row in run(connection, "SELECT id FROM orders", seconds=20)}
        connection.close()
        return rows
    except (psycopg2.Error, Silent, OSError, TypeError):
        return set()


def lost_rows(clients, shards):
    """Acknowledged rows that no shard has. Raises if one is on several."""
    rows = [rows_of(shard) for shard in shards]
    assert not rows[0] & rows[1], "a row is on both shards"
    return sorted(clients.acknowledged() - (rows[0] | rows[1]))


__all__ = ["CLIENTS", "Clients", "INSERT", "PATIENCE", "Router", "lost_rows", "rows_of", "write_if_new"]

"""Acknowledged load on a shard, and a client that stays with the old primary.

Each attempt inserts a row with a number of its own, on its own, and notes when it began and when COMMIT was acknowledged. An
answer that does not come in time is neither: the connection is dropped and nobody counts it.
"""
import itertools
import select
import threading
import time

import psycopg2
from psycopg2 import extensions

PATIENCE = 2.0  # seconds for a statement
THINK = 0.02


class Silent(Exception):
    """No answer in time."""


def await_answer(connection, seconds):
    deadline = time.monotonic() + seconds
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        left = deadline - time.monotonic()
        files = [connection.fileno()]
        wanted = (files, [], []) if state == extensions.POLL_READ else ([], files, [])
        if left <= 0 or not any(select.select(*wanted, left)):
            raise Silent()


class Login:
    """How clients log in: over TLS, checked against the set's CA."""

    def __init__(self, password, authority, database="app", user="app"):
        self.words = {"dbname": database, "user": user, "password": password, "sslmode": "verify-ca",
                      "sslrootcert": str(authority), "connect_timeout": 2}

    def open(self, address, seconds=PATIENCE):
        connection = psycopg2.connect(host=address, port=5432, async_=1, **self.words)
        try:
            await_answer(connection, seconds)
        except BaseException:
            connection.close()
            raise
        return connection


def run(connection, sql, parameters=(), seconds=PATIENCE):
    cursor = connection.cursor()
    cursor.execute(sql, parameters)
    await_answer(connection, seconds)
    return cursor


INSERT = "INSERT INTO load (id) VALUES (%s)"


class Load:
    """Writers through the shard's Service: `address()` says where it leads now. Threads: its own; `close()` ends them."""

    def __init__(self, login, address, writers=2):
        self.login, self.address = login, address
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.acknowledged = []  # (number, began, ended, address)
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.write, daemon=True) for _ in range(writers)]
        for thread in self.threads:
            thread.start()

    def write(self):
        while not self.stopping.is_set():
            connection, there = None, self.address()
            try:
                if there is None:
                    raise Silent()
                connection = self.login.open(there)
                while not self.stopping.wait(THINK) and self.address() == there:
                    number, began = next(self.numbers), time.monotonic()
                    run(connection, INSERT, (number,))
                    with self.lock:
                        self.acknowledged.append((number, began, time.monotonic(), there))
            except (Silent, psycopg2.Error, OSError, ValueError):
                self.stopping.wait(0.05)
            finally:
                if connection is not None:
                    connection.close()

    def first_after(self, moment, but=None):
        """When the first attempt that began after `moment` was acknowledged, by another address than `but`; or nothing."""
        with self.lock:
            return min((ended for _, began, ended, there in self.acknowledged if began > moment and there != but), default=None)

    def longest_gap(self, first, last):
        """Seconds without any acknowledgement between these moments; the time before `first` counts back to the last one."""
        with self.lock:
            ends = sorted(ended for _, _, ended, _ in self.acknowledged if ended <= last)
        before = [ended for ended in ends if ended <= first][-1:]
        inside = before + [ended for ended in ends if ended > first]
        return max((b - a for a, b in zip(inside, inside[1:])), default=0.0)

    def missing(self, connection):
        """Acknowledged numbers that are not there, and numbers that are there twice."""
        with self.lock:
            numbers = {number for number, *_ in self.acknowledged}
        rows = [row[0] for row in run(connection, "SELECT id FROM load", seconds=20)]
        return sorted(numbers - set(rows)), len(rows) - len(set(rows))

    def close(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE + 5)


class Loyal:
    """A client that keeps its connection to one member and tries to write there, whoever leads: `acknowledged` counts what it
    was told to be safe since `begin()`."""

    def __init__(self, login, address):
        self.connection, self.acknowledged = login.open(address), 0
        self.thread = None

    def begin(self, number):
        """Sends at once, also to a frozen server: it finds the statement when it comes back."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(INSERT, (number,))
        except psycopg2.Error:
            return
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        try:
            await_answer(self.connection, 60)
            self.acknowledged += 1
        except (Silent, psycopg2.Error, ValueError, OSError):
            pass

    def close(self):
        self.connection.close()

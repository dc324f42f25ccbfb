"""What everybody on a node may read: the command lines of all processes."""

import base64
import os
import re

from support import check

import cluster

# As the operator draws them: long enough to stand nowhere by chance.
DRAWN = re.compile(r"^[A-Za-z0-9]{24,}$")


def passwords(namespace):
    """(name of the Secret/key, value) of all that were drawn for the sets of a namespace."""
    for secret in cluster.items("secrets", namespace):
        for key, value in secret.get("data", {}).items():
            text = base64.b64decode(value).decode(errors="replace")
            if DRAWN.match(text):
                yield "%s/%s" % (secret["metadata"]["name"], key), text


def command_lines():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                yield file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            pass  # it has ended


def hold_no_password(world):
    """The node's processes are this machine's: those of PostgreSQL, Patroni, routers, operator and mover are among them."""
    secrets, lines = list(passwords(world.namespace)), list(command_lines())
    check(len(secrets) >= 5, "passwords were drawn for the set", [name for name, _ in secrets])
    for program in ("foreshard-operator", "foreshard-router", "foreshard-mover", "patroni", "postgres"):
        check(any(program in line for line in lines), "%s runs" % program)
    shown = sorted({name for name, text in secrets for line in lines if text in line})
    check(not shown, "no command line of %d holds one of %d passwords" % (len(lines), len(secrets)), shown)

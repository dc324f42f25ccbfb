#!/usr/bin/env python3
"""Backups in a bucket: two servers with pgBackRest, an S3 gateway with TLS and an authority of its own, and the Job that verifies.

pgBackRest is told of the bucket by the lines that the operator writes (tests/golden/operator/backup_s3.conf) and has the Secret's
files, as in a pod. Base backups and WAL go there, are brought back to a point, and old ones are removed; all of it is encrypted.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from jobs import MISSING, ROOT, Jobs
from old_set import SHARDS, OldSet  # where it is: jobs.py

FIRST, SECOND = SHARDS
SECRET_FOLDER = "/etc/foreshard/backup-secret"
ACCESS, SECRET = "of-this-test", "also-of-this-test-only"
START_SECONDS_MAX = 30
PROGRAMS = pathlib.Path(os.environ.get("FORESHARD_CACHE", pathlib.Path.home() / ".cache/foreshard")) / "bin"


def authority(folder, name):
    """A key, and a certificate for localhost that is its own authority."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.crt"], check=True, capture_output=True)
    return (folder / f"{name}.crt").read_text()


@contextlib.contextmanager
def gateway(folder):
    """A bucket `b`: its port on this machine, until the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "store/b").mkdir(parents=True)
    with open(folder / "gateway.log", "w", encoding="utf-8") as log:
        child = subprocess.Popen(  # pylint: disable=consider-using-with
            [PROGRAMS / "versitygw", "--port", f"127.0.0.1:{port}", "--region", "eu-1", "--cert", folder / "store.crt",
             "--key", folder / "store.key", "posix", folder / "store"],
            env={**os.environ, "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert child.poll() is None and time.monotonic() < deadline, (folder / "gateway.log").read_text()
            time.sleep(0.05)
        yield port
    finally:
        child.kill()
        child.wait()


def reviewed_lines(port):
    """Of the bucket, as the operator writes them; only the store's host is another one."""
    conf = (ROOT / "tests/golden/operator/backup_s3.conf").read_text().split("\n[", 1)[0]
    lines = [line for line in conf.splitlines() if line.startswith(("repo1-type", "repo1-path", "repo1-s3", "repo1-storage"))]
    assert len(lines) == 7, lines
    return "\n".join(lines).replace("s3.example.com", f"localhost:{port}")


def objects(folder):
    return [one for one in (folder / "store/b/shop/orders").rglob("*") if one.is_file()]


def everything_is_encrypted(folder):
    kept = objects(folder)
    assert len(kept) > 1000, f"{len(kept)} objects in the bucket"
    for one in kept:
        assert one.read_bytes()[:8] == b"Salted__", f"{one} is not encrypted"
    print(f"{len(kept)} objects, {sum(one.stat().st_size for one in kept)} bytes, all encrypted")


def bad_ones(jobs, folder, secrets):
    other = {**secrets, "secret.conf": secrets["secret.conf"].replace(SECRET, "another one")}
    jobs.bad("another key of the store", SECOND, "403", "SignatureDoesNotMatch", secrets=other)
    jobs.bad("an authority that did not sign for the store", SECOND, "certificate", secrets={**secrets, "ca.crt": authority(folder, "stranger")})
    backup = sorted((folder / f"store/b/shop/orders/backup/{SECOND}").glob("2*F"))[-1]
    lost = max((one for one in backup.rglob("*") if one.is_file() and "manifest" not in one.name), key=lambda one: one.stat().st_size)
    lost.rename(folder / "lost")
    jobs.bad("a missing object", SECOND, "ERROR")
    (folder / "lost").rename(lost)
    assert jobs.good(SECOND)["rows"] == 200, "all is as it was"


def old_ones_are_removed(jobs, old, folder):
    before = len(objects(folder))
    old.servers[0].pgbackrest("--repo1-retention-full=1", "expire")
    left = len(objects(folder))
    assert left < before - 900, f"{before} objects, and {left} after a whole backup was removed"
    seen = jobs.good(FIRST, to_point=False)
    assert seen["pages"] > 1000, seen
    print(f"{before - left} objects removed; the newest backup:", seen)


def main():
    missing = MISSING + [tool for tool in ("openssl", "go") if shutil.which(tool) is None]
    if missing or os.getuid() != 0:
        print("skipped: missing " + (", ".join(missing) or "root"), file=sys.stderr)
        return 77
    subprocess.run([ROOT / "deploy/local/programs", "versitygw"], check=True)
    with tempfile.TemporaryDirectory(prefix="foreshard-s3-") as keep:
        os.chmod(keep, 0o755)
        folder = pathlib.Path(keep)
        (folder / "old").mkdir()
        certificate = authority(folder, "store")
        secrets = {"secret.conf": f"repo1-s3-key={ACCESS}\nrepo1-s3-key-secret={SECRET}\n", "ca.crt": certificate}
        with gateway(folder) as port:
            lines = reviewed_lines(port)
            old = OldSet(folder / "old", lines.replace(f"{SECRET_FOLDER}/ca.crt", f"{folder}/store.crt") + "\n" + secrets["secret.conf"])
            try:
                jobs = Jobs(folder, old, lines, secrets)
                seen = jobs.good(SECOND)
                assert seen["rows"] == 200 and seen["point"].endswith("/1"), seen
                print("to the point:", seen)
                everything_is_encrypted(folder)
                bad_ones(jobs, folder, secrets)
                old_ones_are_removed(jobs, old, folder)
            finally:
                old.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

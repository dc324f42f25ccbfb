"""The Job that verifies a backup, as the operator builds it, run on this machine with what its pod would have and no more."""
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("tests/api/scale", "tests/api/failover", "tests/api/restore"):
    sys.path.insert(0, str(ROOT / folder))
from old_set import PASSPHRASE, UID  # noqa: E402  pylint: disable=wrong-import-position

BIN = "/usr/lib/postgresql/15/bin"
SECONDS_MAX = 120
LINES = "repo1-path=/repository/orders"  # of the reviewed Job
MISSING = [tool for tool in ("pgbackrest", "runuser", "unshare") if shutil.which(tool) is None]


class Jobs:
    """`lines`: where the repository is, if not in the old set's folder; `secrets`: files beside the passphrase's, and lines for it."""

    def __init__(self, directory, old, lines=None, secrets=None):
        self.directory, self.old, self.runs = directory, old, 0
        self.lines, self.secrets = lines, secrets or {}
        job, files = json.loads((ROOT / "tests/golden/operator/verification.json").read_text())
        container = job["spec"]["template"]["spec"]["containers"][0]
        self.command = container["command"]
        self.wish = json.loads(next(one["value"] for one in container["env"] if one["name"] == "FORESHARD_VERIFY"))
        self.mounts = {one["name"]: one for one in container["volumeMounts"]}
        self.config = files["verify.conf"]

    def run(self, shard, to_point=True, passphrase=PASSPHRASE, secrets=None, **wish):
        """Exit code and last message."""
        self.runs += 1
        folder = self.directory / f"job-{self.runs}"
        for name in ("config", "secret", "scratch", "tmp"):
            (folder / name).mkdir(parents=True)
        place = next(one for one in self.old.point["shards"] if one["shard"] == shard)
        asked = {**self.wish, "stanza": shard, "target": f"foreshard/{UID}/1" if to_point else "", "timeline": place["timeline"],
                 "lsn": place["lsn"], "systemIdentifier": place["systemIdentifier"], "epoch": 12, **wish}
        moves = {LINES: self.lines or f"repo1-path={self.old.repository}/old", "/scratch": folder / "scratch",
                 "/etc/foreshard/backup-secret": folder / "secret", "/etc/foreshard/backup/": f"{folder}/config/",
                 "/tmp/pgbackrest": folder / "tmp/pgbackrest", "[s-4kq7]": f"[{shard}]"}

        def moved(text):
            for old, new in moves.items():
                text = text.replace(old, str(new))
            return text
        (folder / "config/verify.conf").write_text(moved(self.config))
        for script in ("restore.py", "verify.py"):
            shutil.copy(ROOT / "operator/builders" / script, folder / "config")
        files = {"secret.conf": "", **(secrets or self.secrets)}
        for name, text in files.items():
            # Without the patience of half a minute for each file that cannot be read.
            head = f"[global]\njob-retry=0\nrepo1-cipher-pass={passphrase}\n" if name == "secret.conf" else ""
            (folder / "secret" / name).write_text(head + text)
        subprocess.run(["chown", "-R", "postgres:postgres", str(folder / "scratch"), str(folder / "tmp"), str(folder)], check=True)
        environment = {"FORESHARD_VERIFY": moved(json.dumps(asked)), "FORESHARD_LAST_WORDS": str(folder / "last"), "PGTZ": "UTC",
                       "PATH": f"{BIN}:/usr/bin:/bin", "TMPDIR": str(folder / "tmp")}
        inside = ["runuser", "-u", "postgres", "--", "env", "-C", "/", "-i", *(f"{k}={v}" for k, v in environment.items()),
                  "/usr/bin/python3", *(moved(word) for word in self.command[1:])]
        read_only = f"mount --bind {self.old.repository} {self.old.repository} && mount -o remount,bind,ro {self.old.repository} && "
        network = [] if self.lines else ["--net"]  # a bucket has to be reached
        done = subprocess.run(["unshare", *network, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c",
                               read_only + 'exec "$@"', "job", *inside],
                              capture_output=True, text=True, errors="replace", timeout=SECONDS_MAX, check=False)
        last = (folder / "last").read_text() if (folder / "last").exists() else done.stdout + done.stderr
        left = [str(one.relative_to(folder)) for part in ("scratch", "tmp") for one in (folder / part).rglob("*")
                if one.is_file()]
        assert left == [], f"left behind: {left}"
        shutil.rmtree(folder)
        return done.returncode, last

    def good(self, shard, **more):
        code, last = self.run(shard, **more)
        assert code == 0, f"a good backup of {shard} was refused: {last}"
        return json.loads(last)

    def bad(self, what, shard, *words, **more):
        code, last = self.run(shard, **more)
        assert code == 1, f"{what} was not found: {last}"
        assert last.startswith("verify: ") and any(word in last for word in words), f"{what}: it says {last}"
        print(f"found: {what}: {' '.join(last.split())[:150]}", flush=True)


__all__ = ["Jobs", "MISSING"]

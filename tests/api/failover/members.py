"""Real members of shards, without nodes: PostgreSQL under Patroni as processes of this machine, with the operator's own words.

The operator's program makes a ShardSet's objects in a real API server. A member is then started from them as a kubelet would:
the command and the environment of the StatefulSet's template, the patroni.yml of the ConfigMap, certificates and passwords of
the Secrets, a token of the pod's own service account; in process, mount and IPC namespaces of its own, so that Patroni is
process 1, /etc/foreshard is the member's, and a killed server leaves no shared memory to the machine. Only what a machine
without pods lacks is different:

  - what is /data, /run/postgresql and /tmp in a pod is below one folder a member;
  - each member has its own loopback address, given to `listen` too; Endpoints name it 192.0.2.N, since an API server takes no
    loopback address there, and the played Service (rounds.py) turns that back;
  - the API server is behind a `Door` of the member, which can be shut.

Played here: kubelet (readiness of the pod from Patroni's own probe, a process that ended is started again). Needs root.
"""
import base64
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scale"))
from cluster import APPS, CORE, ROOT, Missing, Refused, end_with_parent, wait_for  # noqa: E402  pylint: disable=wrong-import-position

PATRONI = pathlib.Path("/usr/bin/patroni")
PATHS = {"/data": "data", "/run/postgresql": "run", "/tmp/": "tmp/"}
# $1: the member's folder. Nothing of it is seen outside of the namespaces, and all of it ends with their first process.
LAUNCH = """
mount -t tmpfs tmpfs "$1/over"
mkdir "$1/over/upper" "$1/over/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/over/upper,workdir=$1/over/work" /etc
mkdir /etc/foreshard
mount --bind "$1/foreshard" /etc/foreshard
shift
exec setpriv --pdeathsig KILL --reuid postgres --regid postgres --init-groups "$@"
"""


class Door:
    """A way to 127.0.0.1:port that can be shut: then nothing goes through and nothing is closed, as with a cut cable."""

    def __init__(self, port):
        self.target, self.open = port, threading.Event()
        self.open.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.closed = False
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while not self.closed:
            try:
                inside, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.forward, args=(inside,), daemon=True).start()

    def forward(self, inside):
        with inside:
            self.open.wait()
            try:
                with socket.create_connection(("127.0.0.1", self.target)) as outside:
                    while not self.closed:
                        for one in select.select([inside, outside], [], [], 1)[0]:
                            self.open.wait()
                            data = one.recv(65536)
                            if not data:
                                return
                            (outside if one is inside else inside).sendall(data)
            except OSError:
                pass

    def close(self):
        self.closed = True
        self.open.set()
        self.listener.close()


def descendants_of(ancestor):
    """{pid: command line as a list} of all processes that descend from it, its own children first."""
    parents, found = {}, [ancestor]
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1])
            except (OSError, IndexError):
                pass
    for pid in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == pid]
    lines = {}
    for pid in found[1:]:
        try:
            lines[pid] = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except OSError:
            pass
    return lines


def state_of(pid):
    """R, S, T, Z...; nothing: there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return None


class Member:
    """One pod: `start`, `kill_postgres`, `freeze`, `thaw`, `close`. Threads: one, and the kubelet's."""

    def __init__(self, cluster, template, name, space, address, public, directory, files):
        self.cluster, self.name, self.space = cluster, name, space
        self.address, self.public, self.directory = address, public, directory
        self.door = Door(cluster.port)
        self.process, self.wanted = None, True
        container = template["spec"]["containers"][0]
        for folder in ("data", "run", "tmp", "over", "foreshard/patroni", "foreshard/tls"):
            (directory / folder).mkdir(parents=True)
        for path, text in files.items():
            (directory / "foreshard" / path).write_text(self.moved(text) if path.endswith(".yml") else text)
            os.chmod(directory / "foreshard" / path, 0o600)
        self.environment = self.environment_of(container["env"])
        token = cluster.kubectl("-n", space, "create", "token", template["spec"]["serviceAccountName"],
                                "--duration=12h").strip()
        (directory / "kubeconfig").write_text(json.dumps({
            "contexts": [{"name": "kind-kind", "context": {"cluster": "c", "user": "u"}}], "current-context": "kind-kind",
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{self.door.port}",
                                                   "certificate-authority": str(directory / "api.crt")}}],
            "users": [{"name": "u", "user": {"token": token}}]}))
        shutil.copy(cluster.directory / "pki/ca.crt", directory / "api.crt")
        self.command = [self.moved(part) for part in container["command"]]
        subprocess.run(["chown", "-R", "postgres:postgres", str(directory)], check=True)
        self.make_pod(template)

    def moved(self, text):
        return re.sub("|".join(PATHS), lambda found: f"{self.directory}/{PATHS[found.group(0)]}", text)

    def environment_of(self, entries):
        known = {"metadata.name": self.name, "status.podIP": self.address}
        result = {}
        for entry in entries:
            value = entry.get("value", "")
            if "valueFrom" in entry and "fieldRef" in entry["valueFrom"]:
                value = known[entry["valueFrom"]["fieldRef"]["fieldPath"]]
            elif "valueFrom" in entry:
                key = entry["valueFrom"]["secretKeyRef"]
                secret = self.cluster.api.get(f"{CORE}/namespaces/{self.space}/secrets/{key['name']}")
                value = base64.b64decode(secret["data"][key["key"]]).decode()
            result[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda found: result[found.group(1)], value)
        # What a pod with an address of its own does not need.
        result.update({"PATRONI_KUBERNETES_POD_IP": self.public, "PATRONI_POSTGRESQL_LISTEN": f"{self.address}:5432",
                       "PATRONI_RESTAPI_LISTEN": f"{self.address}:8008", "KUBECONFIG": str(self.directory / "kubeconfig"),
                       "PATH": "/usr/lib/postgresql/15/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.directory)})
        return result

    def make_pod(self, template):
        labels = dict(template["metadata"]["labels"])
        self.cluster.api.create(f"{CORE}/namespaces/{self.space}/pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name, "namespace": self.space, "labels": labels},
            "spec": {**template["spec"], "volumes": template["spec"]["volumes"] + [{"name": "data", "emptyDir": {}}]}})
        self.tell(False)

    def tell(self, ready):
        self.cluster.api.patch(f"{CORE}/namespaces/{self.space}/pods/{self.name}/status", {"status": {
            "phase": "Running", "podIP": self.address, "podIPs": [{"ip": self.address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}})

    def start(self):
        apart = ["unshare", "--mount", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-ec", LAUNCH, "sh"]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen([*apart, self.directory, *self.command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.environment, cwd=self.directory,
                                            preexec_fn=end_with_parent)  # pylint: disable=subprocess-popen-preexec-fn

    def pids(self, what):
        """Of everything, of Patroni, or of PostgreSQL (its first process first)."""
        lines = descendants_of(self.process.pid)
        if what == "everything":
            return list(lines)
        if what == "patroni":
            return [pid for pid, line in lines.items() if str(PATRONI) in line]
        first = [pid for pid, line in lines.items() if line[0].endswith("/postgres") and "-D" in line]
        return first + [pid for pid, line in lines.items() if line[0].startswith("postgres:")]

    def delete(self):
        """As a kubelet ends a pod; it is started again when it has ended."""
        self.send(self.pids("patroni")[:1], signal.SIGTERM)

    def kill_postgres(self):
        """The server and all that it forked, as a kernel ends a container. It is stopped first: whom it forks after the list was
        read would live on, waiting for a lock that one of the killed had, and PostgreSQL starts no second server beside it."""
        server = self.pids("postgres")[:1]
        self.send(server, signal.SIGSTOP)
        for pid in server:
            wait_for(f"{self.name}: process {pid} is stopped", 10, lambda pid=pid: state_of(pid) in ("T", "Z", None))
        self.send(self.pids("postgres"), signal.SIGKILL)

    def freeze(self, what):
        self.send(self.pids(what), signal.SIGSTOP)
        self.send(self.pids(what), signal.SIGSTOP)  # what was forked meanwhile

    def thaw(self):
        self.send(self.pids("everything"), signal.SIGCONT)

    @staticmethod
    def send(pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def ask(self, path):
        """Patroni's REST API: (status, object), or nothing."""
        context = ssl.create_default_context(cafile=self.directory / "foreshard/tls/ca.crt")
        context.check_hostname = False  # members know each other by address
        try:
            with urllib.request.urlopen(f"https://{self.address}:8008/{path}", timeout=2, context=context) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refused:
            return refused.code, {}
        except (OSError, ValueError):
            return None

    def play_kubelet(self, stopping):
        told = None
        while not stopping.wait(1):
            if self.wanted and self.process.poll() is not None:
                self.start()
            answer = self.ask("readiness")
            ready = bool(answer and answer[0] == 200)
            try:
                if ready != told:
                    self.tell(ready)
                    told = ready
            except (Refused, OSError):
                pass

    def close(self):
        self.wanted = False
        self.door.close()
        if self.process:
            self.process.kill()  # and with it all that runs in its namespaces, frozen or not
            self.process.wait()


def members_of(cluster, space, owner, shard, number, directory, network, kind=Member):  # pylint: disable=too-many-arguments
    """Members of one shard from what the operator made: `number` tells them from those of other shards."""
    if not PATRONI.exists():
        raise Missing("patroni")
    if os.getuid() != 0:
        raise Missing("root: each member has namespaces of its own")
    scope = f"{owner}-{shard}"
    stateful = cluster.api.get(f"{APPS}/namespaces/{space}/statefulsets/{scope}")
    config = cluster.api.get(f"{CORE}/namespaces/{space}/configmaps/{scope}-patroni")
    tls = cluster.api.get(f"{CORE}/namespaces/{space}/secrets/{owner}-shard-tls")
    files = {f"tls/{name}": base64.b64decode(text).decode() for name, text in tls["data"].items()}
    files["patroni/patroni.yml"] = config["data"]["patroni.yml"]
    return [kind(cluster, stateful["spec"]["template"], f"{scope}-{i}", space, f"{network}.{10 * number + i + 1}",
                 f"192.0.2.{10 * number + i + 1}", directory / f"{shard}-{i}", files)
            for i in range(stateful["spec"]["replicas"])]


__all__ = ["Door", "Member", "members_of", "Missing", "ROOT"]

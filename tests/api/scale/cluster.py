"""A Kubernetes without nodes: a real etcd, kube-apiserver (deploy/local/small) and kube-controller-manager.

The controller manager runs the controllers that make pods: of StatefulSets, Deployments and ReplicaSets, and the one that keeps
disruption budgets. There is no scheduler, kubelet, volume or network; `player.py` plays them. Everything is on loopback and in
a temporary folder; `close()` ends what was started, by its pid.
"""
import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = pathlib.Path(os.environ.get("FORESHARD_CACHE", pathlib.Path.home() / ".cache/foreshard")) / "bin"
CONTROLLERS = "statefulset-controller,deployment-controller,replicaset-controller,disruption-controller"
OPERATORS = "system:serviceaccounts:foreshard-system"
APPS, CORE, OURS = "apis/apps/v1", "api/v1", "apis/foreshard.dev/v1alpha1"
PR_SET_PDEATHSIG = 1

# Only what operators ask is noted: what is played would fill the log with a thousand heartbeats every five seconds.
AUDIT_POLICY = f"""apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {{level: Metadata, userGroups: ["{OPERATORS}"]}}
- {{level: None}}
"""


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)


def start(command, log, **more):
    """A child that ends with this process; its output goes to `log`. Call it from the main thread."""
    with open(log, "ab") as output:
        return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                preexec_fn=end_with_parent, **more)  # pylint: disable=subprocess-popen-preexec-fn


def stop(process, seconds=20):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Missing(Exception):
    """A program that is not on this machine."""


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Api:
    """The API server as the administrator. Threads: any; each has a connection of its own."""

    def __init__(self, directory, port):
        self.port = port
        self.context = ssl.create_default_context(cafile=directory / "pki/ca.crt")
        self.context.load_cert_chain(directory / "pki/admin.crt", directory / "pki/admin.key")
        self.local = threading.local()

    def connection(self, timeout=60):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def call(self, method, path, body=None, kind="application/json"):
        """The answer as an object; raises Refused."""
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None) or self.connection()
            self.local.connection = connection
            try:
                connection.request(method, "/" + path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
                answer = connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                self.local.connection = None  # a kept connection that the server has closed: once more with a new one
                if attempt == 2:
                    raise
        if answer.status >= 300:
            raise Refused(answer.status, text.decode(errors="replace")[:500])
        return json.loads(text)

    def get(self, path):
        return self.call("GET", path)

    def create(self, path, body):
        return self.call("POST", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path, body=None):
        return self.call("DELETE", path, body)

    def apply(self, path, body):
        return self.call("PATCH", path + "?fieldManager=bench&force=true", body, "application/apply-patch+yaml")

    def watch(self, path, selector, on_event, stopping):
        """Calls on_event(type, object) for everything that is there and all that changes, until `stopping` is set."""
        query = "labelSelector=" + urllib.parse.quote(selector)
        version = ""
        while not stopping.is_set():
            try:
                if not version:
                    listed = self.get(f"{path}?{query}")
                    version = listed["metadata"]["resourceVersion"]
                    for item in listed["items"]:
                        on_event("ADDED", item)
                version = self._stream(f"/{path}?{query}&watch=1&allowWatchBookmarks=true&timeoutSeconds=20"
                                       f"&resourceVersion={version}", version, on_event, stopping)
            except (OSError, http.client.HTTPException, Refused):
                version = ""  # list again
                stopping.wait(0.2)

    def _stream(self, path, version, on_event, stopping):
        connection = self.connection()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    on_event(event["type"], event["object"])
                if stopping.is_set():
                    break
            return version
        finally:
            connection.close()


class Cluster:
    """Owner: whoever made it. Raises Missing if a program is not there."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        for program in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
            if not os.access(PROGRAMS / program, os.X_OK):
                raise Missing(f"{program}; deploy/local/programs builds it")
        policy = self.directory / "operator_only.yaml"
        policy.write_text(AUDIT_POLICY)
        self.manager = None
        self.server = subprocess.Popen([ROOT / "deploy/local/small", self.directory], stdout=subprocess.PIPE, text=True,
                                       env={**os.environ, "APISERVER_ARGUMENTS": f"--audit-policy-file={policy}"},
                                       preexec_fn=end_with_parent)  # pylint: disable=subprocess-popen-preexec-fn
        line = self.server.stdout.readline()
        if not line:
            raise Missing("etcd or kube-apiserver does not start") if self.server.wait() == 77 else \
                RuntimeError("the API server does not start")
        self.port = json.loads(line)["port"]
        self.api = Api(self.directory, self.port)

    def kubectl(self, *arguments, text=None):
        done = subprocess.run([PROGRAMS / "kubectl", "--kubeconfig", self.directory / "admin.kubeconfig", *arguments],
                              input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def install(self, controllers=True, also=(), arguments=()):
        """Our kinds, a namespace for operators (with every right: the chart's own are tested elsewhere), controllers:
        those that make pods, those in `also`, and arguments for them."""
        self.kubectl("apply", "-f", ROOT / "crds")
        self.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", ROOT / "crds")
        self.kubectl("create", "namespace", "foreshard-system")
        self.kubectl("create", "clusterrolebinding", "operators", "--clusterrole=cluster-admin", f"--group={OPERATORS}")
        if not controllers:
            return
        self.manager = start([PROGRAMS / "kube-controller-manager", f"--kubeconfig={self.directory}/admin.kubeconfig",
                              f"--controllers={','.join([CONTROLLERS, *also])}", *arguments, "--leader-elect=false", "--kube-api-qps=2000",
                              "--kube-api-burst=4000", "--concurrent-statefulset-syncs=10", "--secure-port=0"],
                             self.directory / "log/manager.log")

    def operator_kubeconfig(self, identity):
        """For an operator with a service account of its own, so that the audit log tells them apart."""
        self.kubectl("-n", "foreshard-system", "create", "serviceaccount", identity)
        token = self.kubectl("-n", "foreshard-system", "create", "token", identity, "--duration=12h").strip()
        file = self.directory / f"{identity}.kubeconfig"
        file.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{self.port}",
                                                   "certificate-authority": str(self.directory / "pki/ca.crt")}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return file

    def operator_writes(self):
        """(verb, resource, namespace/name, who) of every write of operators so far, leases aside, oldest first."""
        found = []
        for file in sorted(self.directory.glob("audit*.log")):
            with open(file, encoding="utf-8") as lines:
                for line in lines:
                    if not re.search(r'"verb":"(create|update|patch|delete)', line):
                        continue
                    entry = json.loads(line)
                    what = entry.get("objectRef", {})
                    if what.get("resource") != "leases":
                        found.append((entry["verb"], what.get("resource", "") + "/" + what.get("subresource", ""),
                                      f"{what.get('namespace', '')}/{what.get('name', '')}",
                                      entry["user"]["username"].rsplit(":", 1)[1]))
        return found

    def close(self):
        stop(self.manager)
        stop(self.server)


def wait_for(what, seconds, look):
    """Until look() answers something true; what that is. Raises with the last thing that `look` said by `look.seen`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds} s: {what} {getattr(look, 'seen', '')}")
        time.sleep(0.1)

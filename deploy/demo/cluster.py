"""The cluster as the demo sees it: kubectl, helm and Prometheus, local or existing."""

import json
import os
import subprocess
import urllib.parse

from steps import Failed

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
EXISTING = os.environ.get("CLUSTER") == "existing"
SYSTEM = "foreshard-system"


def run(command, stdin=None, check=True, quiet=True, timeout=900):
    done = subprocess.run(command, input=stdin, text=True, timeout=timeout,
                          stdout=subprocess.PIPE if quiet else None, stderr=subprocess.PIPE if quiet else None)
    if check and done.returncode != 0:
        raise Failed("%s: %s" % (" ".join(command[:6]), (done.stderr or "").strip()[-2000:]))
    return done.stdout or ""


def kubectl(*arguments, stdin=None, check=True, timeout=300):
    program = ["kubectl"] if EXISTING else [os.path.join(ROOT, "deploy/local/kubectl")]
    return run(program + list(arguments), stdin=stdin, check=check, timeout=timeout)


def plugin(program, folder, namespace, *words, seconds=200):
    """`kubectl foreshard`, with a kubeconfig in `folder`."""
    path = os.path.join(folder, "kubeconfig")
    if not os.path.exists(path):
        config = kubectl("config", "view", "--raw", "--flatten")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(config)
    search = os.environ["PATH"] if EXISTING else os.path.join(ROOT, "deploy/local") + ":" + os.environ["PATH"]
    return subprocess.run([program, "--kubeconfig", path, "-n", namespace] + list(words), env=dict(os.environ, PATH=search), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)


def helm(*arguments):
    program = ["helm"] if EXISTING else [os.path.join(ROOT, "deploy/local/helm")]
    return run(program + list(arguments))


def beside():
    """Words before a command that loads the cluster: clients get the CPU weight of the cluster, else they starve beside it."""
    return [] if EXISTING else [os.path.join(ROOT, "deploy/local/ctl"), "beside"]


def get(kind, name, namespace):
    """The object as a dictionary; None if it is not there."""
    text = kubectl("-n", namespace, "get", kind, name, "-o", "json", "--ignore-not-found")
    return json.loads(text) if text.strip() else None


def items(kind, namespace, selector=""):
    arguments = ["-n", namespace, "get", kind, "-o", "json"]
    if selector:
        arguments += ["-l", selector]
    return json.loads(kubectl(*arguments))["items"]


def condition(thing, kind):
    for entry in (thing or {}).get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            return entry
    return None


def query_range(expression, start, end, step):
    """Prometheus through the API server: [(labels, [(time, value)])]."""
    path = "/api/v1/namespaces/%s/services/foreshard-prometheus:9090/proxy/api/v1/query_range?" % SYSTEM
    text = kubectl("get", "--raw", path + urllib.parse.urlencode(
        {"query": expression, "start": "%.3f" % start, "end": "%.3f" % end, "step": step}))
    answer = json.loads(text)
    return [(r["metric"], [(float(t), float(v)) for t, v in r["values"]]) for r in answer["data"]["result"]]


def query(expression):
    path = "/api/v1/namespaces/%s/services/foreshard-prometheus:9090/proxy/api/v1/query?" % SYSTEM
    answer = json.loads(kubectl("get", "--raw", path + urllib.parse.urlencode({"query": expression})))
    return [(r["metric"], float(r["value"][1])) for r in answer["data"]["result"]]


def samples(expression):
    """The samples of one series, as they were scraped: [(time, value)]."""
    path = "/api/v1/namespaces/%s/services/foreshard-prometheus:9090/proxy/api/v1/query?" % SYSTEM
    answer = json.loads(kubectl("get", "--raw", path + urllib.parse.urlencode({"query": expression})))
    found = answer["data"]["result"]
    return [(float(t), float(v)) for t, v in found[0]["values"]] if found else []

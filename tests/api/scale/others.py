#!/usr/bin/env python3
"""What others in a cluster ask of a set, each with the real program that asks: `kubectl drain`, the autoscaler of Kubernetes,
and the controller of Jobs with our own mover.

  drain       a node with all members of every shard is emptied: of each shard one member at a time goes, and while one is away
              no other goes at all;
  autoscaler  a HorizontalPodAutoscaler on the ShardSet makes more routers, and fewer again (its metrics are played);
  dry run     of a split to a new shard: nothing is written but the migration itself and its Job, neither in the API (audit log)
              nor in the database (pg_dump), and the later run says the same.

Mover's pods are admitted under Pod Security `restricted` too. Ends with one line of counts.
"""
import json
import os
import re
import subprocess
import sys
import threading
import time

from cluster import CORE, OURS, PROGRAMS, ROOT, start, wait_for
from fleet import SPACE, Fleet, Missing, Refused
from player import SHARD, running_status

SHARDS, MEMBERS = 2, 3
SET = f"{OURS}/namespaces/{SPACE}/shardsets/f0000"
MIGRATIONS = f"{OURS}/namespaces/{SPACE}/shardmigrations"
SCALERS = "apis/autoscaling/v2/namespaces/" + SPACE + "/horizontalpodautoscalers"
# What a metrics server would serve. `unapproved`: the name belongs to Kubernetes.
METRICS_KIND = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "pods.metrics.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, played in a test"}},
    "spec": {"group": "metrics.k8s.io", "scope": "Namespaced",
             "names": {"plural": "pods", "kind": "PodMetrics", "listKind": "PodMetricsList"},
             "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


class Nodes:
    """Nodes that exist in name only; which pods of shards are ready where."""

    def __init__(self, fleet, names):
        self.fleet, self.open, self.lock = fleet, [names[0]], threading.Lock()
        self.ready = {}  # shard -> {name of a ready pod: its node}
        self.fewest = {}  # shard -> the least number of ready pods since `forget`
        self.gone = []
        for name in names:
            fleet.api.create(f"{CORE}/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        fleet.player.place = lambda pod: self.open[-1]
        fleet.player.on_pod = self.see

    def see(self, event, pod):
        shard, name = pod["metadata"]["labels"].get(SHARD), pod["metadata"]["name"]
        if not shard:
            return
        ready = event != "DELETED" and "deletionTimestamp" not in pod["metadata"] and any(
            c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))
        with self.lock:
            pods = self.ready.setdefault(shard, {})
            if ready:
                pods[name] = pod["spec"].get("nodeName")
            elif pods.pop(name, None):
                self.gone.append(name)
            self.fewest[shard] = min(self.fewest.get(shard, len(pods)), len(pods))

    def all_on(self, node):
        with self.lock:
            return [sorted(set(pods.values())) for pods in self.ready.values()] == [[node]] * SHARDS and \
                all(len(pods) == MEMBERS for pods in self.ready.values())

    def forget(self):
        with self.lock:
            self.fewest = {shard: len(pods) for shard, pods in self.ready.items()}
            self.gone = []

    def drain(self, node):
        return start([PROGRAMS / "kubectl", f"--kubeconfig={self.fleet.cluster.directory}/admin.kubeconfig", "drain", node,
                      "--delete-emptydir-data", "--timeout=120s", f"--pod-selector={SHARD}"],
                     self.fleet.cluster.directory / f"log/drain-{node}.log")


def drained(fleet, nodes):
    """A node goes: at most one member of each shard at a time. While one is away, nobody else."""
    assert nodes.all_on("a"), nodes.ready
    nodes.forget()
    nodes.open.append("b")
    process = nodes.drain("a")
    wait_for("node a is empty", 120, lambda: process.poll() is not None and nodes.all_on("b"))
    assert process.returncode == 0
    assert all(fewest == MEMBERS - 1 for fewest in nodes.fewest.values()), nodes.fewest
    assert sorted(nodes.gone) == sorted(name for pods in nodes.ready.values() for name in pods), nodes.gone

    shard = sorted(nodes.ready)[0]
    away = sorted(nodes.ready[shard])[-1]
    others = set(nodes.ready[shard]) - {away}
    pod = fleet.api.get(f"{CORE}/namespaces/{SPACE}/pods/{away}")
    fleet.player.unready.add(away)
    fleet.player.set_status(pod, running_status(pod, fleet.database.address, ready=False))
    wait_for("its budget knows", 30, lambda: fleet.api.get(
        f"apis/policy/v1/namespaces/{SPACE}/poddisruptionbudgets/f0000-{shard}")["status"]["disruptionsAllowed"] == 0)
    nodes.forget()
    nodes.open.append("c")
    process = nodes.drain("b")
    log = fleet.cluster.directory / "log/drain-b.log"

    def refused():
        text = refused.seen = log.read_text()
        said = [line for line in text.splitlines() if "violate the pod's disruption budget" in line]
        # Each of them twice: kubectl asks again.
        return all(sum(f'"{name}"' in line for line in said) >= 2 for name in others)
    wait_for("both others are refused, twice", 60, refused)
    assert not others & set(nodes.gone), (others, nodes.gone)
    fleet.player.unready.discard(away)
    pod = fleet.api.get(f"{CORE}/namespaces/{SPACE}/pods/{away}")
    fleet.player.set_status(pod, running_status(pod, fleet.database.address))
    wait_for("node b is empty", 120, lambda: process.poll() is not None and nodes.all_on("c"))
    assert process.returncode == 0 and nodes.fewest[shard] >= 1, nodes.fewest
    print(f"drain: 2 nodes, {2 * SHARDS * MEMBERS} members, one of a shard at a time, none while another is away")


def served(fleet, path):
    try:
        return bool(fleet.api.get(path))
    except Refused:
        return False


def scaled(fleet):
    """As many routers as a stock autoscaler asks for."""
    fleet.api.patch(SET, {"spec": {"router": {"resources": {"requests": {"cpu": "100m"}}}}})
    fleet.api.create("apis/apiextensions.k8s.io/v1/customresourcedefinitions", METRICS_KIND)
    fleet.cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/pods.metrics.k8s.io")
    wait_for("metrics are served", 60, lambda: served(fleet, f"apis/metrics.k8s.io/v1beta1/namespaces/{SPACE}/pods"))
    fleet.api.create(SCALERS, {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "routers", "namespace": SPACE},
        "spec": {"scaleTargetRef": {"apiVersion": "foreshard.dev/v1alpha1", "kind": "ShardSet", "name": "f0000"},
                 "minReplicas": 1, "maxReplicas": 4, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
                 "metrics": [{"type": "Resource", "resource": {
                     "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}})

    def become(routers, all_of_them):
        """While the routers together use so many millicores."""
        def look():
            pods = fleet.api.get(f"{CORE}/namespaces/{SPACE}/pods?labelSelector=foreshard.dev/component=router")["items"]
            for pod in pods:
                name = pod["metadata"]["name"]
                fleet.api.apply(f"apis/metrics.k8s.io/v1beta1/namespaces/{SPACE}/pods/{name}", {
                    "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
                    "metadata": {"name": name, "labels": pod["metadata"]["labels"]},
                    "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "window": "1s",
                    "containers": [{"name": "router", "usage": {"cpu": f"{all_of_them // len(pods)}m", "memory": "10Mi"}}]})
            seen = fleet.api.get(SET)
            look.seen = (len(pods), seen["spec"]["router"], seen["status"].get("routerReplicas"),
                         fleet.api.get(SCALERS + "/routers").get("status"))
            time.sleep(0.5)
            return len(pods) == routers == seen["spec"]["router"]["replicas"] == seen["status"].get("routerReplicas")
        wait_for(f"{routers} routers", 90, look)
    become(3, 140)
    become(1, 20)
    fleet.api.delete(SCALERS + "/routers")
    print("autoscaler: 1 router, 3 and 1 again")


class Mover:
    """Plays the kubelet for mover's pods: their first container is run as it is, with the real program."""

    def __init__(self, fleet):
        self.fleet, self.ran = fleet, 0
        directory = fleet.database.directory
        self.replaced = [(r"host=\S+", f"host={fleet.database.address}"),
                         (r"sslrootcert=\S+", f"sslrootcert={directory}/ca.crt"),
                         (r"^/etc/foreshard/password/foreshard$", str(directory / "password"))]
        fleet.player.on_mover = self.run

    def run(self, pod):
        container = pod["spec"]["initContainers"][0]
        arguments = container["args"]
        for pattern, text in self.replaced:
            arguments = [argument if argument.startswith("{") else re.sub(pattern, text, argument) for argument in arguments]
        answer = self.fleet.cluster.directory / pod["metadata"]["name"]
        done = subprocess.run([ROOT / "build/release/bin/foreshard-mover", *arguments, f"--termination-log={answer}"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.ran += 1
        self.fleet.player.set_status(pod, {"status": {"phase": "Running", "initContainerStatuses": [
            {"name": container["name"], "image": container["image"], "imageID": "", "ready": True, "restartCount": 0,
             "state": {"terminated": {"exitCode": 0, "reason": "Completed", "message": answer.read_text()}}}]}})


def database_text(fleet):
    dump = fleet.database.ask("pg_dump", "f0000")
    slots = fleet.database.ask("psql", "f0000", "-Atc", "SELECT count(*) FROM pg_replication_slots")
    # A newer pg_dump writes a random word of its own.
    return slots + "\n".join(line for line in dump.splitlines() if "restrict" not in line)


def fleet_versions(fleet):
    """Everything of the set that a migration changes: kind/name -> version."""
    paths = (f"{OURS}/namespaces/{SPACE}/shardsets", f"{OURS}/namespaces/{SPACE}/routingtables",
             f"apis/apps/v1/namespaces/{SPACE}/statefulsets", f"{CORE}/namespaces/{SPACE}/services",
             f"{CORE}/namespaces/{SPACE}/configmaps", f"{CORE}/namespaces/{SPACE}/persistentvolumeclaims")
    return {(path, item["metadata"]["name"]): item["metadata"]["resourceVersion"]
            for path in paths for item in fleet.api.get(path)["items"]}


def migrate(fleet, name, dry_run):
    source = sorted(shard["id"] for shard in fleet.api.get(SET)["status"]["shardStatuses"])[0]
    ranges = fleet.api.get(f"{OURS}/namespaces/{SPACE}/routingtables/f0000")["spec"]["ranges"]
    owned = next(one for one in ranges if one["shard"] == source)
    middle = "40" if owned["from"] in ("", "00") else "c0"
    fleet.api.create(MIGRATIONS, {
        "apiVersion": "foreshard.dev/v1alpha1", "kind": "ShardMigration", "metadata": {"name": name, "namespace": SPACE},
        "spec": {"shardSetName": "f0000", "type": "Split", "source": source, "dryRun": dry_run,
                 "range": {"from": middle, "to": owned["to"]}}})

    def estimate():
        status = fleet.api.get(f"{MIGRATIONS}/{name}").get("status", {})
        estimate.seen = json.dumps(status)[:1500]
        assert status.get("phase") not in ("Failed", "Aborted"), estimate.seen
        return status if status.get("estimate") else None
    return wait_for(f"{name} has its estimate", 120, estimate)


def hosts_of(fleet):
    """A command that starts a program for which a file of ours is /etc/hosts: there is no DNS of a cluster here."""
    file = fleet.cluster.directory / "hosts"
    file.write_text("127.0.0.1 localhost\n")
    as_root = [] if os.getuid() == 0 else ["--map-root-user"]
    return ["unshare", *as_root, "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', file]


def dry_run(fleet, mover):
    """Writes nothing, and says what the later run says."""
    with open(fleet.cluster.directory / "hosts", "a", encoding="utf-8") as file:
        for shard in fleet.api.get(SET)["status"]["shardStatuses"]:
            file.write(f"{fleet.database.address} f0000-{shard['id']}.{SPACE}.svc\n")
    fleet.database.ask("psql", "f0000", "-qc", "CREATE TABLE orders (id bigint PRIMARY KEY, pad text); "
                       "INSERT INTO orders SELECT n, repeat('x', 300) FROM generate_series(1, 20000) n; ANALYZE orders")
    fleet.await_quiet(60, quiet=3)
    database, versions, written = database_text(fleet), fleet_versions(fleet), len(fleet.cluster.operator_writes())
    said = migrate(fleet, "rehearsed", True)
    assert said["phase"] == "Completed" and said["destination"], said
    wait_for("its Job is gone", 60, lambda: not fleet.api.get(f"apis/batch/v1/namespaces/{SPACE}/jobs")["items"])
    fleet.await_quiet(60, quiet=3)
    writes = sorted({what for _, what, *_ in fleet.cluster.operator_writes()[written:]})
    assert writes == ["jobs/", "shardmigrations/", "shardmigrations/status"], writes
    assert fleet_versions(fleet) == versions, "something of the set was written"
    assert database_text(fleet) == database, "something was written in the database"
    later = migrate(fleet, "done", False)
    assert later["estimate"] == said["estimate"] and said["estimate"]["durationSeconds"] > 0, (said, later)
    assert mover.ran == 2 and later["destination"] != said["destination"]
    print(f"dry run: 0 writes but its own, and the estimate of the later run: {later['estimate']}")


def main():
    with Fleet(1, SHARDS, members=MEMBERS,
               controllers=("job-controller", "serviceaccount-controller", "horizontal-pod-autoscaler-controller"),
               arguments=("--horizontal-pod-autoscaler-sync-period=1s",
                          "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
                          "--horizontal-pod-autoscaler-cpu-initialization-period=1s"),
               settings=("wal_level=logical",)) as fleet:
        nodes, mover = Nodes(fleet, ["a", "b", "c"]), Mover(fleet)
        fleet.start_operator(before=hosts_of(fleet))
        fleet.create_sets()
        fleet.await_ready(150)
        for part in (lambda: drained(fleet, nodes), lambda: scaled(fleet), lambda: dry_run(fleet, mover)):
            began = time.monotonic()
            fleet.await_ready(60)
            part()
            print(f"  in {time.monotonic() - began:.0f} s", flush=True)
        assert not fleet.player.problems, fleet.player.problems[:3]
        print("others: 3 visitors, 0 failures")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

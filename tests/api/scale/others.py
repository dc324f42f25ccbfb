#!/usr/bin/env python3
"""What others in a cluster ask of a set, each with the real program that asks: `kubectl drain` and the autoscaler of Kubernetes.

  drain       a node with all members of every shard is emptied: of each shard one member at a time goes, and while one is away
              no other goes at all;
  autoscaler  a HorizontalPodAutoscaler on the ShardSet makes more routers, and fewer again (its metrics are played);

Ends with one line of counts.
"""
import sys
import threading
import time

from cluster import CORE, OURS, PROGRAMS, start, wait_for
from fleet import SPACE, Fleet, Missing, Refused
from player import SHARD, running_status

SHARDS, MEMBERS = 2, 3
SET = f"{OURS}/namespaces/{SPACE}/shardsets/f0000"
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


def main():
    with Fleet(1, SHARDS, members=MEMBERS, controllers=("horizontal-pod-autoscaler-controller",),
               arguments=("--horizontal-pod-autoscaler-sync-period=1s", "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
                          "--horizontal-pod-autoscaler-cpu-initialization-period=1s")) as fleet:
        nodes = Nodes(fleet, ["a", "b", "c"])
        fleet.start_operator()
        fleet.create_sets()
        fleet.await_ready(150)
        for part in (lambda: drained(fleet, nodes), lambda: scaled(fleet)):
            began = time.monotonic()
            fleet.await_ready(60)
            part()
            print(f"  in {time.monotonic() - began:.0f} s", flush=True)
        assert not fleet.player.problems, fleet.player.problems[:3]
        print("others: 2 visitors, 0 failures")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"skipped: missing {missing}", file=sys.stderr)
        sys.exit(77)

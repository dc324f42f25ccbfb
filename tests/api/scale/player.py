"""Plays who else works in a cluster that has no nodes: scheduler, kubelet, volumes, and the Patroni of every shard.

  - a pod runs and is ready as soon as it is seen, but for those named in `unready`; it has no node, so its deletion needs
    nobody, unless `place` names one: then it is bound there, and ends `end_seconds` after its end was asked for;
  - a mover's pod is left to `on_mover`;
  - a claim is bound as soon as it is seen;
  - a shard whose first pod is ready has Patroni's Endpoints: `-config` with what its own patroni.yml says, `-sync` with all other
    ready pods, and the leader lock, renewed every `loop_wait` seconds as Patroni does it;
  - when the leader's pod is gone, another ready one of that shard takes the lock at once; one that is asked to hand over by
    `-failover` does so at once.

What is not played: crashes, slow starts, lag, leases that run out, and everything inside PostgreSQL (fleet.py has a real one).
"""
import datetime
import json
import queue
import threading
import time

from cluster import CORE, Refused

SET, SHARD, SCOPE = "foreshard.dev/shardset", "foreshard.dev/shard", "foreshard.dev/cluster"
COMPONENT = "foreshard.dev/component"
# Of the Endpoints by which the operator asks; Patroni's own, which change all the time, have no such label.
ASKED = "app.kubernetes.io/managed-by=foreshard-operator"
WORKERS = 8
RENEWERS = 2


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def running_status(pod, address, ready=True):
    began = now()[:19] + "Z"
    conditions = [{"type": kind, "status": "True" if ready or kind not in ("ContainersReady", "Ready") else "False",
                   "lastTransitionTime": began, "lastProbeTime": None}
                  for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
    containers = [{"name": container["name"], "image": container["image"], "imageID": "played@sha256:" + "0" * 64,
                   "ready": ready, "started": True, "restartCount": 0, "state": {"running": {"startedAt": began}},
                   "containerID": "played://" + pod["metadata"]["uid"] + container["name"]}
                  for container in pod["spec"]["containers"]]
    return {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "startTime": began,
                       "conditions": conditions, "containerStatuses": containers}}


class Player:
    """Threads: its own; `close()` ends them."""

    def __init__(self, api, address):
        self.api, self.address = api, address
        self.stopping = threading.Event()
        self.work = queue.Queue()
        self.lock = threading.Lock()
        self.pods = {}      # (namespace, scope) -> {pod name: uid} that are ready
        self.leaders = {}   # (namespace, scope) -> pod name
        self.labels = {}    # (namespace, scope) -> (set, shard)
        self.played = set()  # uids of pods and claims that were seen to
        self.loop_wait = 5.0
        self.problems = []
        self.renewals = 0
        self.in_sync = {}     # (namespace, scope) -> (leader, the others) as `-sync` tells
        self.handed_over = []  # (scope, from, to), oldest first
        self.on_pod = None    # called with (type, pod)
        self.on_mover = None  # called with the pod of a mover, once
        self.place = None     # pod -> name of its node
        self.end_seconds = 0.0
        self.ending = set()   # uids of pods whose end was asked for
        self.unready = set()  # names of pods
        self.threads = [threading.Thread(target=self.follow, args=("pods", self.see_pod)),
                        threading.Thread(target=self.follow, args=("persistentvolumeclaims", self.see_claim)),
                        threading.Thread(target=self.follow, args=("endpoints", self.see_asked, ASKED))]
        self.threads += [threading.Thread(target=self.toil) for _ in range(WORKERS)]
        self.threads += [threading.Thread(target=self.renew, args=(i,)) for i in range(RENEWERS)]

    def start(self):
        for thread in self.threads:
            thread.daemon = True
            thread.start()

    def close(self):
        self.stopping.set()
        for _ in range(WORKERS):
            self.work.put(None)
        for thread in self.threads[3:]:
            thread.join(10)

    def follow(self, plural, see, selector=SET):
        self.api.watch(f"{CORE}/{plural}", selector, see, self.stopping)

    def toil(self):
        while True:
            task = self.work.get()
            if task is None:
                return
            try:
                task[0](*task[1:])
            except Refused as refused:
                if refused.code not in (404, 409):  # it went meanwhile, or another of us was here before
                    self.problems.append(str(refused))
            except OSError as error:
                self.problems.append(str(error))

    def see_pod(self, event, pod):
        if self.on_pod:
            self.on_pod(event, pod)
        key = (pod["metadata"]["namespace"], pod["metadata"]["labels"].get(SCOPE))
        uid = pod["metadata"]["uid"]
        if event == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            with self.lock:
                gone = key[1] and self.pods.get(key, {}).get(pod["metadata"]["name"]) == uid
                if gone:
                    del self.pods[key][pod["metadata"]["name"]]
                gone = gone and self.leaders.get(key) == pod["metadata"]["name"]
            if gone:
                self.work.put((self.elect, key))
            if event != "DELETED" and pod["spec"].get("nodeName") and uid not in self.ending:
                self.ending.add(uid)
                self.end_later(pod)
        elif uid not in self.played:
            self.played.add(uid)
            is_mover = pod["metadata"]["labels"].get(COMPONENT) == "mover"
            self.work.put((self.on_mover, pod) if is_mover and self.on_mover else (self.run_pod, pod, key))

    def see_claim(self, event, claim):
        uid = claim["metadata"]["uid"]
        if event == "DELETED" or uid in self.played:
            return
        self.played.add(uid)
        self.work.put((self.bind, claim))

    def see_asked(self, event, endpoints):
        asked = endpoints["metadata"].get("annotations", {})
        if event != "DELETED" and asked.get("leader") and asked.get("member"):
            self.work.put((self.hand_over, endpoints, asked["leader"], asked["member"]))

    def hand_over(self, endpoints, leader, member):
        key = (endpoints["metadata"]["namespace"], endpoints["metadata"]["labels"][SCOPE])
        with self.lock:
            possible = self.leaders.get(key) == leader and member in self.pods.get(key, {})
            if possible:
                self.leaders[key] = member
                self.handed_over.append((key[1], leader, member))
        if possible:
            self.endpoints(key, key[1], self.heartbeat(member))
            self.tell_sync(key)
        self.api.patch(f"{CORE}/namespaces/{key[0]}/endpoints/{endpoints['metadata']['name']}",
                       {"metadata": {"annotations": {"leader": None, "member": None}}})

    def tell_sync(self, key):
        with self.lock:
            leader = self.leaders.get(key)
            now_in_sync = (leader, ",".join(sorted(pod for pod in self.pods.get(key, {}) if pod != leader)))
            changed = leader and self.in_sync.get(key) != now_in_sync
            if changed:
                self.in_sync[key] = now_in_sync
        if changed:
            self.endpoints(key, key[1] + "-sync", dict(zip(("leader", "sync_standby"), now_in_sync)))

    def end_later(self, pod):
        if not self.end_seconds:
            self.work.put((self.end, pod))
            return
        timer = threading.Timer(self.end_seconds, self.work.put, [(self.end, pod)])
        timer.daemon = True
        timer.start()

    def end(self, pod):
        self.api.delete(f"{CORE}/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}",
                        {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}})

    def set_status(self, pod, status):
        self.api.patch(f"{CORE}/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status", status)

    def run_pod(self, pod, key):
        name = pod["metadata"]["name"]
        if self.place:
            self.api.create(f"{CORE}/namespaces/{key[0]}/pods/{name}/binding", {
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
                "target": {"apiVersion": "v1", "kind": "Node", "name": self.place(pod)}})
        self.set_status(pod, running_status(pod, self.address, name not in self.unready))
        if not key[1]:
            return  # a router's
        labels = pod["metadata"]["labels"]
        with self.lock:
            self.labels[key] = (labels[SET], labels[SHARD])
            self.pods.setdefault(key, {})[name] = pod["metadata"]["uid"]
            first = key not in self.leaders
            if first:
                self.leaders[key] = None
        if first:
            self.bootstrap(key)
        if first or self.leaders[key] is None:
            self.elect(key)
        else:
            self.tell_sync(key)

    def bind(self, claim):
        size = claim["spec"]["resources"]["requests"]["storage"]
        self.api.patch(f"{CORE}/namespaces/{claim['metadata']['namespace']}/persistentvolumeclaims/"
                       f"{claim['metadata']['name']}/status",
                       {"status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}}})

    def endpoints(self, key, name, annotations):
        owner, shard = self.labels[key]
        body = {"apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": name, "namespace": key[0], "annotations": annotations,
                             "labels": {SET: owner, SHARD: shard, SCOPE: key[1]}}}
        try:
            self.api.create(f"{CORE}/namespaces/{key[0]}/endpoints", body)
        except Refused as refused:
            if refused.code != 409:
                raise
            self.api.patch(f"{CORE}/namespaces/{key[0]}/endpoints/{name}", {"metadata": {"annotations": annotations}})

    def bootstrap(self, key):
        """Patroni's first start: its dynamic configuration is what its file says."""
        config = self.api.get(f"{CORE}/namespaces/{key[0]}/configmaps/{key[1]}-patroni")
        dynamic = json.loads(config["data"]["patroni.yml"])["bootstrap"]["dcs"]
        self.loop_wait = float(dynamic["loop_wait"])
        self.endpoints(key, key[1] + "-config", {"config": json.dumps(dynamic), "initialize": "7300000000000000001"})

    def elect(self, key):
        with self.lock:
            ready = sorted(self.pods.get(key, {}))
            self.leaders[key] = ready[0] if ready else None
        if ready:
            self.endpoints(key, key[1], self.heartbeat(ready[0]))
            self.tell_sync(key)

    @staticmethod
    def heartbeat(leader):
        began = now()
        return {"leader": leader, "acquireTime": began, "renewTime": began, "ttl": "20", "transitions": "0",
                "optime": "67108864", "slots": "{}"}

    def renew(self, which):
        """As Patroni's leader does it in each of its loops: one write a shard, spread evenly over the loop."""
        due = time.monotonic()
        while not self.stopping.is_set():
            with self.lock:
                mine = [key for key, leader in sorted(self.leaders.items()) if leader][which::RENEWERS]
            if not mine:
                self.stopping.wait(0.5)
            for key in mine:
                due = max(due + self.loop_wait / len(mine), time.monotonic() - self.loop_wait)
                if self.stopping.wait(max(due - time.monotonic(), 0)):
                    return
                try:
                    self.api.patch(f"{CORE}/namespaces/{key[0]}/endpoints/{key[1]}",
                                   {"metadata": {"annotations": {"renewTime": now()}}})
                    self.renewals += 1
                except (Refused, OSError) as error:
                    self.problems.append(str(error))

#!/usr/bin/env python3
"""A new template reaches a shard of real members under load: Patroni, PostgreSQL, the controllers of StatefulSets and disruption
budgets and the operator's program are real, kubelet is played.

The replicas go first. Then the operator asks the primary to hand over to a member in sync; only when another one leads, and takes
writes, and the old primary streams from it, its pod goes. No two members are away at once, the shard changes its primary once, no
acknowledged row is missing or doubled. Ends with one line of counts.
"""
import os
import sys
import threading
import time

try:
    import psycopg2  # noqa: F401  pylint: disable=unused-import
except ImportError:  # Debian's Python has it, another one in PATH may not
    if sys.executable == "/usr/bin/python3":
        print("skipped: missing python3-psycopg2", file=sys.stderr)
        sys.exit(77)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

from members import Member, Missing
from rounds import MEMBERS, OWNER, SPACE, Shards

from cluster import CORE, OURS, Refused, wait_for

PODS = f"{CORE}/namespaces/{SPACE}/pods"


class Placed(Member):
    """A member whose pod the controller of StatefulSets makes; it begins and ends with it."""

    def make_pod(self, template):
        wait_for(f"the pod {self.name}", 60, self.pod)
        self.tell(False)

    def pod(self):
        try:
            return self.cluster.api.get(f"{PODS}/{self.name}")
        except Refused:
            return None

    def bind(self):
        self.cluster.api.create(f"{PODS}/{self.name}/binding", {
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "played"}})

    def end(self, uid):
        """As a kubelet does it: the pod is there until its processes have ended."""
        super().delete()
        self.process.wait()
        self.cluster.api.delete(f"{PODS}/{self.name}", {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def play_kubelet(self, stopping):
        uid = told = None
        while not stopping.wait(0.5):
            pod = self.pod()
            if not pod or not self.wanted:
                continue
            try:
                if "deletionTimestamp" in pod["metadata"]:
                    self.end(pod["metadata"]["uid"])
                    continue
                if pod["metadata"]["uid"] != uid:
                    if uid:
                        self.start()
                    uid, told = pod["metadata"]["uid"], None
                    self.bind()
                answer = self.ask("readiness")
                ready = bool(answer and answer[0] == 200)
                if ready != told:
                    self.tell(ready)
                    told = ready
            except (Refused, OSError) as error:
                print(f"{self.name}: {error}", file=sys.stderr)


class Rolled(Shards):
    """Shards whose pods come and go as a StatefulSet's."""

    member, controllers = Placed, True


def is_ready(pod):
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions", [])}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


class Witness:
    """Notes each pod whose end is asked for: (name, who leads then, how many others are ready)."""

    def __init__(self, shards):
        self.shard, self.gone, self.seen, self.ready = shards.shards[0], [], set(), {}
        threading.Thread(target=shards.cluster.api.watch, daemon=True,
                         args=(PODS, "foreshard.dev/component=shard", self.see, shards.stopping)).start()

    def see(self, event, pod):
        name = pod["metadata"]["name"]
        self.ready[name] = event != "DELETED" and is_ready(pod)
        ending = event == "DELETED" or "deletionTimestamp" in pod["metadata"]
        if ending and pod["metadata"]["uid"] not in self.seen:
            self.seen.add(pod["metadata"]["uid"])
            leader = self.shard.primary()
            self.gone.append((name, leader.name if leader else None, sum(self.ready.values())))


def main():
    with Rolled(1) as shards:
        shard, witness = shards.shards[0], Witness(shards)
        api, old = shards.cluster.api, shard.primary()
        timeline, began = old.ask("patroni")[1]["timeline"], time.monotonic()
        api.patch(f"{OURS}/namespaces/{SPACE}/shardsets/{OWNER}",
                  {"spec": {"shardTemplate": {"resources": {"requests": {"cpu": "0.2"}}}}})

        def rolled():
            pods = api.get(f"{PODS}?labelSelector=foreshard.dev/component=shard")["items"]
            rolled.seen = witness.gone
            time.sleep(0.5)
            return sum(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "200m" for pod in pods) == MEMBERS \
                and shard.whole()
        wait_for("every pod has the new template", 240, rolled)
        took, leader = time.monotonic() - began, shard.primary()
        wait_for("a write afterwards", 30, lambda: shard.load.first_after(time.monotonic() - 1))
        gap = shard.load.longest_gap(began, time.monotonic())
        connection = shard.login.open(shard.address())
        missing, twice = shard.load.missing(connection)
        connection.close()
        assert not missing and not twice, (missing, twice)
        names = [name for name, *_ in witness.gone]
        assert len(names) == MEMBERS and names[-1] == old.name, f"each once, the old primary {old.name} last: {witness.gone}"
        assert all(leads == old.name for _, leads, _ in witness.gone[:-1]), f"it leads until the others are new: {witness.gone}"
        assert witness.gone[-1][1] == leader.name != old.name, f"another one leads before its pod goes: {witness.gone}"
        assert all(ready == MEMBERS - 1 for *_, ready in witness.gone), f"all others are ready when one goes: {witness.gone}"
        assert leader.ask("patroni")[1]["timeline"] == timeline + 1, "the primary changes once"
        said = (old.directory / "log").read_text()
        assert "manual failover: demoting myself" in said, "it stopped without having been asked to hand over"
        asked = api.get(f"{CORE}/namespaces/{SPACE}/endpoints/{shard.scope}-failover")["metadata"]["annotations"]
        assert "foreshard.dev/switchover" in asked and "member" not in asked, asked
        print(f"rolled: {MEMBERS} members in {took:.0f} s; {gap:.1f} s without an acknowledged write; "
              f"{len(shard.load.acknowledged)} acknowledged rows, 0 lost")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing_program:
        print(f"skipped: missing {missing_program}", file=sys.stderr)
        sys.exit(77)

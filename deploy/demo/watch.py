"""Follows the objects of the demo while it runs: every change with the time at which it was seen."""

import json
import subprocess
import threading
import time

import cluster


class Watch:
    """Events of one kind in one namespace, until stop(). A broken stream is opened again."""

    def __init__(self, path):
        self.path = path
        self.events = []          # (time, object)
        self.lock = threading.Lock()
        self.process = None
        self.stopping = False
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        program = ["kubectl"] if cluster.EXISTING else [cluster.ROOT + "/deploy/local/kubectl"]
        while not self.stopping:
            self.process = subprocess.Popen(program + ["get", "--raw", self.path + "?watch=1&timeoutSeconds=1200"],
                                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for line in self.process.stdout:
                event = json.loads(line)
                with self.lock:
                    self.events.append((time.time(), event["object"]))
            self.process.wait()

    def seen(self):
        with self.lock:
            return list(self.events)

    def latest(self):
        """The newest version of each object, by name."""
        newest = {}
        for _, thing in self.seen():
            newest[thing["metadata"]["name"]] = thing
        return newest

    def stop(self):
        self.stopping = True
        if self.process is not None:
            self.process.terminate()
        self.thread.join(timeout=5)


def phases(events, name):
    """[(time, phase)] of one migration, each phase once."""
    found = []
    for when, thing in events:
        phase = thing.get("status", {}).get("phase", "")
        if thing["metadata"]["name"] == name and phase and (not found or found[-1][1] != phase):
            found.append((when, phase))
    return found


def plans(events):
    """[(time, plan)] of a ShardSet, each time its decision or summary changed."""
    found = []
    for when, thing in events:
        plan = thing.get("status", {}).get("plan")
        if plan and (not found or (found[-1][1]["decision"], found[-1][1]["summary"]) != (plan["decision"], plan["summary"])):
            found.append((when, plan))
    return found

"""An upgrade from an earlier commit, of everything at once, while a split is under way and clients write."""

import os
import subprocess

import cluster
from support import ROOT, Failed, check, wait_for

# Until there is a release: copies and streams were written by a superuser then, and the operator named fewer things in the CRDs.
PREVIOUS = "fcc920ed032aa729ba9952a55083637e5e5938eb"
CHART = "charts/foreshard"
CRDS = ("shardsets", "shardmigrations", "routingtables", "loadevents")

# Two members each, so that a shard's pods can be replaced one after the other.
MEMBERS = ("members: 1\n    synchronousReplication: false", "members: 2\n    synchronousReplication: true")


def run(*words, cwd=ROOT, **environment):
    done = subprocess.run(words, cwd=cwd, env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failed("%s ended with %d: %s" % (" ".join(words[:4]), done.returncode, done.stdout[-2000:]))


def previous_tree():
    """The earlier commit with its programs, built once; and its images, called `previous`."""
    cache = os.environ.get("FORESHARD_CACHE") or os.path.join(os.path.expanduser("~"), ".cache", "foreshard")
    tree = os.path.join(cache, "previous", PREVIOUS)
    os.makedirs(tree, exist_ok=True)
    archive = subprocess.Popen(["git", "-C", ROOT, "archive", PREVIOUS], stdout=subprocess.PIPE)
    run_tar = subprocess.run(["tar", "x", "-C", tree], stdin=archive.stdout)
    if archive.wait() != 0 or run_tar.returncode != 0:
        raise Failed("commit %s is not in this clone; fetch its history" % PREVIOUS)
    same = {"CCACHE_BASEDIR": tree, "CCACHE_NOHASHDIR": "1"}
    run("cmake", "--preset", "release", cwd=tree, **same)
    run("cmake", "--build", "build/release", "--target", "foreshard-operator", "foreshard-router", "foreshard-mover", cwd=tree, **same)
    run("deploy/images/build", "operator", "router", "mover", "postgres", "prometheus", cwd=tree, TAG="previous")
    return tree


def install(tree, *more):
    cluster.helm("upgrade", "--install", "foreshard", os.path.join(tree, CHART), "-n", cluster.SYSTEM, "--set", "prometheus.scrapeInterval=1s",
                 "--wait", "--timeout", "300s", *more)


def start_from(tree):
    """The cluster as somebody has it who installed the earlier commit."""
    cluster.helm("uninstall", "foreshard", "-n", cluster.SYSTEM, "--wait")
    for name in CRDS:
        cluster.kubectl("delete", "crd", name + ".foreshard.dev", "--ignore-not-found", "--wait=true", "--timeout=120s")
    install(tree, "--set", "images.tag=previous")


def images_of(world):
    """{pod: images of ours in it} of the set; pods that end are left out."""
    pods = cluster.items("pods", world.namespace, "foreshard.dev/shardset=" + world.name)
    return {p["metadata"]["name"]: sorted({c["image"] for c in p["spec"]["containers"]})
            for p in pods if not p["metadata"].get("deletionTimestamp") and p["status"].get("phase") == "Running"}


def upgraded(world):
    seen = images_of(world)
    old = {pod: images for pod, images in seen.items() if any(image.endswith(":previous") for image in images)}
    return seen and not old, old


def upgrade(world):
    from world import LOAD_CLIENTS, SET
    tree = previous_tree()
    start_from(tree)
    world.create(SET.replace(*MEMBERS) % {"name": world.name})
    world.fill()
    check(all(":previous" in image for images in images_of(world).values() for image in images), "the set runs on the earlier images",
          images_of(world))
    process = world.start_load(rate=200, seconds=900)
    world.split("in-flight")
    world.await_phase("in-flight", ("CatchingUp", "Verifying", "Ready"))

    # As charts/foreshard/README.md says.
    cluster.kubectl("apply", "--server-side", "-f", os.path.join(ROOT, CHART, "crds/"))
    install(ROOT)
    world.await_phase("in-flight", ("Completed",), 400)
    wait_for("every pod of the set runs on the new images", 600, lambda: upgraded(world))
    world.await_ready()
    source, at = world.split("afterwards")
    world.await_phase("afterwards", ("Completed",), 400)
    # Both routers are replaced: a session may end with one, go to the other one, and end there too.
    world.end_load(process, disconnects_allowed=2 * LOAD_CLIENTS)
    world.prove_split("afterwards", source, at)

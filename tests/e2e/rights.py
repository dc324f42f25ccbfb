"""What the API server lets the accounts of a set's pods do; the pods' tokens are theirs."""

import cluster
from support import check

# (verb, resource, namespace or None for the set's): what each may do, and some of what nobody in a pod of a set needs.
MAY = {"router": [("watch", "routingtables.foreshard.dev", None)], "shard": [("update", "endpoints", None), ("patch", "pods", None)]}
MAY_NOT = [("get", "secrets", None), ("list", "secrets", None), ("get", "secrets", cluster.SYSTEM), ("get", "configmaps", None),
           ("create", "pods", None), ("create", "pods/exec", None), ("update", "routingtables.foreshard.dev", None),
           ("patch", "shardsets.foreshard.dev", None), ("create", "shardmigrations.foreshard.dev", None), ("patch", "statefulsets.apps", None),
           ("create", "rolebindings.rbac.authorization.k8s.io", None), ("list", "routingtables.foreshard.dev", cluster.SYSTEM)]


def accounts(world):
    """{component: account} of the set's running pods that have a token."""
    found = {}
    for pod in cluster.items("pods", world.namespace, "foreshard.dev/shardset=" + world.name):
        if pod["spec"].get("automountServiceAccountToken", True):
            found[pod["metadata"]["labels"]["foreshard.dev/component"]] = pod["spec"]["serviceAccountName"]
    return found


def may(world, account, verb, resource, namespace):
    answer = cluster.kubectl("auth", "can-i", verb, resource, "-n", namespace or world.namespace,
                             "--as=system:serviceaccount:%s:%s" % (world.namespace, account), check=False)
    return answer.strip() == "yes"


def hold_pods_to_their_roles(world):
    seen = accounts(world)
    check(sorted(seen) == sorted(MAY), "routers and shards have a token, and nobody else has", seen)
    for component, account in seen.items():
        check(all(may(world, account, *wanted) for wanted in MAY[component]), "%s may do its work" % account, MAY[component])
        more = [asked for asked in MAY_NOT if may(world, account, *asked)]
        check(not more, "%s may do none of %d other things" % (account, len(MAY_NOT)), more)

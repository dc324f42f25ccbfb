#!/usr/bin/env python3
"""Who reaches whom under the chart's NetworkPolicies: every pod to every other one, at every port that any of them has.

The pods are those that the operator makes (tests/golden/operator) and those of the chart, and strangers. No network runs: the
rules are read here as Kubernetes defines them (a pod that a policy selects is reached only by what some rule of some policy
lets in). Ends with one line of counts.
"""
import copy
import ipaddress
import itertools
import json
import os
import pathlib
import subprocess
import sys

try:
    import yaml
except ImportError:  # Debian's Python has it, another one in PATH may not
    if sys.executable == "/usr/bin/python3":
        print("skipped: missing python3-yaml", file=sys.stderr)
        sys.exit(77)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

ROOT = pathlib.Path(__file__).resolve().parents[3]
HELM = pathlib.Path(os.environ.get("FORESHARD_CACHE", pathlib.Path.home() / ".cache/foreshard")) / "bin/helm"
GOLDEN = ROOT / "tests/golden/operator"
OURS, SETS = "foreshard-system", "shop"
NAMESPACES = {name: {"kubernetes.io/metadata.name": name} for name in (OURS, SETS, "monitoring", "elsewhere", "nodes")}
WEBHOOK = 10250
STRICT = ["networkPolicy.enabled=true", f"networkPolicy.namespaces={{{SETS}}}", f"webhook.port={WEBHOOK}",
          "networkPolicy.scrapers[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=monitoring",
          "networkPolicy.clients[0].podSelector.matchLabels.app=web", "networkPolicy.apiServers[0].ipBlock.cidr=10.0.0.0/24"]
OPEN = ["networkPolicy.enabled=true", f"watchNamespace={SETS}"]  # nobody is named


def chart(values):
    words = [HELM, "template", "foreshard", ROOT / "charts/foreshard", "-n", OURS, "--kube-version", "1.34.0"]
    for value in values:
        words += ["--set", value]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def pod(namespace, template, address="10.1.0.1"):
    ports = {port["containerPort"]: port.get("name") for container in template.get("spec", {}).get("containers", [])
             for port in container.get("ports", [])}
    return {"namespace": namespace, "labels": template["metadata"].get("labels", {}), "ports": ports, "address": address}


def labelled(namespace, labels, address="10.1.0.1"):
    return pod(namespace, {"metadata": {"labels": labels}}, address)


def pods(objects):
    """{name: pod}: one of each kind, and strangers that look like one but live elsewhere."""
    shard, router = (json.loads((GOLDEN / f"{name}.json").read_text()) for name in ("stateful_set", "router_deployment"))
    backup = next(one for one in json.loads((GOLDEN / "backup.json").read_text()) if one["kind"] == "Job")
    kept = next(one for one in json.loads((GOLDEN / "backup.json").read_text()) if one["kind"] == "StatefulSet")
    mover = copy.deepcopy(backup["spec"]["template"])
    mover["metadata"]["labels"].update({"foreshard.dev/component": "mover", "app.kubernetes.io/component": "mover"})
    result = {"member": pod(SETS, kept["spec"]["template"]), "neighbour": pod(SETS, shard["spec"]["template"]),
              "router": pod(SETS, router["spec"]["template"]), "mover": pod(SETS, mover),
              "backup": pod(SETS, backup["spec"]["template"]), "web": labelled(SETS, {"app": "web"}),
              "stranger": labelled(SETS, {"app": "else"}), "monitoring": labelled("monitoring", {}),
              "false member": pod("elsewhere", shard["spec"]["template"]), "API server": labelled("nodes", {}, "10.0.0.7"),
              "false web": labelled("elsewhere", {"app": "web"})}
    for one in objects:
        if one["kind"] == "Deployment":
            template = one["spec"]["template"]
            component = template["metadata"]["labels"]["app.kubernetes.io/component"]
            result[component] = pod(OURS, template)
            result[f"false {component}"] = pod("elsewhere", template)
    return result


def selects(selector, labels):
    """An absent selector is the caller's business; an empty one selects everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions") or []:
        known = {"In": labels.get(one["key"]) in one.get("values", []), "Exists": one["key"] in labels,
                 "NotIn": labels.get(one["key"]) not in one.get("values", []), "DoesNotExist": one["key"] not in labels}
        if not known[one["operator"]]:
            return False
    return True


def is_peer(peer, policy_namespace, source):
    if "ipBlock" in peer:
        address = ipaddress.ip_address(source["address"])
        inside = address in ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return inside and not any(address in ipaddress.ip_network(cidr) for cidr in peer["ipBlock"].get("except", []))
    if "namespaceSelector" in peer:
        in_namespace = selects(peer["namespaceSelector"] or {}, NAMESPACES[source["namespace"]])
    else:
        in_namespace = source["namespace"] == policy_namespace
    return in_namespace and selects(peer.get("podSelector") or {}, source["labels"])


def lets_in(rule, policy_namespace, source, target, port):
    ports = rule.get("ports")
    if ports and not any(one.get("protocol", "TCP") == "TCP" and one["port"] in (port, target["ports"].get(port)) for one in ports):
        return False
    peers = rule.get("from")
    return not peers or any(is_peer(peer, policy_namespace, source) for peer in peers)


def reaches(policies, source, target, port):
    chosen = [one for one in policies if one["metadata"]["namespace"] == target["namespace"] and
              "Ingress" in one["spec"]["policyTypes"] and selects(one["spec"]["podSelector"], target["labels"])]
    return not chosen or any(lets_in(rule, one["metadata"]["namespace"], source, target, port)
                             for one in chosen for rule in one["spec"].get("ingress") or [])


GUARDED = ["member", "router", "mover", "backup", "operator", "prometheus"]
# Whom it guards -> port -> who reaches it there. Nobody else, nowhere else.
MEMBERS = {"member", "neighbour"}
OF_SETS = MEMBERS | {"router", "mover", "backup"}
WANTED = {"member": {5432: OF_SETS | {"operator"}, 8008: MEMBERS, 8432: {"backup"}, 9187: {"monitoring", "prometheus"}},
          "router": {5432: {"web"}, 8443: {"operator"}, 9187: {"monitoring", "prometheus"}},
          "mover": {9187: {"monitoring", "prometheus"}}, "backup": {},
          "operator": {8080: {"monitoring", "prometheus"}, WEBHOOK: {"API server"}},
          "prometheus": {9090: {"monitoring", "operator"}}}


def wanted_with(everybody):
    """What is left open where nobody is named."""
    wanted = copy.deepcopy(WANTED)
    for ports in wanted.values():
        for sources in ports.values():
            sources.discard("monitoring")
    wanted["router"][5432] = everybody
    del wanted["operator"][WEBHOOK]  # an operator of one namespace has no webhook
    return wanted


def judge(name, values):
    objects = chart(values)
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    known = pods(objects)
    wanted = WANTED if values is STRICT else wanted_with(set(known))
    ports = sorted(set(itertools.chain.from_iterable(one["ports"] for one in known.values())) | {22, 8081, WEBHOOK})
    assert set(GUARDED) <= set(known), sorted(known)
    asked = 0
    for target, source, port in itertools.product(GUARDED, known, ports):
        expected = source in wanted[target].get(port, ())
        got = reaches(policies, known[source], known[target], port)
        assert got == expected, f"{name}: {source} {'reaches' if got else 'does not reach'} {target} at {port}"
        asked += 1
    for target, ports_of in wanted.items():
        assert set(ports_of) <= set(ports), f"{name}: nothing listens at {set(ports_of) - set(ports)} ({target})"
    return asked


def main():
    if not os.access(HELM, os.X_OK):
        print("skipped: missing helm; deploy/local/programs builds it", file=sys.stderr)
        sys.exit(77)
    asked = judge("with everybody named", STRICT) + judge("with nobody named", OPEN)
    print(f"network policies: {asked} pairs and ports, each as it should be")


if __name__ == "__main__":
    main()

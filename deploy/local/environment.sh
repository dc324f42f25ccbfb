# Names, paths and addresses of the local cluster. Sourced by the scripts of this folder; sets variables, changes nothing.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${FORESHARD_CACHE:-$HOME/.cache/foreshard}

# Versions. Kubernetes 1.34 is the last minor that takes Debian 12's containerd and cgroup v1.
kubernetes_version=1.34.4
etcd_version=3.6.16
coredns_version=1.15.0
helm_version=3.22.0
versitygw_version=1.0.14  # of tests only: a bucket

# Where everything of a running cluster lies: certificates, logs, volumes, images.
cluster=$cache/cluster
admin_kubeconfig=$cluster/admin.kubeconfig

# Addresses. They exist inside the nodes' network namespaces and on one bridge of this machine, and cannot leave it.
bridge=foreshard0
bridge_address=10.97.0.1
api_address=10.97.0.2
service_range=10.96.0.0/16
pod_range=10.244.0.0/16
node_letters=(a b c)     # node-a is the control plane too; a letter is also the node's zone

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# source_key FOLDER...: a short name for the content of these folders.
source_key() { find "$@" -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -c1-8; }

# program_folder NAME: where the programs of that name and version are, once they are built.
program_folder() {
  case $1 in
    kubernetes) echo "$cache/programs/kubernetes-$kubernetes_version-$(source_key "$here/go/kube")" ;;
    etcd) echo "$cache/programs/etcd-$etcd_version-$(source_key "$here/go/etcd")" ;;
    coredns) echo "$cache/programs/coredns-$coredns_version-$(source_key "$here/go/coredns")" ;;
    helm) echo "$cache/programs/helm-$helm_version-$(source_key "$here/go/helm")" ;;
    versitygw) echo "$cache/programs/versitygw-$versitygw_version-$(source_key "$here/go/versitygw")" ;;
    *) die "no program of the cluster is called '$1'" ;;
  esac
}

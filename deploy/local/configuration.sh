# Writes the configuration files of a node. Sourced; needs environment.sh and node.sh.

write_containerd() {
  cat >"$folder/conf/containerd.toml" <<TOML
version = 2
root = "$image_store"
state = "$folder/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$containerd_socket"
[ttrpc]
  address = "$containerd_socket.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/foreshard-pause:1"
  disable_apparmor = true
  # Where root lacks CAP_SYS_RESOURCE, runc would end with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "$folder/containerd/runc"
TOML
  cat >"$folder/cni/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true, "mtu": 1500,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-addresses", "ranges": [[{"subnet": "$node_pods"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

write_kubelet() {
  echo 'options ndots:1' >"$folder/conf/resolv.conf"
  cat >"$folder/conf/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
port: 10250
healthzBindAddress: 127.0.0.1
tlsCertFile: $pki/$node-server.crt
tlsPrivateKeyFile: $pki/$node-server.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$containerd_socket
cgroupDriver: cgroupfs
cgroupRoot: /foreshard-$letter
failCgroupV1: false
failSwapOn: false
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
clusterDomain: cluster.local
clusterDNS: [$api_address]
resolvConf: $folder/conf/resolv.conf
podLogsDir: $folder/pod-logs
volumePluginDir: $folder/plugins
seccompDefault: true
maxPods: 110
serializeImagePulls: false
nodeStatusUpdateFrequency: 4s
syncFrequency: 10s
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {nodefs.available: 1Gi, imagefs.available: 1Gi, memory.available: 200Mi}
evictionPressureTransitionPeriod: 10s
YAML
  cat >"$folder/conf/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $pki/proxy.kubeconfig}
mode: iptables
hostnameOverride: $node
bindAddress: $node_address
clusterCIDR: $pod_range
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: ["$node_address/32"]
# These limits belong to the machine and cannot be written from a network namespace.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 0s, syncPeriod: 30s}
YAML
}

write_control_plane() {
  cat >"$folder/conf/scheduler.yaml" <<YAML
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: $pki/scheduler.kubeconfig}
leaderElection: {leaderElect: false}
YAML
  # Names outside the cluster do not exist at once, instead of after slow failures: nothing is reachable anyway.
  cat >"$folder/conf/Corefile" <<TEXT
cluster.local:53 in-addr.arpa:53 {
    bind $api_address
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $pki/coredns.kubeconfig foreshard-local
        pods insecure
        ttl 5
    }
    cache 5
    loadbalance
}
.:53 {
    bind $api_address
    template ANY ANY {
        rcode NXDOMAIN
    }
}
TEXT
}

# make_pki: all certificates of the cluster; a few hundred milliseconds.
make_pki() {
  local server=https://$api_address:6443
  mkdir -p "$pki"
  (
    cd "$pki"
    api_certificates 10.96.0.1 "$api_address"
    client controller-manager /CN=system:kube-controller-manager "$server"
    client scheduler /CN=system:kube-scheduler "$server"
    client proxy /CN=system:kube-proxy "$server"
    client coredns /CN=foreshard-local:coredns "$server"
    client volumes /CN=foreshard-local:volumes "$server"
    client admin /O=system:masters/CN=admin "$server"
    audit_policy >audit.yaml
    chmod 600 ./*.key
  )
  cp "$pki/admin.kubeconfig" "$admin_kubeconfig"
}

make_node_certificates() {
  (
    cd "$pki"
    certificate "$node-server" ca "/O=system:nodes/CN=system:node:$node" serverAuth "DNS:$node,IP:$node_address"
    client "$node" "/O=system:nodes/CN=system:node:$node" "https://$api_address:6443"
    chmod 600 ./*.key
  )
}

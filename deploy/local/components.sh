# Starts the components of a node. Sourced; needs environment.sh, node.sh and api_flags.sh.

# run COMPONENT: the component's command line, on the node that use_node chose.
run() {
  local kube kubeconfigs
  kube=$(program_folder kubernetes)/kube
  case $1 in
    etcd)
      etcd_flags "$pki" "$folder/etcd" 2379 2380
      start etcd "${etcd_command[@]}" ;;
    apiserver)
      apiserver_flags "$pki" 2379 6443 "$folder/log"
      start apiserver "${apiserver_command[@]}" --bind-address=0.0.0.0 "--advertise-address=$api_address" \
        "--kubelet-certificate-authority=$pki/ca.crt" "--kubelet-client-certificate=$pki/apiserver-kubelet.crt" \
        "--kubelet-client-key=$pki/apiserver-kubelet.key" --kubelet-preferred-address-types=InternalIP ;;
    controller-manager)
      kubeconfigs=(--kubeconfig --authentication-kubeconfig --authorization-kubeconfig)
      start controller-manager "$kube" kube-controller-manager "${kubeconfigs[@]/%/=$pki/controller-manager.kubeconfig}" \
        --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials "--root-ca-file=$pki/ca.crt" \
        "--service-account-private-key-file=$pki/tokens.key" "--cluster-signing-cert-file=$pki/ca.crt" \
        "--cluster-signing-key-file=$pki/ca.key" "--client-ca-file=$pki/ca.crt" "--requestheader-client-ca-file=$pki/ca.crt" \
        "--cluster-cidr=$pod_range" --allocate-node-cidrs=false "--service-cluster-ip-range=$service_range" \
        --node-monitor-period=2s --node-monitor-grace-period=16s "--flex-volume-plugin-dir=$folder/plugins" ;;
    scheduler)
      start scheduler "$kube" kube-scheduler "--config=$folder/conf/scheduler.yaml" --bind-address=127.0.0.1 \
        "--authentication-kubeconfig=$pki/scheduler.kubeconfig" "--authorization-kubeconfig=$pki/scheduler.kubeconfig" ;;
    containerd)
      rm -f "$containerd_socket"
      start containerd /usr/bin/containerd --config "$folder/conf/containerd.toml" ;;
    kubelet)
      # kubelet ends if containerd is away; and pods of a node that returns must not see empty mount points.
      wait_until 60 "containerd on $node (log: $folder/log/containerd.log)" test -S "$containerd_socket"
      mount_volumes
      start kubelet "$kube" kubelet "--config=$folder/conf/kubelet.yaml" "--kubeconfig=$pki/$node.kubeconfig" \
        "--root-dir=$folder/kubelet" "--cert-dir=$folder/conf" "--hostname-override=$node" "--node-ip=$node_address" \
        "--node-labels=topology.kubernetes.io/zone=$letter,topology.kubernetes.io/region=local" ;;
    proxy) start proxy "$kube" kube-proxy "--config=$folder/conf/proxy.yaml" ;;
    volumes)
      start volumes "$kube" volumes --kubeconfig "$pki/volumes.kubeconfig" --directory "$folder/volumes" --node "$node" ;;
    coredns) start coredns "$(program_folder coredns)/coredns" -conf "$folder/conf/Corefile" ;;
    *) die "no component is called '$1'; on $node there are: $(components | tr '\n' ' ')" ;;
  esac
}

mount_volumes() {
  local image
  for image in "$folder"/volumes/*.img; do
    [ -e "$image" ] || continue
    inside mountpoint -q "${image%.img}" || inside mount -o loop,nouuid "$image" "${image%.img}"
  done
}

# run_missing COMPONENT...: starts those that do not run. A component that was running is left alone.
run_missing() {
  local component
  for component in "$@"; do [ -n "$(pid_of "$component")" ] || run "$component"; done
}

# forget_containers: what an earlier cluster left in the store of images is dead; its images stay.
forget_containers() {
  local old
  old=$(containerd_ctl containers ls -q) || return 0
  [ -n "$old" ] || return 0
  # shellcheck disable=SC2086 # one argument a name
  containerd_ctl containers rm $old >/dev/null 2>&1 || true
  kill "$(pid_of containerd)"
  wait_until 10 'the end of containerd' test ! -d "/proc/$(cat "$folder/pid/containerd")"
  run containerd
}

containerd_ctl() { ctr --address "$containerd_socket" --namespace k8s.io "$@"; }
containerd_answers() { ctr --address "$containerd_socket" version; }

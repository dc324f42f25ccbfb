# One node of the local cluster: its names, its control groups, its namespaces, its components. Sourced; needs
# environment.sh. A node is a tree of processes in its own pid, network, mount, host-name and ipc namespaces: ending its
# first process ends its containers, mounts, routes and rules with it.

# use_node LETTER: sets what the functions below work on.
use_node() {
  letter=$1
  node=node-$letter
  case $letter in a) index=0 ;; b) index=1 ;; c) index=2 ;; *) die "there is no node '$letter'; nodes are a, b and c" ;; esac
  node_address=10.97.0.$((2 + index))
  node_pods=10.244.$index.0/24
  folder=$cluster/$node
  pki=$cluster/pki
  image_store=$cache/containerd/$node      # stays when the cluster goes, so that images are loaded once
  containerd_socket=$folder/containerd/containerd.sock
  groups=("foreshard-$letter" "foreshard-$letter-system")   # of the pods; of the node's own components
}

# node_is_up: does its first process live?
node_is_up() { [ -e "$folder/pid/init" ] && [ -d "/proc/$(cat "$folder/pid/init")/ns" ]; }

# The hierarchies of control groups: one folder with version 2, one a controller with version 1.
hierarchies() {
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    echo /sys/fs/cgroup
  else
    awk '($3 == "cgroup" || $3 == "cgroup2") && $2 ~ "^/sys/fs/cgroup/" { print $2 }' /proc/self/mounts
  fi
}

# The cluster weighs as much as eight ordinary processes: with the default a busy machine would starve all of it at once.
make_groups() {
  local hierarchy group file controller
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    # kubelet asks for each of these that the machine has.
    for controller in cpuset cpu io memory hugetlb pids; do
      grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || continue
      grep -qw "$controller" /sys/fs/cgroup/cgroup.subtree_control ||
        { echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; } 2>/dev/null ||
        die "the control group controller '$controller' cannot be used here (a container without its own cgroup root?)"
    done
  fi
  while read -r hierarchy; do
    for group in "${groups[@]}"; do
      mkdir -p "$hierarchy/$group"
      for file in cpuset.cpus cpuset.mems; do   # version 1 starts them empty, and an empty set takes no process
        [ ! -e "$hierarchy/$file" ] || [ -e "$hierarchy/cgroup.controllers" ] || cat "$hierarchy/$file" >"$hierarchy/$group/$file"
      done
      [ ! -e "$hierarchy/$group/cpu.shares" ] || echo 8192 >"$hierarchy/$group/cpu.shares"
      [ ! -e "$hierarchy/$group/cpu.weight" ] || echo 800 >"$hierarchy/$group/cpu.weight"
    done
  done < <(hierarchies)
}

# enter_group: puts the calling subshell into the group of the node's components.
enter_group() {
  local hierarchy
  while read -r hierarchy; do echo "$BASHPID" >"$hierarchy/foreshard-$letter-system/cgroup.procs"; done < <(hierarchies)
}

# remove_groups: true when none is left; a group lives as long as a process in it does.
remove_groups() {
  local hierarchy group left=0
  while read -r hierarchy; do
    for group in "${groups[@]}"; do
      [ -d "$hierarchy/$group" ] || continue
      find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ ! -d "$hierarchy/$group" ] || left=1
    done
  done < <(hierarchies)
  return $left
}

# node_processes: who lives in the node's groups, whichever folder it was started from. Nobody: what else stands of a node
# (its cable, when it was killed in one blow) is debris.
node_processes() {
  local hierarchy group
  while read -r hierarchy; do
    for group in "${groups[@]}"; do find "$hierarchy/$group" -name cgroup.procs -exec cat {} + 2>/dev/null || true; done
  done < <(hierarchies) | sort -nu
}

inside() { nsenter -t "$(cat "$folder/pid/init")" -n -m -p -u -i "$@"; }

# make_namespaces: starts the node's first process (node_init).
make_namespaces() {
  mkdir -p "$folder"/{pid,log,conf,cni,plugins,volumes,kubelet,pod-logs,containerd} "$image_store"
  rm -f "$folder/pid/"*
  (
    enter_group
    exec setsid unshare --net --mount --pid --uts --ipc --fork --kill-child \
      "$here/node_init" "$folder" "$node" >"$folder/log/init.log" 2>&1 </dev/null
  ) &
  local unshare=$!
  wait_until 10 "the namespaces of $node (log: $folder/log/init.log)" test -e "$folder/pid/ready"
  echo $unshare >"$folder/pid/unshare"
  tr -d ' ' <"/proc/$unshare/task/$unshare/children" >"$folder/pid/init"
  node_is_up || die "the first process of $node ended; its log: $folder/log/init.log"
}

# connect: a cable from the bridge of this machine to the node. No default route: nothing can leave.
connect() {
  local other first
  first=$(cat "$folder/pid/init")
  if ! ip link show "$bridge" >/dev/null 2>&1; then
    ip link add "$bridge" type bridge
    ip address add "$bridge_address/24" dev "$bridge"
    ip link set "$bridge" up
    ip route add "$service_range" via "$api_address" dev "$bridge"
  fi
  ip link add "foreshard0$letter" type veth peer name uplink netns "$first"
  ip link set "foreshard0$letter" master "$bridge" up
  ip route replace "$node_pods" via "$node_address" dev "$bridge"
  inside ip address add "$node_address/24" dev uplink
  inside ip link set uplink up
  inside ip route add "$service_range" dev uplink src "$node_address"
  for other in 0 1 2; do
    [ $other = "$index" ] || inside ip route add "10.244.$other.0/24" via "10.97.0.$((2 + other))" dev uplink
  done
  # Pods may not open connections to this machine.
  inside iptables -w -A FORWARD -s "$node_pods" -d "$bridge_address" -m conntrack --ctstate NEW -j REJECT
}

# start COMPONENT COMMAND...: in the node's namespaces and group; its log is $folder/log/COMPONENT.log.
start() {
  local component=$1
  shift
  (
    enter_group
    ulimit -n 20000
    cd /
    exec setsid nsenter -t "$(cat "$folder/pid/init")" -n -m -p -u -i "$@" >>"$folder/log/$component.log" 2>&1 </dev/null
  ) &
  echo $! >"$folder/pid/$component"
}

# pid_of COMPONENT: nsenter forks, so the component is the only child of the process that was noted. Empty: not running.
pid_of() {
  local parent
  parent=$(cat "$folder/pid/$1" 2>/dev/null) || return 0
  cat "/proc/$parent/task/$parent/children" 2>/dev/null | tr -d ' ' || true
}

# components: what runs on this node, in the order of starting.
components() {
  [ "$letter" != a ] || echo etcd apiserver controller-manager scheduler
  echo containerd kubelet proxy volumes
  [ "$letter" != a ] || echo coredns
}

# wait_until SECONDS WHAT COMMAND...
wait_until() {
  local looks=$(($1 * 10)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    looks=$((looks - 1))
    [ $looks -gt 0 ] || die "waited too long for: $what"
    sleep 0.1
  done
}

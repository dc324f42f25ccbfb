# The command lines of etcd and the API server, shared by the cluster and the small tier. Sourced.

# etcd_flags PKI DATA CLIENT_PORT PEER_PORT: nothing here survives a power cut on purpose (--unsafe-no-fsync).
etcd_flags() {
  local pki=$1 data=$2 client=https://127.0.0.1:$3 peer=http://127.0.0.1:$4
  etcd_command=("$(program_folder etcd)/etcd" --name=local "--data-dir=$data" --unsafe-no-fsync --log-level=warn
    "--listen-client-urls=$client" "--advertise-client-urls=$client" "--listen-peer-urls=$peer"
    "--initial-advertise-peer-urls=$peer" "--initial-cluster=local=$peer"
    --client-cert-auth "--trusted-ca-file=$pki/etcd-ca.crt" "--cert-file=$pki/etcd.crt" "--key-file=$pki/etcd.key")
}

# apiserver_flags PKI ETCD_PORT PORT LOGS: bound and advertised by the caller.
apiserver_flags() {
  local pki=$1
  apiserver_command=("$(program_folder kubernetes)/kube" kube-apiserver "--secure-port=$3"
    "--etcd-servers=https://127.0.0.1:$2" "--etcd-cafile=$pki/etcd-ca.crt"
    "--etcd-certfile=$pki/etcd-client.crt" "--etcd-keyfile=$pki/etcd-client.key"
    "--client-ca-file=$pki/ca.crt" "--tls-cert-file=$pki/apiserver.crt" "--tls-private-key-file=$pki/apiserver.key"
    "--requestheader-client-ca-file=$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group
    --requestheader-extra-headers-prefix=X-Remote-Extra-
    "--proxy-client-cert-file=$pki/front-proxy.crt" "--proxy-client-key-file=$pki/front-proxy.key"
    --service-account-issuer=https://kubernetes.default.svc.cluster.local
    "--service-account-key-file=$pki/tokens.pub" "--service-account-signing-key-file=$pki/tokens.key"
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true
    "--service-cluster-ip-range=$service_range" --anonymous-auth=false --profiling=false
    "--audit-policy-file=$pki/audit.yaml" "--audit-log-path=$4/audit.log" --audit-log-maxsize=100 --audit-log-maxbackup=2)
}

# Certificates and kubeconfigs of a cluster, with openssl. Sourced; works in the current directory.

# authority NAME COMMON_NAME: NAME.crt and NAME.key.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$2" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature \
    -keyout "$1.key" -out "$1.crt" 2>/dev/null || die "openssl could not make the authority $1"
}

# certificate NAME AUTHORITY SUBJECT clientAuth|serverAuth[,...] [ALTERNATIVE_NAMES]
certificate() {
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature,keyEncipherment'
    echo "extendedKeyUsage=$4"
    [ -z "${5-}" ] || echo "subjectAltName=$5"
  } >"$1.extensions"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$1.key" -out "$1.request" 2>/dev/null &&
    openssl x509 -req -in "$1.request" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 3650 -extfile "$1.extensions" \
      -out "$1.crt" 2>/dev/null || die "openssl could not make the certificate $1"
  rm -f "$1.request" "$1.extensions"
}

# client NAME SUBJECT SERVER: a certificate of the cluster's authority, and a kubeconfig with it.
client() {
  certificate "$1" ca "$2" clientAuth
  cat >"$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters:
- {name: foreshard-local, cluster: {server: "$3", certificate-authority-data: $(base64 -w0 ca.crt)}}
users:
- {name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}
contexts:
- {name: foreshard-local, context: {cluster: foreshard-local, user: $1}}
current-context: foreshard-local
YAML
  chmod 600 "$1.kubeconfig"
}

# token_key: the key that signs service-account tokens.
token_key() {
  openssl ecparam -name prime256v1 -genkey -noout -out tokens.key 2>/dev/null
  openssl ec -in tokens.key -pubout -out tokens.pub 2>/dev/null
}

api_names='DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1'

# api_certificates ADDRESS...: what etcd and the API server need; the API server answers to these addresses too.
api_certificates() {
  local names=$api_names address
  for address in "$@"; do names+=,IP:$address; done
  authority ca kubernetes-ca
  authority etcd-ca etcd-ca
  authority front-proxy-ca front-proxy-ca
  certificate etcd etcd-ca /CN=etcd serverAuth,clientAuth DNS:localhost,IP:127.0.0.1
  certificate etcd-client etcd-ca /CN=kube-apiserver-etcd-client clientAuth
  certificate apiserver ca /CN=kube-apiserver serverAuth "$names"
  certificate apiserver-kubelet ca /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  certificate front-proxy front-proxy-ca /CN=front-proxy-client clientAuth
  token_key
}

# audit_policy: every request is noted once, when it is answered.
audit_policy() {
  cat <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata}
YAML
}

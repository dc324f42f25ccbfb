// etcd, as its own command starts it. A module of its own, because etcd's go.mod forbids `go install`.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }

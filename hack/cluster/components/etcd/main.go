// Command etcd is the etcd server, as its own module's main package runs it.
//
// Debian's etcd is too old: without RequestWatchProgress the API server
// refuses the watches that Flink's leader election needs.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }

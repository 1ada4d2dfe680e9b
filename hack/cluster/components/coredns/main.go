// Command coredns is CoreDNS with the few plugins that cluster DNS needs.
//
// The operator reaches each JobManager by its Service's name, so the cluster
// needs a real DNS server; the other forty plugins only cost build time.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

func main() {
	// The order in which plugins see a query, outermost first.
	dnsserver.Directives = []string{"errors", "health", "ready", "reload", "cache", "loop", "kubernetes"}
	coremain.Run()
}

package instance

import (
	"errors"
	"net/netip"
)

// linkPool is where the /30 networks between the machine and its clusters
// come from.
var linkPool = netip.MustParsePrefix("10.87.0.0/16")

// link is the two ends of such a network.
type link struct{ host, node netip.Addr }

// pickLink returns the first free /30 of the pool that overlaps none of the
// networks in use.
func pickLink(used []netip.Prefix) (link, error) {
	for addr := linkPool.Addr(); linkPool.Contains(addr); {
		subnet := netip.PrefixFrom(addr, 30)
		free := true
		for _, u := range used {
			// A default route overlaps everything and is in nobody's way.
			if u.Bits() > 0 && u.Overlaps(subnet) {
				free = false
				break
			}
		}
		if free {
			host := addr.Next()
			return link{host: host, node: host.Next()}, nil
		}
		for range 4 {
			addr = addr.Next()
		}
	}
	return link{}, errors.New("no free /30 network in " + linkPool.String())
}

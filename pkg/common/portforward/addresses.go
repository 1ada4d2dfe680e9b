package portforward

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const (
	localhost = "localhost"
	all4      = "0.0.0.0"
	all6      = "::"
)

// ListenAddresses are the addresses to listen on for those that a user names,
// each once: localhost, which is 127.0.0.1 and ::1, and IP addresses. Other
// names are refused: DNS would decide who gets in.
func ListenAddresses(named []string) ([]string, error) {
	if len(named) == 0 {
		return []string{localhost}, nil
	}
	var out []string
	for _, name := range named {
		if strings.EqualFold(name, localhost) {
			out = append(out, localhost)
			continue
		}
		ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
		if err != nil {
			return nil, fmt.Errorf("%q is no address to listen on: give localhost or an IP address such as 127.0.0.1", name)
		}
		out = append(out, ip.Unmap().String())
	}
	if at := slices.Index(out, localhost); at >= 0 && (slices.Contains(out, all4) || slices.Contains(out, all6)) {
		out = slices.Concat(out[:at], []string{"127.0.0.1", "::1"}, out[at:])
		out = slices.DeleteFunc(out, func(a string) bool { return a == localhost })
	}
	var once []string
	for _, address := range out {
		if !slices.Contains(once, address) && !within(address, out) {
			once = append(once, address)
		}
	}
	return once, nil
}

// within reports whether another of addresses has this one in it; listening
// twice would fail.
func within(address string, addresses []string) bool {
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil || ip.IsUnspecified():
		return false
	case ip.Is4() && slices.Contains(addresses, all4), ip.Is6() && slices.Contains(addresses, all6):
		return true
	}
	return (address == "127.0.0.1" || address == "::1") && slices.Contains(addresses, localhost)
}

//go:build !linux

package portforward

// portOwner is the process that listens on a local port; only Linux tells
// without a library.
func portOwner(int) string { return "" }

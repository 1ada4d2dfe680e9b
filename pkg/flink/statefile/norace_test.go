//go:build !race

package statefile

const underRace = false

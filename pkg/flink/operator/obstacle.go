package operator

// Weight is how sure it is that an obstacle doesn't go away by itself.
type Weight int

// The weights, lightest first.
const (
	// Soft obstacles may go away: a pod that finds no node waits for one.
	Soft Weight = iota
	// Stubborn obstacles are tried again, and mostly for nothing: they count
	// as Final when they stay for some seconds.
	Stubborn
	// Final obstacles stay until somebody does something.
	Final
)

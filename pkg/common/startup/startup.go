// Package startup has the garbage collector wait while a program starts.
//
// What the packages of Kubernetes register when they are initialized is some 5 MB
// that stays: a collection of it frees nothing and takes a fifth of the time that
// --help or a completion takes. Packages are initialized in the order of their
// import paths as far as they don't need one another, so that this one comes before
// those of k8s.io.
package startup

import (
	"runtime/debug"
	"sync"
)

// patient lets the heap grow to 16 MB before the first collection, in place of 4.
const patient = 400

var before = debug.SetGCPercent(patient)

// Done has the collector work as it would without this package. Verbs call it before
// they begin.
var Done = sync.OnceFunc(func() { debug.SetGCPercent(before) })

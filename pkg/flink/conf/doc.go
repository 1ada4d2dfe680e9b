// Package conf explains a job's effective configuration: where each setting comes
// from, what its names are, and what is deprecated.
package conf

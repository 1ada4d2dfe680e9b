// Package change carries out one change of a job: it sends the patch, follows what the
// operator makes of it, and proves that the job's state was kept.
package change

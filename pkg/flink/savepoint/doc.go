// Package savepoint takes, lists, deletes and adopts savepoints and checkpoints.
package savepoint

// Package lifecycle has the verbs that are made of changes: suspend, resume, restart,
// scale, upgrade, restore, clone, submit and delete.
package lifecycle

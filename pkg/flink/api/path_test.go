package api

import (
	"testing"
)

func TestPathsThatAreTheSame(t *testing.T) {
	same := [][]string{
		{"file:/a/sp-1", "file:///a/sp-1", "/a/sp-1", "/a/sp-1/", "file:/a/sp-1/_metadata", " FILE:///a/sp-1// "},
		{"s3://b/sp-1", "s3://b/sp-1/", "S3://b/sp-1"},
	}
	for i, group := range same {
		for _, a := range group {
			for _, b := range group {
				if !SamePath(a, b) {
					t.Errorf("%q and %q are the same", a, b)
				}
			}
			for _, other := range same[1-i] {
				if SamePath(a, other) {
					t.Errorf("%q and %q differ", a, other)
				}
			}
		}
	}
	for _, none := range []string{"", "  ", "KUBERNETES_OPERATOR_LAST_STATE", "<checkpoint-not-externally-addressable>"} {
		if SamePath(none, none) || NormalPath(none) != "" {
			t.Errorf("%q is no path", none)
		}
	}
	if SamePath("s3://b/sp-1", "s3://b/sp-10") || SamePath("s3://b/A", "s3://b/a") {
		t.Error("paths differ in their names")
	}
}

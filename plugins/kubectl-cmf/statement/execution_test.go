package statement

import (
	"fmt"
	"strings"
	"testing"
)

func TestPagesThatLeadBack(t *testing.T) {
	type step struct {
		token, next string
		rows        bool
	}
	for name, tc := range map[string]struct {
		steps []step
		words string
	}{
		"on and on":      {[]step{{"", "a", true}, {"a", "b", true}, {"b", "", true}}, ""},
		"no rows yet":    {[]step{{"", "a", false}, {"a", "a", false}, {"a", "a", false}, {"a", "b", true}}, ""},
		"to itself":      {[]step{{"", "a", true}, {"a", "a", true}}, "was read before"},
		"in a circle":    {[]step{{"", "a", true}, {"a", "b", true}, {"b", "a", true}}, "was read before"},
		"through a gap":  {[]step{{"", "a", true}, {"a", "b", true}, {"b", "c", false}, {"c", "b", false}, {"b", "a", true}}, "was read before"},
		"a large token":  {[]step{{"", strings.Repeat("x", maxToken+1), false}}, "more than 64 KiB"},
		"an end at last": {[]step{{"", "", true}}, ""},
	} {
		var p pages
		var err error
		for _, s := range tc.steps {
			if err = p.follow(s.token, s.next, s.rows); err != nil {
				break
			}
		}
		if (err == nil) != (tc.words == "") || err != nil && !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var p pages
	for i := range 5 * maxPages {
		if err := p.follow(fmt.Sprint(i), fmt.Sprint(i+1), true); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.read) > maxPages || len(p.order) > maxPages {
		t.Errorf("%d pages are kept", len(p.read))
	}
}

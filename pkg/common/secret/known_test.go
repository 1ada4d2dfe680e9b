package secret

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// A secret that one place gives away is hidden in all others, in whatever form it
// stands there; names and short words are left alone.
func TestKnown(t *testing.T) {
	const odd = "p\"ä/ss 1&"
	var k Known
	k.Except("orders", "orders-prod")
	k.AddIn(map[string]any{
		"flinkConfiguration": map[string]any{"s3.secret-key": "hunter2hunter2", "db.password": odd, "x.token": "orders-prod", "y.password": "abc", "on.password": "true"},
		"args":               []any{"--db-password=argument-secret", "--token", "separate-secret", "jdbc:mysql://me:in-an-url@db/x"},
		"env":                []any{map[string]any{"name": "API_KEY", "value": "from-the-environment"}},
	})
	k.AddNamed("s3.access.key", "named-secret")
	k.AddText("Authorization: Bearer shown-in-a-text")
	k.Add("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n-----END PRIVATE KEY-----\n")
	k.Seal()
	escaped, _ := json.Marshal(odd)
	for _, secret := range []string{
		"hunter2hunter2", odd, strings.Trim(string(escaped), `"`), url.QueryEscape(odd), base64.StdEncoding.EncodeToString([]byte(odd)),
		"argument-secret", "separate-secret", "in-an-url", "from-the-environment", "named-secret", "shown-in-a-text", "MIIEvQIBADANBgkqhkiG9w0",
	} {
		if got := k.Hide("it said " + secret + " here"); got != "it said ****** here" {
			t.Errorf("%q stays: %s", secret, got)
		}
	}
	for _, plain := range []string{"orders-prod", "abc", "true", "short", "BEGIN PRIVATE KEY", "hunter2"} {
		if got := k.HideKnown("it said " + plain); got != "it said "+plain {
			t.Errorf("%q is hidden: %s", plain, got)
		}
	}
	var none Known
	if got := none.Hide("password=hunter2 x"); got != "password=****** x" {
		t.Error(got)
	}
}

// Documents in strings are read as such: what hides in the last-applied annotation
// and in the operator's last spec is hidden.
func TestKnownHideIn(t *testing.T) {
	var k Known
	inner := `{"spec":{"args":["--db-password","hunter2"],"flinkConfiguration":{"s3.secret-key":"hunter3"},"env":[{"name":"DB_PASS","value":"hunter4"}]}}`
	got, err := json.Marshal(k.HideIn(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": inner}},
		"status":   map[string]any{"lastReconciledSpec": inner, "n": 3.0, "list": []any{inner, true, nil}},
	}))
	if err != nil || strings.Contains(string(got), "hunter") || strings.Count(string(got), Hidden) != 9 || !strings.Contains(string(got), `\"DB_PASS\"`) {
		t.Errorf("%v: %s", err, got)
	}
}

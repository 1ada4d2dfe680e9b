package diagnosis

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"
)

// What is embedded is what stands in the file that people read.
func TestPackedKeys(t *testing.T) {
	want, err := os.ReadFile("configkeys.tsv")
	if err != nil {
		t.Fatal(err)
	}
	in, err := gzip.NewReader(bytes.NewReader(configKeys))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, want) {
		t.Errorf("configkeys.tsv.gz isn't of configkeys.tsv (%v): gzip -9nkf configkeys.tsv", err)
	}
}

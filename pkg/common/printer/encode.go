package printer

import (
	"bytes"
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// escaping is a writer of JSON texts in which characters that a terminal acts
// on, or that hide text, become \u escapes, which mean the same. Each write must
// be whole characters, as json.Encoder's are.
type escaping struct{ io.Writer }

func (w escaping) Write(p []byte) (int, error) {
	if _, err := w.Writer.Write(term.EscapeJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// JSONEncoder writes values as JSON to w, without Go's escaping of <, > and &,
// and with control characters escaped.
func JSONEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(escaping{w})
	encoder.SetEscapeHTML(false)
	return encoder
}

// EncodeYAML is object as YAML. Control characters in its texts, which a YAML
// reader refuses as they are, are written escaped.
func EncodeYAML(object any) ([]byte, error) {
	var data bytes.Buffer
	if err := JSONEncoder(&data).Encode(object); err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(data.Bytes())
}

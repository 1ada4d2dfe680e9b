package cmf

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// readable is an error as Flink's operator writes it into a status: the
// innermost message of its JSON text. Other text is given back as it is.
func readable(text string) string {
	var decoded struct {
		Type     string `json:"type"`
		Message  string `json:"message"`
		Metadata struct {
			Reason string `json:"reason"`
		} `json:"additionalMetadata"`
		Throwables []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"throwableList"`
	}
	if len(text) > maxErrorBody || !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &decoded) != nil {
		return text
	}
	for _, v := range slices.Backward(decoded.Throwables) {
		if message := v.Message; message != "" {
			return simpleType(v.Type) + message
		}
	}
	switch {
	case decoded.Message != "" && decoded.Metadata.Reason != "":
		return decoded.Metadata.Reason + ": " + decoded.Message
	case decoded.Message != "":
		return simpleType(decoded.Type) + decoded.Message
	case decoded.Type != "":
		return decoded.Type
	}
	return text
}

// Bounded is what is shown of a cause: all of it where it is short.
func Bounded(text string) string {
	if len(text) <= maxCause {
		return text
	}
	return fmt.Sprintf("%s… (cut; %s in all)", beginning(text, maxCause), sizeText(int64(len(text))))
}

// simpleType is an exception's name without its package, as a prefix.
func simpleType(name string) string {
	if name == "" {
		return ""
	}
	return name[strings.LastIndex(name, ".")+1:] + ": "
}

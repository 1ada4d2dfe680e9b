package cmf

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// StatusError is an answer that isn't 2xx.
type StatusError struct {
	// Status is the HTTP status, Messages what CMF says, one each.
	Status   int
	Messages []string
	// Foreign says that the answer isn't CMF's: a proxy or a login page.
	Foreign bool
	// Challenge is the WWW-Authenticate header.
	Challenge string
	// Authenticated says that the request carried a token or a certificate.
	Authenticated bool
	// Unused says in words why a login that there is wasn't sent.
	Unused string

	// more is how many messages there are beside Messages.
	more int
	// size is how long the answer is, in words.
	size string
}

// StatusOf is the HTTP status of the answer behind err, 0 where there is none.
func StatusOf(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status
	}
	return 0
}

// IsNotFound reports whether the server says that there is no such thing.
func IsNotFound(err error) bool { return StatusOf(err) == http.StatusNotFound }

// IsConflict reports whether the server says that it exists or is in use.
func IsConflict(err error) bool { return StatusOf(err) == http.StatusConflict }

// Error is one line: what the status means, and what the server says.
func (e *StatusError) Error() string {
	text := meanings[e.Status]
	if text == "" {
		text = strings.ToLower(http.StatusText(e.Status))
	}
	if text == "" {
		text = "unexpected answer"
	}
	line := fmt.Sprintf("%s (HTTP %d)", text, e.Status)
	if len(e.Messages) > 0 {
		line += ": " + strings.Join(e.Messages, "; ")
	}
	if e.more > 0 {
		line += fmt.Sprintf("; and %d more messages (%s in all)", e.more, e.size)
	}
	if e.Foreign {
		line += " — this answer does not come from CMF but from something before it, such as a proxy or an ingress"
	}
	// Go's and Tomcat's words for it.
	if strings.Contains(line, "request to an HTTPS server") || strings.Contains(line, "requires TLS") {
		line += " Use https:// in the address."
	}
	switch e.Status {
	case http.StatusUnauthorized:
		if e.Authenticated {
			line += "; the token or certificate was not accepted: it may have expired, or be for another server"
		} else {
			line += "; CMF wants authentication: give a token with --cmf-token-file, or a client certificate with --cmf-cert and --cmf-key"
			if e.Unused != "" {
				line += "; " + e.Unused
			}
		}
	case http.StatusForbidden:
		line += "; check who you are to CMF with: kubectl cmf version"
	}
	return line
}

// meanings are the statuses in CMF's use of them.
var meanings = map[int]string{
	http.StatusBadRequest:            "CMF rejects the request",
	http.StatusUnauthorized:          "not authenticated",
	http.StatusForbidden:             "not allowed",
	http.StatusNotFound:              "not found",
	http.StatusMethodNotAllowed:      "this CMF can't do that",
	http.StatusConflict:              "conflict",
	http.StatusGone:                  "gone",
	http.StatusRequestEntityTooLarge: "too large",
	http.StatusUnprocessableEntity:   "invalid content",
	http.StatusTooManyRequests:       "too many requests",
	http.StatusInternalServerError:   "CMF failed",
	http.StatusBadGateway:            "CMF can't be reached behind the gateway",
	http.StatusServiceUnavailable:    "not available now",
	http.StatusGatewayTimeout:        "CMF didn't answer the gateway in time",
}

// parseError makes a StatusError of an answer; body may be anything, and only
// the beginning of one that has size in all.
func parseError(response *http.Response, body []byte, size string) *StatusError {
	e := &StatusError{Status: response.StatusCode, Challenge: response.Header.Get("WWW-Authenticate"), size: size}
	var answer errorAnswer
	if err := json.Unmarshal(body, &answer); err == nil {
		answer.tell(e)
		return e
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	text := string(body)
	if kind == "text/html" || strings.HasPrefix(strings.TrimSpace(strings.ToLower(text)), "<") {
		e.Foreign = true
		text = htmlText(text)
	}
	if text = shortenOf(text, size); text != "" {
		e.Messages = append(e.Messages, text)
	}
	return e
}

// errorAnswer is the body of an error: CMF's own, Spring's where CMF's code isn't
// reached, or one by RFC 9457 (problem+json) of Spring or a gateway.
type errorAnswer struct {
	Errors  messageList     `json:"errors"`
	Message string          `json:"message"`
	Error   json.RawMessage `json:"error"`
	Title   string          `json:"title"`
	Detail  string          `json:"detail"`
	// What is wrong with which field, as some put it beside the detail.
	Validation messageList `json:"validation"`
	Violations messageList `json:"violations"`
	Invalid    messageList `json:"invalid-params"`
}

// tell adds what the answer says to e.
func (a errorAnswer) tell(e *StatusError) {
	e.addAll(a.Errors)
	if len(e.Messages) == 0 {
		e.add(a.Message)
	}
	if len(e.Messages) == 0 {
		var text string
		_ = json.Unmarshal(a.Error, &text)
		if text != http.StatusText(e.Status) {
			e.add(text)
		}
	}
	if text := cmp.Or(a.Detail, a.Title); len(e.Messages) == 0 && text != http.StatusText(e.Status) {
		e.add(text)
	}
	e.addAll(a.Validation)
	e.addAll(a.Violations)
	e.addAll(a.Invalid)
}

// messageList are messages in the forms that servers give them: texts, objects
// with a message and perhaps its field, or lists of texts by field.
type messageList []string

// UnmarshalJSON takes what it understands and never fails: what an error says
// must not be lost for one odd part of it.
func (l *messageList) UnmarshalJSON(data []byte) error {
	var items []json.RawMessage
	var byField map[string]json.RawMessage
	if json.Unmarshal(data, &items) != nil {
		if json.Unmarshal(data, &byField) != nil {
			return nil //nolint:nilerr // the error itself is what matters, in whatever form its details come
		}
		for _, field := range slices.Sorted(maps.Keys(byField)) {
			var texts []string
			var one string
			if json.Unmarshal(byField[field], &texts) != nil && json.Unmarshal(byField[field], &one) == nil {
				texts = []string{one}
			}
			for _, text := range texts {
				*l = append(*l, field+": "+text)
			}
		}
		return nil
	}
	for _, raw := range items {
		var item struct {
			Message string `json:"message"`
			Reason  string `json:"reason"`
			Detail  string `json:"detail"`
			Field   string `json:"field"`
			Name    string `json:"name"`
		}
		var text string
		switch {
		case json.Unmarshal(raw, &text) == nil:
		case json.Unmarshal(raw, &item) == nil:
			text = cmp.Or(item.Message, item.Reason, item.Detail)
			if field := cmp.Or(item.Field, item.Name); text != "" && field != "" && !strings.HasPrefix(text, field) {
				text = field + ": " + text
			}
		}
		if text != "" {
			*l = append(*l, text)
		}
	}
	return nil
}

func (e *StatusError) addAll(texts []string) {
	for _, text := range texts {
		e.add(text)
	}
}

func (e *StatusError) add(text string) {
	if len(e.Messages) == maxMessages {
		e.more++
		return
	}
	if text = shorten(text); text != "" {
		e.Messages = append(e.Messages, text)
	}
}

var (
	htmlTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlHidden = regexp.MustCompile(`(?is)<(script|style)[^>]*>.*?(</(script|style)>|$)`)
	htmlTag    = regexp.MustCompile(`(?s)<[^>]*>`)
)

// htmlText is the title of a page, or its text where it has none.
func htmlText(page string) string {
	if len(page) > 64<<10 {
		page = page[:64<<10]
	}
	if m := htmlTitle.FindStringSubmatch(page); m != nil && strings.TrimSpace(m[1]) != "" {
		return m[1]
	}
	return htmlTag.ReplaceAllString(htmlHidden.ReplaceAllString(page, " "), " ")
}

// AnswerError is a 2xx answer that can't be understood.
type AnswerError struct {
	Method, URL string
	// Cut says that the connection broke within the answer.
	Cut bool
	Err error
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: the answer can't be read: %v", e.Method, e.URL, e.Err)
}

// Unwrap gives the cause.
func (e *AnswerError) Unwrap() error { return e.Err }

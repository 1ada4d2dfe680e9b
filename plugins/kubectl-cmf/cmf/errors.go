package cmf

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// StatusError is an answer that isn't 2xx.
type StatusError struct {
	// Status is the HTTP status, Messages what CMF says, one each.
	Status   int
	Messages []string
	// Foreign says that the answer isn't CMF's: a proxy or a login page.
	Foreign bool
	// unrouted says that the server has nothing at that path; prefix is the path of
	// CMF's address as it was given.
	unrouted bool
	prefix   string
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

// IsNotFound reports whether CMF says that there is no such thing. A proxy that
// knows no way to CMF says nothing of the kind, nor does a CMF without that path.
func IsNotFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusNotFound && !status.Foreign && !status.unrouted
}

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
	if e.unrouted {
		line += "; this server has no such path: is the address CMF's, and CMF new enough?"
	}
	if e.Status == http.StatusNotFound && (e.unrouted || e.Foreign) {
		line += belowPath(e.prefix)
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

// belowPath says what a path in CMF's address means; "" for none.
func belowPath(prefix string) string {
	if prefix == "" {
		return ""
	}
	return fmt.Sprintf("; /cmf/api is looked for below the path %s of the address: leave it out unless a proxy has CMF there", prefix)
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
	data := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if answer, err := decodeValue(data); err == nil {
		reader := bodyReader{e.Status}
		texts := reader.read(answer)
		if len(texts) == 0 && !reader.silent(answer) {
			texts = []string{string(data)}
		}
		for _, text := range texts {
			e.Foreign = e.Foreign || fromProxy(text)
			e.unrouted = e.unrouted || e.Status == http.StatusNotFound && unrouted(text)
			e.add(text)
		}
		return e
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	text := string(body)
	if kind == "text/html" || strings.HasPrefix(strings.TrimSpace(strings.ToLower(text)), "<") {
		text, e.Foreign = markupText(text, kind)
	} else if fromProxy(text) {
		e.Foreign = true
	}
	if text = shortenOf(text, size); text != "" {
		e.Messages = append(e.Messages, text)
	}
	return e
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

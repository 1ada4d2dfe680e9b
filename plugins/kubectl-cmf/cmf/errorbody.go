package cmf

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// messageFields are what the bodies of errors call what they say, the most telling
// first: CMF's own, Spring's where CMF's code isn't reached, RFC 9457 (problem+json),
// and what gateways and login servers write.
var messageFields = []string{
	"message", "error_description", "error", "detail", "reason", "msg", "description", "defaultmessage", "title",
	"exception", "cause", "status", "errors",
}

// partFields are lists of what is wrong with which field; they stand beside what is
// said of the whole.
var partFields = []string{
	"validation", "validationerrors", "violations", "invalid-params", "invalid_params", "invalidparams",
	"fielderrors", "suberrors", "details", "causes",
}

// framing are fields of a body that say nothing beyond the status line.
var framing = []string{
	"timestamp", "status", "code", "error_code", "path", "type", "instance", "kind", "apiversion", "requestid", "traceid",
}

// maxErrorDepth is how deep in a body a message is looked for.
const maxErrorDepth = 5

// bodyReader finds what the JSON body of an error says. It takes what it
// understands and never fails: what an error says must not be lost for one odd part.
type bodyReader struct{ status int }

// read is what a whole body says, one text each.
func (r bodyReader) read(body any) []string {
	fields, ok := body.(map[string]any)
	if !ok {
		return r.texts(body, 0)
	}
	fields = lowered(fields)
	out := r.parts(fields["errors"], 0)
	if len(out) == 0 {
		out = r.message(fields, 0)
	}
	for _, field := range partFields {
		out = append(out, r.parts(fields[field], 0)...)
	}
	return out
}

// texts are what value says; nil where it says nothing that is known.
func (r bodyReader) texts(value any, depth int) []string {
	if depth > maxErrorDepth {
		return nil
	}
	switch v := value.(type) {
	case string:
		if text := strings.TrimSpace(v); text != "" && !r.bare(text) {
			return []string{text}
		}
	case []any:
		var out []string
		for _, item := range v {
			out = append(out, r.texts(item, depth+1)...)
		}
		return out
	case map[string]any:
		v = lowered(v)
		return withField(v, r.message(v, depth))
	}
	return nil
}

// message is what the first field that says something says.
func (r bodyReader) message(fields map[string]any, depth int) []string {
	for _, field := range messageFields {
		value := fields[field]
		if _, isText := value.(string); isText && field == "status" {
			continue // a word, as in "status": "error"
		}
		if found := r.texts(value, depth+1); len(found) > 0 {
			return found
		}
	}
	return nil
}

// parts are what a list of errors says, or an object with texts by field.
func (r bodyReader) parts(value any, depth int) []string {
	fields, ok := value.(map[string]any)
	if !ok {
		return r.texts(value, depth+1)
	}
	if _, isMessage := fields["message"].(string); isMessage {
		return r.texts(value, depth+1)
	}
	var out []string
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		for _, text := range r.texts(fields[field], depth+1) {
			out = append(out, field+": "+text)
		}
	}
	return out
}

// bare reports whether text only repeats the status, or says that it says nothing.
func (r bodyReader) bare(text string) bool {
	return strings.EqualFold(text, http.StatusText(r.status)) || text == "No message available"
}

// withField puts the field that an error is about before what it says.
func withField(v map[string]any, texts []string) []string {
	field := ""
	for _, name := range []string{"field", "name", "pointer", "loc", "propertypath", "source"} {
		value := v[name]
		if source, ok := value.(map[string]any); ok {
			value = source["pointer"]
		}
		if field = place(value); field != "" {
			break
		}
	}
	if field == "" || len(texts) != 1 || strings.HasPrefix(texts[0], field) {
		return texts
	}
	return []string{field + ": " + texts[0]}
}

// place is the path to a field as a file has it: spec.type for #/spec/type.
func place(value any) string {
	switch v := value.(type) {
	case string:
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(v, "#"), "/"); ok {
			return strings.ReplaceAll(rest, "/", ".")
		}
		return v
	case []any:
		var parts []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				parts = append(parts, text)
			}
		}
		return strings.Join(parts, ".")
	}
	return ""
}

// lowered is v with its names in lower case, as readers of JSON compare them.
func lowered(v map[string]any) map[string]any {
	out := make(map[string]any, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if lower := strings.ToLower(name); out[lower] == nil {
			out[lower] = v[name]
		}
	}
	return out
}

// silent reports whether a body has nothing but what frames a message.
func (r bodyReader) silent(body any) bool {
	fields, ok := body.(map[string]any)
	if !ok {
		list, _ := body.([]any)
		return len(list) == 0
	}
	for name, item := range fields {
		list, isList := item.([]any)
		text, isText := item.(string)
		empty := item == nil || isList && len(list) == 0 || isText && (text == "" || r.bare(text))
		if !empty && !slices.Contains(framing, strings.ToLower(name)) {
			return false
		}
	}
	return true
}

var (
	htmlTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlHidden = regexp.MustCompile(`(?is)<(script|style)[^>]*>.*?(</(script|style)>|$)`)
	htmlTag    = regexp.MustCompile(`(?s)<[^>]*>`)
	// Tomcat's page of an error: CMF's own server writes it where CMF's code isn't
	// reached, so that it is no sign of a proxy.
	tomcatTitle = regexp.MustCompile(`^HTTP Status \d+`)
	tomcatText  = regexp.MustCompile(`(?is)<b>\s*(?:Message|Description)\s*</b>(.*?)</p>`)
	problemText = regexp.MustCompile(`(?is)<(?:detail|title)[^>]*>(.*?)</(?:detail|title)>`)
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

// markupText is what an error in HTML or XML says, and whether something else than
// CMF wrote it.
func markupText(page, kind string) (text string, foreign bool) {
	if len(page) > 64<<10 {
		page = page[:64<<10]
	}
	if kind == "application/problem+xml" {
		text, _, _ := strings.Cut(page, "<detail")
		if m := problemText.FindStringSubmatch(page[len(text):]); m != nil {
			return m[1], false
		}
		if m := problemText.FindStringSubmatch(page); m != nil {
			return m[1], false
		}
	}
	text = htmlText(page)
	if tomcatTitle.MatchString(text) {
		if m := tomcatText.FindStringSubmatch(page); m != nil {
			return htmlTag.ReplaceAllString(m[1], " "), false
		}
		return text, false
	}
	return text, true
}

// proxyTexts are how gateways without pages say what keeps them from CMF.
var proxyTexts = []string{
	"404 page not found", "default backend - 404", "no healthy upstream", "upstream connect error", "upstream request timeout",
	"no Route matched", "RBAC: access denied", "stream timeout",
}

// fromProxy reports whether a plain text is a gateway's.
func fromProxy(text string) bool {
	return slices.ContainsFunc(proxyTexts, func(begin string) bool { return strings.HasPrefix(text, begin) })
}

// unrouted reports whether text is Spring's for a path that it has nothing at.
func unrouted(text string) bool {
	return strings.HasPrefix(text, "No static resource ") || strings.HasPrefix(text, "No handler found for ") || strings.HasPrefix(text, "No endpoint ")
}

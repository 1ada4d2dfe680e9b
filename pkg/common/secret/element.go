package secret

import "strings"

// element hides the text of an element of XML that is named like a secret, or
// that has the name of one in an attribute; the sign that ends its tag is at i.
func (f *finder) element(i int) int {
	start := i
	for start > 0 && i-start < farthest && f.text[start-1] != '<' && f.text[start-1] != '>' && f.text[start-1] != '\n' {
		start--
	}
	if start == i || start == 0 || f.text[start-1] != '<' {
		return i + 1
	}
	tag, attributes, _ := strings.Cut(f.text[start:i], " ")
	_, local, found := strings.Cut(tag, ":")
	if !found {
		local = tag
	}
	if local == "" || !isName(local) || f.text[i-1] == '/' {
		return i + 1
	}
	named := Name(local) || attributes != "" && Name(attribute(attributes))
	if !named && local != "name" && local != "value" || f.noElement {
		return i + 1
	}
	end := strings.Index(f.text[i+1:], "</")
	if end < 0 {
		f.noElement = true
		if end = strings.IndexByte(f.text[i+1:], '<'); end < 0 {
			return i + 1
		}
	}
	end += i + 1
	if named {
		return f.hide(i+1, end)
	}
	f.pairedValue(key{local, start, false}, upTo(i+1, end))
	return i + 1
}

// upTo is a value that is followed by what comes next.
func upTo(start, end int) found { return found{start, end, end} }

// attribute is what a tag's attribute says that the element is called.
func attribute(attributes string) string {
	for _, name := range []string{"name", "key"} {
		if _, value, found := strings.Cut(attributes, name+`="`); found {
			value, _, _ = strings.Cut(value, `"`)
			return value
		}
	}
	return ""
}

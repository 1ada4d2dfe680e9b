package statefile

import (
	"errors"
	"io"
	"strings"
)

// The codes of Java's object serialization, as far as Flink's checkpoint
// properties need them.
const (
	javaMark      = 0xACED0005
	javaNull      = 0x70
	javaReference = 0x71
	javaClass     = 0x72
	javaObject    = 0x73
	javaString    = 0x74
	javaBlock     = 0x77
	javaEnd       = 0x78
	javaEnum      = 0x7E
	javaHandles   = 0x7E0000

	// maxJavaObjects and maxJavaFields bound what is kept of the properties;
	// Flink's own have about 20 objects and 10 fields.
	maxJavaObjects = 256
	maxJavaFields  = 64
	maxJavaDepth   = 16
	// maxJavaText is in bytes, of all names and texts together.
	maxJavaText = 64 << 10
)

type javaField struct {
	code byte
	name string
}

type classDesc struct {
	name   string
	writes bool // it writes more than its fields
	fields []javaField
	super  *classDesc
}

// instance is an object, with its fields by name, or a constant of an enum.
type instance struct {
	class    string
	constant string
	fields   map[string]any
}

// properties reads the checkpoint's properties, which Flink writes as a Java
// object. What isn't understood is no error, because nothing comes after it and
// all else is known by then; a file that ends within them is one, since Flink
// can't read it either.
func (p *parser) properties() *Properties {
	java := &javaReader{reader: p.reader}
	if p.uint(4) != javaMark {
		java.fail("the properties don't begin with Java's mark")
	}
	object, _ := java.object(0).(*instance)
	if p.err != nil {
		if format := (*FormatError)(nil); errors.As(p.err, &format) && !errors.Is(p.err, io.ErrUnexpectedEOF) {
			p.err = nil
		}
		return nil
	}
	if object == nil || !strings.HasSuffix(object.class, ".CheckpointProperties") {
		return nil
	}
	flag := func(name string) bool { return object.fields[name] == true }
	text := func(of *instance, name string) string { s, _ := of.fields[name].(string); return s }
	out := &Properties{Unclaimed: flag("unclaimed"), DiscardCanceled: flag("discardCancelled"), DiscardSubsumed: flag("discardSubsumed")}
	kind, _ := object.fields["checkpointType"].(*instance)
	if kind == nil {
		return nil
	}
	out.Savepoint = strings.HasSuffix(kind.class, ".SavepointType")
	out.Name = text(kind, "name")
	if format, _ := kind.fields["formatType"].(*instance); format != nil {
		out.Format = format.constant
	}
	return out
}

type javaReader struct {
	*reader
	known []any
	texts int
}

func (j *javaReader) text() string {
	text := j.string()
	if j.texts += len(text); j.texts > maxJavaText {
		j.fail("the properties have more than %d bytes of text", maxJavaText)
	}
	return text
}

func (j *javaReader) remember(object any) int {
	if len(j.known) >= maxJavaObjects {
		j.fail("the properties have more than %d objects", maxJavaObjects)
		return 0
	}
	j.known = append(j.known, object)
	return len(j.known) - 1
}

func (j *javaReader) reference() any {
	at := j.int() - javaHandles
	if at < 0 || at >= len(j.known) {
		j.fail("the properties refer to an object that isn't there")
		return nil
	}
	return j.known[at]
}

// object reads what may stand for an object: nil, a string or an *instance.
func (j *javaReader) object(depth int) any {
	if depth > maxJavaDepth {
		j.fail("the properties are more than %d deep", maxJavaDepth)
	}
	switch code := j.byte(); {
	case j.err != nil || code == javaNull:
		return nil
	case code == javaReference:
		return j.reference()
	case code == javaString:
		text := j.text()
		j.remember(text)
		return text
	case code == javaEnum:
		out := &instance{}
		if class := j.class(depth + 1); class != nil {
			out.class = class.name
		}
		j.remember(out)
		out.constant, _ = j.object(depth + 1).(string)
		return out
	case code == javaObject:
		class := j.class(depth + 1)
		out := &instance{fields: map[string]any{}}
		j.remember(out)
		if class == nil {
			j.fail("an object of the properties has no class")
			return nil
		}
		out.class = class.name
		j.fields(out, class, depth)
		return out
	default:
		j.fail("the properties have an object of the unknown kind %#x", code)
	}
	return nil
}

// fields reads an object's fields, those of the class that it extends first.
func (j *javaReader) fields(out *instance, class *classDesc, depth int) {
	if class == nil || j.err != nil {
		return
	}
	j.fields(out, class.super, depth)
	for _, field := range class.fields {
		if j.err != nil {
			return
		}
		var value any
		switch field.code {
		case 'Z':
			value = j.bool()
		case 'B':
			value = int64(int8(j.byte()))
		case 'C', 'S':
			value = int64(j.short())
		case 'I', 'F':
			value = int64(j.int())
		case 'J', 'D':
			value = j.long()
		default:
			value = j.object(depth + 1)
		}
		if len(out.fields) < maxJavaFields {
			out.fields[field.name] = value
		}
	}
	if class.writes {
		j.annotations(depth)
	}
}

func (j *javaReader) annotations(depth int) {
	for j.err == nil {
		next, err := j.in.Peek(1)
		if err != nil {
			j.stop(err)
			return
		}
		switch next[0] {
		case javaEnd:
			j.byte()
			return
		case javaBlock:
			j.byte()
			j.skip(int64(j.byte()))
		default:
			j.object(depth + 1)
		}
	}
}

func (j *javaReader) class(depth int) *classDesc {
	if depth > maxJavaDepth {
		j.fail("the properties are more than %d deep", maxJavaDepth)
	}
	switch code := j.byte(); {
	case j.err != nil || code == javaNull:
		return nil
	case code == javaReference:
		class, _ := j.reference().(*classDesc)
		return class
	case code != javaClass:
		j.fail("the properties have a class of the unknown kind %#x", code)
		return nil
	}
	class := &classDesc{name: j.text()}
	j.long() // the class's version
	// A class that refers to itself before it is whole would never end.
	at := j.remember(nil)
	class.writes = j.byte()&0x01 != 0
	n := j.short()
	if n > maxJavaFields {
		j.fail("a class of the properties has %d fields", n)
		return nil
	}
	for range n {
		if j.err != nil {
			return nil
		}
		field := javaField{code: j.byte(), name: j.text()}
		if field.code == 'L' || field.code == '[' {
			j.object(depth + 1) // the name of its class
		}
		class.fields = append(class.fields, field)
	}
	j.annotations(depth)
	class.super = j.class(depth + 1)
	if j.err == nil {
		j.known[at] = class
	}
	return class
}

package apply

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Annotations in which a file can say where its object lives; CMF keeps them
// and makes nothing of them. InventoryAnnotation names the set of objects that
// one `apply --inventory` owns.
const (
	EnvironmentAnnotation = "kubectl-cmf/environment"
	CatalogAnnotation     = "kubectl-cmf/catalog"
	ApplicationAnnotation = "kubectl-cmf/application"
	StatementAnnotation   = "kubectl-cmf/statement"
	InventoryAnnotation   = "kubectl-cmf/inventory"
)

// Item is one object with its identity.
type Item struct {
	Ref      cmf.Ref
	Object   cmf.Object
	Location string
	// Unknown are fields that nothing is known of; they are sent as they are.
	Unknown []string
}

// Place says where objects live whose files don't.
type Place struct {
	// Flags is what the command line says.
	Flags cmf.Scope
	// Environment finds the environment when nothing else says it; it is
	// called once at most.
	Environment func() (string, error)
	// Only, where set, is the kind that all documents must have.
	Only *cmf.Kind
	// Identity says that only kind, name and place count, as for a deletion: what
	// else stands in a file needn't be right.
	Identity bool
}

// Resolve finds out what each document is and where it lives. It collects all
// problems before it gives up: nothing is changed by then.
func Resolve(documents []Document, place Place) ([]Item, error) {
	var foreign, wrong []error
	for i, d := range documents {
		if place.Only != nil {
			d = d.as(place.Only)
			documents[i] = d
		}
		if _, err := classify(d); err != nil {
			foreign = append(foreign, err)
		}
	}
	if len(foreign) > 0 {
		return nil, errors.Join(foreign...)
	}
	r := resolver{place: place}
	r.gather(documents)
	var items []Item
	seen := map[string]string{}
	for _, d := range documents {
		item, err := r.item(d)
		if err != nil {
			var final *exit.Error
			if errors.As(err, &final) {
				return nil, err
			}
			wrong = append(wrong, err)
			continue
		}
		key := fmt.Sprintf("%s %+v", item.Ref, item.Ref.Scope)
		if first, double := seen[key]; double {
			wrong = append(wrong, fmt.Errorf("%s: %s is there already, at %s", d.Location(), item.Ref.Where(), first))
			continue
		}
		seen[key] = d.Location()
		items = append(items, item)
	}
	return items, exit.With(exit.Usage, errors.Join(wrong...))
}

type resolver struct {
	place        Place
	environments []string
	catalogs     []string
	fallback     string
	asked        bool
}

// gather notes the environments and catalogs among the documents: what stands
// beside the only one belongs to it.
func (r *resolver) gather(documents []Document) {
	for _, d := range documents {
		kind, _ := classify(d)
		if kind == nil || d.Object.Name() == "" {
			continue
		}
		switch {
		case kind.Flat:
			r.environments = append(r.environments, d.Object.Name())
		case kind == cmf.Must("catalog"):
			r.catalogs = append(r.catalogs, d.Object.Name())
		}
	}
}

// as is the document where it can only be of kind: what tells the kind may then
// be missing.
func (d Document) as(kind *cmf.Kind) Document {
	if kind.Flat || kind == cmf.Must("detached-savepoint") {
		return d
	}
	object := d.Object.Copy()
	if name := object.Text("kind"); name != "" && name != kind.Kind {
		return d
	}
	for field, value := range map[string]string{"apiVersion": cmf.Group + "/v1", "kind": kind.Kind} {
		if _, stated := object[field]; !stated {
			object[field] = value
		}
	}
	d.Object = object
	return d
}

func (r *resolver) item(d Document) (Item, error) {
	kind, err := classify(d)
	if err != nil {
		return Item{}, err
	}
	object := d.Object.Copy()
	if kind == nil {
		name := r.place.Flags.Environment
		if name == "" {
			return Item{}, fmt.Errorf("%s: it has the defaults of an environment but doesn't name it; say which with -e ENVIRONMENT", d.Location())
		}
		kind = cmf.Must("env")
		object = cmf.Object{"name": name, "flinkApplicationDefaults": map[string]any(object)}
	}
	if kind.Flat {
		delete(object, "kind")
		delete(object, "apiVersion")
	}
	item := Item{Object: object, Location: d.Location()}
	scope := r.place.Flags
	if scope.Application, err = r.stated(d, ApplicationAnnotation, scope.Application); err != nil {
		return Item{}, err
	}
	if scope.Statement, err = r.stated(d, StatementAnnotation, scope.Statement); err != nil {
		return Item{}, err
	}
	if kind == cmf.Must("savepoint") && scope.Application == "" && scope.Statement == "" {
		if object.Text("spec.path") == "" {
			return Item{}, fmt.Errorf("%s: a savepoint belongs to an application or statement (--application, --statement), or has a spec.path and is a detached one", d.Location())
		}
		kind = cmf.Must("detached-savepoint")
	}
	if r.place.Only != nil && kind != r.place.Only {
		if r.place.Only.Kind != kind.Kind {
			return Item{}, fmt.Errorf("%s: it is %s, not %s", d.Location(), article(kind.Kind), article(r.place.Only.Kind))
		}
		kind = r.place.Only
	}
	if err := validName(kind, object); err != nil {
		return Item{}, fmt.Errorf("%s: %w", d.Location(), err)
	}
	if !r.place.Identity {
		if item.Unknown, err = contents(d, kind, object); err != nil {
			return Item{}, err
		}
	}
	if kind.NeedsEnvironment() {
		if scope.Environment, err = r.environment(d, scope.Environment); err != nil {
			return Item{}, err
		}
	}
	if kind.NeedsCatalog() {
		if scope.Catalog, err = r.stated(d, CatalogAnnotation, scope.Catalog); err != nil {
			return Item{}, err
		}
		if scope.Catalog == "" && len(r.catalogs) == 1 {
			scope.Catalog = r.catalogs[0]
		}
		if scope.Catalog == "" {
			return Item{}, fmt.Errorf("%s: which catalog is %s %q in? Say it with --catalog NAME, or with the annotation %s", d.Location(), kind.Name, object.Name(), CatalogAnnotation)
		}
	}
	item.Ref = cmf.Ref{Kind: kind, Scope: kind.Trim(scope), Name: object.Name()}
	return item, nil
}

// contents checks what stands in a document beside its name; unknown are fields that
// nothing is known of.
func contents(d Document, kind *cmf.Kind, object cmf.Object) (unknown []string, err error) {
	if err := Validate(kind, object); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Location(), err)
	}
	// What CMF sets itself isn't looked at: files of its answers have it in every form.
	problems, unknown := kind.Shape(Clean(kind, object))
	for i, problem := range problems {
		problems[i] = fmt.Errorf("%s: %w", d.Location(), problem)
	}
	return unknown, errors.Join(problems...)
}

// stated is what the file says in an annotation, else the flag. Both must
// agree: an object that lands elsewhere than its file says is a mistake.
func (r *resolver) stated(d Document, annotation, flag string) (string, error) {
	said := d.Object.Strings("metadata.annotations")[annotation]
	if said != "" && flag != "" && said != flag {
		return "", fmt.Errorf("%s: its annotation %s says %q, the command line %q", d.Location(), annotation, said, flag)
	}
	if said != "" {
		return said, nil
	}
	return flag, nil
}

func (r *resolver) environment(d Document, flag string) (string, error) {
	name, err := r.stated(d, EnvironmentAnnotation, flag)
	if err != nil {
		return "", err
	}
	// CMF itself goes by the address, but whoever wrote the file meant that one.
	for _, field := range []string{"spec.flinkEnvironment", "spec.flinkEnvironmentName"} {
		own := d.Object.Text(field)
		if own != "" && name != "" && own != name {
			return "", fmt.Errorf("%s: its field %s says %q, but it would go to environment %q", d.Location(), field, own, name)
		}
		name = cmp.Or(own, name)
	}
	if name != "" {
		return name, nil
	}
	if len(r.environments) == 1 {
		return r.environments[0], nil
	}
	if !r.asked && r.place.Environment != nil {
		r.asked = true
		if r.fallback, err = r.place.Environment(); err != nil {
			var coded *exit.Error
			if !errors.As(err, &coded) {
				err = exit.With(exit.Failed, err)
			}
			return "", err
		}
	}
	if r.fallback == "" {
		return "", fmt.Errorf("%s: in which environment? Say it with -e ENVIRONMENT", d.Location())
	}
	return r.fallback, nil
}

// validName checks that an object has a name that can be one.
func validName(kind *cmf.Kind, o cmf.Object) error {
	path := "metadata.name"
	if kind.Flat {
		path = "name"
		if o.Text("name") == "" && o.Text("metadata.name") != "" {
			return errors.New("name: is missing; an environment is flat, without metadata and spec: name, kubernetesNamespace, flinkApplicationDefaults, …")
		}
		if inner := o.Text("metadata.name"); inner != "" && inner != o.Text("name") {
			return fmt.Errorf("metadata.name: says %q, but name %q; an environment has one name", inner, o.Text("name"))
		}
	}
	name, ok := o.At(path)
	if text, isText := name.(string); !ok || !isText || text == "" {
		if ok && !isText && name != nil {
			return fmt.Errorf("%s: must be a string, is %s; quote it", path, cmf.TypeName(name))
		}
		return fmt.Errorf("%s: is missing", path)
	}
	if err := cmf.CheckName(kind.Name, o.Name()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if unfilled(o.Name()) {
		return fmt.Errorf("%s: is %q, %s", path, o.Name(), unrendered)
	}
	return nil
}

// unrendered is said of a text that a program was to fill in before.
const unrendered = "which nothing has filled in; render the file first, as with envsubst or helm template"

// variable is what is left in a file that wasn't rendered.
var variable = regexp.MustCompile(`\$\{[^{}]*\}|\{\{.*?\}\}|\$[A-Za-z_][A-Za-z0-9_]*`)

// unfilled reports whether a variable is left in text.
func unfilled(text string) bool { return variable.MatchString(text) }

// plainFields are fields whose value never has a $ or a brace.
var plainFields = []string{
	"kubernetesNamespace", "kubernetesClusterName", "spec.image", "spec.flinkVersion", "spec.serviceAccount", "spec.clusterSpec.image", "spec.clusterSpec.flinkVersion",
	"spec.computePoolName", "spec.secretName", "spec.type",
}

// Validate checks what every server would reject or misunderstand.
func Validate(kind *cmf.Kind, o cmf.Object) error {
	if err := validName(kind, o); err != nil {
		return err
	}
	for _, field := range plainFields {
		if value, _ := o.At(field); value != nil {
			if text, isText := value.(string); isText {
				if unfilled(text) {
					return fmt.Errorf("%s: is %q, %s", field, text, unrendered)
				}
			}
		}
	}
	for _, field := range []string{"metadata", "spec"} {
		if value, ok := o[field]; ok && value != nil {
			if _, isMap := value.(map[string]any); !isMap {
				return fmt.Errorf("%s: must be an object, is %s", field, cmf.TypeName(value))
			}
		}
	}
	for _, field := range append([]string{"metadata.labels", "metadata.annotations"}, kind.WriteOnly...) {
		value, ok := o.At(field)
		if !ok || value == nil {
			continue
		}
		fields, isMap := value.(map[string]any)
		if !isMap {
			return fmt.Errorf("%s: must be an object, is %s", field, cmf.TypeName(value))
		}
		for key, item := range fields {
			if _, isText := item.(string); !isText {
				return fmt.Errorf("%s.%s: must be a string, is %s; quote it", field, key, cmf.TypeName(item))
			}
		}
	}
	if path, found := cmf.HasRedacted(o); found {
		return fmt.Errorf("%s: the file came from output that hides secrets; put the value in, or get it with --show-secrets", path)
	}
	return nil
}

// Complete checks that what a creation needs is there. An update of a kind
// that keeps absent fields needs less.
func Complete(kind *cmf.Kind, o cmf.Object) error {
	for _, path := range kind.Required {
		value, ok := o.At(path)
		if text, isText := value.(string); !ok || value == nil || isText && text == "" {
			return fmt.Errorf("%s: is missing", path)
		}
	}
	return nil
}

package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/statement"
)

// shortFlag is a flag of `create NAME` that fills in one field.
type shortFlag struct {
	name, path, usage string
	// form is "" for text, "int", "list", "map" for key=value, or "file" for
	// an object in a file.
	form     string
	value    string
	required bool
}

// shortForms are the kinds that can be created without a file.
var shortForms = map[string][]shortFlag{
	"env": {
		{name: "kubernetes-namespace", path: "kubernetesNamespace", usage: "Kubernetes namespace that the environment deploys to", required: true},
		{name: "kubernetes-cluster", path: "kubernetesClusterName", usage: "Kubernetes cluster that it deploys to (CMF 2.3 and newer)"},
		{name: "defaults", path: "flinkApplicationDefaults", usage: "Defaults for applications: a file, or JSON", form: "file"},
		{name: "compute-pool-defaults", path: "computePoolDefaults", usage: "Defaults for compute pools: a file, or JSON", form: "file"},
		{name: "statement-defaults", path: "statementDefaults", usage: "Defaults for statements: a file, or JSON", form: "file"},
	},
	"secret-mapping": {
		{name: "secret", path: "spec.secretName", usage: "Secret that the name (a connectionSecretId) stands for", required: true},
	},
	"catalog": {
		{name: "schema-registry", path: "spec.srInstance.connectionConfig.schema~1registry~1url", usage: "Address of the Schema Registry", required: true},
		{name: "secret-id", path: "spec.srInstance.connectionSecretId", usage: "connectionSecretId of its credentials"},
	},
	"database": {
		{name: "bootstrap-servers", path: "spec.kafkaCluster.connectionConfig.bootstrap~1servers", usage: "Kafka's bootstrap servers", required: true},
		{name: "secret-id", path: "spec.kafkaCluster.connectionSecretId", usage: "connectionSecretId of its credentials"},
		{name: "ddl-environments", path: "spec.ddlEnvironments", usage: "Environments that may change its tables", form: "list"},
	},
	"pool": {
		{name: "image", path: "spec.clusterSpec.image", usage: "Image of the Flink cluster (a cp-flink-sql image)", required: true},
		{name: "flink-version", path: "spec.clusterSpec.flinkVersion", usage: "Flink version, as in v2_1", required: true},
		{name: "type", path: "spec.type", usage: "DEDICATED or SHARED (CMF 2.3 and newer)", value: "DEDICATED"},
	},
	"statement": {
		{name: "sql", path: "spec.statement", usage: "The statement", required: true},
		{name: "pool", path: "spec.computePoolName", usage: "Compute pool that it runs on", required: true},
		{name: "parallelism", path: "spec.parallelism", usage: "Parallelism", form: "int"},
		{name: "catalog", path: "spec.properties.sql~1current-catalog", usage: "Current catalog"},
		{name: "database", path: "spec.properties.sql~1current-database", usage: "Current database"},
		{name: "flink-configuration", path: "spec.flinkConfiguration", usage: "File with Flink configuration, in YAML or JSON", form: "config"},
		{name: "set", path: "spec.flinkConfiguration", usage: "Flink configuration, KEY=VALUE (repeat it)", form: "map"},
		{name: "upgrade-mode", path: "spec.upgradeMode", usage: "What becomes of the state over a stop: savepoint, last-state or stateless (CMF 2.4 and newer; default: CMF's choice)"},
	},
	"savepoint": {
		{name: "path", path: "spec.path", usage: "Directory to write to; the job's own where empty"},
		{name: "format", path: "spec.formatType", usage: "CANONICAL or NATIVE"},
		{name: "backoff-limit", path: "spec.backoffLimit", usage: "How often it is tried again; -1 is without end", form: "int"},
	},
	"detached-savepoint": {
		{name: "path", path: "spec.path", usage: "Where the savepoint is", required: true},
		{name: "format", path: "spec.formatType", usage: "CANONICAL or NATIVE"},
	},
	"secret": {
		{name: "from-literal", path: "spec.data", usage: "KEY=VALUE (repeat it); others can see it in the list of processes", form: "map"},
		{name: "from-file", path: "spec.data", usage: "KEY=FILE, whose contents are the value (repeat it)", form: "map"},
		{name: "from-env", path: "spec.data", usage: "KEY=VARIABLE of the environment (repeat it)", form: "map"},
		{name: "from-stdin", path: "spec.data", usage: "KEY whose value is read from standard input"},
	},
}

// shortFlags are the flags of one kind's short form.
type shortFlags struct {
	// update says that they change what is there: none has to be given.
	update bool
	flags  []shortFlag
	text   map[string]*string
	lists  map[string]*[]string
	number map[string]*int
}

func (s *shortFlags) add(cmd *cobra.Command, kind *cmf.Kind) {
	forms, ok := shortForms[kind.Name]
	if !ok {
		return
	}
	s.flags = forms
	s.text, s.lists, s.number = map[string]*string{}, map[string]*[]string{}, map[string]*int{}
	for _, f := range forms {
		switch f.form {
		case "int":
			s.number[f.name] = cmd.Flags().Int(f.name, 0, f.usage)
		case "list":
			s.lists[f.name] = cmd.Flags().StringSlice(f.name, nil, f.usage)
		case "map":
			s.lists[f.name] = cmd.Flags().StringArray(f.name, nil, f.usage)
		default:
			s.text[f.name] = cmd.Flags().String(f.name, f.value, f.usage)
		}
	}
	cmd.Use = "create (-f FILE | " + nameArg(kind) + ")"
	if slices.Contains(named, kind.Name) {
		cmd.Use = "create (-f FILE | [" + nameArg(kind) + "] FLAGS)"
		cmd.Long = cmd.Short + ". Without a name, one is made of the time."
	}
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.Short = "Create " + many(kind) + " from files, or one by name"
	cmd.Example += "\n  " + example(kind, "create", exampleNames[kind.Name])
}

// addUpdate adds the flags of `env update NAME`: an environment's defaults, the
// only things of it that can change.
func (s *shortFlags) addUpdate(cmd *cobra.Command, kind *cmf.Kind) {
	s.update = true
	s.text = map[string]*string{}
	for _, f := range shortForms[kind.Name] {
		if f.form == "file" {
			s.flags = append(s.flags, f)
			s.text[f.name] = cmd.Flags().String(f.name, "", f.usage)
		}
	}
	cmd.Use = "update (-f FILE | " + nameArg(kind) + ")"
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.Short = "Update existing " + many(kind) + " from files, or the defaults of one by name"
	cmd.Example += "\n  " + example(kind, "update", `dev-env --statement-defaults '{"detached": {"flinkConfiguration": {"parallelism.default": "2"}}}'`)
}

// exampleNames show the short form in help.
var exampleNames = map[string]string{
	"env":                "dev-env --kubernetes-namespace flink",
	"secret":             "kafka-secret --from-env sasl.jaas.config=JAAS_CONFIG",
	"secret-mapping":     "kafka-secret-id --secret kafka-secret",
	"catalog":            "main --schema-registry http://schemaregistry:8081",
	"database":           "kafka --catalog main --bootstrap-servers kafka:9092",
	"pool":               "pool1 --image confluentinc/cp-flink-sql:2.1.1-cp1-java21 --flink-version v2_1",
	"statement":          `clicks --pool pool1 --sql "SELECT 1"`,
	"savepoint":          "before-upgrade --application basic-example",
	"detached-savepoint": "old-state --path s3://flink/savepoints/savepoint-123",
}

// example is a call in help; what it is about is named last.
func example(kind *cmf.Kind, words ...string) string {
	return strings.Join(append([]string{"kubectl cmf", kind.Name}, words...), " ")
}

// exampleScope says in help what something belongs to that isn't in an
// environment alone.
func exampleScope(kind *cmf.Kind) string {
	switch {
	case kind.NeedsCatalog():
		return " --catalog main"
	case kind.NeedsApplication(), kind.NeedsOwner():
		return " --application basic-example"
	}
	return ""
}

// exampleName is the name of one of a kind in help, with what it belongs to.
func exampleName(kind *cmf.Kind) string { return exampleWord(kind) + exampleScope(kind) }

func exampleWord(kind *cmf.Kind) string {
	switch kind.Name {
	case "app":
		return "basic-example"
	case "artifact":
		return "my-functions"
	case "kubernetes-cluster":
		return "spoke-1"
	case "event", "instance":
		// Their names are made up by CMF.
		return "$(" + example(kind, "list --application basic-example -o jsonpath='{.items[0].metadata.name}'") + ")"
	}
	if name, _, found := strings.Cut(exampleNames[kind.Name], " "); found {
		return name
	}
	return nameArg(kind)
}

// used reports whether a flag of the short form was given.
func (s *shortFlags) used(cmd *cobra.Command) bool {
	for _, f := range s.flags {
		if cmd.Flags().Changed(f.name) {
			return true
		}
	}
	return false
}

// object is what name and flags describe.
func (s *shortFlags) object(cmd *cobra.Command, kind *cmf.Kind, args []string, stdin io.Reader) (cmf.Object, error) {
	if s.update && !s.used(cmd) {
		return nil, exit.Usagef("say what to change: --defaults, --statement-defaults, --compute-pool-defaults, or -f FILE")
	}
	if len(args) == 0 && !s.update {
		name, err := s.makeName(cmd, kind)
		if err != nil {
			return nil, err
		}
		args = []string{name}
	}
	if len(args) == 0 || args[0] == "" {
		return nil, exit.Usagef("the name is missing: kubectl cmf %s %s %s", kind.Name, cmd.Name(), nameArg(kind))
	}
	o := cmf.Object{}
	if kind.Flat {
		o["name"] = args[0]
	} else {
		o["apiVersion"], o["kind"] = cmf.Group+"/v1", kind.Kind
		o["metadata"] = map[string]any{"name": args[0]}
		o["spec"] = map[string]any{}
	}
	for _, f := range s.flags {
		if f.required && !s.update && !cmd.Flags().Changed(f.name) {
			return nil, exit.Usagef("--%s is missing", f.name)
		}
		if !cmd.Flags().Changed(f.name) && f.value == "" {
			continue
		}
		if err := s.fill(o, f, stdin); err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("--%s: %w", f.name, err))
		}
	}
	if kind.Name == "secret" && len(o.Map("spec.data")) == 0 {
		return nil, exit.Usagef("a secret needs data: --from-file KEY=FILE, --from-env KEY=VARIABLE, --from-stdin KEY or --from-literal KEY=VALUE")
	}
	return o, nil
}

// named are the kinds whose objects get a name where none is given.
var named = []string{"statement", "savepoint"}

// makeName makes a name for an object of the kinds that may go without; "" for
// others.
func (s *shortFlags) makeName(cmd *cobra.Command, kind *cmf.Kind) (string, error) {
	switch kind.Name {
	case "statement":
		return statement.Name(time.Now())
	case "savepoint":
		for _, flag := range []string{"application", "statement"} {
			if owner, err := cmd.Flags().GetString(flag); err == nil && owner != "" {
				return defaultSavepoint(owner, time.Now()), nil
			}
		}
	}
	return "", nil
}

func (s *shortFlags) fill(o cmf.Object, f shortFlag, stdin io.Reader) error {
	switch f.form {
	case "int":
		o.Set(f.path, json.Number(strconv.Itoa(*s.number[f.name])))
	case "list":
		var list []any
		for _, item := range *s.lists[f.name] {
			list = append(list, item)
		}
		o.Set(f.path, list)
	case "map":
		return s.pairs(o, f)
	case "config":
		value, err := objectFile(*s.text[f.name])
		if err != nil {
			return err
		}
		for key := range value {
			text := value.Text(strings.ReplaceAll(key, ".", "~1"))
			if text == "" {
				return fmt.Errorf("%s: must be a text, a number or true or false", key)
			}
			setData(o, f.path, key, text)
		}
	case "file":
		value, err := objectFile(*s.text[f.name])
		if err != nil {
			return err
		}
		o.Set(f.path, map[string]any(value))
	default:
		if f.name == "from-stdin" {
			data, err := io.ReadAll(io.LimitReader(stdin, 1<<20))
			if err != nil {
				return err
			}
			setData(o, f.path, *s.text[f.name], strings.TrimRight(string(data), "\r\n"))
			return nil
		}
		o.Set(f.path, *s.text[f.name])
	}
	return nil
}

func (s *shortFlags) pairs(o cmf.Object, f shortFlag) error {
	for i, pair := range *s.lists[f.name] {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			// The text may be a secret: it isn't repeated.
			return fmt.Errorf("value %d is not KEY=VALUE", i+1)
		}
		switch f.name {
		case "from-file":
			data, err := os.ReadFile(value)
			if err != nil {
				return err
			}
			value = string(data)
		case "from-env":
			name := value
			if value, ok = os.LookupEnv(name); !ok {
				return fmt.Errorf("the variable %s is not set", name)
			}
		}
		setData(o, f.path, key, value)
	}
	return nil
}

// setData sets a field whose name may hold dots.
func setData(o cmf.Object, path, key, value string) {
	fields := o.Map(path)
	if fields == nil {
		fields = map[string]any{}
		o.Set(path, fields)
	}
	fields[key] = value
}

// objectFile reads one object from a JSON or YAML file, or from JSON itself.
func objectFile(path string) (cmf.Object, error) {
	if text := strings.TrimSpace(path); strings.HasPrefix(text, "{") {
		object, err := cmf.Decode([]byte(text))
		if err != nil {
			// The text may have a secret: it isn't repeated.
			return nil, errors.New("it begins as JSON does, but is not valid JSON")
		}
		return object, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	documents, err := apply.Parse(filepath.Base(path), data)
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("%s has %d documents, not one", path, len(documents))
	}
	return documents[0].Object, nil
}

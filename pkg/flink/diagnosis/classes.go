package diagnosis

import (
	"cmp"
	"fmt"
	"strings"
)

var (
	invalidClass = pattern(`^InvalidClassException`)
	kryoClass    = pattern(`^KryoException: Unable to find class`)
	kryoNumber   = pattern(`Encountered unregistered class ID`)
	inSnapshot   = pattern(`^IOException: Could not find class '`)
	ofHadoop     = pattern(`^org[./]apache[./]hadoop[./]`)
	ofKafkaLogin = pattern(`^org\.apache\.kafka\.`)
)

// unless has a rule about exceptions leave some alone whose words fit it.
func (r Rule) unless(not func(e Exception) bool) Rule {
	judge := r.job
	r.job = func(j *job) []Finding {
		seen := j.seen
		defer func() { j.seen = seen }()
		j.seen = make([]Exception, len(seen))
		for i, e := range seen {
			if !not(e) {
				j.seen[i] = e
			}
		}
		return judge(j)
	}
	return r
}

// notSQL reports whether what looks like an error of SQL isn't a statement's
// fault: others have exceptions of the same names.
func notSQL(e Exception) bool {
	c, found := e.fitting(sqlInvalid)
	if found == nil {
		return true
	}
	if sqlNotFault.MatchString(e.text()) || foreign(e.Root().Type) {
		return true
	}
	if !strings.Contains(c.Type, ".") {
		return c.Name() == "ParseException"
	}
	return !strings.Contains(c.Type, ".flink.") && !strings.Contains(c.Type, ".calcite.")
}

// foreign reports whether a class is none that a statement's planner and
// validator throw, as that of a connector which ran when the statement did.
func foreign(class string) bool {
	return strings.Contains(class, ".") && !strings.HasPrefix(class, "java.lang.") && !strings.Contains(class, ".flink.") && !strings.Contains(class, ".calcite.")
}

// otherCast reports whether a failed cast is between different classes, as
// programs have it that are wrong by themselves.
func otherCast(e Exception) bool {
	_, found := e.fitting(classCast)
	return found == nil || cmp.Or(found[1], found[3]) != cmp.Or(found[2], found[4])
}

// notOfState reports whether what looks like state of other types isn't read
// from state: Kryo's words are the same for records between tasks.
func notOfState(e Exception) bool {
	return ofGraph(e) || e.match(kryoNumber) != nil && e.Where != InRestore && !e.passes("runtime.state.", "state.rocksdb.", "state.forst.", "streaming.state.")
}

// ofGraph and ofState tell apart what an InvalidClassException is about: the
// functions that were sent to the tasks, or state that is read.
func ofGraph(e Exception) bool { return e.match(invalidClass) != nil && e.Where != InRestore }
func ofState(e Exception) bool { return e.match(invalidClass) != nil && e.Where == InRestore }

// classCure is how to bring a class that isn't there.
func classCure(j *job, e Exception, found []string) []Cure {
	switch class := found[2]; {
	case e.match(noLoginClass) != nil && ofKafkaLogin.MatchString(class):
		return []Cure{{Text: "name it in sasl.jaas.config as the jar at hand has it: in flink-sql-connector-kafka Kafka's classes are below org.apache.flink.kafka.shaded (org.apache.flink.kafka.shaded." + class + ")"}}
	case ofHadoop.MatchString(class):
		return []Cure{{Text: "bring Hadoop, which is in none of Flink's images: its client in the image with HADOOP_CLASSPATH naming the jars, or one jar of it in /opt/flink/lib"}}
	case e.match(kryoClass) != nil && e.Where == InRestore, e.match(inSnapshot) != nil:
		return []Cure{{Text: "bring the class back under its old name: the state has objects of it"}}
	case ofConnector.MatchString(class):
		return []Cure{{Text: "put the connector or format into the job's jar, or its flink-sql-connector jar into /opt/flink/lib of the image"}}
	case ofFlink.MatchString(class) && !ofModule.MatchString(class):
		return []Cure{{Text: fmt.Sprintf("build the job and its connectors for Flink %s: the class belongs to Flink itself, and this version doesn't have it", cmp.Or(j.Flink.Version, versionText(j.version())))}}
	}
	return []Cure{{Text: "put the library into the job's jar, or into /opt/flink/lib of the image"}}
}

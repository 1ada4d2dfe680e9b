package diagnosis

import (
	"cmp"
	"fmt"
	"strings"
)

var (
	invalidClass = pattern(`^InvalidClassException`)
	kryoClass    = pattern(`^KryoException: Unable to find class`)
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
	if sqlNotFault.MatchString(e.text()) {
		return true
	}
	if !strings.Contains(c.Type, ".") {
		return c.Name() == "ParseException"
	}
	return !strings.Contains(c.Type, ".flink.") && !strings.Contains(c.Type, ".calcite.")
}

// otherCast reports whether a failed cast is between different classes, as
// programs have it that are wrong by themselves.
func otherCast(e Exception) bool {
	_, found := e.fitting(classCast)
	return found == nil || cmp.Or(found[1], found[3]) != cmp.Or(found[2], found[4])
}

// ofGraph and ofState tell apart what an InvalidClassException is about: the
// functions that were sent to the tasks, or state that is read.
func ofGraph(e Exception) bool { return e.match(invalidClass) != nil && e.Where != InRestore }
func ofState(e Exception) bool { return e.match(invalidClass) != nil && e.Where == InRestore }

// classCure is how to bring a class that isn't there.
func classCure(j *job, e Exception, found []string) []Cure {
	switch class := found[2]; {
	case e.match(kryoClass) != nil && e.Where == InRestore:
		return []Cure{{Text: "bring the class back under its old name: the state has objects of it"}}
	case ofConnector.MatchString(class):
		return []Cure{{Text: "put the connector or format into the job's jar, or its flink-sql-connector jar into /opt/flink/lib of the image"}}
	case ofFlink.MatchString(class) && !ofModule.MatchString(class):
		return []Cure{{Text: fmt.Sprintf("build the job and its connectors for Flink %s: the class belongs to Flink itself, and this version doesn't have it", cmp.Or(j.Flink.Version, versionText(j.version())))}}
	}
	return []Cure{{Text: "put the library into the job's jar, or into /opt/flink/lib of the image"}}
}

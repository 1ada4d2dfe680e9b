package cmd

import (
	"regexp"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

var (
	// flinkTag is how the tags of Confluent's and Flink's images begin: with
	// Flink's version, as 1.19.3-cp2, 2.3-cmf2.5-cp1 and 1.20-scala_2.12.
	flinkTag = regexp.MustCompile(`^(\d{1,2})\.(\d{1,3})(?:[.-]|$)`)
	// flinkWord is a flinkVersion of Flink's operator, as v1_20.
	flinkWord = regexp.MustCompile(`^v(\d{1,2})_(\d{1,3})$`)
)

// flinkOfImage is Flink's version by an image's tag, as in 1.20; "" where the tag
// doesn't tell, or a digest counts in its place.
func flinkOfImage(image string) string {
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, tagged := strings.Cut(name, ":")
	if !tagged || strings.Contains(name, "@") {
		return ""
	}
	found := flinkTag.FindStringSubmatch(tag)
	// Other images, as those of a job's own builds, count versions of their own.
	if found == nil || !strings.Contains(name, "flink") {
		return ""
	}
	return found[1] + "." + found[2]
}

// imageMismatch says how an image and a flinkVersion differ; "" where they don't,
// or one of them doesn't tell.
func imageMismatch(image, flinkVersion string) string {
	declared := flinkWord.FindStringSubmatch(flinkVersion)
	has := flinkOfImage(image)
	if declared == nil || has == "" || has == declared[1]+"."+declared[2] {
		return ""
	}
	return "the image " + image + " has Flink " + has + " by its tag, and flinkVersion is " + flinkVersion
}

// imageFits compares the image of a pool or an application with its flinkVersion,
// where both are certain: what the environment has goes first for applications,
// which for pools isn't documented.
func (e *examination) imageFits(kind *cmf.Kind, o, environment cmf.Object, subject string) {
	path, defaults := "spec.", "flinkApplicationDefaults.spec."
	if kind == cmf.Must("pool") {
		path, defaults = "spec.clusterSpec.", "computePoolDefaults.clusterSpec|computePoolDefaults.spec.clusterSpec"
	}
	value := func(field string) string {
		own, theirs := o.Text(path+field), environment.Text(withField(defaults, field))
		switch {
		case theirs == "" || own == theirs:
			return own
		case own == "" || kind == cmf.Must("app"):
			return theirs
		}
		return ""
	}
	if why := imageMismatch(value("image"), value("flinkVersion")); why != "" {
		e.report.Add(view.DoctorFinding{Severity: diagnosis.Warning, Title: "Image and flinkVersion are of different versions of Flink", Cause: why, Cure: "give both the same version: kubectl cmf " + kind.Name + " edit NAME -e ENVIRONMENT"}, subject, o.Name())
	}
}

// withField is field below each of some paths.
func withField(paths, field string) string {
	var out []string
	for path := range strings.SplitSeq(paths, "|") {
		out = append(out, strings.TrimSuffix(path, ".")+"."+field)
	}
	return strings.Join(out, "|")
}

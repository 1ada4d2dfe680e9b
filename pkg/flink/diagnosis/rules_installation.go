package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// installation is the facts of one, as rules read them.
type installation struct{ *InstallationFacts }

func (i *installation) age(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(i.Now.Sub(at), 0)
}

// newest is the version of the newest operator, as 116 for 1.16; 0 where none
// is known.
func (i *installation) newest() int {
	n := 0
	for _, o := range i.Operators {
		n = max(n, versionNumber(o.Version))
	}
	return n
}

var installationRules = []Rule{
	{
		ID: "FLINK-INST-METRICS", Severity: Info, Title: "there is no metrics-server", Link: kubernetesDocs + "tasks/debug/debug-cluster/resource-metrics-pipeline/",
		Explain: "The API metrics.k8s.io isn't served: how much CPU and memory pods really use can't be shown, and a HorizontalPodAutoscaler can't work by them. Flink's own metrics don't need it.",
		installation: func(i *installation) []Finding {
			if i.Mark(FromMetricsAPI) != NotThere {
				return nil
			}
			return []Finding{{Subject: "installation", Means: "metrics.k8s.io isn't served: what pods use can't be shown", Evidence: []Evidence{{Source: "API groups", Text: "metrics.k8s.io: not found"}}, Cures: []Cure{{Text: "install metrics-server"}}}}
		},
	},
	{
		ID: "FLINK-INST-CLAIM", Severity: Warning, Title: "a claim for storage isn't bound", Link: kubernetesDocs + "concepts/storage/persistent-volumes/",
		Explain:  "A PersistentVolumeClaim waits for a volume: its storage class doesn't exist or has no provisioner, or no volume fits. Pods that mount it stay Pending. (A class that binds with the first pod leaves claims Pending until one comes; that is no trouble.)",
		Explains: []string{"FLINK-INST-STORAGE"},
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, c := range i.Claims {
				if c.Phase == "Bound" || c.Waits && len(c.UsedBy) == 0 || i.age(c.Created) < slowSight {
					continue
				}
				out = append(out, Finding{Subject: "persistentvolumeclaim/" + c.Name, Means: fmt.Sprintf("claim %s/%s is %s", c.Namespace, c.Name, c.Phase) + withText(c.Reason), Evidence: []Evidence{{Source: "persistentvolumeclaim " + c.Namespace + "/" + c.Name, At: c.Created, Text: fmt.Sprintf("phase %s, class %q", c.Phase, c.Class)}}, Cures: look("see what it waits for", fmt.Sprintf("kubectl describe pvc %s -n %s", word(c.Name), word(c.Namespace)))})
			}
			return out
		},
	},
	{
		ID: "FLINK-INST-STORAGE", Severity: Error, Title: "the object store can't be used", Link: docS3,
		Explain: "The object store that jobs are configured with doesn't answer, or the bucket that they name isn't there. Checkpoints, savepoints and high availability fail until it does.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, s := range i.Storage {
				means, cure := "", Cure{}
				switch {
				case s.Reached == NoAnswer || s.Reached == NotThere:
					means, cure = s.Endpoint+" doesn't answer"+withText(s.Error), Cure{Text: "see that its pods run and its Service has endpoints; from another cluster, that the network lets through"}
				case s.Found == NotThere:
					means, cure = fmt.Sprintf("bucket %s isn't there on %s", s.Bucket, s.Endpoint), Cure{Text: "make the bucket (as with MinIO's client)", Command: "mc mb ALIAS/" + word(s.Bucket)}
				default:
					continue
				}
				out = append(out, Finding{Subject: s.Endpoint, Means: means, Evidence: []Evidence{{Source: s.Endpoint, Text: strings.TrimSpace(s.Bucket + " " + s.Error)}, {Source: "jobs", Text: strings.Join(s.UsedBy, ", ")}}, Cures: []Cure{cure}, users: s.UsedBy})
			}
			return out
		},
	},
}

// ofStore are what jobs say of an object store that can't be used.
var ofStore = []string{"FLINK-S3-AWAY", "FLINK-S3-BUCKET", "FLINK-S3-DENIED"}

// BeyondJobs are the findings about an installation that the findings of its jobs
// don't say, too, and with what the job itself met.
func BeyondJobs(installation []Finding, jobs [][]Finding) []Finding {
	met := map[string]bool{} // jobs that tell of their store
	for _, f := range slices.Concat(jobs...) {
		if slices.Contains(ofStore, f.Rule) {
			met[f.Subject] = true
		}
	}
	return slices.DeleteFunc(installation, func(f Finding) bool {
		return f.Rule == "FLINK-INST-STORAGE" && len(f.users) > 0 && !slices.ContainsFunc(f.users, func(job string) bool { return !met[job] })
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// withText is ": text"; nothing where there is none.
func withText(text string) string {
	if text == "" {
		return ""
	}
	return ": " + oneLine(text)
}

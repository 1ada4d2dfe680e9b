package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

func newJar(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jar",
		Short: "Bring a job's jar to an object store or a session cluster, list and delete jars",
		RunE:  plugin.Help,
	}
	cmd.AddCommand(newJarUpload(c), newJarList(c), newJarDelete(c))
	return cmd
}

// jarPlaces says in the help what the verbs of jars take.
const jarPlaces = `An s3:// address is reached from here, through the API server where the endpoint
is a Service of the cluster. Endpoint and credentials are those of the job that
--job names, else of the job of the namespace that keeps its state in that bucket;
those of --secret, with --endpoint; else those of your environment: AWS_ACCESS_KEY_ID,
a web identity (IRSA), AWS_PROFILE, AWS_ENDPOINT_URL_S3.`

// jarFlags are those of the verbs that find a place for jars.
type jarFlags struct {
	*common
	tunnelFlags
	tls                   reach.TLSFiles
	job, secret, endpoint string
}

func (f *jarFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.job, "job", "", "The job, as [TYPE/]NAME, whose endpoint and credentials are used for s3://")
	addStoreFlags(cmd, &f.secret, &f.endpoint)
	_ = cmd.RegisterFlagCompletionFunc("job", f.completeJobs(false))
	f.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &f.tls)
}

// addStoreFlags adds the flags that say how an object store is reached.
func addStoreFlags(cmd *cobra.Command, secret, endpoint *string) {
	flags := cmd.Flags()
	flags.StringVar(secret, "secret", "", "Secret with the credentials for s3://: the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or access-key and secret-key")
	flags.StringVar(endpoint, "endpoint", "", "URL of the object store, as in http://minio.minio-dev:9000 (default the Secret's, the environment's, or Amazon's)")
}

// validate finds what is wrong with the flags for a place.
func (f *jarFlags) validate(place string) error {
	if f.job != "" {
		if _, err := operator.ParseRef(f.job, "", api.JobKinds...); err != nil {
			return exit.Usagef("--job: %v", err)
		}
	}
	switch scheme, _ := storage.Split(place); {
	case storage.IsS3(scheme):
		if f.job != "" && f.endpoint != "" {
			return exit.Usagef("--endpoint: a job's endpoint is that of its configuration; leave out --job or --endpoint")
		}
		return nil
	case scheme != "":
		return exit.Usagef("%s: jars are kept in S3 (s3://bucket/key) or in a session cluster (NAME), not in %s:", place, scheme)
	case f.job != "" || f.secret != "" || f.endpoint != "":
		return exit.Usagef("--job, --secret and --endpoint are for s3://; %s is a session cluster", place)
	}
	_, err := operator.ParseRef(place, "", api.Deployment)
	return exit.With(exit.Usage, err)
}

// atS3 opens the object store of a path and has do use it.
func (f *jarFlags) atS3(ctx context.Context, client *operator.Client, path string, do func(*storage.S3) error) error {
	tunnel, err := f.tunnel(f.tunnelFlags, f.noteHalfReady)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	namespace, _, err := f.factory.Namespace()
	if err != nil {
		return err
	}
	store := reach.StateStore{Client: client, Tunnel: tunnel, NoReader: true, Secret: f.secret}
	var job api.Job
	switch {
	case f.job != "":
		ref, err := f.oneJob(ctx, client, []string{f.job})
		if err != nil {
			return err
		}
		object, err := client.Get(ctx, ref)
		if err != nil {
			return err
		}
		job = api.Job{Kind: ref.Kind, Object: object}
	case f.secret == "" && f.endpoint == "":
		job, err = client.JobThatSees(ctx, namespace, path)
		if err != nil && !errors.Is(err, operator.ErrNoJobSees) && !apierrors.IsForbidden(err) {
			return err
		}
	}
	if job.Object == nil {
		s3, err := store.OfUser(ctx, namespace, f.endpoint)
		if err != nil {
			return err
		}
		return do(s3)
	}
	return withStore(ctx, store, job, path, do)
}

// withStore has do use the object store that a job keeps its state in.
func withStore(ctx context.Context, store reach.StateStore, job api.Job, path string, do func(*storage.S3) error) error {
	found, done, err := store.Of(ctx, job, path)
	if err != nil {
		return errors.Join(err, done())
	}
	s3, ok := found.(*storage.S3)
	if !ok {
		return errors.Join(fmt.Errorf("%s is in no object store", path), done())
	}
	return errors.Join(do(s3), done())
}

// inSession has do ask the JobManager of a session cluster.
func (f *jarFlags) inSession(ctx context.Context, name string, do func(context.Context, reach.Place, *rest.Client) error) error {
	client, err := f.operator()
	if err != nil {
		return err
	}
	namespace, _, err := f.factory.Namespace()
	if err != nil {
		return err
	}
	ref, err := operator.ParseRef(name, namespace, api.Deployment)
	if err != nil {
		return err
	}
	place, err := reach.Find(ctx, client, ref)
	if err != nil {
		return err
	}
	switch {
	case !place.Cluster.IsSessionCluster():
		return exit.With(exit.Usage, fmt.Errorf("%s runs a job of its own, and no jars are uploaded to it: it takes the one that spec.job.jarURI names\nBring that to an object store: kubectl flink jar upload FILE s3://BUCKET/KEY --deploy %s -n %s", ref, ref.Name, ref.Namespace))
	case place.Suspended():
		return fmt.Errorf("%s has no JobManager to ask: %s", ref, place.WhyNot())
	}
	tunnel, err := f.tunnel(f.tunnelFlags, f.noteHalfReady)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	jobManager, err := restClient(tunnel, place, f.tls)
	if err != nil {
		return err
	}
	defer jobManager.Close()
	return noJars(ref, place.Because(reach.AskError(ctx, do(ctx, place, jobManager))))
}

// noJars says what it means that a JobManager knows no jars.
func noJars(ref api.Ref, err error) error {
	if !rest.NotFound(err) {
		return err
	}
	var answer *rest.Error
	if errors.As(err, &answer) && (answer.Path == "/jars" || answer.Path == "/jars/upload") {
		return fmt.Errorf("the JobManager of %s takes no jars: web.submit.enable is false in its configuration", ref)
	}
	return err
}

// objectKey is one way to write the address of an object in S3, whatever Flink's
// file system that the scheme names; "" for what is none.
func objectKey(uri string) string {
	scheme, at := storage.Split(uri)
	if !storage.IsS3(scheme) {
		return ""
	}
	return strings.Trim(at, "/")
}

func bucketOf(uri string) string {
	bucket, _, _ := strings.Cut(objectKey(uri), "/")
	return bucket
}

// sameObject reports whether two addresses are of one object of S3.
func sameObject(a, b string) bool { return objectKey(a) != "" && objectKey(a) == objectKey(b) }

// jarsInUse are the jars in S3 that jobs run or are to run, by objectKey, with the
// jobs: by their specs, and by what the operator would roll back to. Jobs of other
// namespaces count where they may be listed; everywhere says whether they were.
func jarsInUse(ctx context.Context, client *operator.Client, namespace string) (uses map[string][]string, everywhere bool, err error) {
	jobs, err := client.Jobs(ctx, metav1.NamespaceAll, metav1.ListOptions{})
	everywhere = err == nil
	if apierrors.IsForbidden(err) {
		jobs, err = client.Jobs(ctx, namespace, metav1.ListOptions{})
	}
	if err != nil {
		return nil, false, err
	}
	uses = map[string][]string{}
	for _, job := range jobs {
		user := job.Ref().String() + " in " + job.Ref().Namespace
		for _, uri := range jarsOf(job) {
			if key := objectKey(uri); key != "" && !slices.Contains(uses[key], user) {
				uses[key] = append(uses[key], user)
			}
		}
	}
	return uses, everywhere, nil
}

// jarsOf are the jars that a job names.
func jarsOf(job api.Job) []string {
	var out []string
	for _, spec := range []map[string]any{job.Spec(), job.ReconciledSpec(), job.StableSpec()} {
		out = append(out, api.Text(spec, "job", "jarURI"))
		config := api.Flatten(api.Section(spec, "flinkConfiguration"))
		for _, key := range []string{"pipeline.jars", "pipeline.classpaths"} {
			for jar := range strings.FieldsFuncSeq(config[key], func(r rune) bool { return strings.ContainsRune(";,[]'\" ", r) }) {
				out = append(out, jar)
			}
		}
	}
	return out
}

// say prints a line of result.
func (f *jarFlags) say(text string) error {
	_, err := fmt.Fprintln(f.Out, term.Safe(text))
	return err
}

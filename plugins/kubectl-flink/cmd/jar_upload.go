package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jar"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// jarUploadOptions are the flags of `kubectl flink jar upload`.
type jarUploadOptions struct {
	jarFlags
	plugin.Arguments
	plugin.RunFlags
	output printer.Flags
	class  string
	deploy string
	yes    bool
	file   *jarFile
	uri    string
}

func newJarUpload(c *common) *cobra.Command {
	o := &jarUploadOptions{jarFlags: jarFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "upload FILE (s3://BUCKET/KEY | SESSION)",
		Short: "Bring a jar to an object store, and a job to it, or to a session cluster",
		Long: `Upload a jar of this computer. First it is looked at: it must be a jar, and have the
class that is to run. An address that ends with / gets the file's name.

To an object store it goes in parts, each with its checksum, and afterwards it is
checked that the bytes there are the file's. What is there already is compared: the
same bytes are left alone, others replaced only after you agreed. An upload that is
interrupted leaves nothing. The jarURI is printed, for spec.job.jarURI.

` + jarPlaces + `

--deploy gives a job the jar as upgrade --jar does: a savepoint is taken, and the
job starts from it with the new jar. Before the upload it is checked that the jar can
be fetched: the JobManager of an application does it, from Flink 1.19 on; the jar of a
session job is fetched by the operator, which from 1.16 on takes only https unless
kubernetes.operator.user.artifacts.allowed-schemes in its configuration says more.

To a session cluster the jar goes through the JobManager's REST API. Only that API
runs it from there: a FlinkSessionJob can't name it. It goes with the JobManager's pod.`,
		Example: plugin.Examples(`
			# To where a job of the namespace keeps its state; prints the jarURI
			kubectl flink jar upload top-speed.jar s3://flink/jars/

			# And have the job run it, from its state
			kubectl flink jar upload top-speed.jar s3://flink/jars/top-speed-1.1.jar --deploy basic-example

			# With the credentials in a Secret
			kubectl flink jar upload top-speed.jar s3://flink/jars/ --secret minio --endpoint http://minio.minio-dev:9000

			# To a session cluster
			kubectl flink jar upload top-speed.jar session-example`),
		Args: cobra.ExactArgs(2),
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	flags.StringVar(&o.class, "class", "", "Class that the jar must have, to be run (default the one that its manifest names; with --deploy the job's)")
	flags.StringVar(&o.deploy, "deploy", "", "Job, as [TYPE/]NAME, that is upgraded to the jar afterwards")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask before another jar is replaced, or a job is upgraded")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none or client (say what would be uploaded, and what is there)", NoServer: "object stores and Flink's REST API have no dry run",
		Timeout: "How long to wait for the upload, and with --deploy for the upgrade", TimeoutDefault: 30 * time.Minute,
		Quiet: plugin.NoProgress,
	})
	_ = cmd.RegisterFlagCompletionFunc("deploy", c.completeJobs(false))
	o.jarFlags.add(cmd)
	return cmd
}

// Validate finds what is wrong with the arguments, and with the jar.
func (o *jarUploadOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if err := o.CheckRun(); err != nil {
		return err
	}
	path, place := o.Args[0], o.Args[1]
	if err := o.validate(place); err != nil {
		return err
	}
	scheme, _ := storage.Split(place)
	if o.deploy != "" {
		_, err := operator.ParseRef(o.deploy, "", api.JobKinds...)
		switch {
		case err != nil:
			return exit.Usagef("--deploy: %v", err)
		case !storage.IsS3(scheme):
			return exit.Usagef("--deploy: a job runs a jar that a jarURI names: give an s3:// address, not a session cluster")
		case !o.output.IsHuman():
			return exit.Usagef("--deploy prints what upgrade prints; leave out --output")
		}
		if o.job == "" && o.secret == "" && o.endpoint == "" {
			o.job = o.deploy
		}
	}
	if o.class != "" {
		if err := jar.CheckClass(o.class); err != nil {
			return exit.Usagef("--class: %v", err)
		}
	}
	var err error
	if o.file, err = openJar(path, o.class); err != nil {
		return err
	}
	if !storage.IsS3(scheme) {
		return nil
	}
	if o.uri, err = jarAddress(place, o.file.name()); err != nil {
		o.file.Close()
		return exit.With(exit.Usage, err)
	}
	return nil
}

// jarAddress is an address of S3 for a file: that of a directory gets its name.
func jarAddress(place, name string) (string, error) {
	bucket, _, inside := strings.Cut(strings.TrimPrefix(place[strings.Index(place, ":")+1:], "//"), "/")
	if bucket == "" {
		return "", fmt.Errorf("%s names no bucket, as in s3://bucket/jars/", place)
	}
	if !inside {
		place += "/"
	}
	if strings.HasSuffix(place, "/") {
		place += safeName(name)
	}
	if !strings.HasSuffix(place, ".jar") {
		return "", fmt.Errorf("%s doesn't end with .jar; for a directory write / at its end", place)
	}
	return place, storage.CheckAddress(place)
}

// Run uploads the jar.
func (o *jarUploadOptions) Run(whole context.Context) error {
	defer o.file.Close()
	ctx, cancel := o.Bounded(whole)
	defer cancel()
	line := o.progress(o.Quiet)
	defer line.Done()
	if o.uri == "" {
		return ended(ctx, o.toSession(ctx, line))
	}
	client, err := o.operator()
	if err != nil {
		return err
	}
	page := view.JarPage{URI: o.uri, Size: o.file.size}
	if o.deploy != "" {
		if err := o.checkDeploy(ctx, client, line); err != nil {
			return ended(ctx, err)
		}
	}
	line.Set("reading %s", o.file.path)
	if err := o.file.sum(ctx); err != nil {
		return err
	}
	page.SHA256 = o.file.digest.SHA256
	err = o.atS3(ctx, client, o.uri, func(s3 *storage.S3) error {
		line.Set("looking whether %s is there", o.uri)
		return o.toS3(ctx, client, s3, &page, line)
	})
	line.Done()
	if err != nil {
		return ended(ctx, err)
	}
	if err := o.output.Print(o.Out, page.Result()); err != nil || o.deploy == "" {
		return err
	}
	return o.upgrade(whole)
}

// toS3 uploads the jar to where there is none, and to where the user wants it.
func (o *jarUploadOptions) toS3(ctx context.Context, client *operator.Client, s3 *storage.S3, page *view.JarPage, line *progress.Line) error {
	there, same, err := s3.Holds(ctx, o.uri, o.file.digest)
	if err != nil {
		return err
	}
	page.Unchanged = same
	switch {
	case same:
		line.Print("%s is there already, with the same bytes: unchanged", o.uri)
		return nil
	case there:
		if err := o.mayReplace(ctx, client, s3, line); err != nil {
			return err
		}
	}
	if o.DryRun != "" {
		page.DryRun = true
		return nil
	}
	with := "without credentials"
	if from := s3.CredentialsFrom(); from != "" {
		with = "with the credentials of " + from
	}
	line.Print("uploading %s", with)
	err = o.file.put(ctx, s3, o.uri, there, line)
	if errors.Is(err, storage.ErrExists) {
		return fmt.Errorf("%w\nAnother user wrote it meanwhile; run the command again to see how it differs", err)
	}
	return err
}

// mayReplace asks before other bytes are replaced.
func (o *jarUploadOptions) mayReplace(ctx context.Context, client *operator.Client, s3 *storage.S3, line *progress.Line) error {
	entry, err := s3.Stat(ctx, o.uri)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s is there already, with other bytes (%s, of %s): it would be replaced", o.uri, view.Bytes(entry.Size), entry.Modified.Format(time.RFC3339))
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	uses, _, err := jarsInUse(ctx, client, namespace)
	if err != nil {
		return err
	}
	if users := uses[objectKey(o.uri)]; len(users) > 0 {
		what += "\nIt is the jar of " + strings.Join(users, ", ") + ", whose next start would take the new one without the operator's doing"
	}
	if o.DryRun != "" {
		line.Print("%s", what)
		return nil
	}
	line.Clear()
	return o.confirm(ctx, o.yes, what)
}

// toSession uploads the jar to a session cluster.
func (o *jarUploadOptions) toSession(ctx context.Context, line *progress.Line) error {
	name := o.Args[1]
	page := view.JarPage{Session: name, Size: o.file.size}
	err := o.inSession(ctx, name, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		line.Set("asking for the jars of %s", place.Cluster.Ref())
		jars, err := jobManager.Jars(ctx)
		if err != nil {
			return err
		}
		same := 0
		for _, one := range jars {
			if one.Name == safeName(o.file.name()) {
				same++
			}
		}
		if same > 0 {
			line.Print("%s has %s of that name already; this will be one more", place.Cluster.Ref(), plural(same, "jar"))
		}
		if page.DryRun = o.DryRun != ""; page.DryRun {
			return nil
		}
		text := "uploading " + o.file.name()
		line.Set("%s (%s) to %s", text, view.Bytes(o.file.size), place.Cluster.Ref())
		body := &reading{Reader: o.file, tell: func(done int64) { line.Share(text, done, o.file.size, view.Bytes) }}
		if page.ID, err = jobManager.UploadJar(ctx, safeName(o.file.name()), body, o.file.size); err != nil {
			return err
		}
		return isListed(ctx, jobManager, page.ID)
	})
	line.Done()
	if err != nil {
		return err
	}
	return o.output.Print(o.Out, page.Result())
}

// isListed fails where a JobManager doesn't list a jar that it has taken.
func isListed(ctx context.Context, jobManager *rest.Client, id string) error {
	jars, err := jobManager.Jars(ctx)
	if err != nil {
		return fmt.Errorf("%s was uploaded; whether it is listed couldn't be seen: %w", id, err)
	}
	for _, one := range jars {
		if one.ID == id {
			return nil
		}
	}
	return fmt.Errorf("%s was uploaded, and the JobManager doesn't list it: another of several JobManagers may have answered", id)
}

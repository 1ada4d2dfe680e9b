package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// jarListOptions are the flags of `kubectl flink jar list`.
type jarListOptions struct {
	jarFlags
	plugin.Arguments
	plugin.RunFlags
	output printer.Flags
}

func newJarList(c *common) *cobra.Command {
	o := &jarListOptions{jarFlags: jarFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "list (s3://BUCKET/DIRECTORY | SESSION)",
		Short: "List the jars in a directory of an object store, or in a session cluster",
		Long: `List the jars below a directory of an object store, newest first, with the jobs
whose specs name them; or those that were uploaded to a session cluster.

` + jarPlaces,
		Example: plugin.Examples(`
			# Which jars are there, and who runs them?
			kubectl flink jar list s3://flink/jars

			# Their addresses
			kubectl flink jar list s3://flink/jars -o jsonpath='{.items[*].jarURI}'

			# In a session cluster
			kubectl flink jar list session-example`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeClusters(),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	o.AddRunFlags(cmd, plugin.RunWords{Timeout: "How long to wait for the answer", TimeoutDefault: 2 * time.Minute})
	o.jarFlags.add(cmd)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *jarListOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if err := o.CheckRun(); err != nil {
		return err
	}
	return o.validate(o.Args[0])
}

// maxJars bounds how many jars of a directory are listed.
const maxJars = 10_000

// Run prints the jars.
func (o *jarListOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	place := o.Args[0]
	if scheme, _ := storage.Split(place); !storage.IsS3(scheme) {
		return ended(ctx, o.inSession(ctx, place, func(ctx context.Context, _ reach.Place, jobManager *rest.Client) error {
			jars, err := jobManager.Jars(ctx)
			if err != nil {
				return err
			}
			return o.output.Print(o.Out, view.SessionJars(jars, o.now()))
		}))
	}
	client, err := o.operator()
	if err != nil {
		return err
	}
	jars := []view.StoredJar{}
	err = o.atS3(ctx, client, place, func(s3 *storage.S3) error {
		return s3.List(ctx, place, func(entry storage.Entry) error {
			if !strings.HasSuffix(entry.Path, ".jar") {
				return nil
			}
			if len(jars) == maxJars {
				return fmt.Errorf("there are more than %d jars below %s: name a directory with fewer", maxJars, place)
			}
			jars = append(jars, view.StoredJar{URI: entry.Path, Size: entry.Size, Modified: entry.Modified, UsedBy: []string{}})
			return nil
		})
	})
	if err != nil {
		return ended(ctx, err)
	}
	if len(jars) == 0 && o.output.IsHuman() {
		fmt.Fprintf(o.ErrOut, "No jars below %s\n", place)
		return nil
	}
	if err := o.addUsers(ctx, client, jars); err != nil {
		return ended(ctx, err)
	}
	sorting.By(jars, func(a, b view.StoredJar) int { return b.Modified.Compare(a.Modified) })
	return o.output.Print(o.Out, view.StoredJars(jars, o.now()))
}

// addUsers notes who runs each jar.
func (o *jarListOptions) addUsers(ctx context.Context, client *operator.Client, jars []view.StoredJar) error {
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	uses, everywhere, err := jarsInUse(ctx, client, namespace)
	if err != nil {
		return err
	}
	if !everywhere {
		fmt.Fprintln(o.ErrOut, "note: only the jobs of this namespace may be seen; others may use the jars, too")
	}
	for i := range jars {
		jars[i].UsedBy = append(jars[i].UsedBy, uses[objectKey(jars[i].URI)]...)
	}
	return nil
}

// jarDeleteOptions are the flags of `kubectl flink jar delete`.
type jarDeleteOptions struct {
	jarFlags
	plugin.Arguments
	plugin.RunFlags
	yes, force bool
}

func newJarDelete(c *common) *cobra.Command {
	o := &jarDeleteOptions{jarFlags: jarFlags{common: c}}
	cmd := &cobra.Command{
		Use:   "delete (s3://BUCKET/KEY ... | SESSION ID ...)",
		Short: "Delete jars of an object store, unless a job names them, or of a session cluster",
		Long: `Delete jars. In an object store, one that the spec of a job names, or that a job would
be rolled back to, is refused, unless --force is given. In a session cluster, jobs that
were started of a jar go on without it; the ids are those of jar list.

` + jarPlaces,
		Example: plugin.Examples(`
			# One that no job runs any more
			kubectl flink jar delete s3://flink/jars/top-speed-1.0.jar

			# What would happen?
			kubectl flink jar delete s3://flink/jars/top-speed-1.0.jar --dry-run

			# Of a session cluster, without being asked
			id=$(kubectl flink jar list session-example -o jsonpath='{.items[0].id}')
			kubectl flink jar delete session-example "$id" --yes`),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeClusters(),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask before they are deleted")
	flags.BoolVar(&o.force, "force", false, "Delete also what a job names, and where only this namespace's jobs may be seen")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none or client (only say what would be deleted)", NoServer: "object stores and Flink's REST API have no dry run",
		Timeout: "How long to wait for the answers", TimeoutDefault: 2 * time.Minute,
	})
	o.jarFlags.add(cmd)
	return cmd
}

// Validate finds what is wrong with the arguments.
func (o *jarDeleteOptions) Validate() error {
	if err := o.CheckRun(); err != nil {
		return err
	}
	place, rest1 := o.Args[0], o.Args[1:]
	if err := o.validate(place); err != nil {
		return err
	}
	if scheme, _ := storage.Split(place); !storage.IsS3(scheme) {
		if len(rest1) == 0 {
			return exit.Usagef("which jar of %s? Give its ID; list them with: kubectl flink jar list %s", place, place)
		}
		for _, id := range rest1 {
			if !rest.IsJarID(id) {
				return exit.Usagef("%q is not the ID of a jar, as in 7d1f0c5e-3e1b-4c8e-9d53-0a5d3c1b2e4f_job.jar; list them with: kubectl flink jar list %s", id, place)
			}
		}
		return nil
	}
	for _, path := range o.Args {
		scheme, _ := storage.Split(path)
		switch {
		case !storage.IsS3(scheme) || !strings.HasSuffix(path, ".jar"):
			return exit.Usagef("%s is not the address of a jar in S3, as in s3://bucket/jars/job.jar", path)
		case bucketOf(path) != bucketOf(place):
			return exit.Usagef("%s and %s are in two buckets: delete from one at a time", place, path)
		}
		if err := storage.CheckAddress(path); err != nil {
			return exit.With(exit.Usage, err)
		}
	}
	return nil
}

// Run deletes the jars.
func (o *jarDeleteOptions) Run(ctx context.Context) error {
	// A person who thinks about the answer doesn't use up the time.
	if scheme, _ := storage.Split(o.Args[0]); storage.IsS3(scheme) {
		return ended(ctx, o.fromS3(ctx))
	}
	return ended(ctx, o.inSession(ctx, o.Args[0], o.fromSession))
}

func (o *jarDeleteOptions) fromSession(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
	asking, done := o.Bounded(ctx)
	jars, err := jobManager.Jars(asking)
	done()
	if err != nil {
		return err
	}
	ids := o.Args[1:]
	for _, id := range ids {
		if !slices.ContainsFunc(jars, func(j rest.Jar) bool { return j.ID == id }) {
			return fmt.Errorf("%s has no jar %s", place.Cluster.Ref(), id)
		}
	}
	what := fmt.Sprintf("%s of %s:\n  %s", plural(len(ids), "jar"), place.Cluster.Ref(), strings.Join(ids, "\n  "))
	if o.DryRun != "" {
		return o.say("This would delete " + what)
	}
	if err := o.confirm(ctx, o.yes, "This deletes "+what); err != nil {
		return err
	}
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	for _, id := range ids {
		if err := jobManager.DeleteJar(ctx, id); err != nil {
			return err
		}
		if err := o.say(id + " deleted"); err != nil {
			return err
		}
	}
	return nil
}

func (o *jarDeleteOptions) fromS3(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	return o.atS3(ctx, client, o.Args[0], func(s3 *storage.S3) error {
		looking, done := o.Bounded(ctx)
		defer done()
		var lines []string
		for _, path := range o.Args {
			entry, err := s3.Stat(looking, path)
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("%s  %s, %s old", path, view.Bytes(entry.Size), view.Age(entry.Modified, o.now())))
		}
		what := fmt.Sprintf("%s, for good:\n  %s", plural(len(lines), "jar"), strings.Join(lines, "\n  "))
		if o.DryRun != "" {
			if err := o.say("This would delete " + what); err != nil {
				return err
			}
			return o.inUse(looking, client)
		}
		if err := o.inUse(looking, client); err != nil {
			return err
		}
		if err := o.confirm(ctx, o.yes, "This deletes "+what); err != nil {
			return err
		}
		removing, cancel := o.Bounded(ctx)
		defer cancel()
		var printed error
		err := s3.Remove(removing, o.Args, func(file string) {
			if err := o.say(file + " deleted"); err != nil {
				printed = err
			}
		})
		if err == nil {
			err = printed
		}
		return err
	})
}

// inUse says who names a jar that is to be deleted.
func (o *jarDeleteOptions) inUse(ctx context.Context, client *operator.Client) error {
	if o.force {
		return nil
	}
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	uses, everywhere, err := jarsInUse(ctx, client, namespace)
	if err != nil {
		return err
	}
	for _, path := range o.Args {
		if users := uses[objectKey(path)]; len(users) > 0 {
			return fmt.Errorf("nothing was deleted: %s is the jar of %s\nTo delete it all the same, say --force", path, strings.Join(users, ", "))
		}
	}
	if !everywhere {
		return fmt.Errorf("nothing was deleted: only the jobs of namespace %s may be seen, and others may name the jar\nTo delete it all the same, say --force", namespace)
	}
	return nil
}

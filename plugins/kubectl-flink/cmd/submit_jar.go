package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jar"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// ownJar is a jar of this computer that a new job is to run.
type ownJar struct {
	*jarFile
	job, cluster api.Job
	uri          string
}

// ownJars are those of the jobs that are started.
type ownJars []*ownJar

func (all ownJars) Close() {
	for _, one := range all {
		one.jarFile.Close()
	}
}

// isOwn reports whether a jarURI names a file of this computer: it has no scheme,
// and neither Flink nor the operator takes such an address.
func isOwn(uri string) bool {
	if uri == "" || hasScheme.MatchString(uri) {
		return false
	}
	info, err := os.Stat(uri)
	return err == nil && info.Mode().IsRegular()
}

// checkOwnJar finds what is wrong with a --jar that is a file of this computer.
func (o *submitOptions) checkOwnJar() error {
	if hasScheme.MatchString(o.spec.Jar) {
		if o.jarDir != "" {
			return exit.Usagef("--jar-dir is for a --jar of this computer, and %s has a scheme", o.spec.Jar)
		}
		return nil
	}
	file, err := openJar(o.spec.Jar, o.spec.Class)
	if err != nil {
		return fmt.Errorf("--jar: %w", err)
	}
	return file.Close()
}

// checkJarDir finds a wrong --jar-dir.
func (o *submitOptions) checkJarDir() error {
	if o.jarDir == "" {
		return nil
	}
	if o.jarDir = strings.TrimRight(o.jarDir, "/") + "/"; o.sql.given() {
		return exit.Usagef("--jar-dir: the jars of a script aren't uploaded")
	}
	if err := storage.CheckAddress(o.jarDir + "x.jar"); err != nil {
		return exit.Usagef("--jar-dir: %v", err)
	}
	return nil
}

// ownJars finds the jars of this computer that jobs name, what is wrong with them,
// and where they are to go: their addresses are in the jobs then.
func (o *submitOptions) ownJars(ctx context.Context, client *operator.Client, jobs []api.Job, line *progress.Line) (all ownJars, err error) {
	defer func() {
		if err != nil {
			all.Close()
		}
	}()
	for _, job := range jobs {
		path := api.Text(job.Spec(), "job", "jarURI")
		if !isOwn(path) {
			continue
		}
		if slices.ContainsFunc(o.files, source.IsURL) {
			return all, exit.Usagef("%s: spec.job.jarURI %s is a file of this computer, which a manifest from elsewhere may not send anywhere", job.Ref(), path)
		}
		file, err := openJar(path, api.Text(job.Spec(), "job", "entryClass"))
		if err != nil {
			return all, fmt.Errorf("%s: spec.job.jarURI: %w", job.Ref(), err)
		}
		one := &ownJar{jarFile: file, job: job}
		all = append(all, one)
		if one.cluster, err = o.runsIn(ctx, client, job, jobs); err != nil {
			return all, err
		}
		if err := one.place(ctx, client, o.jarDir, line); err != nil {
			return all, err
		}
		if err := job.Set(one.uri, "job", "jarURI"); err != nil {
			return all, err
		}
	}
	return all, nil
}

// runsIn is the cluster that a new job will run in, which may come with it.
func (o *submitOptions) runsIn(ctx context.Context, client *operator.Client, job api.Job, jobs []api.Job) (api.Job, error) {
	if job.Kind.Name != api.SessionJob.Name {
		return job, nil
	}
	at := api.Ref{Kind: api.Deployment, Namespace: job.Object.GetNamespace(), Name: job.SessionCluster()}
	for _, other := range jobs {
		if other.Ref() == at {
			return other, nil
		}
	}
	object, err := client.Get(ctx, at)
	return api.Job{Kind: api.Deployment, Object: object}, err
}

// place finds where the jar is to go, and whether what runs it can fetch it there.
func (one *ownJar) place(ctx context.Context, client *operator.Client, dir string, line *progress.Line) error {
	config, err := client.JobConfig(ctx, one.job, one.cluster)
	if err != nil {
		return err
	}
	ref := one.job.Ref()
	if dir == "" {
		dir = jar.Place(config)
	}
	if dir == "" {
		return fmt.Errorf("%s is a file of this computer, and there is no place to bring it to: %s keeps no state in S3\nName a directory in S3 that the cluster can read with --jar-dir s3://BUCKET/DIRECTORY, or put the jar in the image", one.path, one.cluster.Ref())
	}
	line.Set("looking whether the jar of %s can be fetched from %s", ref, dir)
	scheme, _ := storage.Split(dir)
	notes, err := canFetch(ctx, client, one.job, one.cluster, config, scheme)
	if err != nil {
		more := ""
		if one.job.Kind.Name == api.SessionJob.Name {
			more = fmt.Sprintf("\nWithout that: an application, whose JobManager fetches the jar itself; or a job that no object stands for: kubectl flink jar upload %s %s -n %s", one.path, one.cluster.Object.GetName(), ref.Namespace)
		}
		return fmt.Errorf("%s can't run %s, a file of this computer, from %s: %w%s\nNothing was uploaded or created", ref, one.path, dir, err, more)
	}
	for _, note := range notes {
		line.Print("note: %s", note)
	}
	if err := one.sum(ctx); err != nil {
		return err
	}
	one.uri = dir + jar.NameFor(one.name(), one.digest.SHA256)
	return nil
}

// upload brings the jars to where the jobs fetch them. What is there already, by
// its checksum, stays.
func (all ownJars) upload(ctx context.Context, o *submitOptions, client *operator.Client, line *progress.Line) error {
	if len(all) == 0 {
		return nil
	}
	if o.request.DryRun != "" {
		for _, one := range all {
			line.Print("this would upload %s to %s", one.path, one.uri)
		}
		return nil
	}
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	store := reach.StateStore{Client: client, Tunnel: tunnel, NoReader: true}
	for _, one := range all {
		err := withStore(ctx, store, one.cluster, one.uri, func(s3 *storage.S3) error {
			there, same, err := s3.Holds(ctx, one.uri, one.digest)
			switch {
			case err != nil:
				return err
			case same:
				line.Print("%s is there already, with the same bytes", one.uri)
				return nil
			case there:
				return fmt.Errorf("%s is there already, with other bytes than its name says: delete it first", one.uri)
			}
			err = one.put(ctx, s3, one.uri, false, line)
			if err == nil {
				line.Print("%s uploaded to %s", one.path, one.uri)
			}
			return err
		})
		if err != nil {
			return errors.Join(err, errors.New("no job was created"))
		}
	}
	return nil
}

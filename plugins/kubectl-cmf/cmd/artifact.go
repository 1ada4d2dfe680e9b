package cmd

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

func newArtifactCreate(c *common) *cobra.Command { return artifactUpload(c, "create", false) }
func newArtifactUpdate(c *common) *cobra.Command { return artifactUpload(c, "update", true) }

// uploadOptions are the flags of `kubectl cmf artifact create` and `update`.
type uploadOptions struct {
	*common
	plugin.Arguments
	file   string
	update bool
}

// Validate finds what is wrong with the flags.
func (o *uploadOptions) Validate() error {
	if o.file == "" {
		return exit.Usagef("--file is missing")
	}
	return nil
}

// Run uploads the file.
func (o *uploadOptions) Run(ctx context.Context) error {
	return o.uploadArtifact(ctx, cmf.Must("artifact"), o.Args[0], o.file, o.update)
}

// downloadOptions are the flags of `kubectl cmf artifact download`.
type downloadOptions struct {
	*common
	plugin.Arguments
	target, version string
}

// Validate finds what is wrong with the flags.
func (o *downloadOptions) Validate() error {
	if o.target == "" {
		return exit.Usagef("--to is missing")
	}
	return nil
}

// Run downloads the file.
func (o *downloadOptions) Run(ctx context.Context) error {
	return o.downloadArtifact(ctx, cmf.Must("artifact"), o.Args[0], o.version, o.target)
}

// artifactUpload is `create` and `update`, which makes a new version.
func artifactUpload(c *common, use string, update bool) *cobra.Command {
	o := &uploadOptions{common: c, update: update}
	cmd := &cobra.Command{
		Use: use + " ARTIFACT --file FILE", Short: map[bool]string{false: "Upload a file as an artifact", true: "Upload a new version of an artifact"}[update],
		Example: plugin.Examples("kubectl cmf artifact " + use + " my-functions --file target/my-functions.jar\nkubectl cmf artifact " + use + " my-functions --file target/my-functions.jar -e dev-env\nkubectl cmf artifact " + use + " my-functions --file target/my-functions.jar --quiet"),
		Args:    cobra.ExactArgs(1),
		RunE:    plugin.RunE(o),
	}
	cmd.Flags().StringVar(&o.file, "file", "", "File to upload")
	return cmd
}

func (c *common) uploadArtifact(ctx context.Context, kind *cmf.Kind, name, path string, update bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	if err := client.Needs(ctx, kind.Since, "kubectl cmf artifact"); err != nil {
		return err
	}
	ref, err := c.ref(ctx, kind, name)
	if err != nil {
		return err
	}
	object, err := client.Upload(ctx, ref, path, file, update)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s %sd: version %s, %s\n", ref, map[bool]string{false: "create", true: "update"}[update], object.Text("status.version"), object.Text("status.checksum"))
	return err
}

func newArtifactDownload(c *common) *cobra.Command {
	o := &downloadOptions{common: c}
	kind := cmf.Must("artifact")
	cmd := &cobra.Command{
		Use: "download ARTIFACT --to FILE", Short: "Download an artifact's file",
		Example:           plugin.Examples("kubectl cmf artifact download my-functions --to my-functions.jar\nkubectl cmf artifact download my-functions --to old.jar --version 1\nkubectl cmf artifact download my-functions --to my-functions.jar -e dev-env"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(kind),
		RunE:              plugin.RunE(o),
	}
	cmd.Flags().StringVar(&o.target, "to", "", "File to write; it must not exist yet")
	cmd.Flags().StringVar(&o.version, "version", "latest", "Version to download")
	return cmd
}

func (c *common) downloadArtifact(ctx context.Context, kind *cmf.Kind, name, version, target string) error {
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	ref, err := c.ref(ctx, kind, name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	n, err := client.Download(ctx, ref, version, file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(target) // half a file would look like a whole one
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s downloaded to %s (%d bytes)\n", ref, target, n)
	return err
}

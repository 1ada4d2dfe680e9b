package cmd

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// savepointPruneOptions are the flags of `kubectl cmf savepoint prune`.
type savepointPruneOptions struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	source, older string
	all, yes      bool
	metadataOnly  bool
	query         url.Values
	age           time.Duration
}

// sources are where savepoints come from.
var sources = []string{"MANUAL", "UPGRADE", "SCHEDULE"}

// newSavepointPrune is `kubectl cmf savepoint prune`.
func newSavepointPrune(c *common) *cobra.Command {
	o := &savepointPruneOptions{common: c}
	cmd := &cobra.Command{
		Use: "prune (--application APP | --statement STATEMENT)", Short: "Delete an application's or a statement's savepoints of a source or an age",
		Long: `Delete savepoints of an application or a statement together, by where they come
from and how old they are, with their data. What would go is listed and asked for
once; CMF decides which of them are kept. CMF 2.4 and newer.`,
		Example: plugin.Examples(`
			kubectl cmf savepoint prune --application basic-example --older-than 30d --yes
			kubectl cmf savepoint prune --application basic-example --source schedule --older-than 12h --yes
			kubectl cmf savepoint prune --statement clicks --all --dry-run=client`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.source, "source", "", "Only those of this source: manual, upgrade or schedule")
	_ = cmd.RegisterFlagCompletionFunc("source", completion.Fixed(sources...))
	flags.StringVar(&o.older, "older-than", "", "Only those older than so many days or hours, as in 30d or 12h")
	flags.BoolVar(&o.all, "all", false, "All of them")
	flags.BoolVar(&o.metadataOnly, "metadata-only", false, "Remove CMF's records of those that can't be deleted, too; their data may stay")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none, or client: say what would be deleted", NoServer: noServerDryRun, Timeout: atMost, TimeoutDefault: 5 * time.Minute, Endless: true,
	})
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *savepointPruneOptions) Validate() error {
	o.query = url.Values{}
	source := strings.ToUpper(o.source)
	switch {
	case o.all == (o.source != "" || o.older != ""):
		return exit.Usagef("say which: --source, --older-than, or --all")
	case o.source != "" && source != "MANUAL" && source != "UPGRADE" && source != "SCHEDULE":
		return exit.Usagef("--source: %q is none of manual, upgrade, schedule", o.source)
	case o.source != "":
		o.query.Set("source", source)
	}
	if o.older != "" {
		number, unit := o.older[:len(o.older)-1], o.older[len(o.older)-1:]
		n, err := strconv.Atoi(number)
		switch {
		case err != nil || n < 0 || n > 100_000 || unit != "d" && unit != "h":
			return exit.Usagef("--older-than: %q is not a number of days or hours, as in 30d or 12h", o.older)
		case unit == "d":
			o.query.Set("olderThanDays", number)
			o.age = time.Duration(n) * 24 * time.Hour
		default:
			o.query.Set("olderThanHours", number)
			o.age = time.Duration(n) * time.Hour
		}
	}
	if o.metadataOnly {
		o.query.Set("force", "true")
	}
	return o.CheckRun()
}

// Run deletes them.
func (o *savepointPruneOptions) Run(ctx context.Context) error {
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	kind := cmf.Must("savepoint")
	scope, err := o.place(ctx, kind)
	if err != nil {
		return err
	}
	if err := client.Needs(ctx, cmf.V24, "kubectl cmf savepoint prune"); err != nil {
		return err
	}
	list, err := client.List(ctx, kind, scope, cmf.ListOptions{})
	if err != nil {
		return err
	}
	what, count := "", 0
	for _, s := range list {
		taken, err := time.Parse(time.RFC3339Nano, s.Text("metadata.creationTimestamp"))
		if source := o.query.Get("source"); source != "" && s.Text("status.source") != source || o.age > 0 && err == nil && o.now().Sub(taken) < o.age {
			continue
		}
		count++
		pinned := ""
		if s.Text("spec.pinned") == "true" {
			pinned = " (pinned)"
		}
		what += fmt.Sprintf("\n  %s %s%s", s.Name(), s.Text("status.path|spec.path"), pinned)
	}
	if count == 0 {
		fmt.Fprintln(o.ErrOut, "No savepoints match.")
		return nil
	}
	what = fmt.Sprintf("%d savepoints will be deleted with their data:", count) + what
	if o.DryRun == "client" {
		_, err := fmt.Fprintln(o.Out, what+"\n(dry run)")
		return err
	}
	if err := o.confirm(ctx, o.yes, what); err != nil {
		return err
	}
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	got, err := client.DeleteSavepoints(ctx, scope, o.query)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "%d savepoints deleted\n", got.Deleted)
	if len(got.Failed) == 0 && got.MoreFailed == 0 {
		return nil
	}
	text := ""
	for _, f := range got.Failed {
		text += fmt.Sprintf("\n  %s: %s", f.Name, cmf.Bounded(f.Reason))
	}
	if got.MoreFailed > 0 {
		text += fmt.Sprintf("\n  and %d more, which CMF doesn't name", got.MoreFailed)
	}
	return fmt.Errorf("%d savepoints were not deleted:%s", int64(len(got.Failed))+got.MoreFailed, text)
}

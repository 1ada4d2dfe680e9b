package change

import (
	"cmp"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

const (
	// troubleLimit is how long an error may stand while a change is carried
	// out. Pods that can't get their image or end at once are tried again
	// by Kubernetes, but not for our user.
	troubleLimit = 20 * time.Second
	// passingLimit is for errors that mostly pass.
	passingLimit = 2 * time.Minute
	// staleLimit is how long an error that stood before the change may be left
	// over from before: the operator hasn't reacted yet.
	staleLimit = 6 * time.Second
	// earlierLimit is for what keeps the operator from beginning while it may
	// still be about the spec before ours. It tries again after 5, 12 and 24
	// seconds.
	earlierLimit = 30 * time.Second
)

// patience is how long what is observed has stood.
type patience struct {
	// silence is the operator's.
	silence operator.Silence
	// earlierPending says that the operator hadn't taken up the spec before ours
	// when it was changed: it may have been at work on that, and fail with it.
	earlierPending bool
	// trouble is the error that stands, troubleSince since when.
	trouble      string
	troubleSince time.Time
	// lastTrouble is the last one since the change: the operator forgets it
	// when it rolls the change back.
	lastTrouble string
	// stableSince is when the goal was reached; zero while it isn't.
	stableSince time.Time
	// nextColorCheck is when, after the change, to look again whether the color
	// that is moved to exists, which the object doesn't tell.
	nextColorCheck time.Duration
}

// nextStep is what a follower does next.
type nextStep int

const (
	// waiting: nothing yet.
	waiting nextStep = iota
	// settled: the goal is reached, if it stays so.
	settled
	// failed: the change has.
	failed
	// overlooked: the operator has to be made to begin.
	overlooked
)

// verdict is what a judgement means after the time that it has stood.
type verdict struct {
	next nextStep
	// how a change has failed.
	how string
	// what is waited for, or went wrong.
	what string
}

// weigh decides what a judgement means. stale says that the error in it is left
// over from before the change, keepTrying that the operator may go on failing.
func (p *patience) weigh(j judgement, stale, keepTrying bool, now time.Time) verdict {
	if j.stage == refused || j.stage == failing || j.stage == troubled {
		if p.trouble != j.what {
			p.trouble, p.troubleSince = j.what, now
		}
		if !stale && !IsTransient(j.what) {
			p.lastTrouble = j.what
		}
	} else {
		p.trouble = ""
	}
	stands := now.Sub(p.troubleSince)
	switch j.stage {
	case reached:
		return verdict{next: settled}
	case skipped:
		return verdict{next: overlooked, what: j.what}
	case lost:
		if j.what == rolledBack {
			j.what += api.Because(cmp.Or(p.lastTrouble, "it was not stable in time ("+ReadinessKey+")"))
		}
		return verdict{failed, ChangeFailed, j.what}
	case refused:
		if stands >= p.limitOf(j, stale) {
			return verdict{failed, ChangeRejected, j.what}
		}
		return verdict{what: "the operator tries again: " + j.what}
	case failing:
		if stands >= p.limitOf(j, stale) && !keepTrying {
			return verdict{failed, ChangeStuck, j.what}
		}
		return verdict{what: "the operator tries again: " + j.what}
	case troubled:
		if stands >= p.limitOf(j, stale) && !keepTrying {
			return verdict{failed, ChangeFailed, j.what}
		}
	case notTaken, moving:
	}
	return verdict{what: j.what}
}

// limitOf is how long the error of a judgement may stand.
func (p *patience) limitOf(j judgement, stale bool) time.Duration {
	switch {
	case j.stage == failing && p.earlierPending && !IsTransient(j.what):
		return earlierLimit
	case j.stage != troubled && stale:
		return staleLimit
	case j.stage != refused && IsTransient(j.what):
		return passingLimit
	case j.stage == troubled:
		return troubleLimit
	}
	return 0
}

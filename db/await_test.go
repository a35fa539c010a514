package db

import (
	"context"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// The notice of a version that comes after a later one was learned does not bring
// back what was cached before.
func TestVersionsNeverGoBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	v := follow(t, s)
	v.learn(c.ID, 7)
	v.folded("1:6 nonsense 1: :9")
	if got := v.Of(c.ID); !got.known || got.fold != 7 {
		t.Errorf("version %+v", got)
	}
	v.gap(true) // a database that was restored counts from where it was
	v.folded("1:3")
	if got := v.Of(c.ID); got.fold != 3 {
		t.Errorf("version %+v after a gap", got)
	}
}

// A fresh read shows a fold whose notice has not come, and what it leaves in the cache
// holds for all.
func TestFreshReadsRunAheadOfNotices(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	v := follow(t, s)
	f := NewFigures(s, v.Versions)
	read := func(ctx context.Context) int64 {
		t.Helper()
		figures, err := f.Figures(ctx, []impact.Question{{Company: c.ID, Programme: "*", Range: impact.AllTime, Parts: impact.PartsMetrics}})
		if err != nil {
			t.Fatal(err)
		}
		return figures[0].Metrics.Sessions
	}
	read(t.Context())
	// A fold that tells nobody.
	exec(t, s, "UPDATE company SET version = version + 1")
	exec(t, s, `INSERT INTO rollup_tally SELECT id, '*', 'Y', '2025-01-01', 'session.completed', 5, 0 FROM company`)
	if n := read(t.Context()); n != 0 {
		t.Fatalf("%d sessions without a notice: the test shows nothing", n)
	}
	if n := read(Fresh(t.Context())); n != 5 {
		t.Errorf("%d sessions", n)
	}
	if n := read(t.Context()); n != 5 {
		t.Errorf("%d sessions to the next reader", n)
	}
}

// AwaitFold waits for the batches of this store, of another one, and of one that is
// gone, and for no more than its context allows.
func TestAwaitFold(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	here, there := openURL(t, url), openURL(t, url)
	c := company(t, here, "acme")
	dead := mustCommit(t, here, sessions(c, 0, 1)...)[0].Receipt
	v := follow(t, here)
	follow(t, there)
	for _, s := range []*Store{here, there} {
		folder := NewFolder(s)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); folder.Run(ctx, time.Second) }()
		t.Cleanup(func() { stop(); <-ended })
	}
	for i, receipts := range [][]int64{
		{dead},
		{mustCommit(t, here, sessions(c, 1, 1)...)[0].Receipt},
		{mustCommit(t, there, sessions(c, 2, 1)...)[0].Receipt, mustCommit(t, here, sessions(c, 3, 1)...)[0].Receipt, dead},
	} {
		if err := v.AwaitFold(t.Context(), receipts); err != nil {
			t.Fatal(err)
		}
		for _, id := range receipts {
			if n := get[int](t, here, "SELECT count(*) FROM batch WHERE id = $1 AND folded_at IS NOT NULL", id); n != 1 {
				t.Errorf("wait %d: batch %d is not folded", i, id)
			}
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := v.AwaitFold(soon, []int64{dead, 1 << 60}); impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("a batch that is none: %v", err)
	}
	if ids := here.waits.pending(); len(ids) != 0 {
		t.Errorf("somebody still waits for %v", ids)
	}
}

package server

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// Rejecting bounds what is kept of events that are not taken, and says which are out of
// the ordinary.
type Rejecting struct {
	FutureSkew  time.Duration `env:"FUTURE_SKEW" default:"24h" help:"How far ahead an event may be dated; further ahead it is quarantined until it is due."`
	LateAfter   time.Duration `env:"LATE_AFTER" default:"720h" help:"How old an event may be when it arrives before it counts as late. It is taken all the same."`
	RejectCount int           `env:"REJECT_COUNT" default:"10000" help:"Rejects to keep for each company; the oldest make room."`
	RejectMB    int64         `env:"REJECT_MB" default:"64" help:"Megabytes of rejects to keep for each company, likewise."`
	Quarantine  int           `name:"quarantine-count" aliases:"quarantine" env:"QUARANTINE_COUNT" default:"10000" help:"Events of each company that may wait in quarantine; more are rejected."`
}

func (r Rejecting) bounds() db.RejectBounds {
	return db.RejectBounds{Count: r.RejectCount, Bytes: r.RejectMB << 20, Quarantine: r.Quarantine}
}

// rejects is what callers do with rejects; it implements [graph.Inbox].
type rejects struct {
	*db.Store
	replayer  ingest.Replayer
	lateAfter time.Duration // 0: the default
}

func newRejects(store *db.Store, pool *ingest.Pool) *rejects {
	return &rejects{Store: store, replayer: ingest.Replayer{Commit: pool.Commit, Known: store.Known, Settle: store.SettleRejects}}
}

// Arrivals is [db.Store.Arrivals]; late is what this server calls so.
func (r *rejects) Arrivals(
	ctx context.Context, companies []impact.CompanyID, f impact.ArrivalFilter, after impact.ArrivalCursor, limit, body int,
) ([][]*impact.Arrival, error) {
	f.LateAfter = cmp.Or(r.lateAfter, ingest.DefaultLateAfter)
	return r.Store.Arrivals(ctx, companies, f, after, limit, body)
}

// maxReplay is how many rejects one call takes up.
const maxReplay = 1000

// replayTogether is how many are in memory together: up to a megabyte each.
const replayTogether = 50

// Replay takes up rejects by their ids, oldest first. Errors: [impact.CodeNotFound] if
// one is not there.
func (r *rejects) Replay(ctx context.Context, company *impact.Company, ids []int64, edit []byte, dryRun bool) ([]*impact.Replay, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	// What came first goes in first: of two under one identity it would have been kept.
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	outcomes := make([]*impact.Replay, 0, len(ids))
	for some := range slices.Chunk(ids, replayTogether) {
		turn := r.InReplayTurn
		if dryRun {
			turn = func(_ context.Context, _ impact.CompanyID, f func() error) error { return f() }
		}
		if err := turn(ctx, company.ID, func() error {
			done, err := r.replay(ctx, company, some, edit, dryRun)
			outcomes = append(outcomes, done...)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// replay takes up a few rejects, in the order of their ids.
func (r *rejects) replay(ctx context.Context, company *impact.Company, ids []int64, edit []byte, dryRun bool) ([]*impact.Replay, error) {
	found, err := r.Rejects(ctx, []impact.CompanyID{company.ID}, impact.RejectFilter{IDs: ids}, 0, len(ids), impact.MaxReject)
	if err != nil {
		return nil, err
	}
	list := found[0]
	slices.Reverse(list)
	for i, id := range ids {
		if i == len(list) || list[i].ID != id {
			return nil, db.ErrNoReject(id)
		}
	}
	if edit != nil && list[0].Status == impact.RejectReplayed {
		if err := r.checkSame(ctx, company, list, edit); err != nil {
			return nil, err
		}
	}
	return r.replayer.Replay(context.WithoutCancel(ctx), company, list, edit, dryRun)
}

// checkSame refuses an edit of a reject that has been replayed, unless it is what was replayed:
// an event that is in the log is put right by a correction, not by another event beside it.
func (r *rejects) checkSame(ctx context.Context, company *impact.Company, list []*impact.Reject, edit []byte) error {
	verdict, err := r.replayer.Replay(ctx, company, list, edit, true)
	if err == nil && verdict[0].Outcome == string(ingest.Valid) {
		err = impact.Errorf(impact.CodeConflict,
			"reject %d has been replayed, and its events are in the log: send a correction of them, with supersedes", list[0].ID)
	}
	return err
}

// ReplayAll takes up the newest rejects of a filter, at most [maxReplay]; more says that
// there are more. Those in quarantine and those that were settled are left alone unless
// the filter names their status.
func (r *rejects) ReplayAll(ctx context.Context, company *impact.Company, f impact.RejectFilter, dryRun bool) (list []*impact.Replay, more bool, err error) {
	if f.Status == "" {
		f.Status = impact.RejectOpen
	}
	found, err := r.Rejects(ctx, []impact.CompanyID{company.ID}, f, 0, maxReplay, 0)
	if err != nil {
		return nil, false, err
	}
	var ids []int64
	for _, one := range found[0] {
		ids = append(ids, one.ID)
	}
	list, err = r.Replay(ctx, company, ids, nil, dryRun)
	return list, len(found[0]) == maxReplay, err
}

// releaseEvery is how often quarantined events are looked at.
const releaseEvery = 15 * time.Second

// releaseLoop stores quarantined events as they become due, until ctx ends. Several
// instances may: an event is stored once.
func (r *rejects) releaseLoop(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(releaseEvery)
	defer tick.Stop()
	for {
		if err := r.release(ctx, time.Now()); err != nil && ctx.Err() == nil {
			log.Warn("quarantined events that are due could not be stored; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// release takes up each event that is due once. What cannot be stored, since the rules
// have changed, waits for somebody, and keeps nothing that is due later from its turn.
func (r *rejects) release(ctx context.Context, now time.Time) error {
	const page = 500
	var last db.DueReject
	for {
		due, err := r.DueRejects(ctx, now, last, page)
		if err != nil || len(due) == 0 {
			return err
		}
		last = due[len(due)-1]
		companies := make(map[impact.CompanyID][]int64)
		for _, d := range due {
			companies[d.Company] = append(companies[d.Company], d.ID)
		}
		for id, ids := range companies {
			company, err := r.CompaniesByID(ctx, []impact.CompanyID{id})
			if err != nil {
				return err
			}
			if len(company) == 0 {
				continue
			}
			_, err = r.Replay(ctx, company[0], ids, nil, false)
			if err != nil && impact.CodeOf(err) != impact.CodeNotFound { // erased meanwhile
				return err
			}
		}
	}
}

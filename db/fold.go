package db

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// foldPause is the least time between the starts of two folds: each has a fixed
// cost, and figures need be fresh within a second, not within a millisecond.
const foldPause = 500 * time.Millisecond

// urgedPause is the same while a reader waits for what it wrote: 40 folds a second
// leave ingest most of the machine.
const urgedPause = 25 * time.Millisecond

// foldRetry is the same after a fold that failed.
const foldRetry = 2 * time.Second

// foldPatience is how long a fold may take before commits no longer wait for it: then
// it waits itself, for a company that is being rebuilt, or that somebody is erased from.
const foldPatience = 10 * time.Second

// orphanAge is how old an unfolded batch must be before an instance that did not
// commit it takes it up.
const orphanAge = 600 * time.Millisecond

// foldLimit bounds the events of one fold, and so its memory.
const foldLimit = 60_000

// Channel is the notification channel on which a fold says whose figures
// changed, as "company:version" separated by spaces.
const Channel = "impactql_fold"

// Folder folds committed batches into the rollups. Any number of folders, in any
// number of processes, may run on one database.
type Folder struct {
	store    *Store
	patience time.Duration // [foldPatience]
}

// NewFolder makes a folder. From now on the store keeps what it commits in
// memory for it: call Run, or Flush and in the end Close.
func NewFolder(s *Store) *Folder {
	s.backlog.open()
	return &Folder{s, foldPatience}
}

// Run folds until ctx ends; then it folds what this instance still holds, within
// the time that grace leaves.
func (f *Folder) Run(ctx context.Context, grace time.Duration) {
	defer f.store.backlog.close()
	sweep := time.NewTicker(orphanAge / 2)
	defer sweep.Stop()
	// A fold that is under way when ctx ends goes on: given up, its transaction would
	// keep the batches locked for a moment, and finish would take them for another's.
	folding, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, giveUp) })()
	for {
		select {
		case <-ctx.Done():
			f.finish(context.WithoutCancel(ctx), grace)
			return
		case <-f.store.backlog.added:
			start := time.Now()
			err := f.foldPatiently(folding)
			pause := foldPause
			if err != nil && ctx.Err() == nil {
				f.store.log.Error("fold: trying again", "err", err)
				pause = foldRetry
			}
			f.rest(ctx, start, pause, err == nil)
		case <-sweep.C:
			// That the database is away is in the log already, once.
			if err := f.foldOrphans(ctx); err != nil && ctx.Err() == nil && impact.CodeOf(err) != impact.CodeUnavailable {
				f.store.log.Warn("fold: sweep", "err", err)
			}
		}
	}
}

// foldPatiently is foldOwn that lets commits go on when it takes too long, and when it
// fails for a reason that time will not mend.
func (f *Folder) foldPatiently(ctx context.Context) error {
	told := make(chan struct{})
	late := time.AfterFunc(f.patience, func() { f.store.backlog.setStuck(true); close(told) })
	err := f.foldOwn(ctx)
	slow := !late.Stop()
	if slow {
		<-told
	}
	f.store.backlog.setStuck(err != nil && (slow || !transient(err)))
	return err
}

// rest waits until the pause since start is over, or, if that may be cut short, until
// a reader waits.
func (f *Folder) rest(ctx context.Context, start time.Time, pause time.Duration, short bool) {
	var urged <-chan struct{}
	if short {
		urged = f.store.backlog.urged
	}
	next := time.NewTimer(pause - time.Since(start))
	defer next.Stop()
	for {
		select {
		case <-next.C:
			return
		case <-ctx.Done():
			return
		case <-urged:
			urged = nil
			next.Reset(urgedPause - time.Since(start))
		}
	}
}

func (f *Folder) finish(ctx context.Context, grace time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := f.Flush(ctx); err != nil {
		f.store.log.Warn("fold: left to the next start", "err", err)
	}
}

// Close leaves what is not folded to the log, and what is committed later too.
func (f *Folder) Close() { f.store.backlog.close() }

// Flush folds everything that this instance has committed.
func (f *Folder) Flush(ctx context.Context) error {
	for len(f.store.backlog.peek()) > 0 {
		if err := f.foldOwn(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) foldOwn(ctx context.Context) error {
	batches := f.store.backlog.peek()
	n, events := 0, 0
	for n < len(batches) && (n == 0 || events+len(batches[n].events) <= foldLimit) {
		events += len(batches[n].events)
		n++
	}
	if n == 0 {
		return nil
	}
	if err := f.store.fold(ctx, batches[:n], waitForOthers); err != nil {
		select { // keep the token: the batches still wait
		case f.store.backlog.added <- struct{}{}:
		default:
		}
		return err
	}
	f.store.backlog.drop(batches[:n])
	return nil
}

// unfolded is a batch that is not folded.
type unfolded struct {
	ID     int64
	Events int
}

// foldOrphans folds batches that nobody has taken up: their instance died, or the reply
// to their commit was lost. What another instance is folding is left to it.
func (f *Folder) foldOrphans(ctx context.Context) error {
	own := []int64{}
	for _, b := range f.store.backlog.peek() {
		own = append(own, b.id)
	}
	var orphans []unfolded
	if err := f.store.db.SelectContext(ctx, &orphans, `
		SELECT id, events FROM batch
		WHERE folded_at IS NULL AND committed_at < now() - $1 * interval '1 ms' AND id <> ALL ($2)
		ORDER BY id LIMIT 1000`, orphanAge.Milliseconds(), pq.Array(own)); err != nil {
		return wrap(err, "find orphans")
	}
	return f.store.foldFromLog(ctx, orphans, skipOthers)
}

// CatchUp folds every batch that is committed and not folded when it is called, whoever
// committed it: also what a process left behind that died.
func (f *Folder) CatchUp(ctx context.Context) error {
	if err := f.Flush(ctx); err != nil {
		return err
	}
	var waiting []unfolded
	if err := f.store.db.SelectContext(ctx, &waiting, "SELECT id, events FROM batch WHERE folded_at IS NULL ORDER BY id"); err != nil {
		return wrap(err, "catch up")
	}
	return f.store.foldFromLog(ctx, waiting, waitForOthers)
}

// foldFromLog folds batches from the log, a bounded number of events at once.
func (s *Store) foldFromLog(ctx context.Context, batches []unfolded, others string) error {
	for len(batches) > 0 {
		var piece []committed
		events := 0
		for len(piece) < len(batches) && (len(piece) == 0 || events+batches[len(piece)].Events <= foldLimit) {
			events += batches[len(piece)].Events
			piece = append(piece, committed{id: batches[len(piece)].ID})
		}
		batches = batches[len(piece):]
		if err := s.fold(ctx, piece, others); err != nil {
			return err
		}
	}
	return nil
}

// How a fold meets batches that another transaction is folding.
const (
	waitForOthers = "FOR UPDATE"             // our own batches: somebody may take them up and fail
	skipOthers    = "FOR UPDATE SKIP LOCKED" // orphans: somebody is on them, which is enough
)

// fold takes up, in one transaction, those of the batches that are not folded
// yet. Batches without events in memory are read from the log.
func (s *Store) fold(ctx context.Context, batches []committed, others string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var learned func()
	err := s.inTx(ctx, fmt.Sprintf("fold %d batches", len(batches)), func(tx *sqlx.Tx) error {
		// A lost fold is folded again, so it need not wait for the disk, unless it
		// numbers people.
		if _, err := tx.ExecContext(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
			return err
		}
		claimed, err := claim(ctx, tx, batches, others)
		if err != nil || len(claimed) == 0 {
			return err
		}
		f, err := s.eventsOf(ctx, tx, batches, claimed)
		if err != nil {
			return err
		}
		learned, err = s.apply(ctx, tx, f)
		return err
	})
	if err == nil && learned != nil {
		learned()
	}
	return err
}

func claim(ctx context.Context, tx *sqlx.Tx, batches []committed, others string) (ids []int64, err error) {
	asked := make([]int64, len(batches))
	for i, b := range batches {
		asked[i] = b.id
	}
	err = tx.SelectContext(ctx, &ids, `
		UPDATE batch SET folded_at = clock_timestamp()
		WHERE id IN (SELECT id FROM batch WHERE id = ANY ($1) AND folded_at IS NULL ORDER BY id `+others+`)
		RETURNING id`, pq.Array(asked))
	return ids, wrap(err, "claim %d batches", len(batches))
}

// fold is what one fold takes up.
type fold struct {
	claimed []int64 // batches, ascending
	events  []*impact.Event
	fromLog bool // some of events were read back, without what ties them to others
}

func (s *Store) eventsOf(ctx context.Context, tx *sqlx.Tx, batches []committed, claimed []int64) (fold, error) {
	slices.Sort(claimed)
	f := fold{claimed: claimed}
	var fromLog []int64
	for _, b := range batches {
		if _, ok := slices.BinarySearch(claimed, b.id); !ok {
			continue
		}
		if b.events == nil {
			fromLog = append(fromLog, b.id)
		}
		f.events = append(f.events, b.events...)
	}
	if len(fromLog) == 0 {
		return f, nil
	}
	f.fromLog = true
	err := readEvents(ctx, tx, func(e *impact.Event) error { f.events = append(f.events, e); return nil },
		"batch_id BETWEEN $2 AND $3 AND batch_id = ANY ($1)", pq.Array(fromLog), slices.Min(fromLog), slices.Max(fromLog))
	return f, err
}

package db

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// HurryChannel is the notification channel on which an instance names batches, by
// their ids separated by spaces, that its readers wait for: whoever holds one folds
// at once.
const HurryChannel = "impactql_hurry"

const (
	// foldPoll is how often the batches that readers wait for are looked up while no
	// notice of a fold comes.
	foldPoll = 100 * time.Millisecond
	// maxAwaited bounds the batches that readers of one instance wait for together.
	maxAwaited = 10_000
	// foldedKept is how many folded batches are remembered as such.
	foldedKept = 10_000
	// hurryPerNotice is how many ids one notice carries.
	hurryPerNotice = 300
)

// foldWaits are the readers that wait for batches to be folded. One loop looks
// for all of them, so that waiting costs Postgres the same however many wait.
type foldWaits struct {
	folded *lru.Cache[int64, struct{}] // folded batches, lately asked for or folded here
	wake   chan struct{}               // holds a token while somebody should look

	mu      sync.Mutex // guards awaited and its entries; held for moments
	awaited map[int64]*foldWait
}

// foldWait is one batch that readers wait for.
type foldWait struct {
	readers int
	told    bool          // other instances have been told to hurry
	done    chan struct{} // closed once the batch is folded
}

func (w *foldWaits) init() {
	var err error
	if w.folded, err = lru.New[int64, struct{}](foldedKept); err != nil {
		panic(err) // the size is positive
	}
	w.awaited = make(map[int64]*foldWait)
	w.wake = make(chan struct{}, 1)
}

// AwaitFold waits until the batches are folded, whoever committed them, and has
// those that wait for their turn folded at once. Reads that begin afterwards, in a
// context made by [Fresh], show them. If ctx ends first, or an id is of no batch,
// the error is [impact.CodeUnavailable] and names the batch.
func (v *Versions) AwaitFold(ctx context.Context, batches []int64) error {
	w := &v.store.waits
	for _, id := range batches {
		wait, err := w.join(id)
		if err != nil {
			return err
		}
		if wait == nil {
			continue
		}
		select {
		case <-wait.done:
			w.leave(id, wait)
		case <-ctx.Done():
			w.leave(id, wait)
			return impact.Errorf(impact.CodeUnavailable,
				"the events of receipt %d are not in the figures yet: ask again, or without it for the figures as they are", id)
		}
	}
	return nil
}

// join begins a wait; nil if the batch is known to be folded.
func (w *foldWaits) join(id int64) (*foldWait, error) {
	if w.folded.Contains(id) {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := w.awaited[id]
	if wait == nil {
		if len(w.awaited) >= maxAwaited {
			return nil, impact.Errorf(impact.CodeUnavailable, "too many readers wait for their receipts; ask again")
		}
		wait = &foldWait{done: make(chan struct{})}
		w.awaited[id] = wait
		w.look()
	}
	wait.readers++
	return wait, nil
}

func (w *foldWaits) leave(id int64, wait *foldWait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if wait.readers--; wait.readers == 0 && w.awaited[id] == wait {
		delete(w.awaited, id)
	}
}

// settle lets the readers of folded batches go on.
func (w *foldWaits) settle(ids []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.folded.Add(id, struct{}{})
		if wait := w.awaited[id]; wait != nil {
			close(wait.done)
			delete(w.awaited, id)
		}
	}
}

// pending lists the batches that somebody waits for.
func (w *foldWaits) pending() (ids []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.awaited {
		ids = append(ids, id)
	}
	return ids
}

// untold takes those of the batches that other instances have not been told of.
func (w *foldWaits) untold(ids []int64) (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if wait := w.awaited[id]; wait != nil && !wait.told {
			wait.told = true
			list = append(list, strconv.FormatInt(id, 10))
		}
	}
	return list
}

// look has the loop look; it never waits.
func (w *foldWaits) look() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// watchFolds looks for what readers wait for until ctx ends: when one begins to
// wait, when a fold is heard of, and now and then.
func (s *Store) watchFolds(ctx context.Context) {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.waits.wake:
		case <-again.C:
		}
		ids := s.waits.pending()
		if len(ids) == 0 {
			continue
		}
		again.Reset(foldPoll)
		if others := s.backlog.urge(ids); len(others) > 0 {
			if err := s.lookForFolds(ctx, others); err != nil && ctx.Err() == nil {
				s.log.Warn("readers wait for batches that cannot be looked up", "err", err)
			}
		}
	}
}

// lookForFolds settles those of the batches that are folded, and has the instances
// that hold the others hurry.
func (s *Store) lookForFolds(ctx context.Context, ids []int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var folded []int64
	if err := s.db.SelectContext(ctx, &folded,
		"SELECT id FROM batch WHERE id = ANY ($1) AND folded_at IS NOT NULL", pq.Array(ids)); err != nil {
		return wrap(err, "look for folds")
	}
	s.waits.settle(folded)
	for some := range slices.Chunk(s.waits.untold(ids), hurryPerNotice) {
		if _, err := s.db.ExecContext(ctx, "SELECT pg_notify($1, $2)", HurryChannel, strings.Join(some, " ")); err != nil {
			return wrap(err, "hurry")
		}
	}
	return nil
}

// hurry hears which batches readers of other instances wait for.
func (s *Store) hurry(news string) {
	var ids []int64
	for one := range strings.FieldsSeq(news) {
		if id, err := strconv.ParseInt(one, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	s.backlog.urge(ids)
}

type freshKey struct{}

// freshness is which companies' versions a request has looked up.
type freshness struct {
	mu     sync.Mutex // guards looked; held while versions are read
	looked map[impact.CompanyID]bool
}

// Fresh returns a context whose reads show every fold that was complete when they
// began, also those that this process has not heard of yet. It costs a statement for
// each set of companies that is asked for.
func Fresh(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshKey{}, &freshness{looked: make(map[impact.CompanyID]bool)})
}

// look makes versions as new as the database, for companies not looked up before.
func (f *freshness) look(ctx context.Context, versions *Versions, companies []impact.CompanyID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var missing []int64
	for _, c := range companies {
		if !f.looked[c] {
			f.looked[c] = true
			missing = append(missing, int64(c))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var rows []struct {
		ID      impact.CompanyID
		Version int64
	}
	if err := versions.store.db.SelectContext(ctx, &rows, "SELECT id, version FROM company WHERE id = ANY ($1)", pq.Array(missing)); err != nil {
		for _, id := range missing {
			delete(f.looked, impact.CompanyID(id))
		}
		return wrap(err, "look up versions")
	}
	for _, r := range rows {
		versions.learn(r.ID, r.Version)
	}
	return nil
}

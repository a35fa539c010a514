package db

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
	"github.com/impactql/impactql/impact"
)

// faultCodes are what Postgres says when it could not go on with a batch that it may
// well take a moment later.
var faultCodes = map[string]string{
	"disk full":          "53100",
	"out of memory":      "53200",
	"statement timeout":  "57014",
	"shutting down":      "57P01",
	"deadlock":           "40P01",
	"serialization":      "40001",
	"connection failure": "08006",
}

// failOnce makes the n-th call of a trigger on table event fail with a code. The
// counter is a sequence, which no rollback takes back.
func failOnce(t testing.TB, s *Store, n int, code, trigger string) {
	t.Helper()
	exec(t, s, `
		CREATE SEQUENCE fault;
		CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF nextval('fault') = `+fmt.Sprint(n)+` THEN
				RAISE EXCEPTION 'fault' USING ERRCODE = '`+code+`';
			END IF;
			RETURN NEW;
		END $$;
		`+trigger)
}

const (
	withinCopy = "CREATE TRIGGER fail BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION fail()"
	atCommit   = "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
	ofBatch    = "CREATE TRIGGER fail BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION fail()"
)

// Every step of a batch fails once with every code that means "try again"; and each
// has its twin, where the write landed and Postgres said the same. Either way the
// caller is told the truth and each event is there once.
func TestCommitFaults(t *testing.T) {
	t.Parallel()
	const events, known = 5, 2
	steps := map[string]struct {
		call    int // that fails
		trigger string
	}{
		"first row":     {1, withinCopy},
		"within COPY":   {3, withinCopy},
		"the batch row": {1, ofBatch},
		"at COMMIT":     {1, atCommit},
		"after COMMIT":  {}, // it landed
	}
	for step, fault := range steps {
		for name, code := range faultCodes {
			for path, exact := range map[string]int32{"direct": 0, "exact": 5} {
				t.Run(step+"/"+name+"/"+path, func(t *testing.T) {
					t.Parallel()
					url := dbtest.New(t)
					p := newProxy(t, url)
					s, witness := openURL(t, p.url), openURL(t, url)
					c := company(t, s, "acme")
					mustCommit(t, s, sessions(c, events-known, known)...)
					if exact == 0 {
						mustCommit(t, s, sessions(c, 100, 1)...)
					}
					folder := NewFolder(s)
					if fault.trigger != "" {
						failOnce(t, witness, fault.call, code, fault.trigger)
					} else {
						sql := "DO $$ BEGIN RAISE EXCEPTION 'fault' USING ERRCODE = '" + code + "'; END $$"
						p.after.Store(&sql)
					}
					s.exact.Store(exact)
					batch := sessions(c, 0, events-known)
					if exact > 0 {
						batch = sessions(c, 0, events)
					}
					for i, v := range mustCommit(t, s, batch...) {
						if want := i >= events-known; v.Err != nil || v.Duplicate != want {
							t.Errorf("verdict %d is %+v, want duplicate %v", i, v, want)
						}
					}
					all := sessions(c, 0, events)
					if exact == 0 {
						all = append(all, sessions(c, 100, 1)...)
					}
					checkLog(t, witness, all)
					if err := folder.CatchUp(t.Context()); err != nil {
						t.Fatal(err)
					}
					checkRollups(t, witness, all)
				})
			}
		}
	}
}

// A connection is cut at every message of a batch, in either direction.
func TestCommitCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, exact := range []int32{0, 5} {
		for message := int32(1); message <= 14; message++ {
			t.Run(fmt.Sprintf("exact %d/message %d", exact, message), func(t *testing.T) {
				t.Parallel()
				url := dbtest.New(t)
				p := newProxy(t, url)
				s, witness := openURL(t, p.url), openURL(t, url)
				c := company(t, s, "acme")
				mustCommit(t, s, sessions(c, 0, 1)...)
				folder := NewFolder(s)
				s.exact.Store(exact)
				p.cutIn.Store(message)
				for i, v := range mustCommit(t, s, sessions(c, 1, 4)...) {
					if v.Err != nil || v.Duplicate {
						t.Errorf("verdict %d is %+v", i, v)
					}
				}
				p.cutIn.Store(0)
				checkLog(t, witness, sessions(c, 0, 5))
				if err := folder.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				checkRollups(t, witness, sessions(c, 0, 5))
			})
		}
	}
}

// Two instances commit overlapping events while connections break at random messages:
// every event is stored by exactly one of those who were told that they stored it.
func TestCommitFaultsOfTwoInstances(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	witness := openURL(t, url)
	c := company(t, witness, "acme")
	const rounds, workers, shared = 30, 2, 40

	var instances []*Store
	var proxies []*proxy
	for range 2 {
		p := newProxy(t, url)
		proxies, instances = append(proxies, p), append(instances, openURL(t, p.url))
	}
	ctx := t.Context()
	life, end := context.WithCancel(ctx)
	defer end()
	var cutting, folding sync.WaitGroup
	for _, s := range instances {
		folder := NewFolder(s)
		folding.Go(func() { folder.Run(life, 10*time.Second) })
	}
	for i, p := range proxies {
		cutting.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 11))
			for {
				select {
				case <-life.Done():
					p.cutIn.Store(0)
					return
				case <-p.wasCut:
					p.cutIn.Store(1 + rng.Int32N(200))
				}
			}
		})
		p.cutIn.Store(20)
	}

	var mu sync.Mutex // guards stored
	stored := make(map[impact.Key]int)
	var working sync.WaitGroup
	for i, s := range instances {
		for w := range workers {
			working.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(w)))
				for range rounds {
					events := sessions(c, rng.IntN(shared), 1+rng.IntN(8))
					verdicts, err := s.Commit(ctx, events)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for n, v := range verdicts {
						if !v.Duplicate {
							stored[events[n].Key]++
						}
					}
					mu.Unlock()
				}
			})
		}
	}
	working.Wait()
	end()
	cutting.Wait()
	folding.Wait()
	for _, n := range stored {
		if n != 1 {
			t.Errorf("an event was said to be stored %d times", n)
		}
	}
	var all []*impact.Event
	for _, e := range sessions(c, 0, shared+8) {
		if stored[e.Key] > 0 {
			all = append(all, e)
		}
	}
	checkLog(t, witness, all)
	foldAll(t, witness)
	checkRollups(t, witness, all)
	t.Logf("%d events, %d and %d connections cut", len(all), proxies[0].cuts.Load(), proxies[1].cuts.Load())
}

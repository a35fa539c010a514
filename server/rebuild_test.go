package server

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// The rollups, row for row; the people's departments are one.
var rollups = map[string]string{
	"tallies": "SELECT company_id, programme, grain, bucket, measure, n, sum FROM rollup_tally ORDER BY 1, 2, 3, 4, 5",
	"sets":    "SELECT company_id, programme, grain, bucket, set, encode(members, 'hex') FROM rollup_set ORDER BY 1, 2, 3, 4, 5",
	"pages":   "SELECT company_id, programme, grain, bucket, facet, page, encode(data, 'hex') FROM rollup_page ORDER BY 1, 2, 3, 4, 5, 6",
	"traits":  "SELECT company_id, ordinal, name, value, value_key, at FROM person_attribute ORDER BY 1, 2, 3",
	"people":  "SELECT company_id, ordinal, key, department, department_at FROM person ORDER BY 1, 2",
}

// dump is the rows of the rollups as text.
func (w *world) dump(t testing.TB) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for name, query := range rollups {
		all[name] = w.list(t, "SELECT r::text FROM ("+query+") r")
	}
	return all
}

func wantSame(t testing.TB, got, want map[string][]string) {
	t.Helper()
	for name := range rollups {
		if len(want[name]) == 0 {
			t.Errorf("no %s", name)
		}
		if slices.Equal(got[name], want[name]) {
			continue
		}
		t.Errorf("%s: %d rows, want %d", name, len(got[name]), len(want[name]))
		for i := range want[name] {
			if i >= len(got[name]) || got[name][i] != want[name][i] {
				t.Errorf("the first that differs is\n%s, want\n%s", slices.Concat(got[name], []string{"(none)"})[min(i, len(got[name]))], want[name][i])
				break
			}
		}
	}
}

var zones = []string{"UTC", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kathmandu"}

// randomLoad is batches of events of a few companies, late ones among them, with a
// crowd that outgrows the small form of a set.
func randomLoad(seed uint64) (batches [][]string) {
	r := rand.New(rand.NewPCG(seed, 0))
	from, to := time.Date(2023, 12, 28, 0, 0, 0, 0, time.UTC), time.Date(2025, 1, 4, 0, 0, 0, 0, time.UTC)
	named := func(zone string, e string) string {
		return `{"companyId":"` + strings.ReplaceAll(zone, "/", ".") + `",` + e[1:]
	}
	for b := range 120 {
		var batch []string
		for i := range 1 + r.IntN(12) {
			batch = append(batch, named(zones[r.IntN(len(zones))], randomEvent(r, fmt.Sprint(b, "-", i), from, to)))
		}
		batches = append(batches, batch)
	}
	for b := range 6 { // 5,400 participants of one day: more than 4,096
		var batch []string
		for i := range 900 {
			who := b*900 + i
			batch = append(batch, named("UTC", session(fmt.Sprint("crowd", who), fmt.Sprint("c", who), fmt.Sprint("v", who%700), "2024-06-01T10:00:00Z", 600)))
		}
		batches = append(batches, batch)
	}
	return batches
}

// loaded is a database that was fed through two instances at once.
func loaded(t testing.TB, batches [][]string) (*world, []*impact.Company, *api) {
	t.Helper()
	w := newWorld(t)
	var companies []*impact.Company
	for _, z := range zones {
		companies = append(companies, w.company(t, strings.ReplaceAll(z, "/", "."), z))
	}
	key := w.key(t, "ingest,read", companies...)
	instances := []*api{w.serve(t, key), w.serve(t, key)}
	next := make(chan []string)
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			for batch := range next {
				r, err := instances[n%2].try(t.Context(), http.MethodPost, "/webhooks/ingest", "["+strings.Join(batch, ",")+"]")
				if err != nil || r.status != http.StatusOK && !strings.Contains(string(r.body), `"rejected":`) {
					t.Errorf("%v %d %.300s", err, r.status, r.body)
				}
			}
		})
	}
	for _, b := range batches {
		next <- b
	}
	close(next)
	clients.Wait()
	w.awaitFolds(t)
	return w, companies, instances[0]
}

// A rebuild gives, bit for bit, the rollups that many small folds gave; and so does
// another database that met the same events in another order, but for the numbers
// it gave to people.
func TestRebuildBitForBit(t *testing.T) {
	t.Parallel()
	batches := randomLoad(1)
	w, companies, a := loaded(t, batches)
	want := w.dump(t)
	rebuild := func() {
		for _, c := range companies {
			var told int64
			if err := w.store.Rebuild(t.Context(), c.ID, func(n int64) { told = n }); err != nil {
				t.Fatal(err)
			}
			if n := w.events(t, c); told != n {
				t.Errorf("%s: told of %d events, the log has %d", c.Key, told, n)
			}
		}
	}
	rebuild()
	wantSame(t, w.dump(t), want)

	// What was lost or is wrong comes back.
	w.exec(t, "UPDATE rollup_tally SET n = n + 1, sum = 0 WHERE grain = 'D'")
	w.exec(t, "DELETE FROM rollup_set WHERE bucket < '2024-07-01'")
	w.exec(t, "UPDATE rollup_page SET data = '' WHERE page = 0")
	w.exec(t, "UPDATE person SET department = 'Nowhere', department_at = now() WHERE ordinal % 3 = 0")
	w.exec(t, "UPDATE person_attribute SET value = 'nowhere', at = now() WHERE ordinal % 2 = 0")
	w.exec(t, "DELETE FROM person_attribute WHERE name = 'status'")
	rebuild()
	wantSame(t, w.dump(t), want)

	// The same events in another order and in other batches.
	var all []string
	for _, b := range batches {
		all = append(all, b...)
	}
	rand.New(rand.NewPCG(9, 9)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	o, _, b := loaded(t, slices.Collect(slices.Chunk(all, 333)))
	other := o.dump(t)
	if !slices.Equal(other["tallies"], want["tallies"]) {
		t.Error("tallies differ with the order of events")
	}
	if got, want := o.members(t), w.members(t); !slices.Equal(got, want) {
		t.Errorf("sets differ with the order of events: %d, %d", len(got), len(want))
	}
	for _, c := range companies {
		for _, query := range []string{"", "?period=2024", "?period=2024-Q2", "?start=2024-05-30&end=2024-06-01", "?program=buddy", "?period=2024-06&program=unassigned"} {
			for _, path := range []string{"/v1/metrics/" + c.Key, "/v1/cohort/" + c.Key + "/all", "/v1/cohort/" + c.Key + "/Engineering"} {
				first, second := a.fresh(t, path+query), b.fresh(t, path+query)
				if first.status != http.StatusOK && string(first.body) != noCohort || string(first.body) != string(second.body) {
					t.Errorf("%s%s: %s, in another order %s", path, query, first.body, second.body)
				}
			}
		}
	}
}

// members is every set with the names, not the numbers, of its people.
func (w *world) members(t testing.TB) (list []string) {
	t.Helper()
	names := make(map[string]string)
	for _, row := range w.list(t, "SELECT concat_ws(' ', company_id || ':' || ordinal, key) FROM person") {
		at, key, _ := strings.Cut(row, " ")
		names[at] = key
	}
	for _, row := range w.list(t, "SELECT concat_ws('/', company_id, concat_ws(' ', programme, grain, bucket, set), encode(members, 'hex')) FROM rollup_set") {
		parts := strings.Split(row, "/")
		company, place, data := parts[0], parts[1], parts[2]
		raw, err := hex.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		set := roaring.New()
		if err := set.UnmarshalBinary(raw); err != nil {
			t.Fatal(err)
		}
		var who []string
		for _, o := range set.ToArray() {
			who = append(who, names[company+":"+strconv.Itoa(int(o))])
		}
		slices.Sort(who)
		list = append(list, fmt.Sprint(company, " ", place, " ", who))
	}
	slices.Sort(list)
	return list
}

// A rebuild beside a running load loses and doubles nothing.
func TestRebuildWhileEventsArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme", "Asia/Kathmandu")
	a := w.serve(t, w.key(t, "ingest,read", c))
	a.mustIngest(t, event("external.user.synced", "d", "2025-11-13T10:00:00Z", `"userId":"p1","division":"North"`))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 150 {
			r, err := a.try(t.Context(), http.MethodPost, "/webhooks/ingest",
				session(fmt.Sprint("s", n), fmt.Sprint("p", n%20), fmt.Sprint("v", n%3), "2025-11-13T10:00:00Z", 60))
			if err != nil || r.status != http.StatusOK {
				t.Errorf("%v %d %s", err, r.status, r.body)
			}
		}
	}()
	rebuilds := 0
	for loading := true; loading; rebuilds++ {
		select {
		case <-done:
			loading = false
		default:
		}
		if err := w.store.Rebuild(t.Context(), c.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitFolds(t)
	want := w.dump(t)
	if got := a.sessions(t, "acme"); got != 150 {
		t.Errorf("%d sessions after %d rebuilds, want 150", got, rebuilds)
	}
	if err := w.store.Rebuild(t.Context(), c.ID, nil); err != nil {
		t.Fatal(err)
	}
	got := w.dump(t)
	want["people"] = got["people"] // none has a department
	wantSame(t, got, want)
}

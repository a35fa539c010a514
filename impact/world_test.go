package impact_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// A world is a company with random events: few people and few instants, so that
// coincidences are many.
type world struct {
	cal      impact.Calendar
	events   []*impact.Event
	ordinals map[string]impact.Ordinal
}

var programmes = []string{"buddy", "kintell", "unassigned"}

func newWorld(seed uint64, events int) *world {
	rng := rand.New(rand.NewPCG(seed, 7))
	zones := []string{"UTC", "America/New_York", "Europe/Oslo", "Pacific/Auckland"}
	loc, err := time.LoadLocation(zones[rng.IntN(len(zones))])
	if err != nil {
		panic(err)
	}
	w := &world{cal: impact.Calendar{Location: loc}, ordinals: make(map[string]impact.Ordinal)}
	for range events {
		e := w.event(rng)
		w.events = append(w.events, e)
		for _, who := range []string{e.Participant, e.Volunteer} {
			if _, known := w.ordinals[who]; !known && who != "" {
				// Some on one page, some far apart.
				w.ordinals[who] = impact.Ordinal(len(w.ordinals)) * []impact.Ordinal{1, 90, 70_000}[seed%3]
			}
		}
	}
	return w
}

func (w *world) event(rng *rand.Rand) *impact.Event {
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	e := &impact.Event{
		Kind:      impact.Kind(rng.IntN(int(impact.KindDirectory) + 1)),
		Programme: programmes[rng.IntN(len(programmes))],
		// A few instants around the turns of years, and the odd one anywhere.
		OccurredAt: time.Date(2019+rng.IntN(6), time.December, 30+rng.IntN(4), 11*rng.IntN(3), 0, 0, 0, time.UTC),
		Status:     impact.Status(rng.IntN(int(impact.StatusPlaced) + 1)),
		Points:     rng.Int64N(50),
	}
	if rng.IntN(3) == 0 {
		e.OccurredAt = time.UnixMilli(1_577_000_000_000 + rng.Int64N(180_000_000_000))
	}
	if rng.IntN(3) == 0 {
		e.Kind = []impact.Kind{impact.KindOutcome, impact.KindSession}[rng.IntN(2)]
	}
	if rng.IntN(8) > 0 {
		e.Participant = fmt.Sprint("p", rng.IntN(25))
	}
	if rng.IntN(4) > 0 {
		e.Volunteer = one("v1", "v2", "v3", "v4", "v5", "v6", "v7", "p1", "p2") // two are both
	}
	if e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours || e.Kind == impact.KindEventAttended {
		e.DurationMS = rng.Int64N(20_000_000)
	}
	if e.Kind == impact.KindSession {
		e.Type = one("session.completed", "buddy.skill_share.completed", "buddy.skill-share.completed")
	}
	if e.Kind == impact.KindFeedback {
		if rng.IntN(4) > 0 {
			e.ScoreScale, e.Score = impact.ScaleFive, impact.Micro(rng.Int32N(1_000_001))
		}
		e.FromVolunteer = rng.IntN(3) == 0
	}
	if e.Kind == impact.KindOutcome {
		e.Dimension = impact.Dimension(rng.IntN(len(impact.Dimensions) + 1))
		e.Score = impact.Micro(rng.Int32N(11) * 100_000)
		if rng.IntN(2) == 0 {
			e.Score = impact.Micro(rng.Int32N(1_000_001))
		}
		if e.HasConfidence = rng.IntN(2) == 0; e.HasConfidence {
			e.Confidence = impact.Micro(rng.Int32N(1_000_001))
		}
	}
	return e
}

func (w *world) add(cells impact.Cells, events []*impact.Event) {
	for _, e := range events {
		cells.Add(e, impact.DayAt(e.OccurredAt, w.cal.Location), w.ordinals[e.Participant], w.ordinals[e.Volunteer])
	}
}

func (w *world) cells() impact.Cells {
	cells := make(impact.Cells)
	w.add(cells, w.events)
	cells.RollUp()
	return cells
}

func (w *world) members(names map[string]bool) *roaring.Bitmap {
	if names == nil {
		return nil
	}
	b := roaring.New()
	for name := range names {
		if who, known := w.ordinals[name]; known {
			b.Add(who)
		}
	}
	return b
}

// read answers a question as the database does: from the buckets of the range, with
// per-person sums as pages.
func read(cells impact.Cells, q impact.Question) (*impact.Reading, error) {
	return readWith(nil, cells, q)
}

func readWith(settings *impact.Settings, cells impact.Cells, q impact.Question) (*impact.Reading, error) {
	byDay, before := map[impact.Day]*impact.Cell{}, new(impact.Cell)
	for _, piece := range settings.Cut(q.Range) {
		for key, c := range within(cells, q.Programme, piece) {
			day := piece.Segment(key.Bucket.Year())
			if byDay[day] == nil {
				byDay[day] = new(impact.Cell)
			}
			if err := mergeStored(byDay[day], c); err != nil {
				return nil, err
			}
		}
	}
	var segments []impact.Segment
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		segments = append(segments, impact.Segment{From: day, Cell: byDay[day]})
	}
	for _, c := range within(cells, q.Programme, q.Range.Until()) {
		for _, s := range sets {
			before.MergeSet(s, c.Members(s))
		}
	}
	var enrolments []impact.Enrolments
	for _, programme := range programmes {
		if q.Programme != impact.AllProgrammes && q.Programme != programme {
			continue
		}
		e := impact.Enrolments{Programme: programme, Enrolled: roaring.New(), Completed: roaring.New()}
		for _, c := range within(cells, programme, q.Range.Until()) {
			e.Enrolled.Or(c.Members(impact.SetEnrolled))
			e.Completed.Or(c.Members(impact.SetCompleted))
		}
		enrolments = append(enrolments, e)
	}
	r := impact.NewReading(q, segments, new(impact.Cell), before, enrolments)
	r.Settings = settings
	return r, nil
}

func within(cells impact.Cells, programme string, r impact.Range) map[impact.CellKey]*impact.Cell {
	found := make(map[impact.CellKey]*impact.Cell)
	for _, span := range r.Cover() {
		for key, c := range cells {
			if key.Programme == programme && key.Grain == span.Grain && span.From <= key.Bucket && key.Bucket < span.To {
				found[key] = c
			}
		}
	}
	return found
}

// mergeStored merges c as it comes out of the database.
func mergeStored(into, c *impact.Cell) error {
	stored := &impact.Cell{Tallies: c.Tallies, Sets: c.Sets}
	into.Merge(stored)
	for page := range c.Pages() {
		if err := into.MergePage(page); err != nil {
			return err
		}
	}
	return nil
}

var sets = []impact.Set{
	impact.SetParticipants, impact.SetVolunteers, impact.SetEnrolled,
	impact.SetCompleted, impact.SetPlaced, impact.SetReady,
}

// dump is everything that a cell says, the same for equal cells only.
func dump(c *impact.Cell) string {
	var b strings.Builder
	for m, t := range c.Tallied() {
		fmt.Fprintln(&b, m, t.N, t.Sum)
	}
	for _, s := range sets {
		fmt.Fprintln(&b, s, c.Members(s).ToArray())
	}
	for p := range c.Pages() {
		fmt.Fprintf(&b, "%c%d %x\n", p.Facet, p.Number, p.Data)
	}
	return b.String()
}

func dumpAll(cells impact.Cells) map[impact.CellKey]string {
	all := make(map[impact.CellKey]string, len(cells))
	for key, c := range cells {
		all[key] = dump(c)
	}
	return all
}

package impact_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// assessmentPage is the page of person 5's assessments in one dimension, and what they
// were merged to.
func assessmentPage(t *testing.T, events ...*impact.Event) (data []byte, sums *impact.Cell) {
	t.Helper()
	sums = new(impact.Cell)
	for _, e := range events {
		sums.Add(e, 5, 0)
	}
	for p := range sums.Pages() {
		if p.Facet == impact.FacetAssessments {
			return p.Data, sums
		}
	}
	t.Fatal("there is no page of assessments")
	return nil, nil
}

func assessedAt(score, confidence impact.Micro, instant string) *impact.Event {
	e := assessment(impact.Language, 0, "2025-01-01")
	occurred, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		panic(err)
	}
	e.OccurredAt, e.Score = occurred, score
	e.HasConfidence, e.Confidence = confidence > 0, max(confidence, 0)
	return e
}

// What is usual is short, and everything is read as it was written.
func TestFormsOfAssessments(t *testing.T) {
	t.Parallel()
	const second, later = "2025-06-07T10:11:12Z", "2025-06-08T10:11:12Z"
	for name, c := range map[string]struct {
		events []*impact.Event
		bytes  int // with two of the person and the dimension
	}{
		"one":                              {[]*impact.Event{assessedAt(730_000, 0, second)}, 8},
		"one of 0":                         {[]*impact.Event{assessedAt(0, 0, second)}, 8},
		"one with its confidence":          {[]*impact.Event{assessedAt(730_000, 900_000, second)}, 9},
		"to the millisecond":               {[]*impact.Event{assessedAt(730_000, 900_000, "2025-06-07T10:11:12.013Z")}, 11},
		"to the millionth":                 {[]*impact.Event{assessedAt(333_333, 666_667, second)}, 13},
		"to the millionth and millisecond": {[]*impact.Event{assessedAt(333_333, 0, "2025-06-07T10:11:12.013Z")}, 12},
		"several":                          {[]*impact.Event{assessedAt(730_000, 0, second), assessedAt(940_000, 0, later)}, 16},
		"several, some with a confidence":  {[]*impact.Event{assessedAt(730_000, 900_000, second), assessedAt(940_000, 0, later)}, 18},
		"several at the same instant":      {[]*impact.Event{assessedAt(730_000, 0, second), assessedAt(940_000, 0, second)}, 16},
		"several of which the last alone is to the millisecond": {
			[]*impact.Event{assessedAt(10_000, 0, second), assessedAt(20_000, 0, "2025-06-08T10:11:12.5Z")}, 19,
		},
		"several of which the middle alone is to the millionth": {
			[]*impact.Event{assessedAt(10_000, 0, second), assessedAt(1, 0, second), assessedAt(20_000, 0, later)}, 21,
		},
		"the first instant of seconds":           {[]*impact.Event{assessedAt(730_000, 0, "1970-01-01T00:00:00Z")}, 8},
		"the last instant of seconds":            {[]*impact.Event{assessedAt(730_000, 0, "2106-02-07T06:28:15Z")}, 8},
		"the first after it":                     {[]*impact.Event{assessedAt(730_000, 0, "2106-02-07T06:28:16Z")}, 10},
		"before all that count":                  {[]*impact.Event{assessedAt(730_000, 0, "1969-12-31T23:59:59Z")}, 17},
		"from before all that count to long ago": {[]*impact.Event{assessedAt(0, 0, "1969-12-31T23:59:59Z"), assessedAt(0, 1, later)}, 16},
		"a confidence of 0":                      {[]*impact.Event{assessedAt(730_000, -1, second), withConfidence(assessedAt(730_000, 0, later), 0)}, 18},
	} {
		data, sums := assessmentPage(t, c.events...)
		if len(data) != c.bytes {
			t.Errorf("%s: %d bytes, % x; want %d", name, len(data), data, c.bytes)
		}
		again := new(impact.Cell)
		if err := again.MergePage(impact.Page{Facet: impact.FacetAssessments, Data: data}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := again.Assessments.Get(5), sums.Assessments.Get(5); *got != *want {
			t.Errorf("%s is read as %+v; want %+v", name, got[impact.Language], want[impact.Language])
		}
	}
}

func withConfidence(e *impact.Event, confidence impact.Micro) *impact.Event {
	e.HasConfidence, e.Confidence = true, confidence
	return e
}

// Pages that were written before there was a short form count as ever, and become short
// where they are added to.
func TestLongFormsOfBefore(t *testing.T) {
	t.Parallel()
	const second, later = "2025-06-07T10:11:12Z", "2025-06-08T10:11:12Z"
	first, last := assessedAt(730_000, 900_000, second), assessedAt(940_000, 0, later)
	at := first.OccurredAt.UnixMilli()
	long := []byte{5, 1 << impact.Language}
	for _, x := range []int64{1, 730_000, 1, 900_000, at, 0, 730_000, 730_000} { // n, sum, the confidences', first at, last after it, scores
		long = binary.AppendVarint(long, x)
	}
	one := len(long)
	long = slices.Concat(long, []byte{7}, long[1:])
	_, sums := assessmentPage(t, first)
	read := new(impact.Cell)
	if err := read.MergePage(impact.Page{Facet: impact.FacetAssessments, Data: long}); err != nil {
		t.Fatal(err)
	}
	for _, who := range []impact.Ordinal{5, 7} {
		if got := read.Assessments.Get(who); got == nil || *got != *sums.Assessments.Get(5) {
			t.Errorf("of person %d is read %+v; want %+v", who, got, sums.Assessments.Get(5))
		}
	}
	var lifts impact.Lifts
	both, _ := assessmentPage(t, first, last)
	_, added := assessmentPage(t, last)
	for _, u := range added.PageUpdates() {
		merged, err := u.Merge(long)
		if want := slices.Concat(both, long[one:]); err != nil || !bytes.Equal(merged, want) {
			t.Errorf("added to it is % x, %v; want % x", merged, err, want)
		}
		if err := lifts.Add(u.Number, merged); err != nil {
			t.Error(err)
		}
	}
	if got := lifts.Count(); got != (impact.Lift{Assessed: 1, Improved: 1}) {
		t.Errorf("the lift is %+v", got)
	}
}

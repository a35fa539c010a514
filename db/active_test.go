package db

import (
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// All time runs from the first to the last event that is of some figure: neither a
// directory entry of long ago nor a type that nobody knows makes more months of it.
func TestActiveDays(t *testing.T) {
	t.Parallel()
	s := open(t)
	acme, silent := company(t, s, "acme"), company(t, s, "silent")
	n := 0
	send := func(c *impact.Company, kind impact.Kind, at string) {
		n++
		e := sessionEvent(c, n, "p", "")
		e.Kind, e.Type, e.DurationMS = kind, kind.String(), 0
		var err error
		if e.OccurredAt, err = time.Parse(time.DateOnly, at); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, e)
	}
	send(acme, impact.KindDirectory, "2010-05-01")
	send(acme, impact.KindEnrollment, "2025-02-03")
	send(acme, impact.KindSession, "2025-03-10")
	send(acme, impact.KindUnknown, "2025-09-30")
	send(silent, impact.KindDirectory, "2010-05-01")
	send(silent, impact.KindUnknown, "2025-09-30")
	foldAll(t, s)
	at := instant(t, s)
	for _, asOf := range []impact.AsOf{0, at} {
		_, active, _ := pastOf(t, NewFigures(s, nil), []*impact.Company{acme, silent}, asOf)
		if active[0].String() != "2025-02-03/2025-03-10" || active[1] != (impact.Range{}) {
			t.Errorf("as of %d: %v", asOf, active)
		}
	}
}

package db

import (
	"slices"
	"testing"

	"github.com/impactql/impactql/impact"
)

func TestKnown(t *testing.T) {
	t.Parallel()
	s := open(t)
	acme, globex := company(t, s, "acme"), company(t, s, "globex")
	stored := mustCommit(t, s, sessions(acme, 0, 3)...)
	later := mustCommit(t, s, sessions(acme, 3, 1)...)

	asked := append(sessions(acme, 2, 4), sessions(globex, 0, 1)...) // the same keys in another company
	asked = append(asked, asked[0])
	got, err := s.Known(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	want := []impact.Verdict{
		{Receipt: stored[2].Receipt, Duplicate: true}, {Receipt: later[0].Receipt, Duplicate: true}, {}, {}, {},
		{Receipt: stored[2].Receipt, Duplicate: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, err := s.Known(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	if n := get[int](t, s, "SELECT count(*) FROM event"); n != 4 {
		t.Errorf("%d events, want 4", n)
	}
}

// What Postgres cannot hold costs the others that were to be stored with it.
func TestCommitWhole(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	events := sessions(c, 0, 20)
	events[7].Mood = "a\x00b"
	if _, err := s.CommitWhole(t.Context(), events); impact.CodeOf(err) != impact.CodeInvalid {
		t.Errorf("%v", err)
	}
	checkLog(t, s, nil)
	events[7].Mood = "good"
	verdicts, err := s.CommitWhole(t.Context(), append(events, events[3]))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Receipt != verdicts[0].Receipt || v.Duplicate != (i == 20) || v.Err != nil {
			t.Errorf("verdict %d: %+v", i, v)
		}
	}
	checkLog(t, s, events)
}

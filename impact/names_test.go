package impact_test

import (
	"strings"
	"testing"

	"github.com/impactql/impactql/impact"
)

// Every name that the database and the APIs hold is read back as what it names.
func TestNames(t *testing.T) {
	t.Parallel()
	for k := impact.KindUnknown; k <= impact.KindDirectory; k++ {
		if got, ok := impact.ParseKind(k.String()); !ok || got != k {
			t.Errorf("kind %d: %q is %d, %v", k, k, got, ok)
		}
		if got, ok := impact.ParseMeasure(impact.MeasureOf(k).String()); !ok || got != impact.MeasureOf(k) {
			t.Errorf("measure of %s: %q is %d, %v", k, impact.MeasureOf(k), got, ok)
		}
	}
	for _, m := range []impact.Measure{impact.MeasureVolunteerTime, impact.MeasureRating, impact.MeasureCourseDone} {
		if got, ok := impact.ParseMeasure(m.String()); !ok || got != m {
			t.Errorf("measure %d: %q is %d, %v", m, m, got, ok)
		}
	}
	for _, d := range impact.Dimensions {
		if got, ok := impact.ParseDimension(d.String()); !ok || got != d {
			t.Errorf("dimension %d: %q is %d, %v", d, d, got, ok)
		}
		for _, m := range []impact.Measure{impact.MeasureScore(d), impact.MeasureConfidence(d)} {
			if got, ok := impact.ParseMeasure(m.String()); !ok || got != m {
				t.Errorf("measure of %s: %q is %d, %v", d, m, got, ok)
			}
		}
	}
	for s := impact.StatusNone; s <= impact.StatusPlaced; s++ {
		if got, ok := impact.ParseStatus(s.String()); !ok || got != s {
			t.Errorf("status %d: %q is %d, %v", s, s, got, ok)
		}
	}
	for _, s := range sets {
		if got, ok := impact.ParseSet(s.String()); !ok || got != s {
			t.Errorf("set %d: %q is %d, %v", s, s, got, ok)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	if _, ok := impact.ParseKind("session"); ok {
		t.Error("no kind is named session")
	}
	if m, ok := impact.KindOf("crm.synced"); ok || m.Kind != impact.KindUnknown || m.Programme != impact.Unassigned {
		t.Errorf("an unknown type is %v, %v", m, ok)
	}
	if m, ok := impact.KindOf("kintell.rating.created"); !ok || m != (impact.Mapping{Kind: impact.KindFeedback, Programme: "kintell"}) {
		t.Errorf("kintell.rating.created is %v, %v", m, ok)
	}
	for _, name := range []string{"", "nothing"} {
		if _, ok := impact.ParseMeasure(name); ok {
			t.Errorf("%q is a measure", name)
		}
		if _, ok := impact.ParseDimension(name); ok {
			t.Errorf("%q is a dimension", name)
		}
		if _, ok := impact.ParseSet(name); ok {
			t.Errorf("%q is a set", name)
		}
	}
	if _, ok := impact.ParseStatus("nothing"); ok {
		t.Error("nothing is a status")
	}
}

func TestValidKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"c1111111-1111-1111-1111-111111111111": true,
		"ada@example.org":                      true,
		"urn:person:7":                         true,
		"a":                                    true,
		strings.Repeat("x", impact.MaxKey):     true,
		strings.Repeat("x", impact.MaxKey+1):   false,
		"":                                     false,
		"two words":                            false,
		"a/b":                                  false,
		impact.AllProgrammes:                   false,
		"løvenskiold":                          false,
		"a\x00":                                false,
	} {
		if got := impact.ValidKey(key); got != want {
			t.Errorf("%q: %v, want %v", key, got, want)
		}
	}
}

package impact_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/impactql/impactql/impact"
)

// Each thing that can be left out is left out once.
func TestSimplerFilters(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string][]string{
		`{"department":["a"]}`:     nil,
		`{"department":["a","b"]}`: {`{"department":["b"]}`, `{"department":["a"]}`},
		`{"not":{"attribute":{"name":"x","notIn":["a","b"]}}}`: {
			`{"not":{"attribute":{"name":"x","notIn":["b"]}}}`, `{"not":{"attribute":{"name":"x","notIn":["a"]}}}`,
		},
		`{"and":[{"did":{"activity":"ANY","programme":"p","period":"2025"}},{"department":["a"]}]}`: {
			`{"and":[{"department":["a"]}]}`, `{"and":[{"did":{"activity":"ANY","programme":"p","period":"2025"}}]}`,
			`{"and":[{"did":{"activity":"ANY","period":"2025"}},{"department":["a"]}]}`,
			`{"and":[{"did":{"activity":"ANY","programme":"p"}},{"department":["a"]}]}`,
		},
	} {
		f, err := impact.ReadCohortFilter([]byte(filter))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, simpler := range f.Simpler() {
			if err := simpler.Check(); err != nil {
				t.Errorf("%s: %v", simpler.String(), err)
			}
			got = append(got, simpler.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
		if f.String() != filter {
			t.Errorf("%s became %s", filter, f)
		}
	}
}

func TestCohortFilterCheck(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"not":`, 8) + `{"department":["HR"]}` + strings.Repeat("}", 8)
	wide := `{"or":[` + strings.TrimSuffix(strings.Repeat(`{"department":["HR"]},`, 50), ",") + `]}`
	for text, pointer := range map[string]string{
		`{"department":["HR"]}`: "ok",
		`{"and":[{"not":{"did":{"activity":"JOB","period":"2025-Q1"}}},{"or":[{"did":{"activity":"ANY","programme":"buddy"}}]}]}`: "ok",
		`{}`:                                "",
		`{"and":[]}`:                        "/and",
		`{"or":[{"department":["HR"]},{}]}`: "/or/1",
		`{"attribute":{"name":"Division","in":["a"]}}`:         "ok",
		`{"attribute":{"name":"division"}}`:                    "ok",
		`{"attribute":{"name":"department"}}`:                  "/attribute/name",
		`{"attribute":{"name":"x","in":["a"],"notIn":["b"]}}`:  "/attribute",
		`{"attribute":{"name":"x","notIn":["b",""]}}`:          "/attribute/notIn/1",
		`{"not":{"attribute":{"name":"x","in":[]}}}`:           "/not/attribute/in",
		`{"department":[]}`:                                    "/department",
		`{"department":["HR",""]}`:                             "/department/1",
		`{"not":{"department":["HR"]},"department":["HR"]}`:    "",
		`{"did":{"activity":"SLEEP"}}`:                         "/did/activity",
		`{"not":{"did":{"activity":"JOB","programme":"a b"}}}`: "/not/did/programme",
		`{"did":{"activity":"JOB","period":"soon"}}`:           "/did/period",
		deep: strings.Repeat("/not", 8),
		wide: "/or/49",
	} {
		f, err := impact.ParseCohortFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch err := f.Check(); {
		case pointer != "ok":
			checkInvalid(t, err, pointer)
		case err != nil:
			t.Errorf("%s: %v", text, err)
		case f.String() != text:
			t.Errorf("%s is written as %s", text, f)
		}
	}
}

func TestCohortFilterDated(t *testing.T) {
	t.Parallel()
	f, err := impact.ParseCohortFilter(`{"and":[{"not":{"did":{"activity":"JOB","period":"last-3d"}}},{"did":{"activity":"ANY","period":"FY2025"}},{"did":{"activity":"ANY"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"and":[{"not":{"did":{"activity":"JOB","period":"2025-11-11/2025-11-13"}}},{"did":{"activity":"ANY","period":"2024-04-01/2025-03-31"}},{"did":{"activity":"ANY"}}]}`
	if got := f.Dated(april, day("2025-11-13")).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !f.IsRelative() || f.Dated(april, 0).IsRelative() {
		t.Error("last-3d depends on the day, dates do not")
	}
}

package tabular_test

import (
	"os"
	"strings"
	"testing"

	"github.com/impactql/impactql/ingest/tabular"
)

// The mapping that docs/import.md shows does what the page says.
func TestDocumentedMapping(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	m, err := tabular.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	records := read(t, "Learner;Course;Finished;Grade;Teacher;Remark\nfay;sql;24.12.2025 23:30;4,5;tom;good\ngus;sql;;;;\n", tabular.Options{Mapping: m})
	want := []string{
		"2 course.completed evening-school p=fay v= s= 2025-12-24T22:30:00Z 0ms 87.5/100=875000  + " +
			"feedback.received unassigned p=fay v=tom s= 2025-12-24T22:30:00Z 0ms 0.875/1=875000 ",
		"3 scheduled",
	}
	for i, rec := range records {
		if got := told(t, rec); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
	for _, name := range tabular.Names() {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("the page does not list %s", name)
		}
	}
}

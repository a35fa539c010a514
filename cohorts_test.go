package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
)

// Definitions come and go while the server runs, which answers by them at once; who
// belongs to one follows what the directory says.
func TestCohorts(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	env := []string{"DATABASE_URL=" + dbtest.New(t)}
	b.must(t, env, "keys", "create", "--company", "acme", "--scopes", "read")
	b.serve(t, env)
	var history strings.Builder
	for who := range 20 {
		division := []string{"North", "SOUTH"}[who%2]
		fmt.Fprintf(&history, `{"type":"external.user.synced","id":"d%d","timestamp":"2025-01-01T00:00:00Z","data":{"userId":"p%[1]d","division":%q}}`+"\n", who, division)
		fmt.Fprintf(&history, `{"type":"session.completed","id":"s%d","timestamp":"2025-02-01T00:00:00Z","data":{"participantId":"p%[1]d","duration":60}}`+"\n", who)
	}
	file := filepath.Join(t.TempDir(), "history.ndjson")
	if err := os.WriteFile(file, []byte(history.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.must(t, env, "import", "--company", "acme", file)

	const north = `{"attribute":{"name":"division","in":["north"]}}`
	if got := b.must(t, env, "cohorts", "create", "--company", "acme", "Northern", "--name", "The north", "--filter", north); !strings.Contains(got, "northern") || !strings.Contains(got, "version  1") {
		t.Errorf("create says %s", got)
	}
	if r := b.run(t, env, "cohorts", "create", "--company", "acme", "northern", "--filter", north); r.code == 0 || !strings.Contains(r.err, "--replace") {
		t.Errorf("a definition again: %d %s", r.code, r.err)
	}
	if got := b.must(t, env, "cohorts", "create", "--company", "acme", "northern", "--replace", "--filter", north); !strings.Contains(got, "version  2") {
		t.Errorf("replace says %s", got)
	}
	for filter, want := range map[string]string{
		`{"attribute":{"name":"division","is":"north"}}`: "is", `{"department":"a"}`: "/department", `{"and":[]}`: "/and", `{} {}`: "more behind",
		`{"did":{"activity":"ANY","period":"last-30d"}}`: "/filter",
	} {
		if r := b.run(t, env, "cohorts", "create", "--company", "acme", "wrong", "--filter", filter); r.code == 0 || !strings.Contains(r.err, want) {
			t.Errorf("%s: %d %s", filter, r.code, r.err)
		}
	}
	if got := b.must(t, env, "cohorts", "list", "--company", "acme"); !strings.Contains(got, "northern") || !strings.Contains(got, `"in":["north"]`) {
		t.Errorf("list says %s", got)
	}
	if got := b.must(t, env, "cohorts", "show", "--company", "acme", "NORTHERN"); !strings.Contains(got, "10 ever active") {
		t.Errorf("show says %s", got)
	}
	if got := b.must(t, env, "cohorts", "show", "--company", "acme", "--json", "northern"); !strings.Contains(got, `"participantCount":10`) {
		t.Errorf("show says %s", got)
	}
	b.must(t, env, "cohorts", "delete", "--company", "acme", "Northern")
	if r := b.run(t, env, "cohorts", "show", "--company", "acme", "northern"); r.code == 0 || !strings.Contains(r.err, "cohorts list") {
		t.Errorf("show what is gone: %d %s", r.code, r.err)
	}
}

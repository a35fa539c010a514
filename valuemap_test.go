package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
)

// A value map goes in from a sheet and comes out in another format while the server
// runs; a wrong cell is named.
func TestValueMap(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	env := []string{"DATABASE_URL=" + dbtest.New(t)}
	b.must(t, env, "keys", "create", "--company", "acme", "--scopes", "read")
	b.serve(t, env)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "map.csv"), filepath.Join(dir, "map.xlsx")
	write := func(deadweight string) {
		t.Helper()
		text := "Discount rate %,3.5\nOutcome,Quantity,Financial proxy value,Deadweight %,Input,Input value\nJob,10,1000," + deadweight + ",All,5000\n"
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("0")
	if got := b.must(t, env, "valuemap", "import", "--company", "acme", in); !strings.Contains(got, "version 1") || !strings.Contains(got, "ratio 1.9324") {
		t.Errorf("import says %s", got)
	}
	b.must(t, env, "valuemap", "export", "--company", "acme", out)
	if got := b.must(t, env, "valuemap", "import", "--company", "acme", "--dry-run", out); strings.Contains(got, "version") || !strings.Contains(got, "ratio 1.9324") {
		t.Errorf("dry run says %s", got)
	}
	if got := b.must(t, env, "valuemap", "export", "--company", "acme", "-"); !strings.Contains(got, `"proxy":"1000"`) {
		t.Errorf("export says %s", got)
	}
	if r := b.run(t, env, "valuemap", "export", "--company", "acme", filepath.Join(t.TempDir(), "map.pdf")); r.code == 0 || !strings.Contains(r.err, ".xlsx") {
		t.Errorf("an unknown format: %d %s", r.code, r.err)
	}
	write("150")
	if r := b.run(t, env, "valuemap", "import", "--company", "acme", in); r.code == 0 || !strings.Contains(r.err, "D3") {
		t.Errorf("a wrong cell: %d %s", r.code, r.err)
	}
	if r := b.run(t, env, "valuemap", "export", "--company", "nobody", "-"); r.code == 0 || !strings.Contains(r.err, "nobody") {
		t.Errorf("an unknown company: %d %s", r.code, r.err)
	}
}

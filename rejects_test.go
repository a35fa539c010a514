package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
)

// What was refused is listed, put right and taken in from the command line.
func TestRejects(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	db := open(t, url)
	b.must(t, env, "keys", "create", "--company", "acme")
	const broken, fixed = `{"type":"volunteer.event","id":"1","data":{"hours":2}}`, `{"type":"volunteer.event","id":"1","data":{"hours":2,"userId":"v"}}`
	if _, err := db.Exec(`INSERT INTO reject (company_id, digest, status, code, message, pointer, payload, size, source, provider, delivery,
		api_key, strict, schema, first_at, last_at, attempts)
		SELECT 1, md5(n::text)::uuid, 'REJECTED', 'INVALID', 'is required', '/data/volunteerId', $1::bytea, length($1::bytea), '', '', '', 1, false, 1, now(), now(), 1
		FROM generate_series(1, 3) n`, []byte(broken)); err != nil {
		t.Fatal(err)
	}
	if out := b.must(t, env, "rejects", "list", "--company", "acme"); strings.Count(out, "is required") != 3 {
		t.Errorf("list: %s", out)
	}
	if out := b.must(t, env, "rejects", "show", "1", "--company", "acme"); strings.TrimSpace(out) != broken {
		t.Errorf("show: %s", out)
	}
	if r := b.run(t, env, "rejects", "replay", "1", "--company", "acme"); r.code == 0 || !strings.Contains(r.err, "refused again") {
		t.Errorf("replay: %d %s%s", r.code, r.out, r.err)
	}
	file := filepath.Join(t.TempDir(), "fixed.json")
	if err := os.WriteFile(file, []byte(fixed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := b.must(t, env, "rejects", "edit", "1", file, "--dry-run", "--company", "acme"); !strings.Contains(out, "valid") || value(t, db, "SELECT count(*)::text FROM event") != "0" {
		t.Errorf("dry run: %s", out)
	}
	if out := b.must(t, env, "rejects", "edit", "1", file, "--company", "acme"); !strings.Contains(out, "stored") {
		t.Errorf("edit: %s", out)
	}
	// What EDITOR makes is kept while it is refused.
	refused := b.run(t, append(env, "EDITOR=echo '{\"never\":1}' >", "TMPDIR="+t.TempDir()), "rejects", "edit", "2", "--company", "acme")
	_, kept, _ := strings.Cut(refused.err, "Your edit is kept in ")
	kept, _, _ = strings.Cut(kept, "\n")
	if text, err := os.ReadFile(kept); refused.code == 0 || err != nil || string(text) != "{\"never\":1}\n" {
		t.Errorf("exit code %d, %q is kept: %v\n%s", refused.code, text, err, refused.err)
	}
	// EDITOR puts the second right, into the same event.
	if out := b.must(t, append(env, "EDITOR=cp "+file), "rejects", "edit", "2", "--company", "acme"); !strings.Contains(out, "duplicate") {
		t.Errorf("edit: %s", out)
	}
	b.must(t, env, "rejects", "dismiss", "3", "--company", "acme")
	if got := value(t, db, "SELECT string_agg(status, ' ' ORDER BY id) FROM reject"); got != "REPLAYED REPLAYED DISMISSED" {
		t.Errorf("statuses %s", got)
	}
	if got := value(t, db, "SELECT count(*) FILTER (WHERE folded_at IS NOT NULL) || ' of ' || count(*) FROM batch"); got != "1 of 1" {
		t.Errorf("%s batches folded", got)
	}
}

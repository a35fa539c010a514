package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/impactql/impactql/db/dbtest"
)

// history is NDJSON of n events, every hundredth refused.
func history(n int) string {
	var b strings.Builder
	for i := range n {
		points := i % 50
		if i%100 == 99 {
			points = -1
		}
		fmt.Fprintf(&b, `{"type":"milestone.achieved","id":"h-%d","userId":"u%d","timestamp":"2025-%02d-15T10:00:00Z","data":{"points":%d}}`+"\n",
			i, i%700, 1+i%12, points)
	}
	return b.String()
}

func writeFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An import that is killed goes on where it was: no event is lost or there twice, no
// refused row is reported twice, and the summary is that of one run.
func TestKillImport(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	db := open(t, url)
	env := []string{"DATABASE_URL=" + url}
	for _, company := range []string{"killed", "whole"} {
		b.must(t, env, "keys", "create", "--company="+company)
	}
	const n = 20_000
	file := writeFile(t, history(n))
	rejects := filepath.Join(t.TempDir(), "rejects.ndjson")

	positions := []string{"0"}
	for range 3 {
		cmd := b.command(env, "import", "--company=killed", "--rejects="+rejects, "--rate=4000", file)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the import goes on", func() bool {
			return value(t, db, "SELECT coalesce(max(position), 0) > "+positions[len(positions)-1]+" + 200000 FROM import_progress") == "true"
		})
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		positions = append(positions, value(t, db, "SELECT position FROM import_progress"))
	}
	r := b.run(t, env, "import", "--company=killed", "--rejects="+rejects, file)
	if r.code != 3 || !strings.Contains(r.err, "goes on behind line") || !strings.Contains(r.out, fmt.Sprintf("%d rows:", n)) || !strings.Contains(r.out, "200 refused") {
		t.Errorf("the last run: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	whole := b.run(t, env, "import", "--company=whole", "--rejects="+rejects+".whole", file)
	if want := "20000 rows: 19800 events stored, 0 were there already; 0 scheduled, not done yet; 200 refused"; whole.code != 3 || !strings.Contains(whole.out, want) {
		t.Errorf("exit code %d\n%s%s, want %s", whole.code, whole.out, whole.err, want)
	}
	for _, company := range []string{"killed", "whole"} {
		of := " WHERE company_id = (SELECT id FROM company WHERE key = '" + company + "')"
		if got := value(t, db, "SELECT count(*) FROM event"+of); got != "19800" {
			t.Errorf("%s: %s events in the log", company, got)
		}
		if got := value(t, db, "SELECT sum(n) FROM rollup_tally"+of+" AND programme = '*' AND grain = 'Y'"); got != "19800" {
			t.Errorf("%s: %s events in the figures", company, got)
		}
	}
	first, err := os.ReadFile(rejects)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(rejects + ".whole"); err != nil || string(first) != string(second) {
		t.Errorf("%v: rejects of the killed import: %d lines, of the whole %d", err, strings.Count(string(first), "\n"), strings.Count(string(second), "\n"))
	}
	if got := value(t, db, "SELECT count(*) FROM import_progress"); got != "0" {
		t.Errorf("%s imports are not at their end", got)
	}
	again := b.run(t, env, "import", "--company=whole", "--rejects="+rejects+".again", file)
	if want := "0 events stored, 19800 were there already"; !strings.Contains(again.out, want) {
		t.Errorf("again: %s%s, want %s", again.out, again.err, want)
	}
}

func TestImport(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	db := open(t, url)
	env := []string{"DATABASE_URL=" + url}
	b.must(t, env, "keys", "create", "--company=acme")
	const header = "session_id,participant_email,mentor_email,scheduled_at,completed_at,duration_minutes,rating\n"
	mentoring := writeFile(t, header+
		"m1,p@x.example,v@x.example,,2025-03-01T10:00:00Z,60,0.5\n"+
		"m2,p@x.example,v@x.example,2025-04-01T10:00:00Z,,,\n"+
		"m3,p@x.example,v@x.example,,2025-03-02T10:00:00Z,481000,\n")
	stars := writeFile(t, header+
		"m4,p@x.example,v@x.example,,2025-03-01T10:00:00Z,60,1\n"+
		"m5,p@x.example,v@x.example,,2025-03-01T10:00:00Z,60,4\n")
	count := func(want string) {
		t.Helper()
		if got := value(t, db, "SELECT count(*) FROM event"); got != want {
			t.Errorf("%s events in the log, want %s", got, want)
		}
	}

	dry := b.run(t, env, "import", "--company=acme", "--dry-run", mentoring)
	if dry.code != 3 || !strings.Contains(dry.out, "3 rows: 2 events would be stored unless they are there already; 1 scheduled, not done yet; 1 refused") {
		t.Errorf("dry run: exit code %d\n%s%s", dry.code, dry.out, dry.err)
	}
	dryJSON := b.run(t, env, "import", "--company=acme", "--dry-run", "--json", mentoring)
	if want := fmt.Sprintf(`{"dryRun":true,"rejected":1,"rejects":%q,"rows":3,"scheduled":1,"valid":2}`, mentoring+".rejects.ndjson"); dryJSON.code != 3 || strings.TrimSpace(dryJSON.out) != want {
		t.Errorf("dry run: exit code %d\n%s%s", dryJSON.code, dryJSON.out, dryJSON.err)
	}
	count("0")
	stored := b.run(t, env, "import", "--company=acme", "--json", mentoring)
	want := fmt.Sprintf(`{"dryRun":false,"duplicates":0,"rejected":1,"rejects":%q,"rows":3,"scheduled":1,"stored":2}`, mentoring+".rejects.ndjson")
	if stored.code != 3 || strings.TrimSpace(stored.out) != want {
		t.Errorf("exit code %d\n%s%s, want %s", stored.code, stored.out, stored.err, want)
	}
	rejects, err := os.ReadFile(mentoring + ".rejects.ndjson")
	if want := `{"line":4,"code":"INVALID","pointer":"/duration_minutes","message":"must be 1 to 480","raw":"m3,`; err != nil || !strings.HasPrefix(string(rejects), want) {
		t.Errorf("%v %s, want %s", err, rejects, want)
	}
	count("2")

	// A file on the other scale is refused before anything of it is stored.
	wrong := b.run(t, env, "import", "--company=acme", stars)
	if wrong.code != 1 || !strings.Contains(wrong.err, "line 3") || !strings.Contains(wrong.err, "--rating-scale 1-5") {
		t.Errorf("stars: exit code %d\n%s%s", wrong.code, wrong.out, wrong.err)
	}
	count("2")
	if right := b.run(t, env, "import", "--company=acme", "--rating-scale=1-5", stars); right.code != 0 {
		t.Errorf("stars, said so: exit code %d\n%s%s", right.code, right.out, right.err)
	}
	if got := value(t, db, "SELECT string_agg(score::text, ' ' ORDER BY score) FROM event WHERE kind = 'feedback.received'"); got != "0 500000 750000" {
		t.Errorf("scores %s", got)
	}
	count("6")

	// Standard input; and a mapping that is printed can be used.
	piped := b.command(env, "import", "--company=acme", "--rejects="+filepath.Join(t.TempDir(), "r"), "-")
	piped.Stdin = strings.NewReader(history(50) + `{"type":"checkin.submitted","userId":"u","timestamp":"2190-01-01T00:00:00Z"}`)
	if out, err := piped.CombinedOutput(); piped.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "51 rows: 50 events stored, 0 were there already; 0 scheduled, not done yet; 1 refused") {
		t.Errorf("standard input: %v\n%s", err, out)
	}
	count("56")
	mapping := writeFile(t, b.must(t, nil, "import", "--print-mapping=kintell-mentoring"))
	if same := b.run(t, env, "import", "--company=acme", "--mapping="+mapping, "--rating-scale=1-5", stars); !strings.Contains(same.out, "0 events stored, 4 were there already") {
		t.Errorf("the printed mapping: exit code %d\n%s%s", same.code, same.out, same.err)
	}
	if n := value(t, db, "SELECT (SELECT count(*) FROM batch WHERE folded_at IS NULL) + (SELECT count(*) FROM event_conflict)"); n != "0" {
		t.Errorf("%s batches that are not folded, and conflicts", n)
	}

	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no file":         {[]string{"--company=acme"}, "which file"},
		"no company":      {[]string{stars}, "--company"},
		"unknown company": {[]string{"--company=nobody", stars}, "nobody"},
		"no such file":    {[]string{"--company=acme", "/nowhere"}, "/nowhere"},
		"unknown scale":   {[]string{"--company=acme", "--rating-scale=1-7", stars}, "1-7"},
		"unknown mapping": {[]string{"--print-mapping=x"}, "kintell-language"},
		"broken mapping":  {[]string{"--company=acme", "--mapping=" + stars, stars}, "--mapping"},
	} {
		if r := b.run(t, env, append([]string{"import"}, c.args...)...); r.code != 1 && r.code != 80 || !strings.Contains(r.err+r.out, c.want) {
			t.Errorf("%s: exit code %d, want one that names %s\n%s%s", name, r.code, c.want, r.out, r.err)
		}
	}
}

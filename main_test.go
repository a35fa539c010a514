package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	_ "github.com/lib/pq"

	"github.com/impactql/impactql/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// patience bounds every wait; it is never waited for unless something is wrong.
const patience = time.Minute

const (
	demoKey     = "test-key"
	demoCompany = "c1111111-1111-1111-1111-111111111111"
)

// binary is the path of impactql.
type binary string

// built is the binary that the tests share.
var built struct {
	mu    sync.Mutex // held over the build, so that the others wait for it
	users int
	dir   string
}

// impactql is the binary itself, to be run as its users run it. Call it before
// t.Parallel: it is built once as long as the tests overlap, and removed by the last.
func impactql(t *testing.T) binary {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.users == 0 {
		var err error
		if built.dir, err = os.MkdirTemp("", "impactql-binary-"); err != nil {
			t.Fatal(err)
		}
	}
	built.users++
	t.Cleanup(func() {
		built.mu.Lock()
		defer built.mu.Unlock()
		if built.users--; built.users == 0 {
			os.RemoveAll(built.dir)
		}
	})
	b := filepath.Join(built.dir, "impactql")
	if _, err := os.Stat(b); err != nil {
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", b, ".").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return binary(b)
}

// command is impactql with arguments, and only those variables that it may need.
func (b binary) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(string(b), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.Getenv("TMPDIR")}, env...)
	return cmd
}

// result is what a command that ended said.
type result struct {
	out, err string
	code     int
}

func (b binary) run(t testing.TB, env []string, args ...string) result {
	t.Helper()
	cmd := b.command(env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to succeed and returns its standard output.
func (b binary) must(t testing.TB, env []string, args ...string) string {
	t.Helper()
	r := b.run(t, env, args...)
	if r.code != 0 {
		t.Fatalf("impactql %v: exit code %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("still not true that %s", what)
		case <-tick.C:
		}
	}
}

func open(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(2)
	t.Cleanup(func() { db.Close() })
	return db
}

// value is the one value of a query, as text.
func value(t testing.TB, db *sql.DB, query string, args ...any) (v string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// Help says which variables there are, with each flag.
func TestHelp(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	database := []string{"DATABASE_URL", "DATA_DIR", "DB_CONNECTIONS", "LOG_LEVEL"}
	sources := append([]string{"SECRETS_KEY"}, database...)
	commands := map[string][]string{
		"": sources, "keys": sources, "sources": sources, "settings": sources, "settings cost": sources,
		"rejects": sources, "cohorts": sources, "valuemap": sources,
		"serve": append([]string{"ADDR", "AUTH", "DRAIN", "DEBUG_ADDR", "MEMORY_MB",
			"FUTURE_SKEW", "LATE_AFTER", "REJECT_COUNT", "REJECT_MB", "QUARANTINE_COUNT"}, sources...),
		"migrate":     database,
		"seed":        database,
		"import":      append([]string{"FUTURE_SKEW"}, database...),
		"forget":      database,
		"rebuild":     database,
		"verify":      database,
		"keys create": database, "keys list": database, "keys revoke": database,
		"sources create": sources, "sources rotate": sources, "sources revoke": sources, "sources list": sources,
		"rejects list": database, "rejects replay": database, "rejects edit": database, "rejects show": database, "rejects dismiss": database,
		"settings get": database, "settings set": database, "settings history": database, "settings cost add": database, "settings cost remove": database,
		"cohorts list": database, "cohorts create": database, "cohorts show": database, "cohorts delete": database,
		"valuemap import": database, "valuemap export": database,
	}
	top := b.must(t, nil, "--help")
	for command, variables := range commands {
		help := b.must(t, nil, append(strings.Fields(command), "--help")...)
		for _, v := range variables {
			if !strings.Contains(help, v) {
				t.Errorf("%s --help does not name %s:\n%s", command, v, help)
			}
		}
		if !strings.Contains(top, command) {
			t.Errorf("--help does not name %s:\n%s", command, top)
		}
	}
	if v := b.must(t, nil, "--version"); strings.TrimSpace(v) == "" {
		t.Error("--version says nothing")
	} else if command := b.must(t, nil, "version"); command != v {
		t.Errorf("version says %q, --version %q", command, v)
	}
}

// A flag and its variable have one name.
func TestFlagsAndVariables(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(new(commands), kong.Vars{"version": version, "mappings": ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(true) {
		for _, flag := range command.Flags {
			for _, v := range flag.Envs {
				if want := strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")); v != want {
					t.Errorf("%s: --%s is %s in the environment, want %s", command.Path(), flag.Name, v, want)
				}
			}
		}
	}
}

// A mistake ends the command before it does anything, and says what is wrong.
func TestMistakes(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	env := []string{"DATABASE_URL=" + url, "ADDR=127.0.0.1:0"}
	for name, c := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"unknown flag":          {env, []string{"serve", "--nope"}, "--nope"},
		"unknown flag of seed":  {env, []string{"seed", "--event=3"}, "--event"},
		"unknown AUTH":          {append(env, "AUTH=maybe"), []string{"serve"}, "auth"},
		"unknown LOG_LEVEL":     {append(env, "LOG_LEVEL=LOUD"), []string{"serve"}, "LOUD"},
		"ADDR that is taken":    {append(env, "ADDR="+taken.Addr().String()), []string{"serve"}, "or listen elsewhere"},
		"ADDR that is none":     {append(env, "ADDR=nowhere:99999999"), []string{"serve"}, "ADDR"},
		"DATABASE_URL a typo":   {[]string{"DATABASE_URL=postgres://%zz"}, []string{"migrate"}, "URL"},
		"a key of no company":   {env, []string{"keys", "create"}, "--company"},
		"a company with spaces": {env, []string{"keys", "create", "--company", "a b"}, "a b"},
		"an unknown scope":      {env, []string{"keys", "create", "--company", "a", "--scopes", "read,root"}, "root"},
		"admin without read":    {env, []string{"keys", "create", "--company", "a", "--scopes", "admin"}, "admin,read"},
		"a key that is not":     {env, []string{"keys", "revoke", "77"}, "77"},
		"a key without number":  {env, []string{"keys", "revoke", "mine"}, "mine"},
		"no event":              {env, []string{"seed", "--events=0"}, "--events"},
		"time backwards":        {env, []string{"seed", "--from=2025-01-02", "--to=2025-01-01"}, "--from"},
		"a reject that is not":  {env, []string{"rejects", "show", "7", "--company", "nowhere"}, "nowhere"},
		"a replay of what":      {env, []string{"rejects", "replay", "--company", "nowhere"}, "--all"},
		"rebuild of nothing":    {env, []string{"rebuild", "--company", "nowhere"}, "nowhere"},
		"verify of nothing":     {env, []string{"verify", "--company", "nowhere"}, "nowhere"},
		"verify of a quarter":   {env, []string{"verify", "--period", "2025-Q1"}, "2025-Q1"},
	} {
		r := b.run(t, c.env, c.args...)
		if r.code == 0 || !strings.Contains(r.err+r.out, c.want) {
			t.Errorf("%s: exit code %d, want one that names %q\n%s%s", name, r.code, c.want, r.out, r.err)
		}
		if strings.Contains(r.err, "goroutine ") {
			t.Errorf("%s: panic\n%s", name, r.err)
		}
	}
	const unknown = "impactql: unknown command \"frobnicate\"; see impactql --help\n"
	if r := b.run(t, env, "frobnicate", "--nope"); r.code == 0 || r.out != "" || r.err != unknown {
		t.Errorf("unknown command: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if n := value(t, open(t, url), "SELECT (SELECT count(*) FROM company) + (SELECT count(*) FROM api_key) + (SELECT count(*) FROM event)"); n != "0" {
		t.Errorf("mistakes left %s rows", n)
	}
}

func TestKeys(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	db := open(t, url)
	r := b.run(t, env, "keys", "create", "--company", "acme", "--company", "other", "--scopes", "ingest,read", "--label", "for the test")
	secret := strings.TrimSuffix(r.out, "\n")
	if r.code != 0 || !regexp.MustCompile(`^iql_[A-Za-z0-9_-]{43}$`).MatchString(secret) || strings.Contains(r.err, secret) {
		t.Fatalf("exit code %d, standard output %q, standard error %q", r.code, r.out, r.err)
	}
	var second struct {
		ID  int
		Key string
	}
	if err := json.Unmarshal([]byte(b.must(t, env, "keys", "create", "--company", "acme", "--scopes", "read", "--all-companies", "--json")), &second); err != nil || second.ID == 0 || second.Key == secret {
		t.Fatalf("%+v, %v", second, err)
	}
	list := b.must(t, env, "keys", "list")
	lines := strings.Split(strings.TrimSpace(list), "\n")
	if len(lines) != 3 || strings.Contains(list, secret) || strings.Contains(list, second.Key) {
		t.Fatalf("list:\n%s", list)
	}
	for i, want := range [][]string{{"ID", "SCOPES", "REVOKED"}, {"…" + secret[len(secret)-4:], "for the test", "ingest,read", "acme,other"},
		{"…" + second.Key[len(second.Key)-4:], "read", "all, by default acme"}} {
		for _, w := range want {
			if !strings.Contains(lines[i], w) {
				t.Errorf("line %q has no %q", lines[i], w)
			}
		}
	}
	var first struct {
		ID        int
		Label     string
		Companies []string
	}
	asJSON, _, _ := strings.Cut(b.must(t, env, "keys", "list", "--json"), "\n")
	if err := json.Unmarshal([]byte(asJSON), &first); err != nil || first.ID == 0 || first.Label != "for the test" || !slices.Equal(first.Companies, []string{"acme", "other"}) || strings.Contains(asJSON, secret) {
		t.Errorf("list as JSON: %s %v", asJSON, err)
	}
	if n := value(t, db, "SELECT count(*) FROM api_key WHERE api_key::text LIKE '%' || $1 || '%'", secret); n != "0" {
		t.Error("the key is stored as it is")
	}

	s := b.serve(t, env)
	if got := s.get(t, "/v1/metrics/acme", secret); got != http.StatusOK {
		t.Errorf("the new key: %d", got)
	}
	if got := s.get(t, "/v1/metrics/other", second.Key); got != http.StatusOK {
		t.Errorf("the key of all companies: %d", got)
	}
	b.must(t, env, "keys", "revoke", strconv.Itoa(second.ID))
	eventually(t, "the revoked key is refused", func() bool { return s.get(t, "/v1/metrics/acme", second.Key) == http.StatusUnauthorized })
	if r := b.run(t, env, "keys", "revoke", strconv.Itoa(second.ID)); r.code == 0 {
		t.Error("a key was revoked twice")
	}
	if got := s.get(t, "/v1/metrics/acme", secret); got != http.StatusOK {
		t.Errorf("the other key: %d", got)
	}
	// Uses are written at the latest when the server ends.
	s.terminate(t)
	if n := value(t, db, "SELECT count(*) FROM api_key WHERE last_used_at IS NOT NULL"); n != "2" {
		t.Errorf("%s keys with a last use, want 2", n)
	}
	if lines := strings.Split(strings.TrimSpace(b.must(t, env, "keys", "list")), "\n"); !strings.HasSuffix(strings.TrimSpace(lines[1]), "-") || strings.HasSuffix(strings.TrimSpace(lines[2]), "-") {
		t.Errorf("the list does not tell which key is revoked: %q", lines)
	}
	if strings.Contains(s.log.String(), secret) || strings.Contains(s.log.String(), second.Key) {
		t.Error("a key is in the log")
	}
}

// Settings are shown, changed and listed beside a server that serves.
func TestSettings(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	secret := strings.TrimSpace(b.must(t, env, "keys", "create", "--company", "acme", "--scopes", "ingest,read"))
	s := b.serve(t, env)
	wants := func(out string, pieces ...string) {
		t.Helper()
		for _, piece := range pieces {
			if !regexp.MustCompile(piece).MatchString(out) {
				t.Errorf("no %q in\n%s", piece, out)
			}
		}
	}
	company := []string{"--company", "acme"}
	run := func(args ...string) string {
		return b.must(t, env, append(append([]string{"settings"}, args...), company...)...)
	}
	wants(run("get", "--at", "2022-03-01"), `version +0`, `hourlyValue +31\.8\n`, `timeZone +UTC`, `minGroup +5`)
	wants(run("set", "hourlyValue=40.5", "visWeights=hours=0.4,quality=0.3,outcomeLift=0.2,placement=0.1", "--from", "2024-01-01"),
		`version +1`, `hourlyValue +40\.5`, `visWeights +hours=0\.4,quality=0\.3,outcomeLift=0\.2,placement=0\.1`)
	wants(run("set", "timeZone=Europe/Oslo", "minGroup=10", "fiscalYearStart=4", "--expect", "1"), `version +2`, `timeZone +Europe/Oslo`)
	wants(run("cost", "add", "--programme", "buddy", "--from", "2025-01-01", "--to", "2025-12-31", "--amount", "5000", "--note", "rent of rooms"),
		`programmeCost 1 +buddy 2025-01-01/2025-12-31 5000\.00 rent of rooms`)
	wants(run("history"), `hourlyValue +2024-01-01 +40\.5`, `command line \(.+\) +minGroup +- +5 +10 +2`, `programmeCost +- +- +buddy .*rent of rooms +3`)
	var got struct {
		Version  int
		Settings map[string]string
	}
	if err := json.Unmarshal([]byte(run("get", "--json")), &got); err != nil || got.Version != 3 || got.Settings["minGroup"] != "10" || len(got.Settings) != 10 {
		t.Errorf("%+v %v", got, err)
	}
	run("cost", "remove", "1")
	run("set", "--remove", "hourlyValue", "--from", "2024-01-01")
	wants(run("get", "--at", "2022-03-01"), `hourlyValue +31\.8\n`)
	for mistake, says := range map[string]string{
		"set minGroup=2": "3 to 1000", "set minGroup": "name=value", "set minGroup=6 --expect 1": "CONFLICT.*version 5", "set nonsense=1": "hourlyValue, activityWeights",
		"cost remove 77": "no line 77", "cost add --from 2025-01-02 --to 2025-01-01 --amount 1": "swap them", "set hourlyValue --remove": "which version",
	} {
		r := b.run(t, env, append(append([]string{"settings"}, strings.Fields(mistake)...), company...)...)
		if r.code == 0 || !regexp.MustCompile(says).MatchString(r.err) {
			t.Errorf("%s: exit code %d, %s", mistake, r.code, r.err)
		}
	}
	if r := b.run(t, env, "settings", "get", "--company", "nobody"); r.code == 0 || !strings.Contains(r.err, "nobody") {
		t.Errorf("an unknown company: %d %s", r.code, r.err)
	}
	if got := s.get(t, "/v1/metrics/acme", secret); got != http.StatusOK {
		t.Errorf("the server answers %d", got)
	}
}

// A database of the user's own holds nothing that they did not make.
func TestExternal(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	b.must(t, env, "migrate")
	b.must(t, env, "migrate")
	s := b.serve(t, env)
	if got := s.get(t, "/v1/metrics/"+demoCompany, demoKey); got != http.StatusUnauthorized {
		t.Errorf("the demo key: %d", got)
	}
	if log := s.log.String(); strings.Contains(log, demoKey) || strings.Contains(log, "demo") {
		t.Errorf("the server offers a demo:\n%s", log)
	}
	const unknown = "impactql: unknown command \"frobnicate\"; see impactql --help\n"
	if r := b.run(t, env, "frobnicate", "--nope"); r.code == 0 || r.out != "" || r.err != unknown {
		t.Errorf("unknown command: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if n := value(t, open(t, url), "SELECT (SELECT count(*) FROM company) + (SELECT count(*) FROM api_key)"); n != "0" {
		t.Errorf("%s companies and keys", n)
	}
	s.terminate(t)

	off := b.serve(t, append(env, "AUTH=off"))
	if got := off.get(t, "/v1/metrics/none", ""); got != http.StatusNotFound {
		t.Errorf("AUTH=off: %d", got)
	}
	off.terminate(t)
}

// rollups is what the rollups say, without the numbers of people.
const rollups = `SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
	SELECT c.key, programme, grain, bucket, measure, n, sum FROM rollup_tally JOIN company c ON c.id = company_id) t`

const events = `SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
	SELECT c.key AS company, e.key, e.occurred_at, e.payload FROM event e JOIN company c ON c.id = company_id) t`

func TestSeed(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	args := []string{"seed", "--companies=4", "--events=4003", "--from=2024-01-01", "--to=2025-01-01", "--seed=5"}
	var hashes [2][2]string
	for i := range hashes {
		url := dbtest.New(t)
		env := []string{"DATABASE_URL=" + url}
		db := open(t, url)
		r := b.run(t, env, args...)
		if r.code != 0 || !strings.Contains(r.err, "4003 events in 4 companies; 4003 were new") {
			t.Fatalf("exit code %d\n%s", r.code, r.err)
		}
		hashes[i] = [2]string{value(t, db, events), value(t, db, rollups)}
		if n := value(t, db, "SELECT count(*) FROM batch WHERE folded_at IS NULL"); n != "0" {
			t.Errorf("%s batches are not in the figures yet", n)
		}
		if got := value(t, db, "SELECT string_agg(key, ' ' ORDER BY key) FROM company"); got != demoCompany+" c2222222-2222-2222-2222-222222222222 c3333333-3333-3333-3333-333333333333 seed-4" {
			t.Errorf("companies %s", got)
		}
		if got := value(t, db, "SELECT min(occurred_at) >= '2024-01-01' AND max(occurred_at) < '2025-01-01' FROM event"); got != "true" {
			t.Error("events lie outside --from and --to")
		}
		if i == 0 {
			continue
		}
		again := b.run(t, env, args...)
		if again.code != 0 || !strings.Contains(again.err, "; 0 were new") {
			t.Errorf("again: exit code %d\n%s", again.code, again.err)
		}
		if now := [2]string{value(t, db, events), value(t, db, rollups)}; now != hashes[i] {
			t.Error("seeding again changed events or figures")
		}
		if n := value(t, db, "SELECT count(*) FROM event_conflict"); n != "0" {
			t.Errorf("%s conflicts", n)
		}
		if r := b.run(t, env, append(args, "--seed=6")...); !strings.Contains(r.err, "; 4003 were new") {
			t.Errorf("another seed: %s", r.err)
		}
		only := b.run(t, env, "seed", "--company=mine", "--events=50")
		if got := value(t, db, "SELECT count(*) FROM event e JOIN company c ON c.id = company_id WHERE c.key = 'mine'"); only.code != 0 || got != "50" {
			t.Errorf("--company: exit code %d, %s events", only.code, got)
		}
	}
	if hashes[0] != hashes[1] {
		t.Errorf("the same seed made %v and %v", hashes[0], hashes[1])
	}
}

func TestRebuild(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	db := open(t, url)
	b.must(t, env, "seed", "--companies=2", "--events=1000", "--from=2024-01-01", "--to=2025-01-01")
	want := value(t, db, rollups)
	spoil := func() {
		for _, sql := range []string{"UPDATE rollup_tally SET n = n + 7", "DELETE FROM rollup_set", "DELETE FROM rollup_page WHERE grain = 'D'"} {
			if _, err := db.Exec(sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	counts := "SELECT (SELECT count(*) FROM rollup_set) || ' ' || (SELECT count(*) FROM rollup_page)"
	before := value(t, db, counts)
	b.must(t, env, "verify")
	spoil()
	if r := b.run(t, env, "verify", "--company", demoCompany, "--period=2024-05"); r.code != 1 || !strings.Contains(r.out, "2024-05, programme *: sessions is ") {
		t.Errorf("verify of spoilt rollups: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	b.must(t, env, "rebuild", "--company", demoCompany)
	if value(t, db, rollups) == want {
		t.Error("a rebuild of one company rebuilt both")
	}
	b.must(t, env, "rebuild")
	if got := value(t, db, rollups); got != want {
		t.Error("a rebuild of all differs")
	}
	b.must(t, env, "verify")
	if after := value(t, db, counts); after != before {
		t.Errorf("sets and pages were %s, are %s", before, after)
	}
}

// served is a running impactql serve.
type served struct {
	url  string
	log  *buffer
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // of the process; read it when done is closed
}

type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// freeAddr is a loopback address that nobody listens on, and that no outgoing
// connection is given while its server is down.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000)))
		if err == nil {
			addr := l.Addr().String()
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// serve starts a server on an address of its own and waits until it is ready.
func (b binary) serve(t testing.TB, env []string) *served {
	t.Helper()
	addr := freeAddr(t)
	s := b.start(t, addr, env)
	s.awaitReady(t)
	return s
}

func (b binary) start(t testing.TB, addr string, env []string) *served {
	t.Helper()
	s := &served{url: "http://" + addr, log: new(buffer), done: make(chan struct{})}
	s.cmd = b.command(append(slices.Clone(env), "ADDR="+addr))
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.err = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(func() {
		select {
		case <-s.done:
		default:
			s.signal(t, syscall.SIGTERM)
			<-s.done
		}
		if log := s.log.String(); t.Failed() {
			t.Logf("the last of the log of %s:\n%s", s.url, log[max(0, len(log)-3000):])
		}
	})
	return s
}

func (s *served) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

func (s *served) awaitReady(t testing.TB) {
	t.Helper()
	eventually(t, "the server is ready", func() bool {
		select {
		case <-s.done:
			t.Fatalf("the server ended: %v\n%s", s.err, s.log)
		default:
		}
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// kill ends the server at once; it fails if the server has ended by itself.
func (s *served) kill(t testing.TB) {
	t.Helper()
	select {
	case <-s.done:
		t.Fatalf("the server ended: %v\n%s", s.err, s.log)
	default:
	}
	s.signal(t, syscall.SIGKILL)
	<-s.done
}

// terminate asks the server to end, and wants exit code 0.
func (s *served) terminate(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	<-s.done
	if s.err != nil {
		t.Errorf("after SIGTERM: %v\n%s", s.err, s.log)
	}
}

// get is the status of a read.
func (s *served) get(t testing.TB, path, key string) int {
	t.Helper()
	status, _ := s.read(t, path, key)
	return status
}

func (s *served) read(t testing.TB, path, key string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

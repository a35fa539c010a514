package embedded

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/lib/pq"
)

// owner, in the environment, makes the test binary an impactql that owns the directory
// it names until it is killed: for tests that kill it.
const owner = "IMPACTQL_TEST_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(owner); dir != "" {
		s, err := Start(context.Background(), Config{Dir: dir, Settings: fast})
		if err != nil {
			fmt.Fprintln(os.Stdout, "error:", err)
			os.Exit(1)
		}
		fmt.Fprintln(os.Stdout, "pid:", s.PID())
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test is gone, if it does not kill us
		_ = s.Stop(context.Background())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fast leaves the cluster real: only a crash of the machine could lose data.
var fast = map[string]string{"fsync": "off", "shared_buffers": "32MB"}

// newDir is short enough for a socket and open to the account the server runs as.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iql-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func mustStart(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Settings == nil {
		cfg.Settings = fast
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustStop(t, s) })
	return s
}

func mustStop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if left := processesOf(t, s); len(left) > 0 {
		t.Errorf("processes left after Stop: %v", left)
	}
}

func processesOf(t *testing.T, s *Server) (left []process) {
	t.Helper()
	table, err := processTable()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range table {
		if p.isOf(s.name) {
			left = append(left, p)
		}
	}
	return left
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, url, query string) {
	t.Helper()
	db := open(t, url)
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func mustGet(t *testing.T, url, query string) (v string) {
	t.Helper()
	db := open(t, url)
	defer db.Close()
	if err := db.QueryRow(query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// wants fails t unless err says all of parts.
func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error lacks %q: %v", part, err)
		}
	}
}

// startOwner runs another impactql that owns dir.
func startOwner(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), owner+"="+dir)
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	if !strings.HasPrefix(line, "pid:") {
		t.Fatalf("owner of %s: %q", dir, line)
	}
	return cmd
}

// A restart finds the data, under the same URL.
func TestRestartKeepsData(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	mustExec(t, s.URL(), `CREATE TABLE kept AS SELECT 42 AS n`)
	mustStop(t, s)
	select {
	case <-s.Done():
	default:
		t.Error("not done after Stop")
	}
	if s.PID() != 0 || s.Err() != nil {
		t.Errorf("after Stop: pid %d, err %v", s.PID(), s.Err())
	}

	again := mustStart(t, Config{Dir: dir})
	if again.URL() != s.URL() {
		t.Errorf("URL %s became %s", s.URL(), again.URL())
	}
	if n := mustGet(t, again.URL(), `SELECT n FROM kept`); n != "42" {
		t.Errorf("kept %s, want 42", n)
	}
}

// What is promised in the documentation about the cluster.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := mustStart(t, Config{Dir: newDir(t), Database: `odd "name"`, Settings: map[string]string{
		"fsync": "off", "shared_buffers": "32MB", "application_name": `it's a \ test`,
	}})
	for query, want := range map[string]string{
		`SELECT current_database()`:                                `odd "name"`,
		`SELECT current_user`:                                      "impactql",
		`SELECT rolsuper FROM pg_roles WHERE rolname = 'impactql'`: "false",
		`SHOW application_name`:                                    `it's a \ test`,
		`SHOW server_encoding`:                                     "UTF8",
		`SHOW lc_collate`:                                          "C",
		`SHOW data_checksums`:                                      "on",
		`SHOW listen_addresses`:                                    "",
		`SHOW synchronous_commit`:                                  "on",
		`SHOW full_page_writes`:                                    "on",
		`SHOW timezone`:                                            "UTC",
		`SELECT count(*) FROM pg_stat_wal WHERE wal_records > 0`:   "1",
	} {
		if query == `SHOW lc_collate` && s.bin.major >= 16 {
			continue // no longer a setting
		}
		if got := mustGet(t, s.URL(), query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, path := range []string{s.lay.data(), s.lay.run()} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v, want 0700", path, info.Mode(), err)
		}
	}
}

// The command line that the documentation gives an operator, and that it is only for him.
func TestPsql(t *testing.T) {
	t.Parallel()
	s := mustStart(t, Config{Dir: newDir(t)})
	psql := s.bin.path("psql")
	if _, err := os.Stat(psql); err != nil {
		t.Fatal("install postgresql-client: ", err)
	}
	text, err := os.ReadFile(s.lay.url())
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{strings.TrimSpace(string(text)), "-Atc", "SELECT current_user"},
		{"-h", s.lay.run(), "-U", superuser, "impactql", "-Atc", "SELECT current_user"},
	} {
		out, err := exec.Command(psql, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "impactql\n") && !strings.Contains(string(out), superuser+"\n") {
			t.Errorf("psql %q: %v: %s", args, err, out)
		}
	}
	if os.Geteuid() != 0 {
		return // nobody else to try it as
	}
	var stranger account
	if err := stranger.lookup("nobody"); err != nil {
		t.Fatal(err)
	}
	stranger.drop = true
	for _, a := range []account{stranger, s.acct} {
		if out, err := a.command(psql, s.URL(), "-Atc", "SELECT 1").output(); err == nil {
			t.Errorf("user %s got in: %s", a.name, out)
		}
	}
}

func TestStopImmediate(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	mustExec(t, s.URL(), `CREATE TABLE kept AS SELECT 42 AS n`)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ended); err != nil {
		t.Fatal(err)
	}
	again := mustStart(t, Config{Dir: dir})
	if n := mustGet(t, again.URL(), `SELECT n FROM kept`); n != "42" {
		t.Errorf("kept %s, want 42", n)
	}
}

// A start that is given up leaves no process and no lock.
func TestStartAbandoned(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	mustStop(t, mustStart(t, Config{Dir: dir}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Start(ctx, Config{Dir: dir, Settings: fast})
	wants(t, err, dir, "still starting", context.Canceled.Error())
	mustStart(t, Config{Dir: dir})
}

// The error of a failed start carries what PostgreSQL said.
func TestStartFails(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	_, err := Start(t.Context(), Config{Dir: dir, Settings: map[string]string{"fsync": "off", "shared_buffers": "some"}})
	wants(t, err, dir, "shared_buffers", "exit status 1")
	mustStart(t, Config{Dir: dir})
}

func TestDeepDir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(newDir(t), strings.Repeat("deep/", 30))
	s := mustStart(t, Config{Dir: dir})
	mustExec(t, s.URL(), `CREATE TABLE kept AS SELECT 42 AS n`)
	target, err := os.Readlink(s.lay.run())
	if err != nil || target != s.inbox {
		t.Errorf("run links to %q, %v, want %s", target, err, s.inbox)
	}
	mustStop(t, s)
	if _, err := os.Lstat(target); !os.IsNotExist(err) {
		t.Errorf("stat %s after Stop: %v", target, err)
	}
	again := mustStart(t, Config{Dir: dir})
	if n := mustGet(t, again.URL(), `SELECT n FROM kept`); n != "42" {
		t.Errorf("kept %s, want 42", n)
	}
}

// As root, a directory below one that the server's account may not pass.
func TestUntraversable(t *testing.T) {
	t.Parallel()
	top := newDir(t)
	if err := os.Chmod(top, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "x")
	s := mustStart(t, Config{Dir: dir})
	if asSelf := os.Geteuid() != 0; s.acct.byPath != asSelf {
		t.Fatalf("the server reaches %s by its path: %v, want %v", dir, s.acct.byPath, asSelf)
	}
	mustExec(t, s.URL(), `CREATE TABLE kept AS SELECT 42 AS n`)
	// Anything that a new process or a file opened by its full name would break.
	mustExec(t, s.URL(), `CREATE TABLE big AS SELECT g, repeat('x', 100) AS x FROM generate_series(1, 100000) g`)
	mustExec(t, s.URL(), `SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SELECT count(*) FROM big`)
	mustExec(t, s.URL(), `VACUUM (PARALLEL 2) big`)
	mustExec(t, s.url(superuser, "postgres"), `CHECKPOINT`)
	mustExec(t, s.url(superuser, "postgres"), `ALTER SYSTEM SET work_mem = '7MB'`)
	mustExec(t, s.url(superuser, "postgres"), `CREATE DATABASE copy TEMPLATE template0 STRATEGY file_copy`)
	if err := s.AwaitRestart(t.Context(), kill(t, s)); err != nil {
		t.Fatal(err)
	}
	if m := mustGet(t, s.URL(), `SHOW work_mem`); m != "7MB" {
		t.Errorf("work_mem %s, want 7MB", m)
	}
	mustStop(t, s)
	again := mustStart(t, Config{Dir: dir})
	if n := mustGet(t, again.URL(), `SELECT n FROM kept`); n != "42" {
		t.Errorf("kept %s, want 42", n)
	}
}

// A backup that root restored belongs to root; the server must get it.
func TestRestoredByRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // an ordinary user cannot come into this position
	}
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	mustStop(t, s)
	if err := (account{}).chownTree(s.lay.data()); err != nil {
		t.Fatal(err)
	}
	mustStart(t, Config{Dir: dir})
}

// A cluster of another user, as left by an earlier run as root, is refused at once.
func TestForeignCluster(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		return // root may run any cluster
	}
	lay := layout(newDir(t))
	if err := os.Symlink("/root", lay.data()); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: string(lay)})
	wants(t, err, "belongs to root", "DATA_DIR")
}

func TestLogRotates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	l := newLogTail(file, slog.New(slog.DiscardHandler))
	go l.pump(in)
	line := strings.Repeat("x", 1<<20) + "\n"
	for range 25 {
		if _, err := io.WriteString(out, line); err != nil {
			t.Fatal(err)
		}
	}
	out.Close()
	<-l.done
	for _, p := range []string{path, path + ".1"} {
		if info, err := os.Stat(p); err != nil || info.Size() > logLimit+int64(len(line)) {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
}

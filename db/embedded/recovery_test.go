package embedded

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// kill kills the postmaster and returns its pid, once it is dead.
func kill(t *testing.T, s *Server) int {
	t.Helper()
	s.mu.Lock()
	exited := s.current.exited
	s.mu.Unlock()
	pid := s.Kill()
	<-exited
	return pid
}

// The postmaster is killed again and again, with backends that do not notice its death
// because they compute: each time another one serves, and nothing committed is lost.
func TestPostmasterKilled(t *testing.T) {
	t.Parallel()
	s := mustStart(t, Config{Dir: newDir(t)})
	mustExec(t, s.URL(), `CREATE TABLE kept (n int)`)
	for i := range 3 {
		mustExec(t, s.URL(), fmt.Sprintf(`INSERT INTO kept VALUES (%d)`, i))
		busy := compute(t, s)
		pid := kill(t, s)
		if err := s.AwaitRestart(t.Context(), pid); err != nil {
			t.Fatal(err)
		}
		if err := <-busy; err == nil {
			t.Error("the query of the dead server came to an end")
		}
		if n := mustGet(t, s.URL(), `SELECT count(*) FROM kept`); n != fmt.Sprint(i+1) {
			t.Fatalf("%s rows after %d kills, want %d", n, i+1, i+1)
		}
	}
	select {
	case <-s.Done():
		t.Error("done, though it goes on")
	default:
	}
}

// compute keeps a backend busy without a moment in which it would look around, and
// returns once it is.
func compute(t *testing.T, s *Server) <-chan error {
	t.Helper()
	db := open(t, s.URL())
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := conn.QueryRowContext(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		defer conn.Close()
		_, err := conn.ExecContext(context.Background(), `SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b`)
		failed <- err
	}()
	watcher := open(t, s.URL())
	for state := ""; state != "active"; {
		if err := watcher.QueryRow(`SELECT state FROM pg_stat_activity WHERE pid = $1`, pid).Scan(&state); err != nil {
			t.Fatal(err)
		}
	}
	return failed
}

// One dead backend is PostgreSQL's own affair: the postmaster stays.
func TestBackendKilled(t *testing.T) {
	t.Parallel()
	s := mustStart(t, Config{Dir: newDir(t)})
	pid := s.PID()
	db := open(t, s.URL())
	var backend int
	if err := db.QueryRow(`SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(backend, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for again := open(t, s.URL()); again.Ping() != nil; {
		if t.Context().Err() != nil {
			t.Fatal("did not come back")
		}
	}
	if s.PID() != pid {
		t.Errorf("postmaster %d became %d", pid, s.PID())
	}
}

// A server that cannot start any more gives up, says why and frees the directory.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	conf := s.lay.data() + "/postgresql.conf"
	if err := os.WriteFile(conf, []byte("shared_buffers = some\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kill(t, s)
	<-s.Done()
	wants(t, s.Err(), "shared_buffers")
	wants(t, s.AwaitRestart(t.Context(), 0), "the server is done", "shared_buffers")
	mustStop(t, s)
	mustStart(t, Config{Dir: dir})
}

// kill -9 of impactql: its postmaster ends, and the next start finds everything that
// was committed.
func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	cmd := startOwner(t, dir)
	url, ok, err := Attach(dir)
	if !ok || err != nil {
		t.Fatalf("Attach: %q, %v, %v", url, ok, err)
	}
	mustExec(t, url, `CREATE TABLE kept AS SELECT 42 AS n`)

	_, err = Start(t.Context(), Config{Dir: dir})
	wants(t, err, "another impactql is running on this data directory", fmt.Sprintf("pid %d", cmd.Process.Pid))

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if url, ok, err := Attach(dir); ok || err != nil {
		t.Errorf("Attach after the kill: %q, %v, %v", url, ok, err)
	}
	for runtime.GOOS == "linux" && alive(t, layout(dir)) {
		if t.Context().Err() != nil {
			t.Fatal("the postmaster outlived its owner")
		}
	}
	s := mustStart(t, Config{Dir: dir})
	if n := mustGet(t, s.URL(), `SELECT n FROM kept`); n != "42" {
		t.Errorf("kept %s, want 42", n)
	}
}

// alive reports whether any process of the cluster is left.
func alive(t *testing.T, lay layout) bool {
	t.Helper()
	name, err := clusterName(lay.data())
	if err != nil {
		t.Fatal(err)
	}
	return len(processesOf(t, &Server{name: name})) > 0
}

// A postmaster that outlived its impactql, as it does where the kernel cannot end it, is
// stopped in good order.
func TestOrphanPostmaster(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	mustStop(t, s)
	orphan := startByHand(t, s, "-c", "cluster_name="+s.name)
	mustExec(t, s.URL(), `CREATE TABLE kept AS SELECT 42 AS n`)

	again := mustStart(t, Config{Dir: dir})
	<-orphan.exited
	if orphan.err != nil {
		t.Errorf("the orphan was not stopped in good order: %v", orphan.err)
	}
	if n := mustGet(t, again.URL(), `SELECT n FROM kept`); n != "42" {
		t.Errorf("kept %s, want 42", n)
	}
}

// startByHand starts a postmaster on the directory of s, which does not run, and returns
// once it accepts connections.
func startByHand(t *testing.T, s *Server, args ...string) *postmaster {
	t.Helper()
	c := s.command(s.bin.path("postgres"), append([]string{"-D", s.lay.data(), "-c", "unix_socket_directories=" + s.lay.run()}, args...)...)
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	p := &postmaster{cmd: c.Cmd, exited: make(chan struct{})}
	go func() {
		p.err = c.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGQUIT)
		<-p.exited
	})
	for !s.reportsReady(p) {
		select {
		case <-p.exited:
			t.Fatalf("it did not start: %v", p.err)
		default:
		}
	}
	return p
}

// A pid file whose pid now belongs to another process, of the server's own account, or
// to a zombie: PostgreSQL would refuse to start.
func TestStalePidFile(t *testing.T) {
	t.Parallel()
	other := mustStart(t, Config{Dir: newDir(t)})
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	text, err := os.ReadFile(s.lay.pidFile())
	if err != nil {
		t.Fatal(err)
	}
	old := fmt.Sprintf("%d\n", s.PID())
	mustStop(t, s)
	text = bytes.Replace(text, []byte(old), fmt.Appendf(nil, "%d\n", other.PID()), 1)
	if err := writeFile(s.lay.pidFile(), string(text), 0o600, s.acct); err != nil {
		t.Fatal(err)
	}
	mustStart(t, Config{Dir: dir})
}

// A postmaster that somebody started by hand is neither killed nor joined.
func TestStartedByHand(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := mustStart(t, Config{Dir: dir})
	mustStop(t, s)
	p := startByHand(t, s)
	_, err := Start(t.Context(), Config{Dir: dir})
	wants(t, err, "did not start", fmt.Sprintf("pid %d", p.cmd.Process.Pid), "stop it first")
	if got := mustGet(t, s.URL(), `SELECT 1`); got != "1" {
		t.Errorf("it answers %s", got)
	}
}

func TestAttach(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	none := func(when string) {
		t.Helper()
		if url, ok, err := Attach(dir); url != "" || ok || err != nil {
			t.Errorf("%s: %q, %v, %v, want nothing", when, url, ok, err)
		}
	}
	none("before the first start")
	s := mustStart(t, Config{Dir: dir})
	url, ok, err := Attach(dir)
	if url != s.URL() || !ok || err != nil {
		t.Errorf("running: %q, %v, %v, want %s", url, ok, err, s.URL())
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil {
		t.Error("a second server started")
	} else {
		wants(t, err, "another impactql is running", fmt.Sprintf("pid %d", os.Getpid()))
	}
	if url, ok, err := Attach(dir); url != s.URL() || !ok || err != nil {
		t.Errorf("after the refusal: %q, %v, %v", url, ok, err)
	}
	mustStop(t, s)
	none("after Stop")
	if err := os.WriteFile(layout(dir).url(), []byte("postgres://stale"), 0o600); err != nil {
		t.Fatal(err)
	}
	none("with the URL of an owner that was killed")

	lock, err := acquire(layout(dir))
	if err != nil {
		t.Fatal(err)
	}
	_, ok, err = Attach(dir)
	if ok {
		t.Error("attached to a server that is only starting")
	}
	wants(t, err, "starting or stopping", "try again")
	lock.Close()
}

// Everybody may ask while somebody starts: asking must not make the start fail.
func TestAttachDoesNotDisturb(t *testing.T) {
	t.Parallel()
	lay := layout(newDir(t))
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, _, err := Attach(string(lay)); err != nil && !strings.Contains(err.Error(), "try again") {
				asked <- err
				return
			}
		}
		asked <- nil
	}()
	for range 200 {
		lock, err := acquire(lay)
		if err != nil {
			t.Error(err)
			break
		}
		lock.Close()
	}
	cancel()
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

// Writers that retry on any error lose nothing over kills, and nothing comes twice that
// was not sent twice.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	s := mustStart(t, Config{Dir: newDir(t)})
	mustExec(t, s.URL(), `CREATE TABLE kept (n int PRIMARY KEY)`)
	db := open(t, s.URL())
	const kills, between = 4, 200
	acknowledged := make(chan int)
	go func() {
		defer close(acknowledged)
		for n := range kills * between {
			for {
				_, err := db.Exec(`INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING`, n)
				if err == nil {
					break
				}
				if errors.Is(err, sql.ErrConnDone) || t.Context().Err() != nil {
					return
				}
			}
			acknowledged <- n
		}
	}()
	count := 0
	for n := range acknowledged {
		if count++; n%between == between/2 {
			if err := s.AwaitRestart(t.Context(), kill(t, s)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := mustGet(t, s.URL(), `SELECT count(*) FROM kept`); got != fmt.Sprint(count) || count != kills*between {
		t.Errorf("%s rows, %d acknowledged, %d sent", got, count, kills*between)
	}
}

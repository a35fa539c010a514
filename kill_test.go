package main

import (
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
)

// dataDir is a directory that Postgres, which is not root, may enter.
func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "impactql-kill-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

const kills = 10

func TestKillServer(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	dir := dataDir(t)
	env := []string{"DATA_DIR=" + dir}
	s := b.serve(t, env)
	addr := strings.TrimPrefix(s.url, "http://")
	l := startLoad(demoKey, demoCompany, 6, s.url)
	random := rand.New(rand.NewPCG(1, 1))
	for range kills {
		l.await(t, 1+random.Int64N(600))
		s.kill(t)
		s = b.start(t, addr, env)
	}
	l.await(t, 100)
	l.stop()
	s.awaitReady(t)
	db := open(t, embeddedURL(t, dir))
	l.verify(t, db, s)

	// What the folds of eleven processes made of it is what a rebuild makes.
	before := value(t, db, rollups)
	b.must(t, env, "rebuild")
	if value(t, db, rollups) != before {
		t.Error("a rebuild changes the rollups")
	}
	s.terminate(t)
}

func embeddedURL(t testing.TB, dir string) string {
	t.Helper()
	url, err := os.ReadFile(filepath.Join(dir, "url"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(url))
}

func TestKillPostgres(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	dir := dataDir(t)
	s := b.serve(t, []string{"DATA_DIR=" + dir})
	l := startLoad(demoKey, demoCompany, 6, s.url)
	random := rand.New(rand.NewPCG(2, 2))
	for range kills {
		l.await(t, 200+random.Int64N(600)) // more than can be under way: a new postmaster took some
		text, err := os.ReadFile(filepath.Join(dir, "pgdata", "postmaster.pid"))
		if err != nil {
			t.Fatal(err)
		}
		first, _, whole := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(first)
		if !whole || err != nil || pid <= 1 {
			t.Fatalf("postmaster.pid holds %q", text)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("postmaster %d: %v", pid, err)
		}
	}
	l.await(t, 300)
	l.stop()
	select {
	case <-s.done:
		t.Fatalf("the server ended with Postgres: %v", s.err)
	default:
	}
	db := open(t, embeddedURL(t, dir))
	l.verify(t, db, s)
	for what := range maps.Keys(l.cuts) {
		t.Errorf("the server stayed, and yet a request got no answer: %s", what)
	}
	before := value(t, db, rollups)
	b.must(t, []string{"DATA_DIR=" + dir}, "rebuild")
	if value(t, db, rollups) != before {
		t.Error("a rebuild changes the rollups")
	}
	s.terminate(t)
}

// A server that is asked to end answers what it took, and loses nothing.
func TestTerminate(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	url := dbtest.New(t)
	env := []string{"DATABASE_URL=" + url}
	key := strings.TrimSpace(b.must(t, env, "keys", "create", "--company", "acme"))
	s := b.serve(t, env)
	addr := strings.TrimPrefix(s.url, "http://")
	l := startLoad(key, "acme", 8, s.url)
	for i := range 6 {
		l.await(t, 300)
		s.signal(t, []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}[i%2])
		<-s.done
		if s.err != nil {
			t.Errorf("exit: %v", s.err)
		}
		if n := value(t, open(t, url), "SELECT count(*) FROM batch WHERE folded_at IS NULL"); n != "0" {
			t.Errorf("%s batches left unfolded", n)
		}
		s = b.start(t, addr, env)
	}
	l.await(t, 100)
	l.stop()
	s.awaitReady(t)
	l.verify(t, open(t, url), s)
	for what, n := range l.cuts {
		if strings.HasPrefix(what, errCut.Error()) {
			t.Errorf("%d requests: %s", n, what)
		}
	}
}

// A server that is started while Postgres restarts waits for it, wherever in its start it is.
func TestStartWhilePostgresRestarts(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	cluster := dbtest.Cluster(t)
	env := []string{"DATABASE_URL=" + cluster.URL()}
	s := b.serve(t, env)
	addr := strings.TrimPrefix(s.url, "http://")
	for range kills {
		s.kill(t)
		s = b.start(t, addr, env)
		<-time.After(rand.N(150 * time.Millisecond))
		cluster.Kill()
		s.awaitReady(t)
	}
	s.terminate(t)
}

// chaos is how long TestChaos goes on; `make chaos` gives it minutes.
var chaos = flag.Duration("chaos", 5*time.Second, "how long TestChaos kills")

// Two servers and their Postgres are killed at random under load from several
// clients: nothing acknowledged is lost, nothing is there twice.
func TestChaos(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	cluster := dbtest.Cluster(t)
	env := []string{"DATABASE_URL=" + cluster.URL()}
	key := strings.TrimSpace(b.must(t, env, "keys", "create", "--company", "chaos"))
	servers := []*served{b.serve(t, env), b.serve(t, env)}
	l := startLoad(key, "chaos", 8, servers[0].url, servers[1].url)

	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	killed := make(map[string]int)
	for end := time.Now().Add(*chaos); time.Now().Before(end); {
		l.await(t, 1+random.Int64N(600))
		if random.IntN(3) == 0 {
			if cluster.Kill() != 0 {
				killed["Postgres"]++
			}
			continue
		}
		killed["server"]++
		victim := random.IntN(len(servers))
		s := servers[victim]
		s.kill(t)
		servers[victim] = b.start(t, strings.TrimPrefix(s.url, "http://"), env)
	}
	l.await(t, 100)
	l.stop()
	for _, s := range servers {
		s.awaitReady(t)
	}
	db := open(t, cluster.URL())
	l.verify(t, db, servers[0])
	before := value(t, db, rollups)
	b.must(t, env, "rebuild")
	if value(t, db, rollups) != before {
		t.Error("a rebuild changes the rollups")
	}
	t.Logf("chaos of %s, seed %d: killed %v", *chaos, seed, killed)
	for _, s := range servers {
		s.terminate(t)
	}
}

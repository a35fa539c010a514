package embedded

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fakeBin makes an installation whose postgres only tells its version.
func fakeBin(t *testing.T, version string) string {
	t.Helper()
	dir := newDir(t)
	for _, program := range []string{"postgres", "initdb"} {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		writeProgram(t, filepath.Join(dir, program), script)
	}
	return dir
}

// writeProgram writes a program that can be started at once: whatever is forked while it is open for writing holds it
// open until it is another program itself, and until then nobody can start it (ETXTBSY, https://go.dev/issue/22315).
func writeProgram(t *testing.T, path, script string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestFindTakesNewest(t *testing.T) {
	t.Parallel()
	lay := layout(newDir(t))
	a, err := chooseAccount(lay)
	if err != nil {
		t.Fatal(err)
	}
	old, v15, v154, v16 := fakeBin(t, "9.6.24"), fakeBin(t, "15.3"), fakeBin(t, "15.14 (Debian 15.14-1)"), fakeBin(t, "16beta1")
	src := source{globs: []string{v15, old, v16, v154, v15, "/nowhere/*"}, repository: "http://127.0.0.1:1", cache: newDir(t)}
	for major, want := range map[int]string{0: v16, 15: v154, 16: v16} {
		b, err := src.find(t.Context(), lay, a, major, slog.New(slog.DiscardHandler))
		if err != nil || b.dir != want {
			t.Errorf("find(%d): %+v, %v, want %s", major, b, err, want)
		}
	}
}

// Without PostgreSQL the error says what is wrong and what to do.
func TestNoBinaries(t *testing.T) {
	t.Parallel()
	old := fakeBin(t, "13.2")
	broken := fakeBin(t, "")
	writeProgram(t, filepath.Join(broken, "postgres"), "#!/bin/sh\necho no such library; exit 127\n")
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	advice := []string{"PostgreSQL 14 or newer", "apt install postgresql", "brew install postgresql", "set DATABASE_URL"}
	for name, c := range map[string]struct {
		globs      []string
		repository string
		want       []string
	}{
		"none, offline":      {nil, "http://127.0.0.1:1", []string{"none in PATH", "unable to connect"}},
		"none, not offered":  {nil, missing.URL, []string{"no version found"}},
		"too old":            {[]string{old}, missing.URL, []string{"PostgreSQL 13.2 in " + old + " is too old"}},
		"too old and broken": {[]string{old, broken}, missing.URL, []string{"too old", "no such library"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			_, err := start(t.Context(), Config{Dir: dir}, source{globs: c.globs, repository: c.repository, cache: newDir(t)})
			wants(t, err, append(c.want, advice...)...)
		})
	}
}

// A cluster stays with the major version that made it.
func TestOtherMajor(t *testing.T) {
	t.Parallel()
	lay := layout(newDir(t))
	if err := os.Mkdir(lay.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lay.data()+"/PG_VERSION", []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := fakeBin(t, "17.1")
	_, err := start(t.Context(), Config{Dir: string(lay)}, source{globs: []string{other}, repository: "http://127.0.0.1:1", cache: newDir(t)})
	wants(t, err, "PostgreSQL 15, which made", "17.1 in "+other+" cannot run a cluster made by PostgreSQL 15", "apt install postgresql-15", "DATABASE_URL")
}

func TestNotACluster(t *testing.T) {
	t.Parallel()
	lay := layout(newDir(t))
	if err := os.MkdirAll(lay.data()+"/photos", 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: string(lay)})
	wants(t, err, "is not empty and holds no PostgreSQL cluster")
}

// What is fetched is used, also where the server's account cannot reach the directory,
// and fetched once. The repository serves stand-ins for the programs, which run those
// of this machine.
func TestFetch(t *testing.T) {
	installed, err := onThisMachine().find(t.Context(), layout(t.TempDir()), account{byPath: true}, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_POSTGRES_BIN", installed.dir)
	archive, err := os.ReadFile("testdata/binaries.txz")
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres-linux-x86_64.txz")
	if err == nil {
		_, err = w.Write(archive)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o755, 0o700} {
		t.Run(fmt.Sprintf("%o", mode), func(t *testing.T) {
			served := 0
			repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, ".sha256") {
					http.NotFound(w, r)
					return
				}
				served++
				_, _ = w.Write(jar.Bytes())
			}))
			defer repository.Close()
			src := source{repository: repository.URL, cache: filepath.Join(newDir(t), "cache")}
			dir := newDir(t)
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				s, err := start(t.Context(), Config{Dir: dir, Settings: fast}, src)
				if err != nil {
					t.Fatal(err)
				}
				if got := mustGet(t, s.URL(), `SELECT 1`); got != "1" {
					t.Errorf("it answers %s", got)
				}
				if err := s.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			}
			if served != 1 {
				t.Errorf("fetched %d times, want once", served)
			}
		})
	}
}

package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// minMajor is the oldest PostgreSQL that the SQL of impactql is written for.
const minMajor = 14

// fetchable are the versions that can be fetched. A new cluster gets the newest; an
// existing one needs its own major version.
var fetchable = map[int]embeddedpostgres.PostgresVersion{
	14: embeddedpostgres.V14,
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

// binaries are the programs of one PostgreSQL installation.
type binaries struct {
	dir          string
	version      string
	major, minor int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// source says where to look for PostgreSQL and where to fetch it from.
type source struct {
	// globs match directories that hold postgres and initdb.
	globs []string
	// usePath adds the directories of PATH's postgres and of pg_config's installation.
	usePath bool
	// repository is the base URL of a Maven repository. Empty: Maven Central.
	repository string
	// cache takes what is fetched when the account cannot reach the cluster's directory.
	// Only root gets into that position, and root may write here.
	cache string
}

func onThisMachine() source {
	return source{
		globs: []string{
			"/usr/lib/postgresql/*/bin",       // Debian, Ubuntu
			"/usr/pgsql-*/bin",                // RHEL, from postgresql.org
			"/usr/libexec/postgresql*",        // Alpine
			"/usr/local/pgsql/bin",            // built by hand
			"/opt/homebrew/opt/postgres*/bin", // macOS on ARM
			"/usr/local/opt/postgres*/bin",    // macOS on Intel
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		},
		usePath: true,
		cache:   "/var/cache/impactql",
	}
}

// find returns the newest installation that the account can run, of the given major
// version unless that is 0. If there is none it fetches one.
func (src source) find(ctx context.Context, lay layout, a account, major int, log *slog.Logger) (binaries, error) {
	store := filepath.Join(string(lay), "binaries")
	if !a.byPath {
		store = src.cache
	}
	var usable []binaries
	var unusable []string
	for _, dir := range src.dirs(store) {
		b, err := inspect(dir, a)
		switch {
		case err != nil:
			unusable = append(unusable, err.Error())
		case b.major < minMajor:
			unusable = append(unusable, fmt.Sprintf("PostgreSQL %s in %s is too old, %d or newer is needed", b.version, dir, minMajor))
		case major != 0 && b.major != major:
			unusable = append(unusable, fmt.Sprintf("PostgreSQL %s in %s cannot run a cluster made by PostgreSQL %d", b.version, dir, major))
		default:
			usable = append(usable, b)
		}
	}
	if len(usable) > 0 {
		return slices.MaxFunc(usable, func(a, b binaries) int {
			return cmp.Or(cmp.Compare(a.major, b.major), cmp.Compare(a.minor, b.minor))
		}), nil
	}
	b, err := src.fetch(ctx, store, a, major, log)
	if err == nil {
		return b, nil
	}
	want, pkg := fmt.Sprintf("PostgreSQL %d or newer", minMajor), "postgresql"
	if major != 0 {
		want, pkg = fmt.Sprintf("PostgreSQL %d, which made the cluster in %s", major, lay), fmt.Sprintf("postgresql-%d", major)
	}
	if len(unusable) == 0 {
		unusable = []string{"none in PATH or the usual places"}
	}
	return binaries{}, fmt.Errorf("found no %s, on this machine (%s) or to download (%w): "+
		"install it by the package manager (apt install %s, brew install postgresql), or set DATABASE_URL to use a server you have",
		want, strings.Join(unusable, "; "), err, pkg)
}

// dirs lists the directories that may hold an installation, each once.
func (src source) dirs(store string) []string {
	var found []string
	for _, glob := range append(src.globs, filepath.Join(store, "[0-9]*", "bin")) {
		dirs, _ := filepath.Glob(glob)
		found = append(found, dirs...)
	}
	if src.usePath {
		if path, err := exec.LookPath("postgres"); err == nil {
			// The share directory is found relative to the real place, not to a link.
			if path, err = filepath.EvalSymlinks(path); err == nil {
				found = append(found, filepath.Dir(path))
			}
		}
		if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
			found = append(found, strings.TrimSpace(string(out)))
		}
	}
	found = slices.DeleteFunc(found, func(dir string) bool {
		_, err1 := os.Stat(filepath.Join(dir, "postgres"))
		_, err2 := os.Stat(filepath.Join(dir, "initdb"))
		return err1 != nil || err2 != nil // a client-only installation
	})
	slices.Sort(found)
	return slices.Compact(found)
}

var versionLine = regexp.MustCompile(`PostgreSQL\) ((\d+)(?:\.(\d+))?\S*)`)

// inspect asks an installation for its version, as the account that is to run it.
func inspect(dir string, a account) (binaries, error) {
	out, err := a.command(filepath.Join(dir, "postgres"), "--version").output()
	if err != nil {
		return binaries{}, fmt.Errorf("user %s cannot run it: %w", a.name, err)
	}
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s/postgres --version says %q", dir, strings.TrimSpace(out))
	}
	b := binaries{dir: dir, version: m[1]}
	b.major, _ = strconv.Atoi(m[2])
	b.minor, _ = strconv.Atoi(m[3])
	return b, nil
}

// fetch downloads an installation into store/<major>.
//
// The library only offers to download, initialise and start in one go, the latter two
// in its own way and not as root. Its steps come in that order, so it is given a data
// directory that cannot exist, below a file: it fails right after unpacking.
func (src source) fetch(ctx context.Context, store string, a account, major int, log *slog.Logger) (binaries, error) {
	if major == 0 {
		for m := range fetchable {
			major = max(major, m)
		}
	}
	version, ok := fetchable[major]
	if !ok {
		return binaries{}, fmt.Errorf("PostgreSQL %d is not offered", major)
	}
	if err := errors.Join(os.MkdirAll(store, 0o755), os.Chmod(store, 0o755)); err != nil { // whatever the umask
		return binaries{}, err
	}
	work, err := os.MkdirTemp(store, "fetch-")
	if err != nil {
		return binaries{}, err
	}
	defer os.RemoveAll(work)
	part, final := filepath.Join(work, "part"), filepath.Join(store, strconv.Itoa(major))
	file := filepath.Join(work, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return binaries{}, err
	}
	cfg := embeddedpostgres.DefaultConfig().
		Version(version).
		CachePath(filepath.Join(work, "cache")).
		BinariesPath(part).
		RuntimePath(filepath.Join(work, "runtime")).
		DataPath(filepath.Join(file, "data")).
		Port(0). // it insists on a free one; this one always is
		Logger(io.Discard)
	if src.repository != "" {
		cfg = cfg.BinaryRepositoryURL(src.repository)
	}
	log.Info("fetching PostgreSQL, as there is none on this machine", "version", version, "into", final)
	failed := make(chan error, 1)
	go func() { failed <- embeddedpostgres.NewDatabase(cfg).Start() }() // takes no context
	select {
	case err = <-failed:
	case <-ctx.Done():
		return binaries{}, fmt.Errorf("fetch PostgreSQL %s: %w", version, context.Cause(ctx))
	}
	if err != nil && !strings.Contains(err.Error(), file) { // not the failure we arranged
		return binaries{}, fmt.Errorf("fetch PostgreSQL %s: %w", version, err)
	}
	if a.drop {
		if err := a.chownTree(part); err != nil {
			return binaries{}, err
		}
	}
	// What is there is broken, or find would have taken it.
	if err := errors.Join(os.RemoveAll(final), os.Rename(part, final)); err != nil {
		return binaries{}, err
	}
	return inspect(filepath.Join(final, "bin"), a)
}

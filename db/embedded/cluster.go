package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/lib/pq"
)

const (
	role      = "impactql" // owns the database; no superuser
	superuser = "postgres" // for bootstrap and operators
	port      = "5432"     // only part of the socket's name
	// socketLimit is the longest socket path that every system takes: 108 bytes with
	// the final NUL on Linux, 104 on macOS and the BSDs.
	socketLimit = 103
)

// prepare brings everything up to the point where a postmaster can be forked.
func (s *Server) prepare(ctx context.Context, from source) (err error) {
	if s.acct, err = chooseAccount(s.lay); err != nil {
		return err
	}
	if err := os.RemoveAll(s.lay.newData()); err != nil {
		return err
	}
	major, err := majorOf(s.lay.data())
	if err != nil {
		return err
	}
	if s.bin, err = from.find(ctx, s.lay, s.acct, major, s.log); err != nil {
		return err
	}
	if major == 0 {
		if err := s.initdb(); err != nil {
			return err
		}
	}
	if info, err := os.Stat(s.lay.data()); err != nil {
		return err
	} else if s.acct.drop && info.Sys().(*syscall.Stat_t).Uid == 0 {
		if err := s.acct.chownTree(s.lay.data()); err != nil {
			return err
		}
	}
	if s.name, err = clusterName(s.lay.data()); err != nil {
		return err
	}
	if s.inbox, err = s.acct.socketDir(s.lay); err != nil {
		return fmt.Errorf("make a directory for the socket: %w", err)
	}
	return s.configure()
}

// majorOf returns the major version of PostgreSQL that made the cluster in dir, 0 if
// there is none.
func majorOf(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			return 0, fmt.Errorf("%s is not empty and holds no PostgreSQL cluster", dir)
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION: %w", dir, err)
	}
	return major, nil
}

// initdb makes the cluster, under another name until it is complete and on disk.
//
// Locale C orders text by its bytes: no index can be broken by a new libc, and
// comparing is fast. Checksums turn silent corruption into an error.
func (s *Server) initdb() error {
	dir := s.lay.newData()
	if err := s.acct.mkdir(dir); err != nil {
		return err
	}
	c := s.command(s.bin.path("initdb"))
	c.Args = append(c.Args, "-D", s.handOver(c, dir),
		"--encoding=UTF8", "--locale=C", "--data-checksums",
		"--username="+superuser, "--auth-local=peer", "--auth-host=reject")
	if s.cfg.Settings["fsync"] == "off" {
		c.Args = append(c.Args, "--no-sync")
	}
	s.log.Info("making a PostgreSQL cluster", "dir", s.lay.data(), "version", s.bin.version, "user", s.acct.name)
	if _, err := c.output(); err != nil {
		if strings.HasPrefix(s.acct.name, "uid ") {
			err = fmt.Errorf("%w; PostgreSQL needs a name for %s: add it to /etc/passwd, or set DATABASE_URL", err, s.acct.name)
		}
		return err
	}
	_ = os.Remove(s.lay.data()) // an empty one, or initdb would not run
	if err := os.Rename(dir, s.lay.data()); err != nil {
		return err
	}
	return syncDir(string(s.lay))
}

// bootstrap makes the role and the database where they are missing.
func (s *Server) bootstrap(ctx context.Context) error {
	connector, err := pq.NewConnector(s.url(superuser, "postgres"))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	exists := func(query, name string) (found bool, err error) {
		err = db.QueryRowContext(ctx, query, name).Scan(&found)
		return found, err
	}
	found, err := exists(`SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, role)
	if err == nil && !found {
		// CREATEDB: tests clone a template. pg_monitor: metrics read every pg_stat view.
		_, err = db.ExecContext(ctx, `CREATE ROLE `+role+` LOGIN CREATEDB IN ROLE pg_monitor`)
	}
	if err != nil {
		return fmt.Errorf("make role %s: %w", role, err)
	}
	found, err = exists(`SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, s.cfg.Database)
	if err == nil && !found {
		_, err = db.ExecContext(ctx, `CREATE DATABASE `+pq.QuoteIdentifier(s.cfg.Database)+` OWNER `+role)
	}
	if err != nil {
		return fmt.Errorf("make database %s: %w", s.cfg.Database, err)
	}
	return nil
}

// url leaves nothing to the environment's PGHOST, PGUSER and the like.
func (s *Server) url(user, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(user),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.inbox}, "port": {port}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// socketDir makes a directory for the socket that only the account can enter: run, or
// if its path is too long for a socket, one in the temporary directory that run links
// to, so that the next start can find it again after a kill -9.
func (a account) socketDir(lay layout) (string, error) {
	if len(lay.run())+len("/.s.PGSQL."+port) <= socketLimit {
		info, err := os.Lstat(lay.run())
		if err == nil && !info.IsDir() {
			err = os.Remove(lay.run())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return lay.run(), a.mkdir(lay.run())
	}
	if dir, err := os.Readlink(lay.run()); err == nil {
		info, err := os.Lstat(dir)
		if err == nil && info.Mode() == fs.ModeDir|0o700 && int(info.Sys().(*syscall.Stat_t).Uid) == a.uid {
			return dir, nil
		}
	}
	dir, err := os.MkdirTemp("", "impactql-")
	if err != nil {
		return "", err
	}
	if len(dir)+len("/.s.PGSQL."+port) > socketLimit {
		_ = os.Remove(dir)
		return "", fmt.Errorf("both %s and %s are too long for a socket: set TMPDIR or DATA_DIR to a shorter path", lay.run(), dir)
	}
	if err := a.mkdir(dir); err != nil {
		return "", err
	}
	if err := os.RemoveAll(lay.run()); err != nil {
		return "", err
	}
	return dir, os.Symlink(dir, lay.run())
}

// mkdir makes dir, or takes it as it is, for the account alone.
func (a account) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := a.chown(f); err != nil {
		return err
	}
	return f.Chmod(0o700)
}

// writeFile replaces path as a whole. It never writes through a link: the account owns
// pgdata and could place one there for root to follow.
func writeFile(path, content string, mode fs.FileMode, a account) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.WriteString(content); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = a.chown(f); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

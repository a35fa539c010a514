package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// layout names what lies in the directory of a cluster.
type layout string

func (l layout) lock() string    { return filepath.Join(string(l), "lock") }
func (l layout) url() string     { return filepath.Join(string(l), "url") }
func (l layout) data() string    { return filepath.Join(string(l), "pgdata") }
func (l layout) newData() string { return filepath.Join(string(l), "pgdata.new") }
func (l layout) run() string     { return filepath.Join(string(l), "run") }
func (l layout) log() string     { return filepath.Join(string(l), "postgres.log") }
func (l layout) pidFile() string { return filepath.Join(l.data(), "postmaster.pid") }

// Attach returns the URL of the database that another process's Server, or one of this
// process, runs in dir; ok is false when none does. It takes nothing over: the server
// ends with its owner. While the owner restarts a postmaster that died, the URL is
// right already but does not answer yet. A server that is only starting or stopping
// is an error, to be tried again.
func Attach(dir string) (url string, ok bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("embedded.Attach(%s): %w", dir, err)
		}
	}()
	lay := layout(dir)
	f, err := os.Open(lay.lock())
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	// Shared, so that two who ask do not hinder each other; given back at once. An
	// owner who starts at this very moment tries again: see acquire.
	switch err := flock(f, syscall.LOCK_SH); {
	case err == nil:
		return "", false, nil
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return "", false, err
	}
	text, err := os.ReadFile(lay.url())
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("impactql (%s) is starting or stopping its PostgreSQL, try again", holder(lay))
	}
	if err != nil {
		return "", false, err
	}
	return strings.TrimSpace(string(text)), true, nil
}

// acquire makes the caller the owner of the directory until the file is closed or the
// process is gone. Children do not inherit the file.
func acquire(lay layout) (*os.File, error) {
	f, err := os.OpenFile(lay.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	// Attach holds the lock for microseconds; an owner holds it for life.
	for range 20 {
		if err = flock(f, syscall.LOCK_EX); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another impactql is running on this data directory (%s)", holder(lay))
	}
	if err == nil {
		// The last owner's, if it was killed.
		if err = os.Remove(lay.url()); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// holder names the process that last locked the directory.
func holder(lay layout) string {
	text, err := os.ReadFile(lay.lock())
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return "pid " + pid
	}
	return "pid unknown"
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is who the server's processes run as.
type account struct {
	name     string
	uid, gid int
	// drop is set if that is not who we are.
	drop bool
	// byPath says that the account can reach the directory of the cluster by its path.
	// Otherwise its parts are handed over as open descriptors.
	byPath bool
}

// chooseAccount decides who runs the cluster in lay. Root must not; an ordinary user
// can only be itself.
func chooseAccount(lay layout) (account, error) {
	var owner *syscall.Stat_t
	switch info, err := os.Stat(lay.data()); {
	case err == nil:
		owner = info.Sys().(*syscall.Stat_t)
	case !errors.Is(err, fs.ErrNotExist):
		return account{}, err
	}
	if self := os.Geteuid(); self != 0 {
		if owner != nil && int(owner.Uid) != self {
			return account{}, fmt.Errorf("%s belongs to %s: run impactql as that user, as root, or with another DATA_DIR",
				lay.data(), userName(int(owner.Uid)))
		}
		return account{name: userName(self), uid: self, gid: os.Getegid(), byPath: true}, nil
	}

	a := account{drop: true}
	if owner != nil && owner.Uid != 0 {
		a.name, a.uid, a.gid = userName(int(owner.Uid)), int(owner.Uid), int(owner.Gid)
	} else if err := a.lookup("postgres", "nobody"); err != nil {
		return account{}, err
	}
	var err error
	if a.byPath, err = a.reaches(string(lay)); err != nil {
		return account{}, err
	}
	if _, err := os.Stat("/proc/self/fd"); err != nil && !a.byPath {
		return account{}, fmt.Errorf("PostgreSQL does not run as root, and user %s, as whom it is to run, cannot reach %s: "+
			"choose a DATA_DIR whose parents it may pass, or run impactql as an ordinary user", a.name, lay)
	}
	return a, nil
}

// lookup takes the first of names that exists.
func (a *account) lookup(names ...string) error {
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			a.name, a.uid, a.gid = name, uid, gid
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL does not run as root, and there is none of the users %s to run it as: "+
		"make one, run impactql as an ordinary user, or set DATABASE_URL", strings.Join(names, ", "))
}

// reaches tries whether the account can enter dir. Trying beats computing it from mode
// bits, which know nothing of ACLs and security modules.
func (a account) reaches(dir string) (bool, error) {
	c := a.command("/bin/sh", "-c", `cd -- "$1"`, "sh", dir)
	err := c.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("PostgreSQL does not run as root, and a process cannot be started as user %s: %w; "+
			"run impactql as an ordinary user, or set DATABASE_URL", a.name, err)
	}
	return true, nil
}

// chown gives f to the account.
func (a account) chown(f *os.File) error {
	if !a.drop {
		return nil
	}
	return f.Chown(a.uid, a.gid)
}

// chownTree gives a whole tree to the account, as after a backup was restored by root.
// Links are not followed.
func (a account) chownTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, a.uid, a.gid)
	})
}

// command is a process of the server, with the descriptors it is handed.
type command struct {
	*exec.Cmd
	account account
	given   []*os.File
	err     error // of handing over, kept for start
}

// command prepares a process that runs as the account, in a process group of its own:
// a terminal's ctrl-C is for us, who then stop the server in good order. Its environment
// carries no PG variables, and no locale but C, which would leak into the cluster.
func (a account) command(path string, args ...string) *command {
	c := exec.Command(path, args...)
	c.Dir = "/" // wherever we were started may be out of its reach
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "LC_ALL=C")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		// Without Groups: root's supplementary groups are given up as well.
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return &command{Cmd: c, account: a}
}

// handOver returns the name by which the process can use dir.
func (s *Server) handOver(c *command, dir string) string {
	if s.acct.byPath || c.err != nil {
		return dir
	}
	var f *os.File
	if f, c.err = os.Open(dir); c.err != nil {
		return dir
	}
	c.given = append(c.given, f)
	c.ExtraFiles = c.given
	return fmt.Sprintf("/proc/self/fd/%d", 2+len(c.given))
}

// start starts the process and closes our side of what was handed over.
func (c *command) start() error {
	err := c.err
	if err == nil {
		err = c.Start()
	}
	for _, f := range c.given {
		f.Close()
	}
	return err
}

// output runs the process to its end. Its error carries what the process printed.
func (c *command) output() (string, error) {
	var text strings.Builder
	c.Stdout, c.Stderr = &text, &text
	err := c.start()
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, strings.TrimSpace(text.String()))
	}
	return text.String(), err
}

func (s *Server) command(path string, args ...string) *command {
	return s.acct.command(path, args...)
}

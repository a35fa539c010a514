package dbtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/impactql/impactql/db/embedded"
)

// Freeze stops every process of a cluster as it stands, so that connections stay open
// and nothing answers: what a client sees of a host that lost its network. It lasts until
// thaw is called, or t ends.
func Freeze(t testing.TB, server *embedded.Server) (thaw func()) {
	t.Helper()
	postmaster := server.PID()
	if postmaster == 0 {
		t.Fatal("dbtest.Freeze: there is no postmaster")
	}
	if err := syscall.Kill(postmaster, syscall.SIGSTOP); err != nil { // the first: it starts the others
		t.Fatal(err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		t.Fatal(err)
	}
	frozen := []int{postmaster}
	for child := range strings.FieldsSeq(string(children)) {
		id, err := strconv.Atoi(child)
		if err != nil {
			t.Fatal(err)
		}
		if syscall.Kill(id, syscall.SIGSTOP) == nil { // else it has just ended
			frozen = append(frozen, id)
		}
	}
	thaw = func() {
		for _, id := range frozen {
			_ = syscall.Kill(id, syscall.SIGCONT) // it may be gone
		}
		frozen = nil
	}
	t.Cleanup(thaw)
	return thaw
}

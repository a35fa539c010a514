package db

import (
	"testing"

	"github.com/impactql/impactql/impact"
)

// Two folders take from one backlog: what the one drops stays in the other's hands.
func TestBacklogOfTwoFolders(t *testing.T) {
	t.Parallel()
	var b backlog
	b.init()
	b.open()
	for id := range int64(4) {
		b.add(id+1, make([]*impact.Event, 2))
	}
	first := b.peek()
	second := b.peek()
	b.drop(first[:2])
	for i, c := range second {
		if c.id != int64(i+1) || len(c.events) != 2 {
			t.Errorf("batch %d is now %+v", i, c)
		}
	}
	b.drop(second[:3]) // two of them again
	if left := b.peek(); len(left) != 1 || left[0].id != 4 || b.events != 2 {
		t.Errorf("left are %+v, %d events", left, b.events)
	}
}

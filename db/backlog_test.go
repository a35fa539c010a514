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
		b.add(id+1, []*impact.Event{{}, {}})
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

// The backlog is full of few large events as of many small ones, and has room again when they are folded.
func TestBacklogIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	var b backlog
	b.init()
	b.open()
	large := &impact.Event{Raw: make([]byte, maxBacklogBytes/2)}
	b.add(1, []*impact.Event{large})
	if b.full() {
		t.Error("it is full of half")
	}
	b.add(2, []*impact.Event{large})
	if !b.full() {
		t.Error("it is not full")
	}
	b.setStuck(true)
	b.add(3, []*impact.Event{{}})
	if n := len(b.peek()); n != 2 {
		t.Errorf("%d batches while it is stuck and full", n)
	}
	b.drop(b.peek())
	if b.full() || b.bytes != 0 {
		t.Errorf("%d bytes are left of nothing", b.bytes)
	}
}

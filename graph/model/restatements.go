package model

import (
	"fmt"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// RestatementConnection is a page of restatements.
type RestatementConnection struct {
	Of          *impact.Restatements
	Page        []impact.Restatement
	HasNextPage bool
}

// RestatementPlace is a restatement's place in the list that was made at an instant.
type RestatementPlace struct {
	Until impact.AsOf
	Month impact.Day
	Place int // of the figure
}

// ParseRestatementPlace reads what a cursor holds.
func ParseRestatementPlace(text string) (p RestatementPlace, ok bool) {
	n, err := fmt.Sscanf(text, "%d %d %d", &p.Until, &p.Month, &p.Place)
	return p, err == nil && n == 3 && p.String() == text
}

// String is what a cursor holds.
func (p RestatementPlace) String() string { return fmt.Sprintf("%d %d %d", p.Until, p.Month, p.Place) }

// Before reports whether the place is before that of a restatement.
func (p RestatementPlace) Before(r *impact.Restatement) bool {
	return p.Month < r.Month.From || p.Month == r.Month.From && p.Place < r.Place
}

// Nodes are the restatements.
func (c *RestatementConnection) Nodes() []*Restatement {
	nodes := make([]*Restatement, len(c.Page))
	for i := range c.Page {
		nodes[i] = &Restatement{&c.Page[i]}
	}
	return nodes
}

// Edges are the restatements with their cursors.
func (c *RestatementConnection) Edges() []*RestatementEdge {
	edges := make([]*RestatementEdge, len(c.Page))
	for i := range c.Page {
		edges[i] = &RestatementEdge{c.cursor(i), &Restatement{&c.Page[i]}}
	}
	return edges
}

func (c *RestatementConnection) cursor(i int) string {
	return Cursor(RestatementPlace{c.Of.Until, c.Page[i].Month.From, c.Page[i].Place}.String())
}

// PageInfo says where the page ends.
func (c *RestatementConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Page); n > 0 {
		end := c.cursor(n - 1)
		p.EndCursor = &end
	}
	return p
}

// Until is the instant of now.
func (c *RestatementConnection) Until() impact.AsOf { return c.Of.Until }

// ErasedSince reports whether somebody was erased.
func (c *RestatementConnection) ErasedSince() bool { return c.Of.ErasedSince }

// RestatementEdge is a restatement in a page.
type RestatementEdge struct {
	Cursor string
	Node   *Restatement
}

// Restatement is a figure that moved.
type Restatement struct{ of *impact.Restatement }

// Start is the first day of the month.
func (r *Restatement) Start() impact.Day { return r.of.Month.From }

// End is the last day.
func (r *Restatement) End() impact.Day { return r.of.Month.To - 1 }

// Figure is the figure.
func (r *Restatement) Figure() impact.RestatedFigure { return r.of.Figure }

// Before is what it was.
func (r *Restatement) Before() decimal.NullDecimal { return r.of.Before }

// Now is what it is.
func (r *Restatement) Now() decimal.NullDecimal { return r.of.Now }

// Difference is by how much it moved.
func (r *Restatement) Difference() decimal.NullDecimal { return r.of.Difference() }

// Reasons are why.
func (r *Restatement) Reasons() []impact.RestatementReason { return r.of.Reasons }

// EventCount is how many events moved it.
func (r *Restatement) EventCount() int64 { return r.of.EventCount }

// Events are the first of them.
func (r *Restatement) Events() []*RestatingEvent {
	list := make([]*RestatingEvent, len(r.of.Events))
	for i, e := range r.of.Events {
		list[i] = &RestatingEvent{e}
	}
	return list
}

// RestatingEvent is an event that moved figures.
type RestatingEvent struct{ of *impact.RestatingEvent }

// Reason is why it did.
func (e *RestatingEvent) Reason() impact.RestatementReason { return e.of.Reason }

// ID is the identity as a UUID is written.
func (e *RestatingEvent) ID() string { return e.of.Key.UUID() }

// Receipt is the batch.
func (e *RestatingEvent) Receipt() string { return strconv.FormatInt(e.of.Receipt, 10) }

// Kind is the kind's name.
func (e *RestatingEvent) Kind() string { return e.of.Kind.String() }

// Type is the source's.
func (e *RestatingEvent) Type() string { return e.of.Type }

// Programme is its own.
func (e *RestatingEvent) Programme() string { return e.of.Programme }

// OccurredAt is its own time.
func (e *RestatingEvent) OccurredAt() impact.AsOf { return impact.AsOfTime(e.of.OccurredAt) }

// StoredAt is when it came.
func (e *RestatingEvent) StoredAt() impact.AsOf { return impact.AsOfTime(e.of.StoredAt) }

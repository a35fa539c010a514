package model

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/impactql/impactql/impact"
)

// EventFilter is the argument filter.
type EventFilter struct {
	Late                                          *bool
	Verdict                                       *impact.ArrivalVerdict
	Kind, Type, Person, Programme, Status, Source *string
	Receipt, ReceivedFrom, ReceivedTo             *string
}

// ArrivedEvent is an event as it arrived.
type ArrivedEvent struct{ of *impact.Arrival }

// Verdict is what became of it.
func (e *ArrivedEvent) Verdict() impact.ArrivalVerdict { return e.of.Verdict }

// ID is the identity as a UUID is written.
func (e *ArrivedEvent) ID() string { return e.of.Key.UUID() }

// Receipt is the batch.
func (e *ArrivedEvent) Receipt() string { return strconv.FormatInt(e.of.Receipt, 10) }

// Kind is the kind's name.
func (e *ArrivedEvent) Kind() string { return e.of.Kind }

// Type is the source's.
func (e *ArrivedEvent) Type() string { return e.of.Type }

// Programme is the programme.
func (e *ArrivedEvent) Programme() string { return e.of.Programme }

// Participant is nil if there is none.
func (e *ArrivedEvent) Participant() *string { return optional(e.of.Person) }

// Volunteer is nil if there is none.
func (e *ArrivedEvent) Volunteer() *string { return optional(e.of.Volunteer) }

// Session is nil if there is none.
func (e *ArrivedEvent) Session() *string { return optional(e.of.Session) }

// OccurredAt is nil of a conflict.
func (e *ArrivedEvent) OccurredAt() *string { return optionalInstant(e.of.OccurredAt) }

// ReceivedAt is when it came.
func (e *ArrivedEvent) ReceivedAt() string { return instant(e.of.ReceivedAt) }

// Body is what was sent; nil if it is not shown.
func (e *ArrivedEvent) Body() *string {
	if e.of.Raw == nil {
		return nil
	}
	body := string(e.of.Raw)
	return &body
}

// Size is in bytes.
func (e *ArrivedEvent) Size() int { return e.of.Size }

// ArrivedCursor is the cursor of an event in a list by when it arrived.
func ArrivedCursor(a *impact.Arrival) string {
	return Cursor(strconv.FormatInt(a.Receipt, 10) + ":" + hex.EncodeToString(a.Key[:]))
}

// ArrivalCursor reads the key of a cursor of events.
func ArrivalCursor(key string) (c impact.ArrivalCursor, ok bool) {
	receipt, identity, _ := strings.Cut(key, ":")
	n, err := strconv.ParseInt(receipt, 10, 64)
	k, hexErr := hex.DecodeString(identity)
	if err != nil || hexErr != nil || n < 1 || len(k) != len(c.Key) {
		return c, false
	}
	return impact.ArrivalCursor{Receipt: n, Key: impact.Key(k)}, true
}

// ArrivedEventConnection is a page of events.
type ArrivedEventConnection struct {
	Nodes       []*ArrivedEvent
	HasNextPage bool
	cursor      func(*impact.Arrival) string
}

// NewArrivedEventConnection is a page of up to first of the events, in an order of which
// cursor is an event's place.
func NewArrivedEventConnection(list []*impact.Arrival, first int, cursor func(*impact.Arrival) string) *ArrivedEventConnection {
	c := &ArrivedEventConnection{HasNextPage: len(list) > first, Nodes: []*ArrivedEvent{}, cursor: cursor}
	for _, a := range list[:min(first, len(list))] {
		c.Nodes = append(c.Nodes, &ArrivedEvent{a})
	}
	return c
}

// Edges are the events with their cursors.
func (c *ArrivedEventConnection) Edges() []*ArrivedEventEdge {
	edges := make([]*ArrivedEventEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &ArrivedEventEdge{n, c.cursor(n.of)}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *ArrivedEventConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Nodes); n > 0 {
		end := c.cursor(c.Nodes[n-1].of)
		p.EndCursor = &end
	}
	return p
}

// ArrivedEventEdge is an event in a page.
type ArrivedEventEdge struct {
	Node   *ArrivedEvent
	Cursor string // what stands for the event's place in the list
}

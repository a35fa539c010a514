package model

import (
	"strconv"
	"time"

	"github.com/impactql/impactql/impact"
)

// Erasure is what was done to remove a person.
type Erasure struct {
	*impact.Erasure
}

// At is when it was done, in UTC.
func (e *Erasure) At() string { return e.Erasure.At.UTC().Format(time.RFC3339) }

func (e *Erasure) cursor() string { return Cursor(strconv.FormatInt(e.Erasure.ID, 10)) }

// ErasureConnection is a page of erasures.
type ErasureConnection struct {
	Nodes       []*Erasure
	HasNextPage bool
}

// NewErasureConnection is a page of up to first of the erasures.
func NewErasureConnection(list []*impact.Erasure, first int) *ErasureConnection {
	c := &ErasureConnection{HasNextPage: len(list) > first, Nodes: []*Erasure{}}
	for _, e := range list[:min(first, len(list))] {
		c.Nodes = append(c.Nodes, &Erasure{e})
	}
	return c
}

// Edges are the erasures with their cursors.
func (c *ErasureConnection) Edges() []*ErasureEdge {
	edges := make([]*ErasureEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &ErasureEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *ErasureConnection) PageInfo() *PageInfo {
	info := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Nodes); n > 0 {
		info.EndCursor = new(c.Nodes[n-1].cursor())
	}
	return info
}

// ErasureEdge is an erasure in a page.
type ErasureEdge struct{ Node *Erasure }

// Cursor is where the erasure is.
func (e *ErasureEdge) Cursor() string { return e.Node.cursor() }

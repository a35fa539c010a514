package model

import (
	"encoding/base64"
	"strings"
)

// PageInfo says where a page ends.
type PageInfo struct {
	HasNextPage bool
	EndCursor   *string
}

// CompanyConnection is a page of companies.
type CompanyConnection struct {
	Nodes       []*Company
	HasNextPage bool
}

// Edges are the companies with their cursors.
func (c *CompanyConnection) Edges() []*CompanyEdge {
	edges := make([]*CompanyEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &CompanyEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *CompanyConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Nodes); n > 0 {
		end := Cursor(c.Nodes[n-1].Key)
		p.EndCursor = &end
	}
	return p
}

// CompanyEdge is a company in a page.
type CompanyEdge struct{ Node *Company }

// Cursor is what stands for the company's place in the list.
func (e *CompanyEdge) Cursor() string { return Cursor(e.Node.Key) }

// CohortConnection is a page of cohorts.
type CohortConnection struct {
	Nodes       []*Cohort
	HasNextPage bool
}

// Edges are the cohorts with their cursors.
func (c *CohortConnection) Edges() []*CohortEdge {
	edges := make([]*CohortEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &CohortEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *CohortConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Nodes); n > 0 {
		end := Cursor(c.Nodes[n-1].Order)
		p.EndCursor = &end
	}
	return p
}

// CohortEdge is a cohort in a page.
type CohortEdge struct{ Node *Cohort }

// Cursor is what stands for the cohort's place in the list.
func (e *CohortEdge) Cursor() string { return Cursor(e.Node.Order) }

const companyType = "Company:"

// CompanyID is the global id of the company with a key.
func CompanyID(key string) string { return encode(companyType + key) }

// CompanyKey is the key in a global id; ok is false if id is not one of a company.
func CompanyKey(id string) (key string, ok bool) {
	s, ok := decode(id)
	if !ok {
		return "", false
	}
	return strings.CutPrefix(s, companyType)
}

// Cursor is the opaque cursor of the item with a key: its key, so that a page goes on
// at the right place whatever came or went in between.
func Cursor(key string) string { return encode(key) }

// CursorKey is the key in a cursor.
func CursorKey(cursor string) (key string, ok bool) { return decode(cursor) }

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decode(s string) (string, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return string(b), err == nil && len(b) > 0
}

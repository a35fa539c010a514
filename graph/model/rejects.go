package model

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/impact"
)

const rejectType = "Reject:"

// RejectID is the id of a reject of the company with a key.
func RejectID(company string, id int64) string {
	return encode(rejectType + company + ":" + strconv.FormatInt(id, 10))
}

// RejectKey is what an id of a reject stands for; ok is false if it is none.
func RejectKey(text string) (company string, id int64, ok bool) {
	s, ok := decode(text)
	if !ok {
		return "", 0, false
	}
	if s, ok = strings.CutPrefix(s, rejectType); !ok {
		return "", 0, false
	}
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return "", 0, false
	}
	id, err := strconv.ParseInt(s[at+1:], 10, 64)
	return s[:at], id, err == nil && id > 0
}

// RejectFilter is the argument filter.
type RejectFilter struct {
	Status *impact.RejectStatus
	Code   *string
	Source *string
}

// Reject is a reject of a company.
type Reject struct {
	of      *impact.Reject
	company string // key
}

// NewReject shows a reject of the company with a key.
func NewReject(company string, r *impact.Reject) *Reject { return &Reject{r, company} }

// ID is opaque.
func (r *Reject) ID() string { return RejectID(r.company, r.of.ID) }

// Status is what became of it.
func (r *Reject) Status() impact.RejectStatus { return r.of.Status }

// Code is why it was refused.
func (r *Reject) Code() string { return string(r.of.Code) }

// Message says what was wrong.
func (r *Reject) Message() string { return r.of.Message }

// Pointer says where.
func (r *Reject) Pointer() string { return r.of.Pointer }

// Body is what was sent, as text; nil if it is not shown.
func (r *Reject) Body() *string {
	return r.shown(string(bytes.ToValidUTF8(r.of.Raw, []byte("\uFFFD"))))
}

// BodyBase64 is what was sent; nil if it is not shown.
func (r *Reject) BodyBase64() *string { return r.shown(base64.StdEncoding.EncodeToString(r.of.Raw)) }

func (r *Reject) shown(body string) *string {
	if r.of.Raw == nil {
		return nil
	}
	return &body
}

// Size is in bytes.
func (r *Reject) Size() int { return r.of.Size }

// Source is nil for an API key.
func (r *Reject) Source() *string { return optional(r.of.Source) }

// Provider is nil for an API key.
func (r *Reject) Provider() *string { return optional(r.of.Provider) }

// APIKey is nil for a source.
func (r *Reject) APIKey() *int {
	if r.of.APIKey == 0 {
		return nil
	}
	id := int(r.of.APIKey)
	return &id
}

// SchemaVersion is of the rules.
func (r *Reject) SchemaVersion() int { return r.of.Schema }

// Attempts is how often it came.
func (r *Reject) Attempts() int { return r.of.Attempts }

// FirstReceivedAt is when it came first.
func (r *Reject) FirstReceivedAt() string { return instant(r.of.FirstAt) }

// LastReceivedAt is when it came last.
func (r *Reject) LastReceivedAt() string { return instant(r.of.LastAt) }

// DueAt is nil unless it is or was in quarantine.
func (r *Reject) DueAt() *string { return optionalInstant(r.of.DueAt) }

// SettledAt is nil until it is replayed or dismissed.
func (r *Reject) SettledAt() *string { return optionalInstant(r.of.SettledAt) }

// Receipt is nil until it is replayed.
func (r *Reject) Receipt() *string { return receipt(r.of.Receipt) }

func (r *Reject) cursor() string { return Cursor(strconv.FormatInt(r.of.ID, 10)) }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func optionalInstant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return optional(instant(t))
}

func receipt(id int64) *string {
	if id == 0 {
		return nil
	}
	return optional(strconv.FormatInt(id, 10))
}

// RejectConnection is a page of rejects.
type RejectConnection struct {
	Nodes       []*Reject
	HasNextPage bool
}

// NewRejectConnection is a page of up to first of the rejects of the company with a key.
func NewRejectConnection(company string, list []*impact.Reject, first int) *RejectConnection {
	c := &RejectConnection{HasNextPage: len(list) > first, Nodes: []*Reject{}}
	for _, r := range list[:min(first, len(list))] {
		c.Nodes = append(c.Nodes, NewReject(company, r))
	}
	return c
}

// Edges are the rejects with their cursors.
func (c *RejectConnection) Edges() []*RejectEdge {
	edges := make([]*RejectEdge, len(c.Nodes))
	for i, n := range c.Nodes {
		edges[i] = &RejectEdge{Node: n}
	}
	return edges
}

// PageInfo says where the page ends.
func (c *RejectConnection) PageInfo() *PageInfo {
	p := &PageInfo{HasNextPage: c.HasNextPage}
	if n := len(c.Nodes); n > 0 {
		end := c.Nodes[n-1].cursor()
		p.EndCursor = &end
	}
	return p
}

// RejectEdge is a reject in a page.
type RejectEdge struct{ Node *Reject }

// Cursor is what stands for the reject's place in the list.
func (e *RejectEdge) Cursor() string { return e.Node.cursor() }

// Replay is what became of a reject.
type Replay struct {
	of      *impact.Replay
	company string
}

// NewReplay shows what became of a reject of the company with a key.
func NewReplay(company string, r *impact.Replay) *Replay { return &Replay{r, company} }

// ID is the reject's.
func (r *Replay) ID() string { return RejectID(r.company, r.of.ID) }

// Status is the outcome.
func (r *Replay) Status() string { return r.of.Outcome }

// Events is how many it held.
func (r *Replay) Events() int { return r.of.Events }

// Receipt is nil if nothing was stored.
func (r *Replay) Receipt() *string { return receipt(r.of.Receipt) }

// Code is nil unless it was refused again.
func (r *Replay) Code() *string {
	if r.of.Err == nil {
		return nil
	}
	return optional(string(r.of.Err.Code))
}

// Message is nil unless it was refused again.
func (r *Replay) Message() *string {
	if r.of.Err == nil {
		return nil
	}
	return &r.of.Err.Message
}

// Pointer is nil unless it was refused again.
func (r *Replay) Pointer() *string {
	if r.of.Err == nil {
		return nil
	}
	return &r.of.Err.Pointer
}

// Replays is what became of many.
type Replays struct {
	Results         []*Replay
	Taken, Rejected int
	More            bool
}

// NewReplays shows what became of rejects of the company with a key.
func NewReplays(company string, list []*impact.Replay, more bool) *Replays {
	all := &Replays{More: more, Results: []*Replay{}}
	for _, r := range list {
		all.Results = append(all.Results, NewReplay(company, r))
		if r.Err != nil {
			all.Rejected++
		} else {
			all.Taken++
		}
	}
	return all
}

// Intake is counts of a company.
type Intake struct{ *impact.Intake }

// UnknownTypes is the count of events of types that no mapping knows.
func (i *Intake) UnknownTypes() int64 { return i.Unknown }

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
)

// ledger says what was sent to each company, to find it again at the end.
type ledger []*account

// account is the events sent to one company, each a session.
type account struct {
	company, key string
	before       standing
	acknowledged atomic.Int64
	unsure       atomic.Int64 // those whose request failed: they may be stored or not
}

// standing is what the server holds of a company.
type standing struct {
	rows     int64 // in the event table
	sessions int64 // in the figures
}

func (a *account) settle(events int64, err error) {
	if err != nil {
		a.unsure.Add(events)
		return
	}
	a.acknowledged.Add(events)
}

// accounts opens accounts of the companies, or returns those that are open.
func (b *bench) accounts(ctx context.Context, key string, companies ...string) ([]*account, error) {
	var list []*account
	for _, company := range companies {
		a := b.ledger.find(company)
		if a == nil {
			a = &account{company: company, key: key}
			var err error
			if a.before, err = b.standing(ctx, a); err != nil {
				return nil, err
			}
			b.ledger = append(b.ledger, a)
		}
		list = append(list, a)
	}
	return list, nil
}

func (l ledger) find(company string) *account {
	for _, a := range l {
		if a.company == company {
			return a
		}
	}
	return nil
}

func (b *bench) standing(ctx context.Context, a *account) (s standing, err error) {
	if s.rows, err = b.pg.rows(ctx, a.company); err != nil {
		return s, err
	}
	body, err := get(ctx, "http://"+b.server.addr+"/v1/metrics/"+a.company, http.Header{"X-Api-Key": {a.key}, "Cache-Control": {"no-cache"}})
	if err != nil {
		return s, err
	}
	var answer struct{ Metrics struct{ TotalSessions int64 } }
	if err := json.Unmarshal(body, &answer); err != nil {
		return s, fmt.Errorf("metrics of %s: %w", a.company, err)
	}
	s.sessions = answer.Metrics.TotalSessions
	return s, nil
}

// checkLedger compares what was acknowledged with the event table, and that with
// the figures.
func (b *bench) checkLedger(ctx context.Context) error {
	var lost, doubled, wrong, sum int64
	t := &table{
		title: "Lost or doubled",
		about: "Every event sent is a session. Per company: events acknowledged as stored, rows that the event table gained, " +
			"sessions that GET /v1/metrics gained once everything was folded.",
		head: []string{"company", "acknowledged", "without an answer", "rows", "sessions"},
	}
	for _, a := range b.ledger {
		now, err := b.standing(ctx, a)
		if err != nil {
			return err
		}
		acknowledged, unsure := a.acknowledged.Load(), a.unsure.Load()
		rows, sessions := now.rows-a.before.rows, now.sessions-a.before.sessions
		sum += acknowledged
		lost += max(0, acknowledged-rows)
		doubled += max(0, rows-acknowledged-unsure)
		wrong += max(rows-sessions, sessions-rows)
		t.row(a.company, count(acknowledged), count(unsure), count(rows), count(sessions))
	}
	if len(b.ledger) == 0 {
		return nil
	}
	b.report.tables = append(b.report.tables, t)
	b.report.none(fmt.Sprintf("lost, of %s acknowledged", count(sum)), lost)
	b.report.none("stored but not sent, or twice", doubled)
	b.report.none("sessions too few or too many in the figures", wrong)
	return nil
}

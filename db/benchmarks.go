package db

import (
	"context"
	"time"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// snapshotAge is how long the figures of a peer group are kept. They are of periods that
// are over; and whoever looks again before that sees no company move.
const snapshotAge = time.Hour

// maxSnapshots is how many are kept; each is some tens of kilobytes.
const maxSnapshots = 500

// snapshotOf is what a snapshot is of.
type snapshotOf struct {
	group, programme string
	r                impact.Range
}

type snapshot struct {
	at    time.Time
	peers []impact.PeerFigures
}

// Benchmarks answers questions in their order, by a constant number of statements for all
// of them. Of other companies it reads figures as a whole, never of their people one by one, and those
// of a group at most once in [snapshotAge].
func (f *Figures) Benchmarks(ctx context.Context, questions []impact.BenchmarkQuestion) ([]*impact.Benchmark, error) {
	companies := make([]impact.CompanyID, len(questions))
	for i, q := range questions {
		companies[i] = q.Company
	}
	settings, err := f.Settings(ctx, companies)
	if err != nil {
		return nil, err
	}
	of := make([]snapshotOf, len(questions))
	groups := make(map[snapshotOf]*snapshot)
	var missing []snapshotOf
	for i, q := range questions {
		of[i] = snapshotOf{settings[i].PeerGroup(q.Range), q.Programme, q.Range}
		if _, known := groups[of[i]]; known || of[i].group == "" {
			continue
		}
		kept, ok := f.snapshots.Get(of[i])
		if !ok || time.Since(kept.at) > snapshotAge {
			missing = append(missing, of[i])
		}
		groups[of[i]] = kept
	}
	peers, err := f.store.peers(ctx, missing)
	if err != nil {
		return nil, err
	}
	var asked []impact.Question
	ask := func(company impact.CompanyID, of snapshotOf) {
		asked = append(asked, impact.Question{Company: company, Programme: of.programme, Range: of.r, Parts: impact.PartsOverview})
	}
	for i, q := range questions {
		ask(q.Company, of[i])
	}
	for i, ids := range peers {
		for _, id := range ids {
			ask(id, missing[i])
		}
	}
	answers, err := f.Figures(ctx, asked)
	if err != nil {
		return nil, err
	}
	if err := f.snap(ctx, groups, missing, peers, answers[len(questions):]); err != nil {
		return nil, err
	}
	benchmarks := make([]*impact.Benchmark, len(questions))
	for i := range questions {
		own := impact.PeerFiguresOf(answers[i])
		if s := groups[of[i]]; s != nil {
			benchmarks[i] = impact.NewBenchmark(of[i].group, own, s.peers, settings[i].K())
			benchmarks[i].TakenAt = s.at
		} else {
			benchmarks[i] = &impact.Benchmark{Own: own}
		}
		benchmarks[i].OwnFigures = answers[i]
	}
	return benchmarks, nil
}

// snap makes the snapshots that were missing. Companies with fewer people than they
// themselves tell of take no part.
func (f *Figures) snap(
	ctx context.Context, groups map[snapshotOf]*snapshot, missing []snapshotOf, peers [][]impact.CompanyID, answers []*impact.Figures,
) error {
	var ids []impact.CompanyID
	for _, list := range peers {
		ids = append(ids, list...)
	}
	settings, err := f.Settings(ctx, ids)
	if err != nil {
		return err
	}
	now, at := time.Now(), 0
	for i, of := range missing {
		s := &snapshot{at: now}
		for range peers[i] {
			p := impact.PeerFiguresOf(answers[at])
			if p.Participants >= max(settings[at].K(), impact.DefaultMinGroup) {
				s.peers = append(s.peers, p)
			}
			at++
		}
		groups[of] = s
		f.snapshots.Add(of, s)
	}
	return nil
}

// peers are the companies of peer groups on the last days of ranges.
func (s *Store) peers(ctx context.Context, of []snapshotOf) ([][]impact.CompanyID, error) {
	lists := make([][]impact.CompanyID, len(of))
	if len(of) == 0 {
		return lists, nil
	}
	groups, days := make([]string, len(of)), make([]string, len(of))
	for i, o := range of {
		groups[i], days[i] = o.group, (o.r.To - 1).String()
	}
	rows, err := s.db.QueryContext(ctx, query("read_peers"), pq.Array(groups), pq.Array(days), impact.MaxPeers+1) // and the company itself
	if err != nil {
		return nil, wrap(err, "read peers")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var id impact.CompanyID
		if err := rows.Scan(&place, &id); err != nil {
			return nil, wrap(err, "read peers")
		}
		lists[place-1] = append(lists[place-1], id)
	}
	return lists, wrap(rows.Err(), "read peers")
}

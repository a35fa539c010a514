package db

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Restatements answer questions in their order: two goes through the logs for each pair
// of instants, however many companies are asked about. The answers are shared and must not
// be changed; errors are as of [Figures.Figures], with the pointer /since.
func (f *Figures) Restatements(ctx context.Context, questions []impact.RestatementQuestion) ([]*impact.Restatements, error) {
	now, err := f.pasts.now(ctx)
	if err != nil {
		return nil, err
	}
	asked := slices.Clone(questions)
	for i := range asked {
		q := &asked[i]
		if q.Since >= now {
			return nil, &impact.Error{Code: impact.CodeInvalid, Pointer: "/since", Message: q.Since.String() + " is not past: nothing has moved since"}
		}
		if q.Until == 0 {
			q.Until = now
		}
	}
	return fromPast(ctx, f.pasts, f.pasts.restated, asked, func(q impact.RestatementQuestion) (impact.CompanyID, impact.AsOf) { return q.Company, q.Until },
		func(ctx context.Context, tx *sqlx.Tx, log *pastLog, _ map[impact.CompanyID]erased, missing []impact.RestatementQuestion) ([]*impact.Restatements, error) {
			answers := make([]*impact.Restatements, len(missing))
			bySince := make(map[impact.AsOf][]int)
			for i, q := range missing {
				bySince[q.Since] = append(bySince[q.Since], i)
			}
			for since, places := range bySince {
				byCompany, err := f.pasts.restate(ctx, tx, since, log)
				if err != nil {
					return nil, err
				}
				for _, i := range places {
					answers[i] = byCompany[missing[i].Company]
				}
			}
			return answers, nil
		})
}

// now is the clock of the database, just past.
func (p *pasts) now(ctx context.Context) (impact.AsOf, error) {
	var now time.Time
	err := p.store.db.GetContext(ctx, &now, "SELECT clock_timestamp() - interval '1 microsecond'")
	return impact.AsOfTime(now), wrap(err, "read the clock")
}

// restate compares what was known at an instant with what was known at a later one.
func (p *pasts) restate(ctx context.Context, tx *sqlx.Tx, since impact.AsOf, now *pastLog) (map[impact.CompanyID]*impact.Restatements, error) {
	r := &restating{since: since, now: now, ended: make(map[impact.CompanyID]impact.Day), causes: make(map[impact.CompanyID]map[impact.Day]*causes)}
	for _, company := range now.companies {
		r.ended[company] = impact.DayAt(since.Time(), now.settings[company].Calendar.Location).MonthStart()
		r.causes[company] = make(map[impact.Day]*causes)
	}
	var err error
	if r.erased, err = erasedOf(ctx, tx, since, now.companies); err != nil {
		return nil, err
	}
	if r.then, err = openPast(ctx, tx, since, now.companies); err != nil {
		return nil, err
	}
	if err := r.correctedSince(ctx, tx); err != nil {
		return nil, err
	}
	if err := r.lateSince(ctx, tx, p.limit/2); err != nil {
		return nil, err
	}
	return r.compare(ctx, tx, p.limit/2)
}

// restating is a comparison of what was known at two instants.
type restating struct {
	since     impact.AsOf
	then, now *pastLog
	erased    map[impact.CompanyID]erased
	ended     map[impact.CompanyID]impact.Day             // months before it had ended
	causes    map[impact.CompanyID]map[impact.Day]*causes // by the first day of the month
}

// causes are the events that moved a month, by the place of the figure.
type causes [impact.NumRestated]figureCauses

func (c *causes) of(place int) *impact.Causes { return &c[place].Causes }

func (c *causes) add(e *impact.RestatingEvent, of impact.RestatedPlaces, shared bool) {
	for place := range c {
		if of.Has(place) {
			c[place].add(e, shared)
		}
	}
}

func (c *causes) sort() {
	for place := range c {
		c[place].sort()
	}
}

// merge adds those of a later month.
func (c *causes) merge(o *causes) {
	for place := range c {
		c[place].merge(&o[place])
	}
}

type figureCauses struct {
	late   int64               // of which there is one month
	shared map[impact.Key]bool // of which there may be two
	impact.Causes
}

func (c *figureCauses) add(e *impact.RestatingEvent, shared bool) {
	if !shared {
		c.late++
	} else {
		if c.shared == nil {
			c.shared = make(map[impact.Key]bool)
		}
		if c.shared[e.Key] {
			return
		}
		c.shared[e.Key] = true
	}
	c.Late = c.Late || e.Reason == impact.RestatedLate
	c.Corrected = c.Corrected || e.Reason == impact.RestatedCorrected
	c.Events = append(c.Events, e)
	if len(c.Events) > 8*impact.MaxCauses {
		c.sort()
	}
}

func (c *figureCauses) sort() {
	slices.SortFunc(c.Events, func(a, b *impact.RestatingEvent) int {
		return cmp.Or(a.StoredAt.Compare(b.StoredAt), cmp.Compare(a.Receipt, b.Receipt), bytes.Compare(a.Key[:], b.Key[:]))
	})
	c.Events = slices.Compact(c.Events)
	c.Events = c.Events[:min(len(c.Events), impact.MaxCauses)]
	c.Count = c.late + int64(len(c.shared))
}

func (c *figureCauses) merge(o *figureCauses) {
	c.late += o.late
	if c.shared == nil {
		c.shared = make(map[impact.Key]bool)
	}
	maps.Copy(c.shared, o.shared)
	c.Late, c.Corrected = c.Late || o.Late, c.Corrected || o.Corrected
	c.Events = slices.Concat(c.Events, o.Events)
	c.sort()
}

// add notes a cause of figures of a month, if the month had ended: of that which the
// event is in by the calendar of now, and if that is another, by the calendar of then.
func (r *restating) add(e *impact.RestatingEvent, of impact.RestatedPlaces, company impact.CompanyID, at time.Time, chained bool) {
	if of == 0 {
		return
	}
	month := impact.DayAt(at, r.now.settings[company].Calendar.Location).MonthStart()
	was := impact.DayAt(at, r.then.settings[company].Calendar.Location).MonthStart()
	r.addTo(month, e, of, company, chained || was != month)
	if was != month {
		r.addTo(was, e, of, company, true)
	}
}

func (r *restating) addTo(month impact.Day, e *impact.RestatingEvent, of impact.RestatedPlaces, company impact.CompanyID, shared bool) {
	if month >= r.ended[company] {
		return
	}
	c := r.causes[company][month]
	if c == nil {
		c = new(causes)
		r.causes[company][month] = c
	}
	c.add(e, of, shared)
}

// correctedSince finds what changed in chains: the members that came since then are the
// causes, of the months that lost something and of those that gained something.
func (r *restating) correctedSince(ctx context.Context, tx *sqlx.Tx) error {
	stored, err := storedAt(ctx, tx, slices.Collect(maps.Values(r.now.members)))
	if err != nil {
		return err
	}
	since := r.since.Time()
	for _, chain := range r.now.chains {
		var known, fresh []*impact.Event
		for _, e := range chain.Members {
			if stored[r.now.members[identity{e.Company, e.Key}]].After(since) {
				fresh = append(fresh, e)
			} else {
				known = append(known, e)
			}
		}
		var after []*impact.Event
		if chain.Standing != nil {
			after = append(after, chain.Standing)
		}
		moved := moved(standingOf(known), after)
		for _, e := range fresh {
			receipt := r.now.members[identity{e.Company, e.Key}]
			cause := &impact.RestatingEvent{
				Reason: impact.RestatedLate, Key: e.Key, Receipt: receipt, Kind: e.Kind, Type: e.Type, Programme: e.Programme,
				OccurredAt: e.OccurredAt, StoredAt: stored[receipt],
			}
			if e.Corrects() {
				cause.Reason = impact.RestatedCorrected
			}
			for _, at := range moved {
				r.add(cause, at.Restates(), e.Company, at.OccurredAt, true)
			}
		}
	}
	return nil
}

// standingOf is what counts of events that a later correction ties together.
func standingOf(events []*impact.Event) (standing []*impact.Event) {
	member := make(map[impact.Key]bool)
	for _, chain := range impact.Chains(events) {
		for _, e := range chain.Members {
			member[e.Key] = true
		}
		if chain.Standing != nil {
			standing = append(standing, chain.Standing)
		}
	}
	for _, e := range events {
		if !member[e.Key] {
			standing = append(standing, e)
		}
	}
	return standing
}

// moved are those that are not in both lists.
func moved(before, after []*impact.Event) (list []*impact.Event) {
	for _, lists := range [2][2][]*impact.Event{{before, after}, {after, before}} {
		for _, e := range lists[0] {
			if !slices.ContainsFunc(lists[1], func(o *impact.Event) bool { return o.Key == e.Key && sameFacts(o, e) }) {
				list = append(list, e)
			}
		}
	}
	return list
}

// storedAt is when batches were stored.
func storedAt(ctx context.Context, tx *sqlx.Tx, batches []int64) (map[int64]time.Time, error) {
	var rows []struct {
		ID int64
		At time.Time
	}
	slices.Sort(batches)
	if err := tx.SelectContext(ctx, &rows, "SELECT id, committed_at AS at FROM batch WHERE id = ANY ($1)", pq.Array(slices.Compact(batches))); err != nil {
		return nil, wrap(err, "read batches")
	}
	at := make(map[int64]time.Time, len(rows))
	for _, r := range rows {
		at[r.ID] = r.At
	}
	return at, nil
}

// lateSince finds the events that came after their month had ended.
func (r *restating) lateSince(ctx context.Context, tx *sqlx.Tx, limit int) error {
	rows, err := tx.QueryContext(ctx, query("past_late"), pq.Array(int64s(r.now.companies)), r.since.Time(), r.now.at.Time())
	if err != nil {
		return wrap(err, "read late events")
	}
	defer rows.Close()
	for left := limit; rows.Next(); {
		if left--; left < 0 {
			return impact.Errorf(impact.CodeTooLarge, "more than %d events came since: ask since a later instant", limit)
		}
		e := &impact.RestatingEvent{Reason: impact.RestatedLate}
		var company impact.CompanyID
		var facts impact.Event
		var kind, dimension, status string
		if err := rows.Scan(&company, (*uuid)(&e.Key), &kind, &e.Type, &e.Programme, &e.OccurredAt, &e.Receipt, &e.StoredAt,
			&facts.Participant, &facts.Volunteer, &facts.ScoreScale, &dimension, &status, &facts.FromVolunteer); err != nil {
			return wrap(err, "read late events")
		}
		e.Kind, _ = impact.ParseKind(kind)
		facts.Kind = e.Kind
		facts.Dimension, _ = impact.ParseDimension(dimension)
		facts.Status, _ = impact.ParseStatus(status)
		if _, chained := r.now.members[identity{company, e.Key}]; !chained {
			r.add(e, facts.Restates(), company, e.OccurredAt, false)
		}
	}
	return wrap(rows.Err(), "read late events")
}

// compare lists what moved.
func (r *restating) compare(ctx context.Context, tx *sqlx.Tx, limit int) (map[impact.CompanyID]*impact.Restatements, error) {
	first, err := r.firstDays(ctx, tx)
	if err != nil {
		return nil, err
	}
	var months []impact.Question
	otherwise := false // some settings are others
	for _, company := range r.now.companies {
		if r.then.settings[company].Version != r.now.settings[company].Version {
			otherwise = true
		} else if first[company] = impact.MaxDay; len(r.causes[company]) > 0 {
			first[company] = slices.Min(slices.Collect(maps.Keys(r.causes[company]))) // nothing moved before
		}
		for _, month := range (impact.Range{From: first[company], To: r.ended[company]}).WholeMonths() {
			months = append(months, impact.Question{Company: company, Programme: impact.AllProgrammes, Range: month, Parts: impact.PartsOverview})
		}
	}
	was, between, is, err := r.figures(ctx, tx, months, otherwise, limit)
	if err != nil {
		return nil, err
	}
	answers := make(map[impact.CompanyID]*impact.Restatements)
	all := make(map[impact.CompanyID]*causes)
	for _, company := range r.now.companies {
		answers[company] = &impact.Restatements{Until: r.now.at, ErasedSince: r.erased[company].Since}
		all[company] = new(causes)
	}
	for i, q := range months {
		own := r.causes[q.Company][q.Range.From]
		if own == nil {
			own = new(causes)
		}
		own.sort()
		all[q.Company].merge(own)
		a := answers[q.Company]
		a.List = append(a.List, impact.Restate(q.Range, was[i], between[i], is[i], own.of, all[q.Company].of)...)
	}
	return answers, nil
}

// firstDays are days of companies before which nothing happened.
func (r *restating) firstDays(ctx context.Context, tx *sqlx.Tx) (map[impact.CompanyID]impact.Day, error) {
	var rows []struct {
		Company impact.CompanyID `db:"company_id"`
		At      time.Time
	}
	if err := tx.SelectContext(ctx, &rows, query("past_first"), pq.Array(int64s(r.now.companies))); err != nil {
		return nil, wrap(err, "find first events")
	}
	days := make(map[impact.CompanyID]impact.Day)
	extend := func(company impact.CompanyID, at time.Time) {
		day := impact.DayAt(at, time.UTC) - 1 // whatever the zone
		if known, ok := days[company]; !ok || day < known {
			days[company] = day
		}
	}
	for _, company := range r.now.companies {
		days[company] = impact.MaxDay
	}
	for _, row := range rows {
		extend(row.Company, row.At)
	}
	for _, e := range slices.Concat(r.then.standing, r.now.standing) {
		extend(e.Company, e.OccurredAt)
	}
	return days, nil
}

// figures are those of months as known then, with the events of now and the settings of
// then, and as known now: one go through the log for all.
func (r *restating) figures(
	ctx context.Context, tx *sqlx.Tx, months []impact.Question, otherwise bool, limit int,
) (was, between, is []*impact.Figures, err error) {
	if len(months) == 0 {
		return nil, nil, nil, nil
	}
	then := newPastBook(months, nil, r.then.settings, make(pastPeople))
	mixed := newPastBook(months, nil, r.then.settings, make(pastPeople))
	now := newPastBook(months, nil, r.now.settings, make(pastPeople))
	if err := eachPast(ctx, tx, []*pastLog{r.then, r.now}, now.end, limit, func(log int, e *impact.Event) error {
		if log == 0 {
			return then.add(e)
		}
		if otherwise {
			if err := mixed.add(e); err != nil {
				return err
			}
		}
		return now.add(e)
	}); err != nil {
		return nil, nil, nil, err
	}
	was, is = then.figures(), now.figures()
	if !otherwise {
		return was, is, is, nil
	}
	return was, mixed.figures(), is, nil
}

func (b *pastBook) figures() []*impact.Figures {
	readings := b.readings()
	figures := make([]*impact.Figures, len(readings))
	for i, r := range readings {
		figures[i] = r.Figures()
	}
	return figures
}

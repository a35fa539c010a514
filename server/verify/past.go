package verify

import (
	"context"
	"slices"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// maxInstants is how many instants are compared: readers go through the log for each.
const maxInstants = 4

// past is what was known at an instant, of all time.
type past struct {
	at time.Time
	crowd
	chains      *chains
	accounts    map[string]*account
	history     map[string]*history
	first, last impact.Day
	begun       bool
}

// knows reports an event that had been stored. One of which nobody knows when it was
// counts as if it always had been: what was known cannot be worked out without it.
func (p *past) knows(e *db.LedgerEvent) bool { return !e.StoredAt.After(p.at) }

// preparePasts takes instants at which something was stored, since the settings changed
// last: those of then are not worked out anew.
func (r *run) preparePasts(ctx context.Context, corrections, named, directory []*db.LedgerEvent) error {
	if r.options.Only != nil && !r.options.Only(AllTime) {
		return nil
	}
	instants, err := r.ledger.Instants(ctx, maxInstants)
	if err != nil {
		return err
	}
	for _, at := range instants {
		p := &past{at: at, accounts: make(map[string]*account), history: make(map[string]*history)}
		for _, programme := range r.programmes {
			p.accounts[programme], p.history[programme] = newAccount(), newHistory()
		}
		names := make(map[impact.Key]bool)
		known, bearers := []*db.LedgerEvent{}, []*db.LedgerEvent{}
		for _, e := range corrections {
			if p.knows(e) {
				known = append(known, e)
				for _, n := range targetsOf(e) {
					names[n] = true
				}
			}
		}
		for _, e := range named {
			is := false
			for _, n := range namesOf(e) {
				is = is || names[n]
			}
			if is && p.knows(e) {
				bearers = append(bearers, e)
			}
		}
		p.chains = resolve(known, bearers)
		if p.crowd, err = newCrowd(p.chains.counting(slices.DeleteFunc(slices.Clone(directory), func(e *db.LedgerEvent) bool { return !p.knows(e) }))); err != nil {
			return err
		}
		stored, err := r.ledger.DefinedAt(ctx, at)
		if err != nil {
			return err
		}
		if err := p.collect(stored, r.ledger.Company.Calendar, r.ledger.Company.Today(at)); err != nil {
			return err
		}
		for _, e := range p.chains.stands {
			r.addPast(p, e)
		}
		r.pasts = append(r.pasts, p)
	}
	return nil
}

// takePasts adds an event of the log to the instants at which it counted as it is.
func (r *run) takePasts(e *db.LedgerEvent) {
	for _, p := range r.pasts {
		if p.knows(e) && !p.chains.members[e.Key] {
			r.addPast(p, e)
		}
	}
}

func (r *run) addPast(p *past, e *db.LedgerEvent) {
	day := dayOf(e.OccurredAt, r.ledger.Company.Location)
	if !p.begun {
		p.begun, p.first, p.last = true, day, day
	}
	p.first, p.last = min(p.first, day), max(p.last, day)
	p.note(e, day)
	for _, programme := range [...]string{impact.AllProgrammes, e.Programme} {
		if p.accounts[programme] == nil { // of a correction that was corrected since
			p.accounts[programme], p.history[programme] = newAccount(), newHistory()
		}
		p.accounts[programme].add(e, r.ratesOn(day))
		p.history[programme].add(e)
	}
}

// comparePasts compares what was known with what readers say was.
func (r *run) comparePasts(ctx context.Context) error {
	for _, p := range r.pasts {
		var claims []*claim
		for _, programme := range r.programmes[:min(len(r.programmes), maxFilterProgrammes)] {
			claims = append(claims, r.pastClaim(p, programme))
		}
		err := r.askOf(ctx, r.ledger.Then, impact.AsOfTime(p.at), claims)
		if impact.CodeOf(err) == impact.CodeTooLarge {
			return nil // readers do not tell it either
		}
		if err != nil {
			return err
		}
		r.result.Instants++
	}
	return nil
}

// pastClaim is what the log says of a programme at an instant.
func (r *run) pastClaim(p *past, programme string) *claim {
	active := impact.Range{From: p.first, To: p.last + 1}
	of := r.scope(p.accounts[programme], p.history[programme], programme, impact.AllTime, monthsOf(active))
	c := &claim{
		period: AllTime + " as of " + impact.AsOfTime(p.at).String(), programme: programme, days: impact.AllTime, active: active,
		explained: true, parts: of.company(),
	}
	c.everybody, _ = of.cohort(impact.CohortAll, nil)
	if programme == impact.AllProgrammes {
		c.cohorts = p.departmentClaims(of, func(string) bool { return true })
	}
	c.cohorts = append(c.cohorts, p.filterClaims(of, p.history[impact.AllProgrammes])...)
	return c
}

package db

import (
	"context"
	"maps"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// maxPasts is how many calls go through the log at once: each keeps a connection and
// about a processor busy.
const maxPasts = 2

// pasts answers what was known at instants. Answers are kept for as long as nobody is
// erased of their company and k stays; nothing else can change them.
type pasts struct {
	store   *Store
	limit   int // events that a call reads
	reading chan struct{}

	figures *lru.Cache[pastKey[impact.Question], *impact.Figures]
	cohorts *lru.Cache[pastKey[impact.CohortQuestion], *impact.Cohort]
	known   *lru.Cache[pastKey[impact.PastAsk], *impact.Past]

	restated *lru.Cache[pastKey[impact.RestatementQuestion], *impact.Restatements]
}

// pastKey is what was asked when so many people were erased of the company, and groups of
// fewer than k withheld.
type pastKey[K comparable] struct {
	asked    K
	erasures int32
	k        int64
}

func pastKeyOf[K comparable](asked K, e erased) pastKey[K] {
	return pastKey[K]{asked, e.Erasures, e.MinGroup}
}

func newPasts(s *Store) *pasts {
	return &pasts{
		store: s, limit: maxPastEvents, reading: make(chan struct{}, maxPasts),
		figures: newLRU[pastKey[impact.Question], *impact.Figures](figureCache),
		cohorts: newLRU[pastKey[impact.CohortQuestion], *impact.Cohort](figureCache),
		known:   newLRU[pastKey[impact.PastAsk], *impact.Past](figureCache),

		restated: newLRU[pastKey[impact.RestatementQuestion], *impact.Restatements](restatedCache),
	}
}

// restatedCache is how many lists of restatements are kept, for their further pages; one
// can take a megabyte.
const restatedCache = 32

func newLRU[K comparable, V any](size int) *lru.Cache[K, V] {
	c, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // the size is positive
	}
	return c
}

// erased is what the erasures of a company mean for an instant, and how small a group may
// be told of now.
type erased struct {
	ID       impact.CompanyID
	Erasures int32
	Since    bool
	MinGroup int64 `db:"min_group"`
}

func erasedOf(ctx context.Context, q sqlx.QueryerContext, at impact.AsOf, companies []impact.CompanyID) (map[impact.CompanyID]erased, error) {
	var rows []erased
	if err := sqlx.SelectContext(ctx, q, &rows, query("past_facts"), pq.Array(int64s(companies)), at.Time()); err != nil {
		return nil, wrap(err, "read erasures")
	}
	found := make(map[impact.CompanyID]erased, len(rows))
	for _, r := range rows {
		found[r.ID] = r
	}
	return found, nil
}

// pastAsked is what is asked of a company about an instant.
type pastAsked[K comparable] func(K) (impact.CompanyID, impact.AsOf)

// fromPast answers from the cache, and reads what is missing in one go for each instant.
func fromPast[K comparable, V any](
	ctx context.Context, p *pasts, c *lru.Cache[pastKey[K], V], keys []K, about pastAsked[K],
	read func(ctx context.Context, tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, missing []K) ([]V, error),
) ([]V, error) {
	values := make([]V, len(keys))
	err := p.eachInstant(ctx, len(keys), func(i int) (impact.CompanyID, impact.AsOf) { return about(keys[i]) },
		func(i int, e erased) (found bool) {
			values[i], found = c.Get(pastKeyOf(keys[i], e))
			return found && !uncached(ctx)
		},
		func(tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, missing []int) error {
			asked := make([]K, len(missing))
			for n, i := range missing {
				asked[n] = keys[i]
			}
			got, err := read(ctx, tx, log, erased, asked)
			if err != nil {
				return err
			}
			for n, i := range missing {
				values[i] = got[n]
				if company, _ := about(keys[i]); !uncached(ctx) {
					c.Add(pastKeyOf(keys[i], erased[company]), got[n])
				}
			}
			return nil
		})
	return values, err
}

// eachInstant has those of n places read that are not known, in one go for each instant.
func (p *pasts) eachInstant(
	ctx context.Context, n int, about pastAsked[int], known func(i int, e erased) bool,
	read func(tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, missing []int) error,
) error {
	byInstant := make(map[impact.AsOf][]int)
	for i := range n {
		_, at := about(i)
		byInstant[at] = append(byInstant[at], i)
	}
	for _, at := range slices.Sorted(maps.Keys(byInstant)) {
		company := func(i int) impact.CompanyID { company, _ := about(i); return company }
		if err := p.answer(ctx, at, byInstant[at], company, known, read); err != nil {
			return err
		}
	}
	return nil
}

// answer has those of the places read that are not known.
func (p *pasts) answer(
	ctx context.Context, at impact.AsOf, places []int, company func(int) impact.CompanyID, known func(i int, e erased) bool,
	read func(tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, missing []int) error,
) error {
	unknown := func() (missing []int, companies []impact.CompanyID, err error) {
		for _, i := range places {
			companies = append(companies, company(i))
		}
		slices.Sort(companies)
		companies = slices.Compact(companies)
		erased, err := erasedOf(ctx, p.store.db, at, companies)
		if err != nil {
			return nil, nil, err
		}
		companies = companies[:0]
		for _, i := range places {
			if !known(i, erased[company(i)]) {
				missing, companies = append(missing, i), append(companies, company(i))
			}
		}
		slices.Sort(companies)
		return missing, slices.Compact(companies), nil
	}
	if missing, _, err := unknown(); err != nil || len(missing) == 0 {
		return err
	}
	select {
	case p.reading <- struct{}{}:
		defer func() { <-p.reading }()
	case <-ctx.Done():
		return wrap(ctx.Err(), "wait to read the past")
	}
	missing, companies, err := unknown() // who was before us may have asked the same
	if err != nil || len(missing) == 0 {
		return err
	}
	return p.store.at(ctx, at, func(tx *sqlx.Tx) error {
		erased, err := erasedOf(ctx, tx, at, companies)
		if err != nil {
			return err
		}
		log, err := openPast(ctx, tx, at, companies)
		if err != nil {
			return err
		}
		return read(tx, log, erased, missing)
	})
}

// Past is what was known of companies at instants, in the order of asks: one go through
// a few tables for each instant, and through the logs of those whose days of activity
// are asked for. The answers are shared and must not be changed; those with lists of
// cohorts, which can be long, are not kept. Errors are as of [Figures.Figures].
func (f *Figures) Past(ctx context.Context, asks []impact.PastAsk) ([]*impact.Past, error) {
	if slices.ContainsFunc(asks, func(a impact.PastAsk) bool { return a.Cohorts }) {
		ctx = Uncached(ctx)
	}
	return fromPast(ctx, f.pasts, f.pasts.known, asks, func(a impact.PastAsk) (impact.CompanyID, impact.AsOf) { return a.Company, a.AsOf },
		func(ctx context.Context, tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, asks []impact.PastAsk) ([]*impact.Past, error) {
			maps, err := valueMapsIn(ctx, tx, log.companies, log.at)
			if err != nil {
				return nil, err
			}
			var active map[impact.CompanyID]impact.Range
			if slices.ContainsFunc(asks, func(a impact.PastAsk) bool { return a.Active }) {
				if active, err = log.active(ctx, tx); err != nil {
					return nil, err
				}
			}
			cohorts, err := log.cohortKeys(ctx, tx, asks, f.pasts.limit)
			if err != nil {
				return nil, err
			}
			list := make([]*impact.Past, len(asks))
			for i, a := range asks {
				list[i] = &impact.Past{
					Settings: log.settings[a.Company], Map: maps[a.Company], Active: active[a.Company], Cohorts: cohorts[a.Company],
					ErasedSince: erased[a.Company].Since,
				}
			}
			return list, nil
		})
}

func (p *pasts) readFigures(ctx context.Context, questions []impact.Question) ([]*impact.Figures, error) {
	return fromPast(ctx, p, p.figures, questions, func(q impact.Question) (impact.CompanyID, impact.AsOf) { return q.Company, q.AsOf },
		func(ctx context.Context, tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, missing []impact.Question) ([]*impact.Figures, error) {
			readings, err := log.readings(ctx, tx, missing, p.limit)
			if err != nil {
				return nil, err
			}
			answers := make([]*impact.Figures, len(readings))
			for i, r := range readings {
				answers[i] = r.Figures()
				answers[i].ErasedSince = erased[r.Company].Since
			}
			return answers, nil
		})
}

// maxKeptFilter is up to how many bytes of a filter answers are kept.
const maxKeptFilter = 1000

func (p *pasts) readCohorts(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Cohort, error) {
	if slices.ContainsFunc(questions, func(q impact.CohortQuestion) bool { return len(q.Filter) > maxKeptFilter }) {
		ctx = Uncached(ctx)
	}
	return fromPast(ctx, p, p.cohorts, questions, func(q impact.CohortQuestion) (impact.CompanyID, impact.AsOf) { return q.Company, q.AsOf },
		func(ctx context.Context, tx *sqlx.Tx, log *pastLog, erased map[impact.CompanyID]erased, missing []impact.CohortQuestion) ([]*impact.Cohort, error) {
			answers, err := log.cohorts(ctx, tx, missing, erased, p.limit)
			if err != nil {
				return nil, err
			}
			for i, c := range answers {
				if c != nil {
					c.ErasedSince = erased[missing[i].Company].Since
				}
			}
			return answers, nil
		})
}

// apart answers the questions about the past, and those about now, and puts them in order.
func apart[K, V any](
	questions []K, at func(K) impact.AsOf, now, then func([]K) ([]V, error),
) ([]V, error) {
	if !slices.ContainsFunc(questions, func(q K) bool { return at(q) != 0 }) {
		return now(questions)
	}
	answers := make([]V, len(questions))
	for _, half := range []struct {
		past bool
		read func([]K) ([]V, error)
	}{{false, now}, {true, then}} {
		var asked []K
		var places []int
		for i, q := range questions {
			if (at(q) != 0) == half.past {
				asked, places = append(asked, q), append(places, i)
			}
		}
		if len(asked) == 0 {
			continue
		}
		got, err := half.read(asked)
		if err != nil {
			return nil, err
		}
		for i, v := range got {
			answers[places[i]] = v
		}
	}
	return answers, nil
}

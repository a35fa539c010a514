package db

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// person names somebody across companies.
type person struct {
	company impact.CompanyID
	key     string
}

// maxOrdinals bounds the cache of ordinals; about 100 bytes each.
const maxOrdinals = 200_000

// ordinals caches the numbering of people. Numbers never change, so entries are good
// until somebody of their company is erased; only committed ones may enter.
type ordinals struct {
	mu       sync.RWMutex // guards the fields below; held for map accesses only
	known    map[person]impact.Ordinal
	erasures map[impact.CompanyID]int32 // of each company, when its entries were good
}

// renew drops the entries of companies that people were erased from since. The caller
// holds the lock of every company, so that no erasure comes between.
func (o *ordinals) renew(companies map[impact.CompanyID]*foldCompany) {
	o.mu.RLock()
	stale := false
	for id, c := range companies {
		stale = stale || o.erasures[id] != c.erasures
	}
	o.mu.RUnlock()
	if !stale {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.erasures == nil {
		o.erasures = make(map[impact.CompanyID]int32)
	}
	maps.DeleteFunc(o.known, func(p person, _ impact.Ordinal) bool {
		c := companies[p.company]
		return c != nil && o.erasures[p.company] != c.erasures
	})
	for id, c := range companies {
		o.erasures[id] = c.erasures
	}
}

func (o *ordinals) lookup(people map[person]impact.Ordinal) (missing []person) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for p := range people {
		if ord, ok := o.known[p]; ok {
			people[p] = ord
		} else {
			missing = append(missing, p)
		}
	}
	return missing
}

// learn takes up what a fold found, unless an erasure has come between.
func (o *ordinals) learn(companies map[impact.CompanyID]*foldCompany, people map[person]impact.Ordinal, fresh []person) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known)+len(fresh) > maxOrdinals {
		o.known = make(map[person]impact.Ordinal, len(fresh))
	}
	for _, p := range fresh {
		if o.erasures[p.company] == companies[p.company].erasures {
			o.known[p] = people[p]
		}
	}
}

// number fills in the ordinals of people and gives those who have none the next
// ones of their company. The caller holds the lock of every company and, once its
// transaction is committed, calls learned.
func (s *Store) number(ctx context.Context, tx *sqlx.Tx, companies map[impact.CompanyID]*foldCompany, people map[person]impact.Ordinal) (learned func(), err error) {
	s.ordinals.renew(companies)
	missing := s.ordinals.lookup(people)
	if len(missing) == 0 {
		return func() {}, nil
	}
	slices.SortFunc(missing, func(a, b person) int {
		return cmp.Or(cmp.Compare(a.company, b.company), cmp.Compare(a.key, b.key))
	})
	ids, keys := personColumns(missing)
	found := make(map[person]bool, len(missing))
	rows, err := tx.QueryContext(ctx, `
		SELECT p.company_id, p.key, p.ordinal
		FROM unnest($1::integer[], $2::text[]) AS asked (company_id, key)
		JOIN person p USING (company_id, key)`, pq.Array(ids), pq.Array(keys))
	if err != nil {
		return nil, wrap(err, "find %d people", len(missing))
	}
	defer rows.Close()
	for rows.Next() {
		var p person
		var ord int64
		if err := rows.Scan(&p.company, &p.key, &ord); err != nil {
			return nil, wrap(err, "find people")
		}
		people[p], found[p] = impact.Ordinal(ord), true
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err, "find people")
	}

	fresh := slices.DeleteFunc(slices.Clone(missing), func(p person) bool { return found[p] })
	if len(fresh) > 0 {
		numbers := make([]int64, len(fresh))
		for i, p := range fresh {
			c := companies[p.company]
			people[p] = c.nextOrdinal
			numbers[i] = int64(c.nextOrdinal)
			c.nextOrdinal++
		}
		// Ordinals are remembered, so they must outlast a crash that loses folds.
		if _, err := tx.ExecContext(ctx, "SET LOCAL synchronous_commit TO DEFAULT"); err != nil {
			return nil, wrap(err, "number people")
		}
		ids, keys := personColumns(fresh)
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO person (company_id, key, ordinal)
			SELECT * FROM unnest($1::integer[], $2::text[], $3::integer[])`,
			pq.Array(ids), pq.Array(keys), pq.Array(numbers)); err != nil {
			return nil, wrap(err, "number %d people", len(fresh))
		}
	}
	return func() { s.ordinals.learn(companies, people, missing) }, nil
}

func personColumns(people []person) (ids []int64, keys []string) {
	ids, keys = make([]int64, len(people)), make([]string, len(people))
	for i, p := range people {
		ids[i], keys[i] = int64(p.company), p.key
	}
	return ids, keys
}

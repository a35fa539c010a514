package db

import (
	"context"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// cohorts answers questions as [Figures.Cohorts] does, nil where there was no such cohort:
// in one go through the directory events, if somebody asks who was where, and one through
// the log. Groups of fewer people than k are withheld, the greater of k as it was and, by
// company, as it is.
func (l *pastLog) cohorts(ctx context.Context, tx *sqlx.Tx, questions []impact.CohortQuestion, k map[impact.CompanyID]erased, limit int) ([]*impact.Cohort, error) {
	people := make(pastPeople)
	m, err := l.membership(ctx, tx, questions, people, limit)
	if err != nil {
		return nil, err
	}
	c := newCohorts(questions, m.members)
	if len(c.asked) == 0 {
		return c.answer(nil), nil
	}
	b := newPastBook(c.asked, m.presence(), l.withheldBy(k), people)
	if err := b.read(ctx, tx, l, limit); err != nil {
		return nil, err
	}
	m.attend(b)
	m.resolve()
	answers := c.answer(b.readings())
	return answers, people.asNumbered(ctx, tx, explainedIn(answers))
}

// membership is who belonged to cohorts, but for who was in sets.
func (l *pastLog) membership(
	ctx context.Context, tx *sqlx.Tx, questions []impact.CohortQuestion, people pastPeople, limit int,
) (*membership, error) {
	m, err := newMembership(questions)
	if err != nil {
		return nil, err
	}
	if err := m.definitions(ctx, tx, l.at); err != nil {
		return nil, err
	}
	m.look(func(c impact.CompanyID) (impact.Calendar, impact.Day) {
		calendar := l.settings[c].Calendar
		return calendar, calendar.Today(l.at.Time())
	})
	if err := l.directory(ctx, tx, m, people, limit); err != nil {
		return nil, err
	}
	m.findDepartments()
	return m, nil
}

// attend takes who was in the sets.
func (m *membership) attend(b *pastBook) {
	for of, members := range m.sets {
		b.each(of, func(_ impact.Day, people *roaring.Bitmap) { members.Or(people) })
	}
}

// withheldBy are the settings as they were, of the groups of now if those are greater:
// who raises k does not want smaller ones told, whenever they were.
func (l *pastLog) withheldBy(k map[impact.CompanyID]erased) map[impact.CompanyID]*impact.Settings {
	settings := make(map[impact.CompanyID]*impact.Settings, len(l.settings))
	for company, then := range l.settings {
		s := *then
		s.MinGroup = max(s.MinGroup, k[company].MinGroup)
		settings[company] = &s
	}
	return settings
}

// directory finds who was where, by the rule of folds, of the companies and attributes
// that are asked for.
func (l *pastLog) directory(ctx context.Context, tx *sqlx.Tx, m *membership, people pastPeople, limit int) error {
	departmental := m.departmental()
	companies := maps.Clone(departmental)
	for ref := range m.traits {
		companies[ref.company] = true
	}
	if len(companies) == 0 {
		return nil
	}
	latest := make(facts)
	take := func(e *impact.Event) {
		for of, s := range factsOf(e) {
			if m.traits[traitRef{of.company, of.name}] != nil || of.name == "" && departmental[of.company] {
				latest.note(of, s)
			}
		}
	}
	rows, err := tx.QueryContext(ctx, query("past_directory"), pq.Array(int64s(slices.Collect(maps.Keys(companies)))), l.at.Time())
	if err != nil {
		return wrap(err, "read the directory")
	}
	defer rows.Close()
	for left := limit; rows.Next(); {
		if left--; left < 0 {
			return errPastTooLarge(limit)
		}
		e := impact.Event{Kind: impact.KindDirectory}
		if err := rows.Scan(&e.Company, (*uuid)(&e.Key), &e.Participant, &e.OccurredAt, &e.Department, &e.Attributes); err != nil {
			return wrap(err, "read the directory")
		}
		if !l.isMember(&e) {
			take(&e)
		}
	}
	if err := rows.Err(); err != nil {
		return wrap(err, "read the directory")
	}
	for _, e := range l.standing {
		take(e)
	}
	m.departments = make(map[impact.CompanyID][]impact.Members)
	groups := make(groupsOf)
	for of, s := range latest {
		who := people.number(of.company, of.key)
		switch {
		case of.name == "":
			groups.add(traitRef{company: of.company}, departmentKey(s.text), s.text, who)
		case s.text != "":
			t := traitRef{of.company, of.name}
			groups.add(t, attributeKey(s.text), "", who)
			m.traits[t].any.Add(who)
		}
	}
	for ref, list := range groups.sorted() {
		if ref.name == "" {
			m.departments[ref.company] = list
		} else {
			m.traits[ref].groups = list
		}
	}
	return nil
}

// cohortKeys are the cohorts of companies of which they are asked for, as
// [Figures.Departments] has them.
func (l *pastLog) cohortKeys(ctx context.Context, tx *sqlx.Tx, asks []impact.PastAsk, limit int) (map[impact.CompanyID][]string, error) {
	var unknown []impact.CohortQuestion // of no key: it takes all departments
	var companies []int64
	for _, a := range asks {
		if a.Cohorts {
			unknown, companies = append(unknown, impact.CohortQuestion{Company: a.Company}), append(companies, int64(a.Company))
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	m, err := newMembership(unknown)
	if err != nil {
		return nil, err
	}
	if err := l.directory(ctx, tx, m, make(pastPeople), limit); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, query("past_cohort_keys"), pq.Array(companies), l.at.Time())
	if err != nil {
		return nil, wrap(err, "read cohorts")
	}
	defer rows.Close()
	keys := make(map[impact.CompanyID][]string)
	for rows.Next() {
		var company impact.CompanyID
		var key string
		if err := rows.Scan(&company, &key); err != nil {
			return nil, wrap(err, "read cohorts")
		}
		keys[company] = append(keys[company], key)
	}
	for company, departments := range m.departments {
		defined := keys[company]
		for _, d := range departments {
			if !slices.Contains(defined, d.Key) {
				keys[company] = append(keys[company], d.Name)
			}
		}
	}
	return keys, wrap(rows.Err(), "read cohorts")
}

// groupsOf are who has which value of attributes or, without a name, is in which
// department, by key.
type groupsOf map[traitRef]map[string]*impact.Members

func (g groupsOf) add(of traitRef, key, name string, who impact.Ordinal) {
	if g[of] == nil {
		g[of] = make(map[string]*impact.Members)
	}
	m := g[of][key]
	if m == nil {
		m = &impact.Members{Key: key, Name: name, People: roaring.New()}
		g[of][key] = m
	}
	m.Name = min(m.Name, name)
	m.People.Add(who)
}

// sorted are the groups in the order of their keys.
func (g groupsOf) sorted() map[traitRef][]impact.Members {
	lists := make(map[traitRef][]impact.Members, len(g))
	for of, groups := range g {
		for _, m := range groups {
			lists[of] = append(lists[of], *m)
		}
		slices.SortFunc(lists[of], byKey)
	}
	return lists
}

// pastPeople numbers people as they come.
type pastPeople map[impact.CompanyID]map[string]impact.Ordinal

// number is somebody's number, given if there is none; that of nobody is not looked at.
func (p pastPeople) number(company impact.CompanyID, key string) impact.Ordinal {
	if key == "" {
		return 0
	}
	people := p[company]
	if people == nil {
		people = make(map[string]impact.Ordinal)
		p[company] = people
	}
	n, known := people[key]
	if !known {
		n = impact.Ordinal(len(people))
		people[key] = n
	}
	return n
}

// explainedPeople are some people of a company.
type explainedPeople struct {
	company impact.CompanyID
	people  **roaring.Bitmap
}

// explainedIn are those of the explanations of cohorts.
func explainedIn(answers []*impact.Cohort) (sets []explainedPeople) {
	for _, c := range answers {
		if c == nil {
			continue
		}
		for _, c := range []*impact.Cohort{c, c.Others} {
			if c == nil || c.Explained == nil || c.Explained.Members == nil {
				continue
			}
			for _, people := range []**roaring.Bitmap{&c.Explained.Members, &c.Explained.Serving, &c.Explained.Met} {
				sets = append(sets, explainedPeople{c.Basis.Company, people})
			}
		}
	}
	return sets
}

// asNumbered writes the people of explanations by the numbers that they have in the
// database: by those their events are found. The error is [impact.CodeUnavailable] while
// somebody has none yet.
func (p pastPeople) asNumbered(ctx context.Context, tx *sqlx.Tx, sets []explainedPeople) error {
	if len(sets) == 0 {
		return nil
	}
	var companies []impact.CompanyID
	for _, of := range sets {
		companies = append(companies, of.company)
	}
	slices.Sort(companies)
	companies = slices.Compact(companies)
	numbers := make(map[impact.CompanyID]map[impact.Ordinal]impact.Ordinal, len(companies))
	for _, company := range companies {
		numbers[company] = make(map[impact.Ordinal]impact.Ordinal, len(p[company]))
	}
	rows, err := tx.QueryContext(ctx, "SELECT company_id, key, ordinal FROM person WHERE company_id = ANY ($1)", pq.Array(int64s(companies)))
	if err != nil {
		return wrap(err, "read the numbers of people")
	}
	defer rows.Close()
	for rows.Next() {
		var of person
		var n impact.Ordinal
		if err := rows.Scan(&of.company, &of.key, &n); err != nil {
			return wrap(err, "read the numbers of people")
		}
		if own, known := p[of.company][of.key]; known {
			numbers[of.company][own] = n
		}
	}
	for _, of := range sets {
		numbered := roaring.New()
		for own := range roaring.Values(*of.people) {
			n, known := numbers[of.company][own]
			if !known {
				return impact.Errorf(impact.CodeUnavailable, "somebody is so new that their events cannot be listed yet: ask again")
			}
			numbered.Add(n)
		}
		*of.people = numbered
	}
	return wrap(rows.Err(), "read the numbers of people")
}

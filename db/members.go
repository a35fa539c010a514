package db

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// members finds who belongs to each cohort, nil where there is no such cohort: by its
// filter, else the stored definition of its key, else the department of that name. It
// takes a constant number of statements.
func (s *Store) members(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Members, error) {
	m, err := newMembership(questions)
	if err != nil {
		return nil, err
	}
	if err := m.definitions(ctx, s.db, 0); err != nil {
		return nil, err
	}
	if len(m.filters) > 0 {
		settings, err := readSettings(ctx, s.db, m.filtering())
		if err != nil {
			return nil, err
		}
		now := time.Now()
		m.look(func(c impact.CompanyID) (impact.Calendar, impact.Day) {
			calendar := settings[c].Calendar
			return calendar, calendar.Today(now)
		})
	}
	if m.departments, err = s.departmentsOf(ctx, m.departmental()); err != nil {
		return nil, err
	}
	if err := m.traits.read(ctx, s); err != nil {
		return nil, err
	}
	m.findDepartments()
	asked := m.presence()
	if err := asked.read(ctx, s, func(at int, _ impact.Day, people *roaring.Bitmap) { m.sets[asked[at]].Or(people) }); err != nil {
		return nil, err
	}
	return m.resolve(), nil
}

// membership works out who belongs to cohorts. What it takes is noted first, so that it
// can be read at once: from the rollups, or as of an instant from the log. In order:
// definitions, look, departments and traits, findDepartments, sets, resolve.
type membership struct {
	questions []impact.CohortQuestion
	members   []*impact.Members // without people until the end; nil where there is no such cohort
	keyed     []int             // questions by a key
	filters   map[int]*impact.CohortFilter
	simpler   map[int][]impact.CohortFilter

	departments map[impact.CompanyID][]impact.Members
	traits      traitAsks
	sets        map[presenceOf]*roaring.Bitmap
	of          func(company impact.CompanyID, did *impact.CohortDid) presenceOf
}

func newMembership(questions []impact.CohortQuestion) (*membership, error) {
	m := &membership{
		questions: questions, members: make([]*impact.Members, len(questions)), filters: make(map[int]*impact.CohortFilter),
		simpler: make(map[int][]impact.CohortFilter), traits: make(traitAsks), sets: make(map[presenceOf]*roaring.Bitmap),
	}
	for i, q := range questions {
		switch {
		case q.Filter != "":
			f, err := impact.ParseCohortFilter(q.Filter)
			if err != nil {
				return nil, err
			}
			m.filter(i, &impact.Members{Filtered: true}, f)
		case q.Key == impact.CohortAll:
			all := everybody
			m.members[i] = &all
		default:
			m.keyed = append(m.keyed, i)
		}
	}
	return m, nil
}

func (m *membership) filter(i int, of *impact.Members, f *impact.CohortFilter) {
	m.members[i], m.filters[i], m.simpler[i] = of, f, f.Simpler()
	m.traits.add(m.questions[i].Company, f.Traits())
}

// departmental are the companies whose departments are needed.
func (m *membership) departmental() map[impact.CompanyID]bool {
	companies := make(map[impact.CompanyID]bool)
	for _, i := range m.keyed {
		if m.members[i] == nil {
			companies[m.questions[i].Company] = true
		}
	}
	for i, f := range m.filters {
		if len(f.Departments()) > 0 {
			companies[m.questions[i].Company] = true
		}
	}
	return companies
}

// filtering are the companies with filters.
func (m *membership) filtering() []impact.CompanyID {
	var companies []impact.CompanyID
	for i := range m.filters {
		companies = append(companies, m.questions[i].Company)
	}
	return companies
}

// look notes what filters ask about what people did, by the calendars and days of
// companies.
func (m *membership) look(calendar func(impact.CompanyID) (impact.Calendar, impact.Day)) {
	m.of = func(company impact.CompanyID, did *impact.CohortDid) presenceOf {
		set, _ := did.Activity.Set()
		programme := did.Programme
		if programme == "" {
			programme = impact.AllProgrammes
		}
		return presenceOf{company: company, programme: programme, set: set, days: did.Range(calendar(company))}
	}
	for i, f := range m.filters {
		company := m.questions[i].Company
		for _, did := range f.Dids() {
			m.sets[m.of(company, did)] = roaring.New()
		}
		for n := range m.simpler[i] {
			for _, did := range m.simpler[i][n].Dids() {
				m.sets[m.of(company, did)] = roaring.New()
			}
		}
		if f.Negates() {
			for _, of := range known(company) {
				m.sets[of] = roaring.New()
			}
		}
	}
}

// presence is who was in which sets, as far as filters ask.
func (m *membership) presence() presence { return slices.Collect(maps.Keys(m.sets)) }

// known is who is known of a company as a participant.
func known(company impact.CompanyID) [2]presenceOf {
	return [2]presenceOf{
		{company: company, programme: impact.AllProgrammes, set: impact.SetParticipants, days: impact.AllTime},
		{company: company, programme: impact.AllProgrammes, set: impact.SetEnrolled, days: impact.AllTime},
	}
}

// findDepartments finds the departments that questions name by a key.
func (m *membership) findDepartments() {
	for _, i := range m.keyed {
		if m.members[i] != nil {
			continue // defined
		}
		q := m.questions[i]
		groups := m.departments[q.Company]
		if at := place(groups, departmentKey(q.Key)); at >= 0 {
			m.members[i] = &impact.Members{
				Key: q.Key, Name: groups[at].Name, People: groups[at].People,
				Partitions: []impact.Partition{{Groups: groups, Named: []int{at}}},
			}
		}
	}
}

// resolve is who belongs to the cohorts, and the groups that they are made of.
func (m *membership) resolve() []*impact.Members {
	for i, f := range m.filters {
		company, of := m.questions[i].Company, m.members[i]
		source := filterSource{company, m}
		of.People = f.Members(source)
		for n := range m.simpler[i] {
			of.Differences = append(of.Differences, roaring.Xor(of.People, m.simpler[i][n].Members(source)))
		}
		if names := f.Departments(); len(names) > 0 {
			p := impact.Partition{Groups: m.departments[company]}
			for _, name := range names {
				if at := place(p.Groups, departmentKey(name)); at >= 0 {
					p.Named = append(p.Named, at)
				}
			}
			of.Partitions = append(of.Partitions, p)
		}
		for _, t := range f.Traits() {
			of.Partitions = append(of.Partitions, m.traits.partition(company, t))
		}
	}
	return m.members
}

// filterSource tells who passes the conditions of a company's filter.
type filterSource struct {
	company impact.CompanyID
	*membership
}

// Did implements [impact.CohortSource].
func (f filterSource) Did(d *impact.CohortDid) *roaring.Bitmap { return f.sets[f.of(f.company, d)] }

// Department implements [impact.CohortSource].
func (f filterSource) Department(name string) *roaring.Bitmap {
	groups := f.departments[f.company]
	if at := place(groups, departmentKey(name)); at >= 0 {
		return groups[at].People
	}
	return roaring.New()
}

// Has implements [impact.CohortSource].
func (f filterSource) Has(name, value string) *roaring.Bitmap {
	return f.traits.has(f.company, name, value)
}

// Everybody implements [impact.CohortSource].
func (f filterSource) Everybody() *roaring.Bitmap {
	of := known(f.company)
	return roaring.Or(f.sets[of[0]], f.sets[of[1]])
}

// definitions reads the stored definitions of the keys that are asked for: those of now,
// or with an instant those that held then.
func (m *membership) definitions(ctx context.Context, q sqlx.QueryerContext, at impact.AsOf) error {
	if len(m.keyed) == 0 {
		return nil
	}
	var companies, places []int64
	var keys []string
	for _, i := range m.keyed {
		companies, places = append(companies, int64(m.questions[i].Company)), append(places, int64(i))
		keys = append(keys, departmentKey(m.questions[i].Key))
	}
	sql, args := "read_cohorts", []any{pq.Array(companies), pq.Array(keys), pq.Array(places)}
	if at != 0 {
		sql, args = "past_cohorts", append(args, at.Time())
	}
	rows, err := q.QueryContext(ctx, query(sql), args...)
	if err != nil {
		return wrap(err, "read cohorts")
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var name, filter string
		if err := rows.Scan(&i, &name, &filter); err != nil {
			return wrap(err, "read cohorts")
		}
		f, err := impact.ParseCohortFilter(filter)
		if err != nil {
			return err
		}
		m.filter(i, &impact.Members{Key: m.questions[i].Key, Name: name, Filtered: true}, f)
	}
	return wrap(rows.Err(), "read cohorts")
}

package db

import (
	"context"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// members finds who belongs to each cohort, nil where there is no such cohort: by its
// filter, else the stored definition of its key, else the department of that name. It
// takes a constant number of statements.
func (s *Store) members(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Members, error) {
	members := make([]*impact.Members, len(questions))
	filters := make(map[int]*impact.CohortFilter)
	var keyed []int
	for i, q := range questions {
		switch {
		case q.Filter != "":
			f, err := impact.ParseCohortFilter(q.Filter)
			if err != nil {
				return nil, err
			}
			filters[i], members[i] = f, &impact.Members{Filtered: true}
		case q.Key == impact.CohortAll:
			all := everybody
			members[i] = &all
		default:
			keyed = append(keyed, i)
		}
	}
	if err := s.definitions(ctx, questions, keyed, func(i int, name string, f *impact.CohortFilter) {
		filters[i] = f
		members[i] = &impact.Members{Key: questions[i].Key, Name: name, Filtered: true}
	}); err != nil {
		return nil, err
	}
	var departments departmentAsks
	traits := make(traitAsks)
	for _, i := range keyed {
		if members[i] == nil {
			departments.add(questions[i].Company, questions[i].Key)
		}
	}
	for i, f := range filters {
		for _, name := range f.Departments() {
			departments.add(questions[i].Company, name)
		}
		traits.add(questions[i].Company, f.Traits())
	}
	if err := departments.read(ctx, s); err != nil {
		return nil, err
	}
	if err := traits.read(ctx, s); err != nil {
		return nil, err
	}
	for _, i := range keyed {
		if d := departments.of[departmentRef{questions[i].Company, departmentKey(questions[i].Key)}]; members[i] == nil && d != nil {
			members[i] = &impact.Members{Key: questions[i].Key, Name: d.name, People: d.people}
		}
	}
	if err := s.filtered(ctx, questions, filters, &departments, traits, members); err != nil {
		return nil, err
	}
	return members, s.partitions(ctx, questions, filters, traits, members)
}

// definitions reads the stored definitions of questions by their keys.
func (s *Store) definitions(
	ctx context.Context, questions []impact.CohortQuestion, of []int, each func(i int, name string, f *impact.CohortFilter),
) error {
	if len(of) == 0 {
		return nil
	}
	var companies, places []int64
	var keys []string
	for _, i := range of {
		companies, places = append(companies, int64(questions[i].Company)), append(places, int64(i))
		keys = append(keys, departmentKey(questions[i].Key))
	}
	rows, err := s.db.QueryContext(ctx, query("read_cohorts"), pq.Array(companies), pq.Array(keys), pq.Array(places))
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
		each(i, name, f)
	}
	return wrap(rows.Err(), "read cohorts")
}

type departmentRef struct {
	company impact.CompanyID
	key     string // folded
}

type department struct {
	name   string
	people *roaring.Bitmap
}

// departmentAsks are departments to read, and those that there are.
type departmentAsks struct {
	asked []departmentRef
	of    map[departmentRef]*department // nil of a department that there is not
}

func (d *departmentAsks) add(company impact.CompanyID, name string) {
	ref := departmentRef{company, departmentKey(name)}
	if d.of == nil {
		d.of = make(map[departmentRef]*department)
	}
	if _, asked := d.of[ref]; !asked {
		d.of[ref] = nil
		d.asked = append(d.asked, ref)
	}
}

func (d *departmentAsks) read(ctx context.Context, s *Store) error {
	if len(d.asked) == 0 {
		return nil
	}
	var companies, places []int64
	var names []string
	for i, ref := range d.asked {
		companies, names, places = append(companies, int64(ref.company)), append(names, ref.key), append(places, int64(i))
	}
	rows, err := s.db.QueryContext(ctx, query("read_members"), pq.Array(companies), pq.Array(names), pq.Array(places))
	if err != nil {
		return wrap(err, "read members")
	}
	defer rows.Close()
	for rows.Next() {
		var place int
		var name string
		var ordinals pq.Int32Array
		if err := rows.Scan(&place, &name, &ordinals); err != nil {
			return wrap(err, "read members")
		}
		d.of[d.asked[place]] = &department{name, bitmapOf(ordinals)}
	}
	return wrap(rows.Err(), "read members")
}

// filtered works out who passes the filters of questions, by their places.
func (s *Store) filtered(
	ctx context.Context, questions []impact.CohortQuestion, filters map[int]*impact.CohortFilter,
	departments *departmentAsks, traits traitAsks, members []*impact.Members,
) error {
	if len(filters) == 0 {
		return nil
	}
	asked := make([]impact.CompanyID, 0, len(filters))
	for i := range filters {
		asked = append(asked, questions[i].Company)
	}
	settings, err := readSettings(ctx, s.db, asked)
	if err != nil {
		return err
	}
	type ref struct {
		company   impact.CompanyID
		programme string
		set       impact.Set
		r         impact.Range
	}
	var p presence
	var sets []*roaring.Bitmap
	place := make(map[ref]int)
	ask := func(r ref) {
		if _, asked := place[r]; !asked {
			place[r], sets = len(sets), append(sets, roaring.New())
			p.add(r.company, r.programme, r.set, r.r)
		}
	}
	now := time.Now()
	refOf := func(i int, d *impact.CohortDid) ref {
		cal := settings[questions[i].Company].Calendar
		set, _ := d.Activity.Set()
		programme := d.Programme
		if programme == "" {
			programme = impact.AllProgrammes
		}
		return ref{questions[i].Company, programme, set, d.Range(cal, cal.Today(now))}
	}
	known := func(i int, set impact.Set) ref {
		return ref{questions[i].Company, impact.AllProgrammes, set, impact.AllTime}
	}
	simpler := make(map[int][]impact.CohortFilter, len(filters))
	for i, f := range filters {
		simpler[i] = f.Simpler()
		for _, d := range f.Dids() {
			ask(refOf(i, d))
		}
		for n := range simpler[i] {
			for _, d := range simpler[i][n].Dids() {
				ask(refOf(i, d))
			}
		}
		ask(known(i, impact.SetParticipants))
		ask(known(i, impact.SetEnrolled))
	}
	if err := p.read(ctx, s, func(at int, _ impact.Day, people *roaring.Bitmap) { sets[at].Or(people) }); err != nil {
		return err
	}
	for i, f := range filters {
		source := filterSource{
			company:     questions[i].Company,
			did:         func(d *impact.CohortDid) *roaring.Bitmap { return sets[place[refOf(i, d)]] },
			departments: departments, traits: traits,
			everybody: roaring.Or(sets[place[known(i, impact.SetParticipants)]], sets[place[known(i, impact.SetEnrolled)]]),
		}
		members[i].People = f.Members(source)
		for n := range simpler[i] {
			members[i].Differences = append(members[i].Differences, roaring.Xor(members[i].People, simpler[i][n].Members(source)))
		}
	}
	return nil
}

package impact

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"
)

// Role is how somebody took part.
type Role string

// The roles.
const (
	RoleVolunteer   Role = "VOLUNTEER"
	RoleParticipant Role = "PARTICIPANT"
)

// Set is who was active in the role.
func (r Role) Set() Set {
	if r == RoleVolunteer {
		return SetVolunteers
	}
	return SetParticipants
}

// Facet is where the sums of the role lie.
func (r Role) Facet() Facet {
	if r == RoleVolunteer {
		return FacetVolunteers
	}
	return FacetParticipants
}

// RosterOrder is what people are listed by.
type RosterOrder string

// The orders. Ties are in the order in which people first appeared in the log.
const (
	OrderHours RosterOrder = "HOURS" // the most first
	OrderVIS   RosterOrder = "VIS"   // the highest first; of volunteers alone
	OrderName  RosterOrder = "NAME"  // by the bytes of the key

	// OrderFirstSeen is that of the log. Its pages need the sums of the people on them, and
	// of those whom they met, alone: memory and time do not grow with the list.
	OrderFirstSeen RosterOrder = "FIRST_SEEN"
)

// RosterQuestion asks for a page of the people who were active in a role. It needs
// [PartsCohort] of the reading.
type RosterQuestion struct {
	Company   CompanyID
	Programme string
	Range     Range
	Role      Role
	Order     RosterOrder
	After     string // a [Person.Cursor]; empty is the beginning
	First     int
}

// Check reports a cursor of another order, with [CodeInvalid].
func (q *RosterQuestion) Check() error {
	if q.After == "" {
		return nil
	}
	if _, ok := q.after(); !ok {
		return Errorf(CodeInvalid, "after is not a cursor of this list in this order: use an endCursor, or leave it out for the first page")
	}
	return nil
}

// after is where the page begins; by name it is the key.
func (q *RosterQuestion) after() (place rosterPlace, ok bool) {
	if q.Order == OrderName {
		return place, ValidKey(q.After)
	}
	if q.Order == OrderFirstSeen {
		n, err := strconv.ParseUint(q.After, 10, 32)
		return rosterPlace{who: Ordinal(n)}, err == nil
	}
	value, who, _ := strings.Cut(q.After, ":")
	var err, err2 error
	place.value, err = strconv.ParseInt(value, 10, 64)
	n, err2 := strconv.ParseUint(who, 10, 32)
	place.who = Ordinal(n)
	return place, err == nil && err2 == nil
}

// rosterPlace is a place in a list by value, the greatest first, then by ordinal. It
// stays where it is whoever comes or goes.
type rosterPlace struct {
	value int64
	who   Ordinal
}

func (p rosterPlace) compare(o rosterPlace) int {
	return cmp.Or(cmp.Compare(o.value, p.value), cmp.Compare(p.who, o.who))
}

// Roster is a page of people.
type Roster struct {
	People []*Person
	More   bool // there are others behind the last
}

// Person is somebody over a reading. What people did who did nothing but be active is 0.
type Person struct {
	Who    Ordinal
	Key    string
	Cursor string // their place in the list

	Hours      decimal.Decimal // given as a volunteer, or received in sessions with named volunteers; 2 places
	Sessions   int64           // of a volunteer: sessions and logged pieces of volunteering
	Met        int64           // of a volunteer: participants met; of a participant: volunteers met
	VIS        VIS             // of a volunteer
	Ratings    Tally           // of a participant: that they gave, in millionths
	Assessed   AssessmentSums  // of a participant
	Months     []PersonMonth   // in which they gave or received time, met somebody or rated; in order
	Programmes []string        // in which they were active, by name

	explained *explainedVolunteer
}

// PersonMonth is what somebody did in a calendar month, as far as it lies in the range.
type PersonMonth struct {
	Month    Day // its first day
	Hours    decimal.Decimal
	Sessions int64
	Met      int64
}

// Page is the people of a page by hours or VIS, without their keys.
func (r *Reading) Page(q *RosterQuestion, p VISParams) Roster {
	after, _ := q.after()
	places := make([]rosterPlace, 0, r.total.Count(q.Role.Set()))
	value := r.rosterValue(q, p)
	for it := r.total.Members(q.Role.Set()).Iterator(); it.HasNext(); {
		who := it.Next()
		place := rosterPlace{value(who), who}
		if q.After == "" || place.compare(after) > 0 {
			places = append(places, place)
		}
	}
	slices.SortFunc(places, rosterPlace.compare)
	page := Roster{More: len(places) > q.First}
	for _, place := range places[:min(q.First, len(places))] {
		page.People = append(page.People, &Person{Who: place.who, Cursor: fmt.Sprintf("%d:%d", place.value, place.who)})
	}
	return page
}

func (r *Reading) rosterValue(q *RosterQuestion, p VISParams) func(Ordinal) int64 {
	switch {
	case q.Order == OrderVIS:
		met := r.met()
		var scratch share
		return func(who Ordinal) int64 {
			var in VISInput
			if v := r.total.Volunteers.Get(who); v != nil {
				in = met.input(v)
			}
			return in.score(&p, &scratch).Shift(scorePlaces).IntPart()
		}
	case q.Role == RoleVolunteer:
		return func(who Ordinal) int64 {
			if v := r.total.Volunteers.Get(who); v != nil {
				return v.MS
			}
			return 0
		}
	}
	return func(who Ordinal) int64 {
		if s := r.total.Participants.Get(who); s != nil {
			return s.MS
		}
		return 0
	}
}

// PageByName is the people of a page by name. keys are those of everybody active in
// the role.
func (r *Reading) PageByName(q *RosterQuestion, keys map[Ordinal]string) Roster {
	list := make([]*Person, 0, len(keys))
	for who, key := range keys {
		if key > q.After && r.total.Members(q.Role.Set()).Contains(who) {
			list = append(list, &Person{Who: who, Key: key, Cursor: key})
		}
	}
	slices.SortFunc(list, func(a, b *Person) int { return cmp.Compare(a.Key, b.Key) })
	return Roster{People: list[:min(q.First, len(list))], More: len(list) > q.First}
}

// PageByFirstSeen is the people of a page in the order of the log, of those active in the
// role.
func PageByFirstSeen(q *RosterQuestion, active *roaring.Bitmap) Roster {
	var page Roster
	it := active.Iterator()
	if q.After != "" {
		after, _ := q.after()
		it.AdvanceIfNeeded(after.who)
		if it.HasNext() && it.PeekNext() == after.who {
			it.Next()
		}
	}
	for it.HasNext() {
		if len(page.People) == q.First {
			page.More = true
			break
		}
		who := it.Next()
		page.People = append(page.People, &Person{Who: who, Cursor: strconv.FormatUint(uint64(who), 10)})
	}
	return page
}

// Describe fills in what the people of a page did.
func (r *Reading) Describe(role Role, people []*Person, p VISParams) {
	if role == RoleVolunteer {
		met := r.met()
		var scratch share
		for _, who := range people {
			var in VISInput
			if v := r.total.Volunteers.Get(who.Who); v != nil {
				in = met.input(v)
				who.Hours, who.Sessions, who.Met = hours(v.MS), v.N, int64(len(v.Met))
			}
			who.VIS = in.vis(&p, &scratch)
			who.explained = &explainedVolunteer{company: r.Company, programme: r.Programme, days: r.Range, settings: r.Settings, input: in, params: p}
			if v := r.total.Volunteers.Get(who.Who); v != nil {
				who.explained.met = v.Met
			}
		}
		return
	}
	met := make(map[Ordinal]int64, len(people))
	for _, who := range people {
		met[who.Who] = 0
	}
	for _, v := range r.total.Volunteers.All() {
		for _, who := range v.Met {
			if n, listed := met[who]; listed {
				met[who] = n + 1
			}
		}
	}
	for _, who := range people {
		who.Met = met[who.Who]
		if s := r.total.Participants.Get(who.Who); s != nil {
			who.Hours, who.Ratings = hours(s.MS), Tally{s.Ratings, s.RatingSum}
		}
		if a := r.total.Assessments.Get(who.Who); a != nil {
			who.Assessed = *a
		}
	}
}

// AddMonth adds a calendar month to those of a person, from its cell; months come in
// order.
func (p *Person) AddMonth(role Role, month Day, c *Cell) {
	m := PersonMonth{Month: month}
	if role == RoleVolunteer {
		v := c.Volunteers.Get(p.Who)
		if v == nil {
			return
		}
		m.Hours, m.Sessions, m.Met = hours(v.MS), v.N, int64(len(v.Met))
	} else {
		s := c.Participants.Get(p.Who)
		if s == nil {
			return
		}
		m.Hours = hours(s.MS)
	}
	p.Months = append(p.Months, m)
}

func hours(ms int64) decimal.Decimal { return rounded(big.NewRat(ms, msPerHour), scorePlaces) }

// MonthSpans covers the range with whole calendar months, and with days where it begins or
// ends within one.
func (r Range) MonthSpans() []Span {
	var spans []Span
	add := func(g Grain, from, to Day) {
		if from < to {
			spans = append(spans, Span{g, from, to})
		}
	}
	first, last := r.From, r.To.monthStart()
	if first != first.monthStart() {
		first = first.nextMonth()
	}
	if first > last {
		add(GrainDay, r.From, r.To)
		return spans
	}
	add(GrainDay, r.From, first)
	add(GrainMonth, first, last)
	add(GrainDay, last, r.To)
	return spans
}

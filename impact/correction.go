package impact

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Links tie an event to others: the names under which a correction finds it, and
// what it corrects itself. Zero keys are none. The names are hashes, as keys are,
// and hold within the event's company.
type Links struct {
	// Alias is the name of the source's own event id, of an event whose key was made
	// of something else; an event always goes by its key as well.
	Alias Key
	// Slot is the name of the volunteer hours of a session.
	Slot Key

	// Supersedes is the name of what the event replaces.
	Supersedes Key
	// SupersedesKey is the key of what the event replaces, where the source's word for
	// it may also be one that an answer of ours gave.
	SupersedesKey Key
	// RevisedAt is when a correction was made, by its source's clock, to the
	// microsecond.
	RevisedAt time.Time
	// Amends says what a correction changes; 0 is one that replaces as a whole.
	Amends Facts
}

// Facts are the facts that an amendment states, as bits. Its people are stated by
// being there.
type Facts uint8

// The facts. FactAmends is of every amendment, also of one that changes nothing that
// figures know.
const (
	FactAmends    Facts = 1 << iota
	FactDate            // OccurredAt
	FactProgramme       // Programme
	FactTime            // DurationMS; 0 strikes the event out
	FactStatus          // Status: whether the event is cancelled
)

// Corrects reports whether the event replaces or amends others.
func (e *Event) Corrects() bool {
	return e.Links != nil && (e.Links.Supersedes != Key{} || e.Links.SupersedesKey != Key{})
}

// Chain is a set of events that are about one thing, because some of them correct
// others, or the same.
type Chain struct {
	Members []*Event
	// Standing is what they add up to, which is what figures count: under the key of
	// the last event that states the thing as a whole. Nil: the thing is struck out, or
	// not yet known.
	Standing *Event
}

// Chains finds the chains among events, which may be of several companies; events
// that no correction among them is about are in none. The outcome depends on the
// set of events only, not on their order.
//
// Of a chain, the originals are said first, by time; then come its corrections, by
// the time of revision, and no correction before one that it corrects itself: it is
// as late as the latest of those. Ties go by the number of corrections that it
// builds upon, then by key. What is said as a whole replaces all that was said
// before; an amendment replaces the facts that it states, and stands in for the
// original where there is none and it names a volunteer. What is cancelled, or
// amended to have taken no time, is struck out until something later says otherwise.
func Chains(events []*Event) []Chain {
	g := newGraph(events)
	var chains []Chain
	for _, members := range g.components() {
		chains = append(chains, Chain{Members: members, Standing: standing(g.inOrder(members))})
	}
	return chains
}

// name is one of an event's names.
type name struct {
	company CompanyID
	key     Key
}

// graph holds which events bear, and which correct, the names that are corrected.
type graph struct {
	bearers     map[name][]*Event
	corrections map[name][]*Event
	rank        map[*Event]rank
}

// rank is a correction's place among those of its chain.
type rank struct {
	at    int64 // Unix microseconds of the revision, or of the latest that it builds upon
	depth int   // how many corrections it builds upon
}

func newGraph(events []*Event) *graph {
	g := &graph{make(map[name][]*Event), make(map[name][]*Event), make(map[*Event]rank)}
	for _, e := range events {
		for _, n := range targets(e) {
			g.corrections[n] = append(g.corrections[n], e)
		}
	}
	for _, e := range events {
		for _, n := range names(e) {
			if _, corrected := g.corrections[n]; corrected {
				g.bearers[n] = append(g.bearers[n], e)
			}
		}
	}
	return g
}

// names are what the event goes by.
func names(e *Event) []name {
	list := append(make([]name, 0, 3), name{e.Company, e.Key})
	if l := e.Links; l != nil {
		list = appendName(list, e.Company, l.Alias)
		list = appendName(list, e.Company, l.Slot)
	}
	return list
}

// targets are the names of what the event corrects.
func targets(e *Event) []name {
	if e.Links == nil {
		return nil
	}
	list := appendName(nil, e.Company, e.Links.Supersedes)
	return appendName(list, e.Company, e.Links.SupersedesKey)
}

func appendName(list []name, c CompanyID, k Key) []name {
	if k == (Key{}) {
		return list
	}
	return append(list, name{c, k})
}

// components are the chains' members, each list and all of them by key.
func (g *graph) components() (all [][]*Event) {
	seen, followed := make(map[*Event]bool), make(map[name]bool)
	for _, list := range g.corrections {
		for _, first := range list {
			if seen[first] {
				continue
			}
			seen[first] = true
			var members []*Event
			for queue := []*Event{first}; len(queue) > 0; {
				e := queue[0]
				queue = queue[1:]
				members = append(members, e)
				for _, n := range append(names(e), targets(e)...) {
					if followed[n] {
						continue
					}
					followed[n] = true
					for _, o := range slices.Concat(g.bearers[n], g.corrections[n]) {
						if !seen[o] {
							seen[o] = true
							queue = append(queue, o)
						}
					}
				}
			}
			slices.SortFunc(members, byKey)
			all = append(all, members)
		}
	}
	slices.SortFunc(all, func(a, b []*Event) int { return byKey(a[0], b[0]) })
	return all
}

func byKey(a, b *Event) int {
	return cmp.Or(cmp.Compare(a.Company, b.Company), bytes.Compare(a.Key[:], b.Key[:]))
}

// inOrder is the members of a chain in the order in which they are said.
func (g *graph) inOrder(members []*Event) []*Event {
	order := slices.SortedFunc(slices.Values(members), func(a, b *Event) int {
		switch {
		case a.Corrects() != b.Corrects():
			if a.Corrects() {
				return 1
			}
			return -1
		case a.Corrects():
			return cmp.Or(a.Links.RevisedAt.Compare(b.Links.RevisedAt), byKey(a, b))
		}
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), byKey(a, b))
	})
	for _, e := range order {
		g.rankOf(e)
	}
	slices.SortStableFunc(order, func(a, b *Event) int {
		if !a.Corrects() || !b.Corrects() {
			return 0 // originals lie before corrections already
		}
		x, y := g.rank[a], g.rank[b]
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.depth, y.depth), byKey(a, b))
	})
	return order
}

// rankOf is the rank of an event; of corrections that correct each other in a circle,
// the one that is ranked last builds upon the others.
func (g *graph) rankOf(e *Event) rank {
	if r, known := g.rank[e]; known || !e.Corrects() {
		return r
	}
	r := rank{at: e.Links.RevisedAt.UnixMicro()}
	g.rank[e] = r
	for _, n := range targets(e) {
		for _, o := range g.bearers[n] {
			if o != e && o.Corrects() {
				under := g.rankOf(o)
				r.at, r.depth = max(r.at, under.at), max(r.depth, under.depth+1)
			}
		}
	}
	g.rank[e] = r
	return r
}

// standing is what statements add up to, the last said last.
func standing(said []*Event) *Event {
	var base, date, programme, time, status *Event // who said last what, as a whole or of a fact
	var participant, volunteer string
	for _, e := range said {
		if e.amends() == 0 {
			base, date, programme, time, status = e, e, e, e, e
			participant, volunteer = e.Participant, e.Volunteer
			continue
		}
		if base == nil || base.amends() != 0 {
			base = e // stands in for the original, which is not known yet
		}
		if e.amends()&FactDate != 0 {
			date = e
		}
		if e.amends()&FactProgramme != 0 {
			programme = e
		}
		if e.amends()&FactTime != 0 {
			time = e
		}
		if e.amends()&FactStatus != 0 {
			status = e
		}
		participant, volunteer = cmp.Or(e.Participant, participant), cmp.Or(e.Volunteer, volunteer)
	}
	switch {
	case status != nil && status.Status == StatusCancelled, // cancelled
		time == nil, time.amends() != 0 && time.DurationMS == 0, // took no time, or nobody says how much
		base.amends() != 0 && volunteer == "": // nobody says who
		return nil
	}
	now := *base
	now.OccurredAt, now.Programme = cmp.Or(date, base).OccurredAt, cmp.Or(programme, base).Programme
	now.Participant, now.Volunteer, now.DurationMS = participant, volunteer, time.DurationMS
	return &now
}

func (e *Event) amends() Facts {
	if e.Links == nil {
		return 0
	}
	return e.Links.Amends
}

package verify

import (
	"bytes"
	"slices"
	"strings"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// chains are what corrections make of the events that they are about.
type chains struct {
	members map[impact.Key]bool // of the log, do not count as they are
	stands  []*db.LedgerEvent   // count instead, by time
}

// counting are those of directory events that count, as they stand.
func (c *chains) counting(directory []*db.LedgerEvent) (list []*db.LedgerEvent) {
	for _, e := range directory {
		if !c.members[e.Key] {
			list = append(list, e)
		}
	}
	for _, e := range c.stands {
		if e.Kind == impact.KindDirectory {
			list = append(list, e)
		}
	}
	return list
}

var none impact.Key

// targetsOf are the names that an event corrects.
func targetsOf(e *db.LedgerEvent) (list []impact.Key) {
	for _, n := range [...]impact.Key{e.Links.Supersedes, e.Links.SupersedesKey} {
		if n != none {
			list = append(list, n)
		}
	}
	return list
}

// namesOf are the names that an event goes by.
func namesOf(e *db.LedgerEvent) (list []impact.Key) {
	for _, n := range [...]impact.Key{e.Key, e.Links.Alias, e.Links.Slot} {
		if n != none {
			list = append(list, n)
		}
	}
	return list
}

// resolve works out what stands. corrections are all that correct something, named all
// else that goes by a name which is corrected. Whoever has a corrected name in common
// tells about one thing.
func resolve(corrections, named []*db.LedgerEvent) *chains {
	corrected := make(map[impact.Key]bool)
	for _, e := range corrections {
		for _, n := range targetsOf(e) {
			corrected[n] = true
		}
	}
	// Union-find over the corrected names and the events' keys.
	parent := make(map[impact.Key]impact.Key)
	var root func(impact.Key) impact.Key
	root = func(k impact.Key) impact.Key {
		p, known := parent[k]
		if !known || p == k {
			return k
		}
		p = root(p)
		parent[k] = p
		return p
	}
	all := slices.Concat(corrections, named)
	bearers := make(map[impact.Key][]*db.LedgerEvent)
	for _, e := range all {
		for _, n := range targetsOf(e) {
			parent[root(n)] = root(e.Key)
		}
		for _, n := range namesOf(e) {
			if corrected[n] {
				parent[root(n)] = root(e.Key)
				bearers[n] = append(bearers[n], e)
			}
		}
	}
	groups := make(map[impact.Key][]*db.LedgerEvent)
	c := &chains{members: make(map[impact.Key]bool)}
	for _, e := range all {
		c.members[e.Key] = true
		groups[root(e.Key)] = append(groups[root(e.Key)], e)
	}
	for _, group := range groups {
		if s := standing(group, bearers); s != nil {
			c.stands = append(c.stands, s)
		}
	}
	slices.SortFunc(c.stands, byTime)
	return c
}

func byTime(a, b *db.LedgerEvent) int {
	if n := a.OccurredAt.Compare(b.OccurredAt); n != 0 {
		return n
	}
	return bytes.Compare(a.Key[:], b.Key[:])
}

// lateness is the place of a correction among those of its thing: as late as the latest
// that it builds upon, then behind all of those.
type lateness struct{ at, behind int64 }

// standing is what the statements about one thing come to; nil is nothing. Originals
// speak first, by time, then corrections by lateness; a statement of the whole wipes
// what was said, an amendment replaces single facts.
func standing(group []*db.LedgerEvent, bearers map[impact.Key][]*db.LedgerEvent) *db.LedgerEvent {
	var originals, corrections []*db.LedgerEvent
	for _, e := range group {
		if len(targetsOf(e)) == 0 {
			originals = append(originals, e)
		} else {
			corrections = append(corrections, e)
		}
	}
	slices.SortFunc(originals, byTime)
	slices.SortFunc(corrections, func(a, b *db.LedgerEvent) int {
		if n := a.Links.RevisedAt.Compare(b.Links.RevisedAt); n != 0 {
			return n
		}
		return bytes.Compare(a.Key[:], b.Key[:])
	})
	late := make(map[*db.LedgerEvent]lateness)
	var find func(e *db.LedgerEvent) lateness
	find = func(e *db.LedgerEvent) lateness {
		if l, known := late[e]; known {
			return l
		}
		l := lateness{at: e.Links.RevisedAt.UnixMicro()}
		late[e] = l // whoever corrects in a circle meets it so
		for _, n := range targetsOf(e) {
			for _, under := range bearers[n] {
				if under == e || len(targetsOf(under)) == 0 {
					continue
				}
				u := find(under)
				l.at, l.behind = max(l.at, u.at), max(l.behind, u.behind+1)
			}
		}
		late[e] = l
		return l
	}
	for _, e := range corrections {
		find(e)
	}
	slices.SortFunc(corrections, func(a, b *db.LedgerEvent) int {
		x, y := late[a], late[b]
		switch {
		case x.at != y.at:
			return sign(x.at - y.at)
		case x.behind != y.behind:
			return sign(x.behind - y.behind)
		}
		return bytes.Compare(a.Key[:], b.Key[:])
	})

	var now db.LedgerEvent
	var whole, known, timed, dated, placed, cancelled bool
	for _, e := range slices.Concat(originals, corrections) {
		facts := e.Links.Amends
		if facts == 0 {
			now, whole, known, timed, dated, placed = *e, true, true, true, true, true
			cancelled = e.Status == impact.StatusCancelled
			continue
		}
		if !whole { // the amendment stands in for an original that is not there
			was := now
			now = *e
			if dated {
				now.OccurredAt = was.OccurredAt
			}
			if placed {
				now.Programme = was.Programme
			}
			now.Participant, now.Volunteer, now.DurationMS = was.Participant, was.Volunteer, was.DurationMS
		}
		known = true
		if facts&impact.FactDate != 0 {
			now.OccurredAt, dated = e.OccurredAt, true
		}
		if facts&impact.FactProgramme != 0 {
			now.Programme, placed = e.Programme, true
		}
		if facts&impact.FactTime != 0 {
			now.DurationMS, timed = e.DurationMS, e.DurationMS != 0
		}
		if facts&impact.FactStatus != 0 {
			cancelled = e.Status == impact.StatusCancelled
		}
		now.Participant, now.Volunteer = last(e.Participant, now.Participant), last(e.Volunteer, now.Volunteer)
	}
	if !known || cancelled || !timed || !whole && now.Volunteer == "" {
		return nil
	}
	return &now
}

func last(said, before string) string {
	if said != "" {
		return said
	}
	return before
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// departments are who belongs to which department, by its name in lower case: what the
// latest directory event says, and of those at one instant the name that sorts last.
func departments(events []*db.LedgerEvent) map[string]map[string]bool {
	latest := make(map[string]*db.LedgerEvent)
	for _, e := range events {
		if e.Participant == "" || e.Department == "" {
			continue
		}
		was := latest[e.Participant]
		if was == nil || e.OccurredAt.After(was.OccurredAt) || e.OccurredAt.Equal(was.OccurredAt) && e.Department > was.Department {
			latest[e.Participant] = e
		}
	}
	of := make(map[string]map[string]bool)
	for who, e := range latest {
		name := strings.ToLower(e.Department)
		if of[name] == nil {
			of[name] = make(map[string]bool)
		}
		of[name][who] = true
	}
	return of
}

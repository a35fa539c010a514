package impact

import "slices"

// Withheld says of which disjoint groups of a company's people, such as its
// departments, a list may not tell the figures over the reading, which needs
// [PartMembers]. Beside the list stands the cohort of everybody, so whoever subtracts the
// groups that are told from it gets the rest: the groups that are withheld, and the
// people of no group. The rules, with k of [Settings.K]:
//
//   - A group of fewer than k active people is withheld.
//   - Of a programme, a group is withheld that is withheld of all programmes, and one
//     that would tell by difference of fewer than k people of it who were active in
//     other programmes alone.
//   - While the rest has 1 to k-1 people, or is a single group that one of the rules
//     meant to withhold, the smallest group that is told is withheld as well.
//
// whole is the reading of all programmes over the same range, needed if r is of one.
// The answer depends on nothing but the two readings and the groups, so asking again,
// or in another order, tells nothing more.
func (r *Reading) Withheld(groups []Members, whole *Reading) []bool {
	k := r.Settings.K()
	sizes, withheld := r.sizes(groups), make([]bool, len(groups))
	if r.Programme != AllProgrammes && whole != nil {
		all := whole.sizes(groups)
		copy(withheld, whole.Withheld(groups, nil))
		for i := range groups {
			elsewhere := all[i] - sizes[i]
			withheld[i] = withheld[i] || 0 < elsewhere && elsewhere < k
		}
	}
	withhold(k, r.total.Count(SetParticipants), sizes, withheld)
	return withheld
}

// sizes are how many people of each group were active.
func (r *Reading) sizes(groups []Members) []int64 {
	active, sizes := r.total.Members(SetParticipants), make([]int64, len(groups))
	for i, g := range groups {
		sizes[i] = int64(g.People.AndCardinality(active))
	}
	return sizes
}

// withhold adds to the groups withheld of a total.
func withhold(k, total int64, sizes []int64, withheld []bool) {
	forced := slices.Contains(withheld, true)
	for i, n := range sizes {
		withheld[i] = withheld[i] || n < k
	}
	for {
		rest, nobodys, parts, smallest := total, total, 0, -1
		for i, n := range sizes {
			nobodys -= n
			switch {
			case withheld[i] && n > 0:
				parts++
			case withheld[i]:
			default:
				rest -= n
				if smallest < 0 || n < sizes[smallest] {
					smallest = i
				}
			}
		}
		if nobodys > 0 {
			parts++
		}
		if rest == 0 || rest >= k && (parts > 1 || !forced) || smallest < 0 {
			return
		}
		withheld[smallest] = true
	}
}

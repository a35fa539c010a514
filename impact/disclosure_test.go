package impact_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// funnelOf is the answer to a funnel, whose steps people did on days one after the other.
func funnelOf(t *testing.T, steps []*roaring.Bitmap, m *impact.Members, k int64) *impact.Funnel {
	t.Helper()
	q := impact.FunnelQuestion{Cohort: impact.CohortAll, Range: impact.Range{From: 0, To: 1}, Window: len(steps)}
	var days []impact.Presence
	for i, people := range steps {
		q.Steps = append(q.Steps, impact.FunnelStep{
			Activity: []impact.Activity{"SESSION", "FEEDBACK", "CHECKIN", "MILESTONE"}[i], Programme: impact.AllProgrammes,
		})
		day := impact.Presence{Day: impact.Day(i), Steps: make([]*roaring.Bitmap, len(steps))}
		day.Steps[i] = people
		days = append(days, day)
	}
	f, err := q.Answer(days, m, k)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func toldSteps(f *impact.Funnel) string {
	var b strings.Builder
	for _, s := range f.Steps {
		if s.Suppressed {
			b.WriteString("? ")
		} else {
			fmt.Fprintf(&b, "%d ", s.People)
		}
	}
	return b.String()
}

// attack is an attacker who knows the rules as we do: of all worlds that look alike from
// outside, what is the same in each of them is known.
type attack map[string]map[string]map[int]bool // by what is seen, the values that a secret can have

func (a attack) see(seen, secret string, value int) {
	if a[seen] == nil {
		a[seen] = make(map[string]map[int]bool)
	}
	if a[seen][secret] == nil {
		a[seen][secret] = make(map[int]bool)
	}
	a[seen][secret][value] = true
}

// known are the secrets of 1 to k-1 people that come out, but of worlds that tell nothing.
func (a attack) known(k int) (list []string) {
	for seen, secrets := range a {
		for secret, values := range secrets {
			for value := range values {
				if len(values) == 1 && 0 < value && value < k {
					list = append(list, fmt.Sprintf("seeing %q: %s is %d", seen, secret, value))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// No step of a funnel, and no difference of two, comes out as 1 to k-1 people: of every
// funnel of up to four steps and ten people.
func TestAttackerLearnsNoFewOfAFunnel(t *testing.T) {
	t.Parallel()
	for _, k := range []int{3, 4, 5} {
		views := make(attack)
		told := 0
		var walk func(sizes []int)
		walk = func(sizes []int) {
			if len(sizes) < 4 {
				top := 10
				if len(sizes) > 0 {
					top = sizes[len(sizes)-1]
				}
				for n := range top + 1 {
					walk(append(slices.Clone(sizes), n))
				}
				return
			}
			var steps []*roaring.Bitmap
			for _, n := range sizes {
				steps = append(steps, people(0, n))
			}
			f := funnelOf(t, steps, nil, int64(k))
			for i, s := range f.Steps {
				if !s.Suppressed {
					told++
				}
				views.see(toldSteps(f), fmt.Sprint("step ", i), sizes[i])
				for j := range i {
					views.see(toldSteps(f), fmt.Sprintf("step %d less %d", j, i), sizes[j]-sizes[i])
				}
			}
		}
		walk(nil)
		if known := views.known(k); len(known) > 0 {
			t.Errorf("k %d: %d secrets come out: %s", k, len(known), strings.Join(known[:min(5, len(known))], "; "))
		}
		t.Logf("k %d: %d steps told in %d answers", k, told, len(views))
	}
}

// Nor of the funnel of a cohort beside that of everybody: of its members, of the others,
// and of those of either whom a step lost.
func TestAttackerLearnsNoFewOfACohortInAFunnel(t *testing.T) {
	t.Parallel()
	const k, most = 3, 9
	views := make(attack)
	told := 0
	const base = most + 1
	for world := range base * base * base * base {
		// Of members and others, by step.
		of := [2][2]int{{world % base, world / base % base}, {world / base / base % base, world / base / base / base}}
		if of[0][1] > of[0][0] || of[1][1] > of[1][0] || of[0][0]+of[1][0] > most {
			continue
		}
		steps, at := []*roaring.Bitmap{roaring.New(), roaring.New()}, 0
		for _, sizes := range of {
			steps[0].Or(people(at, sizes[0]))
			steps[1].Or(people(at, sizes[1]))
			at += sizes[0]
		}
		f := funnelOf(t, steps, &impact.Members{People: people(0, of[0][0]), Filtered: true}, k)
		seen := toldSteps(funnelOf(t, steps, nil, k)) + "| " + toldSteps(f)
		for _, s := range f.Steps {
			if !s.Suppressed && s.People > 0 {
				told++
			}
		}
		for who, sizes := range of {
			views.see(seen, fmt.Sprint("first of ", who), sizes[0])
			views.see(seen, fmt.Sprint("second of ", who), sizes[1])
			views.see(seen, fmt.Sprint("lost of ", who), sizes[0]-sizes[1])
		}
	}
	if known := views.known(k); len(known) > 0 {
		t.Errorf("%d secrets come out: %s", len(known), strings.Join(known[:min(8, len(known))], "; "))
	}
	if told < 300 {
		t.Errorf("%d steps told in %d answers: the attack proves little", told, len(views))
	}
}

// Departments, asked for one after the other beside everybody, leave few people of no
// step and between no two steps, whatever is subtracted.
func TestAttackerLearnsNoFewOfDepartmentsInAFunnel(t *testing.T) {
	t.Parallel()
	told, kept := 0, 0
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		k := int64(3 + rng.IntN(4))
		n := 1 + rng.IntN(4)
		groups, steps, at := make([]impact.Members, n), make([]*roaring.Bitmap, 3), 0
		for i := range steps {
			steps[i] = roaring.New()
		}
		counts := make([][]int64, n+1) // the last are in no department
		for g := range counts {
			size := rng.IntN([]int{4, 12, 40}[rng.IntN(3)])
			if g < n {
				groups[g] = impact.Members{Key: fmt.Sprint(g), People: people(at, size)}
			}
			left := size
			for i := range steps {
				steps[i].Or(people(at, left))
				counts[g] = append(counts[g], int64(left))
				left -= rng.IntN([]int{1, 4, left + 1}[rng.IntN(3)] + 1)
				left = max(left, 0)
			}
			at += size
		}
		unknown := make([]map[int]bool, len(steps)) // by step, the groups that are not told
		for i := range unknown {
			unknown[i] = map[int]bool{n: true}
		}
		for g := range groups {
			m := groups[g]
			m.Partitions = []impact.Partition{{Groups: groups, Named: []int{g}}}
			for i, s := range funnelOf(t, steps, &m, k).Steps {
				if s.Suppressed {
					unknown[i][g] = true
					kept++
				} else {
					told++
				}
			}
		}
		everybody := funnelOf(t, steps, nil, k)
		// What is known of a set of groups at a step: -1 is nothing.
		known := func(set, step int) int64 {
			sum, in, out := int64(0), false, false
			for g := range counts {
				is := set&(1<<g) != 0
				if is {
					sum += counts[g][step]
				}
				if unknown[step][g] {
					in, out = in || is, out || !is
				}
			}
			if in && (out || everybody.Steps[step].Suppressed) && sum > 0 {
				return -1
			}
			return sum
		}
		isFew := func(x int64) bool { return 0 < x && x < k }
		for set := 1; set < 1<<(n+1); set++ {
			for i := range steps {
				if isFew(known(set, i)) {
					t.Errorf("seed %d, k %d, step %d: %d people of %b come out of %v", seed, k, i, known(set, i), set, counts)
				}
				for before := range i {
					if a, b := known(set, before), known(set, i); a >= 0 && b >= 0 && isFew(a-b) {
						t.Errorf("seed %d, k %d: %d people of %b were lost between steps %d and %d of %v", seed, k, a-b, set, before, i, counts)
					}
				}
			}
		}
	}
	if told < 1000 || kept < 1000 {
		t.Errorf("%d steps told and %d withheld: the attack proves little", told, kept)
	}
}

// Of random matrices no sum that is published beside them, of everybody or of those who
// were active in an interval, leaves few people.
func TestAttackerLearnsNoFewOfRetention(t *testing.T) {
	t.Parallel()
	const months = 5
	from := impact.Date(2025, 1, 1)
	modes := []impact.RetentionMode{impact.RetentionClassic, impact.RetentionRolling}
	told, kept := 0, 0
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		k := int64(3 + rng.IntN(4))
		q, err := impact.NewRetentionQuestion(impact.RetentionQuestion{Mode: modes[seed%2], Today: impact.Date(2026, 1, 1)},
			impact.Range{From: from, To: impact.Date(2025, 1+months, 1)}, impact.IntervalMonth, impact.Calendar{}, []int{1, 1, 1, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		ranges := q.Ranges()
		active := make([]*roaring.Bitmap, len(ranges))
		for i := range active {
			active[i] = roaring.New()
			if i == 0 {
				continue // before: nobody
			}
			for range rng.IntN([]int{8, 40, 200}[rng.IntN(3)]) {
				active[i].Add(uint32(rng.IntN(80)))
			}
		}
		half := people(0, 20+rng.IntN(40))
		for _, m := range []*impact.Members{nil, {People: half, Filtered: true}} {
			everybody, err := q.Answer(active, nil, nil, k)
			if err != nil {
				t.Fatal(err)
			}
			own, err := q.Answer(active, nil, m, k)
			if err != nil {
				t.Fatal(err)
			}
			isFew := func(n int64) bool { return 0 < n && n < k }
			newcomers, known := int64(0), roaring.New()
			diagonal := make([]int64, len(ranges)+months)
			for i, row := range own.Rows {
				fresh := roaring.AndNot(active[i+1], known)
				known.Or(active[i+1])
				if m != nil {
					fresh.And(m.People)
				}
				newcomers += int64(fresh.GetCardinality())
				last := int64(-1)
				for c, n := range row.Retained {
					diagonal[i+c] += int64(fresh.AndCardinality(active[i+1+c]))
					switch {
					case n == nil:
						kept++
						continue
					case isFew(*n) || isFew(row.Size-*n):
						t.Errorf("seed %d, row %d, column %d: %d of %d are told, k is %d", seed, i, c, *n, row.Size, k)
					case q.Mode == impact.RetentionRolling && last >= 0 && isFew(last-*n):
						t.Errorf("seed %d, row %d, column %d: %d left", seed, i, c, last-*n)
					case m != nil && everybody.Rows[i].Retained[c] != nil && isFew(*everybody.Rows[i].Retained[c]-*n):
						t.Errorf("seed %d, row %d, column %d: all but %d", seed, i, c, *everybody.Rows[i].Retained[c]-*n)
					}
					told++
					last = *n
				}
			}
			withheld, tellable := 0, false
			for i, row := range own.Rows {
				newcomers -= row.Size
				for c, n := range row.Retained {
					if n != nil && q.Mode == impact.RetentionClassic {
						diagonal[i+c] -= *n
					}
				}
				if row.Suppressed {
					withheld++
				}
				tellable = tellable || !row.Suppressed && row.Size > 0
			}
			if tellable && (isFew(newcomers) || withheld == 1) {
				t.Errorf("seed %d: the sum of the rows leaves %d people of %d rows", seed, newcomers, withheld)
			}
			for interval, left := range diagonal[:months] {
				if some := own.Rows[interval].Size > 0; q.Mode == impact.RetentionClassic && some && isFew(left) {
					t.Errorf("seed %d: who was active in interval %d leaves %d people", seed, interval, left)
				}
			}
		}
	}
	if told < 1000 || kept < 1000 {
		t.Errorf("%d cells told and %d withheld: the attack proves little", told, kept)
	}
}

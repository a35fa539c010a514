package impact

import "github.com/RoaringBitmap/roaring/v2"

// RetentionMode says what it takes to be retained.
type RetentionMode string

// The modes, of the k-th interval after the one in which a participant was first
// active.
const (
	RetentionClassic RetentionMode = "CLASSIC" // active in it
	RetentionRolling RetentionMode = "ROLLING" // active in it or in any later one, up to now
	RetentionBracket RetentionMode = "BRACKET" // active in any interval of the k-th bracket of intervals
)

// Most rows and columns of a retention matrix.
const maxRetention = 100

// RetentionQuestion asks how many of those who were first active in an interval
// stayed. Make one with [NewRetentionQuestion].
type RetentionQuestion struct {
	Company   CompanyID
	Programme string // first activity and retention are both of this programme
	Cohort    string // key of the cohort that participants have to be members of
	Filter    string // in place of a key, as in [CohortQuestion]
	Mode      RetentionMode
	Today     Day // it and later days are not finished

	rows     int
	brackets []int   // widths of the columns, in intervals
	buckets  []Range // of rows and columns
}

// NewRetentionQuestion asks for the cohorts of first activity in each interval that r
// touches, whole, over as many columns as brackets has widths: the first column is
// the interval of the first activity itself. Except with [RetentionBracket] each
// width has to be 1. q holds the other fields.
func NewRetentionQuestion(q RetentionQuestion, r Range, interval Interval, cal Calendar, brackets []int) (RetentionQuestion, error) {
	if err := interval.check(); err != nil {
		return q, err
	}
	width := 0
	for _, b := range brackets {
		if b < 1 || b > maxRetention {
			return q, Errorf(CodeInvalid, "a bracket is 1 to %d intervals wide", maxRetention)
		}
		width += b
	}
	if len(brackets) == 0 || width > maxRetention {
		return q, Errorf(CodeInvalid, "ask for 1 to %d intervals after the first", maxRetention)
	}
	q.brackets = brackets
	for from := interval.start(r.From, cal); from < r.To || q.rows > 0 && len(q.buckets) < q.rows+width-1; {
		to := interval.next(from, cal)
		q.buckets = append(q.buckets, Range{from, to})
		if from < r.To {
			q.rows++
		}
		if q.rows > maxRetention {
			return q, Errorf(CodeTooLarge, "%s by %s is more than %d rows: ask for a shorter period or a wider interval",
				r, interval, maxRetention)
		}
		from = to
	}
	return q, nil
}

// Ranges lists the ranges whose participants [RetentionQuestion.Answer] needs.
func (q *RetentionQuestion) Ranges() []Range {
	if q.rows == 0 {
		return nil
	}
	ranges := append([]Range{{MinDay, q.buckets[0].From}}, q.buckets...)
	if q.Mode == RetentionRolling {
		ranges = append(ranges, Range{q.buckets[len(q.buckets)-1].To, MaxDay})
	}
	return ranges
}

// Retention is how long participants stayed: a row per interval of first activity.
type Retention struct {
	Mode RetentionMode
	Rows []RetentionRow
}

// RetentionRow is those first active in an interval.
type RetentionRow struct {
	Range      Range
	Suppressed bool  // fewer than k people, see [Settings.K], but not none: everything is withheld
	Size       int64 // how many there are
	// Retained is how many of them stayed, by column; nil where the intervals of the
	// column are not finished yet.
	Retained []*int64
}

// Answer works the matrix out from the participants of each of q.Ranges. members are
// those of the cohort; nil is everybody. Groups of fewer than k people are withheld.
func (q *RetentionQuestion) Answer(active []*roaring.Bitmap, members *roaring.Bitmap, k int64) *Retention {
	answer := &Retention{Mode: q.Mode, Rows: make([]RetentionRow, q.rows)}
	if q.rows == 0 {
		return answer
	}
	known, active := active[0].Clone(), active[1:]
	stayed := active
	if q.Mode == RetentionRolling {
		stayed = make([]*roaring.Bitmap, len(active))
		later := roaring.New()
		for i := len(active) - 1; i >= 0; i-- {
			later = roaring.Or(later, active[i])
			stayed[i] = later
		}
	}
	for i := range answer.Rows {
		fresh := roaring.AndNot(active[i], known)
		known.Or(active[i])
		if members != nil {
			fresh.And(members)
		}
		answer.Rows[i] = q.row(i, fresh, stayed, k)
	}
	return answer
}

func (q *RetentionQuestion) row(i int, fresh *roaring.Bitmap, stayed []*roaring.Bitmap, k int64) RetentionRow {
	row := RetentionRow{Range: q.buckets[i], Size: int64(fresh.GetCardinality()), Retained: make([]*int64, len(q.brackets))}
	if row.Size > 0 && row.Size < k {
		row.Suppressed, row.Size = true, 0
		return row
	}
	from := i
	for column, width := range q.brackets {
		to := from + width
		if q.buckets[to-1].To > q.Today {
			break
		}
		union := stayed[from]
		if width > 1 {
			union = roaring.FastOr(stayed[from:to]...)
		}
		n := int64(fresh.AndCardinality(union))
		row.Retained[column] = &n
		from = to
	}
	return row
}

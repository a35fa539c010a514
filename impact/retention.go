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
	Today     Day  // it and later days are not finished
	AsOf      AsOf // as in [CohortQuestion]; Today is of then
	Explained bool // [Retention.Events] is asked for

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
	Among

	question *RetentionQuestion
}

// Among is whom an analysis is about.
type Among struct {
	Members     *roaring.Bitmap // nil: everybody
	ErasedSince bool            // of a question with AsOf: a person was erased since
}

// RetentionRow is those first active in an interval.
type RetentionRow struct {
	Range      Range
	Suppressed bool  // everything is withheld: they are fewer than k people, see [Settings.K], or tell of some
	Size       int64 // how many there are
	// Retained is how many of them stayed, by column; nil where the intervals of the
	// column are not finished yet, and where it is withheld.
	Retained []*int64
	Withheld []bool // by column
}

// Answer works the matrix out from the participants of each of q.Ranges. whole are those
// of all programmes, needed if q is of one. members are the cohort; nil, and one without a
// set, is everybody. Error: [CodeTooLarge].
//
// What tells of fewer than k people is withheld, see [disclosure]:
//   - a row, and the few of it who stayed or who did not;
//   - with [RetentionRolling], those who left from one column to the next;
//   - what could be found by subtracting from the sum of the rows, from everybody active
//     in an interval, or from the same matrix of everybody or of all programmes;
//   - of a cohort, a cell beside which the number of its people who were active in the row
//     or the column would be withheld.
func (q *RetentionQuestion) Answer(active, whole []*roaring.Bitmap, members *Members, k int64) (*Retention, error) {
	answer := &Retention{Mode: q.Mode, Rows: make([]RetentionRow, q.rows), question: q}
	if members != nil {
		answer.Members = members.People
	}
	if q.rows == 0 {
		return answer, nil
	}
	before, active, matrix := active[0], active[1:], q.matrix(active)
	d := &disclosure{k: k, sums: make([][]int, 1)}
	diagonals := make([][]int, len(q.buckets)) // by interval: those active in it, by when they came
	rows := make([]int, q.rows)                // where the cells of each are
	for i, row := range matrix {
		rows[i] = len(d.cells)
		d.sums[0] = append(d.sums[0], len(d.cells))
		for column, cell := range row.cells {
			above := -1 // of the row, which is its first column
			if column > 0 {
				above = rows[i]
			}
			if column > 0 && q.Mode == RetentionRolling {
				above += column - 1
			}
			diagonals[i+column] = append(diagonals[i+column], len(d.cells))
			d.add(cell, above)
		}
	}
	if q.Mode == RetentionClassic {
		for interval, cells := range diagonals {
			d.sums = append(d.sums, append(cells, len(d.cells)))
			d.hide(roaring.And(before, active[interval]))
		}
	}
	var all []retentionCells
	if len(whole) > 0 {
		all = q.matrix(whole)
	}
	for i := range matrix {
		matrix[i].besides(d, rows[i], all[min(i, len(all)):], members != nil && members.People != nil)
	}
	withheld, err := d.withheld(members)
	if err != nil {
		return nil, err
	}
	counts := d.group(answer.Members).counts
	for i, at := range rows {
		answer.Rows[i] = q.row(i, counts[at:], withheld[at:])
	}
	return answer, nil
}

// retentionCells is a row of a matrix: its size is the first cell.
type retentionCells struct {
	cells  []*roaring.Bitmap
	active []*roaring.Bitmap // who was active in the interval of each, whenever they came
	known  *roaring.Bitmap   // who came by the end of the row
}

// matrix works out the rows of the participants of each of q.Ranges.
func (q *RetentionQuestion) matrix(active []*roaring.Bitmap) []retentionCells {
	known, active := active[0], active[1:]
	stayed := active
	if q.Mode == RetentionRolling {
		stayed = make([]*roaring.Bitmap, len(active))
		later := roaring.New()
		for i := len(active) - 1; i >= 0; i-- {
			later = roaring.Or(later, active[i])
			stayed[i] = later
		}
	}
	matrix := make([]retentionCells, q.rows)
	for i := range matrix {
		fresh := roaring.AndNot(active[i], known)
		known = roaring.Or(known, active[i])
		row := retentionCells{[]*roaring.Bitmap{fresh}, []*roaring.Bitmap{active[i]}, known}
		for column, union := range q.columns(i, stayed) {
			if column > 0 {
				row.cells, row.active = append(row.cells, roaring.And(fresh, union)), append(row.active, union)
			}
		}
		matrix[i] = row
	}
	return matrix
}

// besides adds what the cells of a row, which begin at a place, are not told without: the
// same of all programmes, if that is another, and of a cohort who of it was active.
func (r *retentionCells) besides(d *disclosure, at int, all []retentionCells, isCohort bool) {
	if len(all) > 0 {
		d.addBeside(roaring.AndNot(all[0].known, r.known), at)
	}
	for column, cell := range r.cells {
		if isCohort {
			d.addBeside(r.active[column], at+column)
		}
		if len(all) > 0 {
			d.addBeside(roaring.Xor(cell, all[0].cells[column]), at+column)
			if isCohort {
				d.addBeside(all[0].active[column], at+column)
				d.addBeside(roaring.AndNot(all[0].active[column], r.active[column]), at+column)
			}
		}
	}
}

// columns is who was active in each column of a row that is finished.
func (q *RetentionQuestion) columns(row int, stayed []*roaring.Bitmap) (columns []*roaring.Bitmap) {
	from := row
	for _, width := range q.brackets[:q.finished(row)] {
		to := from + width
		union := stayed[from]
		if width > 1 {
			union = roaring.FastOr(stayed[from:to]...)
		}
		columns = append(columns, union)
		from = to
	}
	return columns
}

// row makes a row of its size, which is its first column, and of further columns.
func (q *RetentionQuestion) row(i int, counts []int64, withheld []bool) RetentionRow {
	row := RetentionRow{
		Range: q.buckets[i], Suppressed: withheld[0], Retained: make([]*int64, len(q.brackets)), Withheld: make([]bool, len(q.brackets)),
	}
	if !row.Suppressed {
		row.Size = counts[0]
	}
	for column := range q.finished(i) {
		row.Withheld[column] = row.Suppressed || withheld[column]
		if !row.Withheld[column] {
			row.Retained[column] = &counts[column]
		}
	}
	return row
}

// finished is how many columns of a row are.
func (q *RetentionQuestion) finished(row int) (n int) {
	from := row
	for _, width := range q.brackets {
		if from += width; q.buckets[from-1].To > q.Today {
			break
		}
		n++
	}
	return n
}

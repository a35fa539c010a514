package impact

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A participant's assessments on a page are a varint that says in which dimensions they
// are, and an [Assessment] of each. Most are in the short form: a byte of flags; the first
// score and its time; if there are several, the last score and its time, and as varints
// their number and the sum of their scores; and if a confidence is stated, as varints the
// number of those, if there are several, and their sum. Scores and times are little-endian
// and as wide as the flags say, so that a reader need not look for their ends.
//
// What does not fit is in the long form, eight varints. It begins with n, zigzag and above
// 0, so with an even byte. Everything was in it at first, and what was folded then still is.
const (
	shortForm                 = 1 << iota // in all of them
	shortSeveral                          // n > 1
	shortSeconds                          // times are in seconds, 4 bytes; else in milliseconds, 6 bytes
	shortHundredths                       // scores are in hundredths, 1 byte; else in millionths, 3 bytes
	shortConfidence                       // some state a confidence
	shortConfidenceHundredths             // confidences are in hundredths; else in millionths
	shortEnd                              // no flag is this or beyond
)

// microHundredth is a hundredth in millionths.
const microHundredth = int64(One) / 100

// shortShape is how assessments with the same flags lie.
type shortShape struct {
	fixed   int // bytes before the varints; 0 is of no short form
	second  int // where the last score begins: the first is the last if there is one
	score   int // bytes
	time    int
	varints int
	n       int32 // at least

	scoreMask, scoreUnit int64 // of the score in 8 bytes, and in millionths
	timeMask, timeUnit   int64 // milliseconds
	confidenceUnit       int64
}

var shortShapes = func() (all [math.MaxUint8 + 1]shortShape) {
	for flags := shortForm; flags < shortEnd; flags += 2 {
		if flags&(shortConfidence|shortConfidenceHundredths) == shortConfidenceHundredths {
			continue
		}
		s := shortShape{n: 1, second: 1, score: 3, scoreUnit: 1, time: 6, timeUnit: 1, confidenceUnit: 1}
		if flags&shortHundredths != 0 {
			s.score, s.scoreUnit = 1, microHundredth
		}
		if flags&shortSeconds != 0 {
			s.time, s.timeUnit = 4, 1000
		}
		if flags&shortConfidence != 0 {
			s.varints++
		}
		if flags&shortConfidenceHundredths != 0 {
			s.confidenceUnit = microHundredth
		}
		s.fixed = 1 + s.score + s.time
		if flags&shortSeveral != 0 {
			s.n, s.second = 2, s.fixed
			s.fixed += s.score + s.time
			s.varints = 2 + 2*s.varints
		}
		s.scoreMask, s.timeMask = 1<<(8*s.score)-1, 1<<(8*s.time)-1
		all[flags] = s
	}
	return all
}()

func appendAssessments(b []byte, as *AssessmentSums) []byte {
	var present uint64
	for d := range as {
		if as[d].N != 0 {
			present |= 1 << d
		}
	}
	b = binary.AppendUvarint(b, present)
	for d := range as {
		a := &as[d]
		switch flags, ok := a.short(); {
		case a.N == 0:
		case ok:
			b = appendShort(b, a, flags)
		default:
			b = appendLong(b, a)
		}
	}
	return b
}

// short is the flags of a's short form, if it has one.
func (a *Assessment) short() (flags byte, ok bool) {
	flags = shortForm
	if a.N > 1 {
		flags |= shortSeveral
	}
	if a.FirstAt%1000 == 0 && a.LastAt%1000 == 0 && max(a.FirstAt, a.LastAt) <= 1000*math.MaxUint32 {
		flags |= shortSeconds
	}
	if int64(a.First)%microHundredth == 0 && int64(a.Last)%microHundredth == 0 && a.Sum%microHundredth == 0 &&
		max(int64(a.First), int64(a.Last)) <= math.MaxUint8*microHundredth {
		flags |= shortHundredths
	}
	if a.ConfidenceN > 0 {
		flags |= shortConfidence
		if a.ConfidenceSum%microHundredth == 0 {
			flags |= shortConfidenceHundredths
		}
	}
	s := &shortShapes[flags]
	fits := a.N > 0 && min(int64(a.First), int64(a.Last), a.Sum, int64(a.ConfidenceN), a.ConfidenceSum, a.FirstAt, a.LastAt) >= 0 &&
		max(int64(a.First), int64(a.Last))/s.scoreUnit <= s.scoreMask && max(a.FirstAt, a.LastAt)/s.timeUnit <= s.timeMask &&
		(a.ConfidenceN > 0 || a.ConfidenceSum == 0)
	one := a.ConfidenceN <= 1 && a.Sum == int64(a.First) && a.First == a.Last && a.FirstAt == a.LastAt
	return flags, fits && (a.N > 1 || one)
}

func appendShort(b []byte, a *Assessment, flags byte) []byte {
	s := &shortShapes[flags]
	b = append(b, flags)
	b = appendFixed(b, int64(a.First)/s.scoreUnit, s.score)
	b = appendFixed(b, a.FirstAt/s.timeUnit, s.time)
	if a.N > 1 {
		b = appendFixed(b, int64(a.Last)/s.scoreUnit, s.score)
		b = appendFixed(b, a.LastAt/s.timeUnit, s.time)
		b = binary.AppendUvarint(b, uint64(a.N))
		b = binary.AppendUvarint(b, uint64(a.Sum/s.scoreUnit))
	}
	if a.ConfidenceN > 0 {
		if a.N > 1 {
			b = binary.AppendUvarint(b, uint64(a.ConfidenceN))
		}
		b = binary.AppendUvarint(b, uint64(a.ConfidenceSum/s.confidenceUnit))
	}
	return b
}

// appendFixed appends the low n bytes of x.
func appendFixed(b []byte, x int64, n int) []byte {
	for range n {
		b = append(b, byte(x))
		x >>= 8
	}
	return b
}

func appendLong(b []byte, a *Assessment) []byte {
	for _, x := range [...]int64{
		int64(a.N), a.Sum, int64(a.ConfidenceN), a.ConfidenceSum,
		a.FirstAt, a.LastAt - a.FirstAt, int64(a.First), int64(a.Last),
	} {
		b = binary.AppendVarint(b, x)
	}
	return b
}

// dimensions reads in which there are assessments, as bits.
func (r *pageReader) dimensions() uint64 {
	if len(r.data) > 0 && r.data[0] < 1<<numDimensions {
		present := r.data[0]
		r.data = r.data[1:]
		return uint64(present)
	}
	present := r.uvarint()
	if present>>numDimensions != 0 {
		r.torn()
		return 0
	}
	return present
}

func (r *pageReader) assessments(sum *AssessmentSums) {
	for present := r.dimensions(); present != 0; present &= present - 1 {
		a := r.assessment()
		if a.N <= 0 {
			r.torn()
			return
		}
		sum[bits.TrailingZeros64(present)].merge(&a)
	}
}

func (r *pageReader) skipAssessments() {
	for present := r.dimensions(); present != 0; present &= present - 1 {
		if s := r.shape(); s != nil {
			r.skip(s.fixed)
			r.skipVarints(uint64(s.varints))
		} else {
			r.skipVarints(8)
		}
	}
}

// shape is that of the assessment which follows; nil if it is long.
func (r *pageReader) shape() *shortShape {
	if len(r.data) == 0 {
		r.torn()
		return nil
	}
	if s := &shortShapes[r.data[0]]; s.fixed > 0 {
		return s
	}
	return nil
}

// assessment reads one; N is 0 or less of what is none.
func (r *pageReader) assessment() (a Assessment) {
	if s := r.shape(); s != nil {
		return r.short(s)
	}
	a = Assessment{N: r.count(), Sum: r.varint(), ConfidenceN: r.count(), ConfidenceSum: r.varint(), FirstAt: r.varint()}
	a.LastAt = a.FirstAt + r.varint()
	a.First, a.Last = Micro(r.count()), Micro(r.count())
	return a
}

func (r *pageReader) short(s *shortShape) (a Assessment) {
	if len(r.data) < s.fixed {
		r.torn()
		return a
	}
	flags := r.data[0]
	a = Assessment{N: 1, First: Micro(fixed(r.data[1:], s.score) * s.scoreUnit), FirstAt: fixed(r.data[1+s.score:], s.time) * s.timeUnit}
	a.Last, a.LastAt = Micro(fixed(r.data[s.second:], s.score)*s.scoreUnit), fixed(r.data[s.second+s.score:], s.time)*s.timeUnit
	a.Sum = int64(a.First)
	r.data = r.data[s.fixed:]
	several := flags&shortSeveral != 0
	if several {
		a.N, a.Sum = r.smallCount(), int64(r.uvarint())*s.scoreUnit
		if a.N < 2 {
			r.torn()
		}
	}
	if flags&shortConfidence != 0 {
		a.ConfidenceN = 1
		if several {
			a.ConfidenceN = r.smallCount()
		}
		a.ConfidenceSum = int64(r.uvarint()) * s.confidenceUnit
	}
	return a
}

// fixed reads a number of n bytes.
func fixed(data []byte, n int) (x int64) {
	for i := range n {
		x |= int64(data[i]) << (8 * i)
	}
	return x
}

// smallCount reads a number of 31 bits.
func (r *pageReader) smallCount() int32 {
	x := r.uvarint()
	if x > math.MaxInt32 {
		r.torn()
		return 0
	}
	return int32(x)
}

// count reads a number of 32 bits.
func (r *pageReader) count() int32 {
	x := r.varint()
	if x != int64(int32(x)) {
		r.torn()
	}
	return int32(x)
}

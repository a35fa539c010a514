package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// Formulas are worked out exactly, in rationals, and rounded once at the end, so
// that a figure does not depend on where a division stands in its formula.
const (
	moneyPlaces       = 2
	scorePlaces       = 2
	improvementPlaces = 4
	ratioPlaces       = 4 // of every methodology but teei-1.0
)

const msPerHour = 3_600_000

// rounded rounds half away from zero.
func rounded(x *big.Rat, places int32) decimal.Decimal { return decimal.NewFromBigRat(x, places) }

func ratInt(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

// hoursOf is milliseconds in hours.
func hoursOf(ms int64) *big.Rat { return big.NewRat(ms, msPerHour) }

// Percent is part/whole x 100 at 2 places, and 0 where the whole is 0.
func Percent(part, whole int64) decimal.Decimal { return percent(part, whole) }

// percent is part/whole x 100 at 2 places, and 0 where the whole is 0.
func percent(part, whole int64) decimal.Decimal {
	if whole == 0 {
		return decimal.Zero
	}
	return decimal.NewFromInt(part).Mul(hundred).DivRound(decimal.NewFromInt(whole), scorePlaces)
}

func (m Micro) rat() *big.Rat { return big.NewRat(int64(m), int64(One)) }

// decimal is the value exactly.
func (m Micro) decimal() decimal.Decimal { return decimal.New(int64(m), -6) }

// mean is the mean of scores tallied in millionths; nil where there are none.
func (t Tally) mean() *big.Rat {
	if t.N == 0 {
		return nil
	}
	return new(big.Rat).Quo(big.NewRat(t.Sum, int64(One)), ratInt(t.N))
}

// share is an exact sum of fractions, 0 or more. It is never reduced and keeps its
// memory, which makes it many times cheaper than a [big.Rat] where few are added up
// and thousands of sums are rounded.
type share struct{ num, den, term, factor big.Int }

func (s *share) reset() { s.num.SetInt64(0); s.den.SetInt64(1) }

// add adds weight x num / the product of dens, and reports true.
func (s *share) add(weight, num int64, dens ...int64) bool {
	s.term.SetInt64(weight)
	s.term.Mul(&s.term, s.factor.SetInt64(num))
	s.term.Mul(&s.term, &s.den)
	for _, den := range dens {
		s.num.Mul(&s.num, s.factor.SetInt64(den))
		s.den.Mul(&s.den, &s.factor)
	}
	s.num.Add(&s.num, &s.term)
	return true
}

func (s *share) over(den int64) { s.den.Mul(&s.den, s.factor.SetInt64(den)) }

// percent is the share x 100 at 2 places, half rounded up.
func (s *share) percent() decimal.Decimal {
	s.term.Mul(&s.num, s.factor.SetInt64(2*100*100))
	s.term.Add(&s.term, &s.den)
	s.factor.Lsh(&s.den, 1)
	s.term.Quo(&s.term, &s.factor)
	return decimal.NewFromBigInt(&s.term, -scorePlaces)
}

var (
	ten     = decimal.NewFromInt(10)
	hundred = decimal.NewFromInt(100)
)

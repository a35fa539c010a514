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
)

const msPerHour = 3_600_000

// rounded rounds half away from zero.
func rounded(x *big.Rat, places int32) decimal.Decimal { return decimal.NewFromBigRat(x, places) }

func ratInt(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

// fraction is num/den, and 0 where den is 0.
func fraction(num, den int64) *big.Rat {
	if den == 0 {
		return new(big.Rat)
	}
	return big.NewRat(num, den)
}

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

// quotient is an exact fraction that is never reduced, which makes it a good deal
// cheaper than a [big.Rat] where few are added up and thousands are rounded. The
// divisor is positive; the zero value is not a quotient.
type quotient struct{ num, den *big.Int }

func quotientOf(num, den int64) quotient { return quotient{big.NewInt(num), big.NewInt(den)} }

func (q quotient) times(n int64) quotient { return quotient{mul(q.num, big.NewInt(n)), q.den} }
func (q quotient) over(n int64) quotient  { return quotient{q.num, mul(q.den, big.NewInt(n))} }

func (q quotient) plus(o quotient) quotient {
	a, b := mul(q.num, o.den), mul(o.num, q.den)
	return quotient{a.Add(a, b), mul(q.den, o.den)}
}

func (q quotient) rounded(places int32) decimal.Decimal {
	return decimal.NewFromBigInt(q.num, 0).DivRound(decimal.NewFromBigInt(q.den, 0), places)
}

func mul(a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }

var (
	ten     = decimal.NewFromInt(10)
	hundred = decimal.NewFromInt(100)
)

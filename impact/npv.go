package impact

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// NPVParams are the parameters of the methodology teei-npv-1.0. Amounts are USD.
type NPVParams struct {
	ID           string
	WageLift     decimal.Decimal // average rise of a participant's yearly wage
	Multiplier   decimal.Decimal // worth to society of a dollar of wages
	DiscountRate decimal.Decimal // share per year, 0..1
	Years        int             // 1..100
}

// DefaultNPV is teei-npv-1.0. It must not be changed: callers vary a copy.
var DefaultNPV = NPVParams{
	ID:           IDNPV,
	WageLift:     decimal.NewFromInt(15_000),
	Multiplier:   decimal.New(15, -1),
	DiscountRate: decimal.New(3, -2),
	Years:        3,
}

// NPVInput is what the ratio of teei-npv-1.0 is made of.
type NPVInput struct {
	Placed *big.Rat // participants with an employment outcome
	Cost   *big.Rat // USD
}

// NPVTeei1 is the ratio of the TEEI methodology teei-npv-1.0:
//
//	benefit of year t = placed x wage lift x employment multiplier / (1 + rate)^t   t = 1..years
//	net ratio         = (sum of the benefits - cost) / cost                         4 places
//	ratio             = net ratio + 1, the gross                                    4 places
//
// The social value is the sum of the benefits and the investment is the cost, in USD
// at 2 places. A cost of 0 or less is an [Error] of [CodeInvalid] at /cost.
func NPVTeei1(in NPVInput, p NPVParams) (SROI, error) {
	if in.Cost.Sign() <= 0 {
		return SROI{}, &Error{CodeInvalid, "/cost", "the cost must be more than 0"}
	}
	yearly := new(big.Rat).Mul(in.Placed, p.WageLift.Rat())
	yearly.Mul(yearly, p.Multiplier.Rat())
	benefits := new(big.Rat).Mul(yearly, annuity(p.DiscountRate, p.Years))
	s := SROI{Methodology: p.ID, Status: FigureOK}
	s.setRatio(benefits, in.Cost)
	return s, nil
}

// annuity is the present value of 1 a year, t = 1..years, at the end of each.
func annuity(rate decimal.Decimal, years int) *big.Rat {
	sum, factor := new(big.Rat), ratInt(1)
	growth := new(big.Rat).Add(ratInt(1), rate.Rat())
	for range years {
		factor.Quo(factor, growth)
		sum.Add(sum, factor)
	}
	return sum
}

// setRatio sets the amounts, the ratio, the net ratio and the net present value, each
// rounded from exact numbers; investment is more than 0.
func (s *SROI) setRatio(value, investment *big.Rat) {
	s.Investment, s.SocialValue = rounded(investment, moneyPlaces), rounded(value, moneyPlaces)
	net := new(big.Rat).Sub(value, investment)
	s.NetPresentValue = decimal.NewNullDecimal(rounded(net, moneyPlaces))
	s.NetRatio = decimal.NewNullDecimal(rounded(net.Quo(net, investment), ratioPlaces))
	s.Ratio = decimal.NewNullDecimal(rounded(new(big.Rat).Quo(value, investment), ratioPlaces))
}

package model

import (
	"io"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// moneyPlaces is how many places an amount of money is written with.
const moneyPlaces = 2

func digits(s string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, s) })
}

// MarshalNumber writes d digit for digit as a JSON number.
func MarshalNumber(d decimal.Decimal) graphql.Marshaler { return digits(d.String()) }

// UnmarshalNumber is there because gqlgen asks for it: no argument is a Float.
func UnmarshalNumber(any) (decimal.Decimal, error) { return decimal.Decimal{}, errOutputOnly("Float") }

// MarshalNullNumber writes d as [MarshalNumber] does, or null.
func MarshalNullNumber(d decimal.NullDecimal) graphql.Marshaler {
	if !d.Valid {
		return graphql.Null
	}
	return MarshalNumber(d.Decimal)
}

// UnmarshalNullNumber is there because gqlgen asks for it: no argument is a Float.
func UnmarshalNullNumber(any) (decimal.NullDecimal, error) {
	return decimal.NullDecimal{}, errOutputOnly("Float")
}

// MarshalDecimal writes an amount of money as a string with 2 places.
func MarshalDecimal(d decimal.Decimal) graphql.Marshaler {
	return digits(strconv.Quote(d.StringFixed(moneyPlaces)))
}

// UnmarshalDecimal is there because gqlgen asks for it: no argument is a Decimal.
func UnmarshalDecimal(any) (decimal.Decimal, error) {
	return decimal.Decimal{}, errOutputOnly("Decimal")
}

// MarshalPeriod writes the text that [UnmarshalPeriod] reads.
func MarshalPeriod(p impact.Period) graphql.Marshaler { return graphql.MarshalString(p.String()) }

// UnmarshalPeriod reads a period; errors have [impact.CodeInvalid].
func UnmarshalPeriod(v any) (impact.Period, error) {
	s, ok := v.(string)
	if !ok || s == "" {
		return impact.Period{}, impact.Errorf(impact.CodeInvalid,
			"a Period is a string such as %q; leave it out for all time", "2025-Q1")
	}
	return impact.ParsePeriod(s)
}

// MarshalDate writes a day as 2025-11-13.
func MarshalDate(d impact.Day) graphql.Marshaler { return digits(strconv.Quote(d.String())) }

// UnmarshalDate is there because gqlgen asks for it: no argument is a Date.
func UnmarshalDate(any) (impact.Day, error) { return 0, errOutputOnly("Date") }

func errOutputOnly(scalar string) error {
	return impact.Errorf(impact.CodeInvalid, "%s is not taken as an argument", scalar)
}

// MarshalInt writes a number.
func MarshalInt(n int) graphql.Marshaler { return graphql.MarshalInt(n) }

// UnmarshalInt reads a number; errors have [impact.CodeInvalid].
func UnmarshalInt(v any) (int, error) {
	n, err := graphql.UnmarshalInt32(v)
	if err != nil {
		return 0, impact.Errorf(impact.CodeInvalid, "an Int is a whole number from -2147483648 to 2147483647")
	}
	return int(n), nil
}

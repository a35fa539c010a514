package model

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

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

// UnmarshalNumber reads a number, digit for digit; errors have [impact.CodeInvalid].
func UnmarshalNumber(v any) (decimal.Decimal, error) {
	if _, text := v.(string); text {
		return decimal.Decimal{}, impact.Errorf(impact.CodeInvalid, "a Float is a number, without quotes")
	}
	return UnmarshalDecimal(v)
}

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

// MarshalDecimal writes an exact number as a string, with at least the 2 places of
// money.
func MarshalDecimal(d decimal.Decimal) graphql.Marshaler {
	if -d.Exponent() > moneyPlaces {
		return digits(strconv.Quote(d.String()))
	}
	return digits(strconv.Quote(d.StringFixed(moneyPlaces)))
}

// UnmarshalDecimal reads a string or a number, digit for digit; errors have
// [impact.CodeInvalid].
func UnmarshalDecimal(v any) (decimal.Decimal, error) {
	text := fmt.Sprint(v)
	switch v := v.(type) {
	case string, json.Number, int, int64:
	case float64: // a literal: its shortest form is what was written
		text = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return decimal.Decimal{}, errDecimal
	}
	if !decimalForm.MatchString(text) {
		return decimal.Decimal{}, errDecimal
	}
	return decimal.NewFromString(text)
}

// decimalForm keeps out exponents, with which a few bytes make a number of gigabytes.
var decimalForm = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,15})?$`)

var errDecimal = impact.Errorf(impact.CodeInvalid,
	"a Decimal is a string or number such as \"31.80\", with at most 15 digits on either side of the point")

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

// UnmarshalDate reads a day as 2025-11-13; errors have [impact.CodeInvalid].
func UnmarshalDate(v any) (impact.Day, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, impact.Errorf(impact.CodeInvalid, "a Date is a string such as %q", "2025-11-13")
	}
	day := impact.Date(t.Date())
	if day < impact.MinDay || day >= impact.MaxDay {
		return 0, impact.Errorf(impact.CodeInvalid, "a Date lies in the years 1970 to 2199")
	}
	return day, nil
}

// MarshalDateTime writes an instant in RFC 3339, in UTC.
func MarshalDateTime(at impact.AsOf) graphql.Marshaler { return digits(strconv.Quote(at.String())) }

// UnmarshalDateTime reads an instant in RFC 3339; errors have [impact.CodeInvalid].
func UnmarshalDateTime(v any) (impact.AsOf, error) {
	s, _ := v.(string)
	at, err := impact.ParseAsOf(s)
	if err != nil {
		return 0, impact.Errorf(impact.CodeInvalid, "a DateTime is an instant of 1970 to 2199 in RFC 3339, with its offset, such as %q", "2025-11-13T10:00:00Z")
	}
	return at, nil
}

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

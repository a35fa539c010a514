package model

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Overrides are the fields of a SroiWhatIf that were set.
func Overrides(whatIf map[string]any) (impact.Overrides, error) {
	o := make(impact.Overrides, len(whatIf))
	for name, v := range whatIf {
		switch v := v.(type) {
		case *decimal.Decimal:
			if v != nil {
				o[name] = impact.Setting{Number: *v}
			}
		case *impact.ImprovementMode:
			setWord(o, name, v)
		case *impact.Baseline:
			setWord(o, name, v)
		case *impact.MonthsMode:
			setWord(o, name, v)
		case *impact.DiscountTiming:
			setWord(o, name, v)
		case *impact.Combine:
			setWord(o, name, v)
		default:
			return nil, fmt.Errorf("a SroiWhatIf with %T", v)
		}
	}
	return o, nil
}

func setWord[W ~string](o impact.Overrides, name string, word *W) {
	if word != nil {
		o[name] = impact.Setting{Word: string(*word)}
	}
}

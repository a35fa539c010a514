package impact

import (
	"fmt"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
)

// CohortTrait is who has an attribute now, by the latest directory event that says it:
// one of some values, any other value, or any value at all. The case of names and values
// does not matter.
type CohortTrait struct {
	Name  string   `json:"name"`
	In    []string `json:"in,omitempty"`
	NotIn []string `json:"notIn,omitempty"` // has a value, and none of these
}

func (t *CohortTrait) check(at string) error {
	if !ValidAttributeName(strings.ToLower(t.Name)) {
		return invalidAt(at+"/name", "an attribute's name has 1 to %d of the characters a-z 0-9 _ . -, in any case; "+
			"departments are filtered by department", MaxAttributeName)
	}
	if t.In != nil && t.NotIn != nil {
		return invalidAt(at, "set in or notIn, or neither for whoever has the attribute")
	}
	for name, list := range map[string][]string{"in": t.In, "notIn": t.NotIn} {
		if list == nil {
			continue
		}
		if n := len(list); n < 1 || n > maxFilterParts {
			return invalidAt(at+"/"+name, "name 1 to %d values", maxFilterParts)
		}
		for i, value := range list {
			if value == "" || !ValidAttributeValue(value) {
				return invalidAt(fmt.Sprintf("%s/%s/%d", at, name, i), "a value has 1 to %d characters, none of them a control character",
					MaxAttributeValue)
			}
		}
	}
	return nil
}

// Traits lists the conditions on attributes.
func (f *CohortFilter) Traits() (list []*CohortTrait) {
	f.walk(func(part *CohortFilter) bool {
		if part.Attribute != nil {
			list = append(list, part.Attribute)
		}
		return true
	})
	return list
}

func (t *CohortTrait) members(of CohortSource) *roaring.Bitmap {
	if t.In == nil && t.NotIn == nil {
		return of.Has(t.Name, "")
	}
	some := roaring.New()
	for _, value := range t.In {
		some.Or(of.Has(t.Name, value))
	}
	for _, value := range t.NotIn {
		some.Or(of.Has(t.Name, value))
	}
	if t.NotIn != nil {
		return roaring.AndNot(of.Has(t.Name, ""), some)
	}
	return some
}

package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/impactql/impactql/impact"
)

// A value map comes back as it was saved, to the digit; versions rise, and two editors
// notice each other.
func TestValueMaps(t *testing.T) {
	t.Parallel()
	s := open(t)
	acme, globex := company(t, s, "acme"), company(t, s, "globex")
	ctx := context.Background()
	m, err := impact.ParseValueMap([]byte(`{"discountRate": 0.035, "inputs": [{"name": "Staff", "amount": 1234567.0123456789}],
		"outcomes": [{"name": "Job", "proxy": "0.1", "bind": {"figure": "SESSIONS", "period": "FY2025"}}, {"name": "x", "quantity": -1, "proxy": 2, "attribution": 0.1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	none, one := int64(0), int64(1)
	for i, expected := range []*int64{&none, &one, nil} {
		if v, err := s.SaveValueMap(ctx, acme.ID, m, "test", expected); err != nil || v != int64(i+1) {
			t.Fatalf("version %d: %v", v, err)
		}
	}
	_, err = s.SaveValueMap(ctx, acme.ID, m, "test", &one)
	if c, ok := errors.AsType[*impact.Conflict](err); !ok || c.Version != 3 {
		t.Errorf("a late change: %v", err)
	}
	list, err := s.ValueMaps(ctx, []impact.CompanyID{globex.ID, acme.ID})
	if err != nil || list[0] != nil || list[1].Version != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	want, _ := m.MarshalJSON()
	got, _ := list[1].ValueMap.MarshalJSON()
	if string(got) != string(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	logs, err := s.AuditLog(ctx, []impact.CompanyID{acme.ID}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, e := range logs[0] {
		from := "none"
		if e.Old != nil {
			from = *e.Old
		}
		changes = append(changes, fmt.Sprintf("%s %s: %s to %s, %d", e.Actor, e.Subject, from, *e.New, e.Version))
	}
	told := []string{"test valueMap: version 2 to version 3, 3", "test valueMap: version 1 to version 2, 2", "test valueMap: none to version 1, 1"}
	if !slices.Equal(changes, told) {
		t.Errorf("the audit log has %q, want %q", changes, told)
	}
}

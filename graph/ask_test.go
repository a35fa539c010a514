package graph_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

// arrivals is an inbox that was asked for so many.
type arrivals struct {
	graph.Inbox
	limit int
}

func (a *arrivals) Arrivals(
	_ context.Context, companies []impact.CompanyID, _ impact.ArrivalFilter, _ impact.ArrivalCursor, limit, _ int,
) ([][]*impact.Arrival, error) {
	a.limit = limit
	return make([][]*impact.Arrival, len(companies)), nil
}

// Longer pages of events are for other doors of the process, never for clients.
func TestLongPages(t *testing.T) {
	t.Parallel()
	box := new(arrivals)
	a := serve(newMemory(1), func(c *graph.Config) { c.Inbox = box })
	query := func(first int) string {
		return fmt.Sprintf(`{ company(key: "c001") { events(first: %d) { nodes { id } } } }`, first)
	}
	handler, _ := a.Handler.(*graph.Handler)
	if _, err := handler.Ask(t.Context(), query(graph.MaxPage), nil); err != nil || box.limit != graph.MaxPage+1 {
		t.Errorf("%v, asked for %d", err, box.limit)
	}
	if _, err := handler.Ask(t.Context(), query(graph.MaxPage+1), nil); impact.CodeOf(err) != impact.CodeInvalid {
		t.Errorf("more than that: %v", err)
	}
	wantCodes(t, a.query(t, query(101), nil), "INVALID")
}

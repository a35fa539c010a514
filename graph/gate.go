package graph

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/sync/semaphore"

	"github.com/impactql/impactql/impact"
)

// freeCost is what an operation may cost and run at once: an Overview of a company
// does.
const freeCost = 1_000

// gate lets operations run together up to a cost, since their readings are in memory
// together. One viewer gets half of it, so that nobody's heavy queries keep
// everybody else waiting.
type gate struct {
	all    *semaphore.Weighted
	each   int64 // cost that one viewer may run
	mu     sync.Mutex
	shares map[string]*share // by viewer's name; guarded by mu, as are their users
}

// share is a viewer's part of the gate while they use it.
type share struct {
	*semaphore.Weighted
	users int
}

func newGate(cost int) *gate {
	return &gate{all: semaphore.NewWeighted(int64(cost)), each: int64(cost) / 2, shares: make(map[string]*share)}
}

// enter waits until an operation may run; call leave when it has. The error is
// ctx's.
func (g *gate) enter(ctx context.Context, viewer string, cost int) (leave func(), err error) {
	if cost <= freeCost {
		return func() {}, nil
	}
	weight := min(int64(cost), g.each)
	s := g.join(viewer)
	if err := s.Acquire(ctx, weight); err != nil {
		g.part(viewer)
		return nil, err
	}
	if err := g.all.Acquire(ctx, weight); err != nil {
		s.Release(weight)
		g.part(viewer)
		return nil, err
	}
	return func() {
		g.all.Release(weight)
		s.Release(weight)
		g.part(viewer)
	}, nil
}

func (g *gate) join(viewer string) *share {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.shares[viewer]
	if s == nil {
		s = &share{Weighted: semaphore.NewWeighted(g.each)}
		g.shares[viewer] = s
	}
	s.users++
	return s
}

func (g *gate) part(viewer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.shares[viewer]
	if s.users--; s.users == 0 {
		delete(g.shares, viewer)
	}
}

// errBusy is what an operation gets that found no room in time.
var errBusy = impact.Errorf(impact.CodeUnavailable, "this API key has too many heavy queries under way: "+
	"send fewer at once, ask for less in each, or retry later")

// around runs an operation when there is room for it. Half of its time is for
// waiting: with less left it would begin and not end.
func (c *Config) around(g *gate) graphql.OperationMiddleware {
	return func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		handler := next(ctx)
		return func(ctx context.Context) *graphql.Response {
			cost, _ := graphql.GetOperationContext(ctx).Stats.GetExtension(costExtension).(int)
			waiting, cancel := context.WithTimeout(ctx, c.Timeout/2)
			leave, err := g.enter(waiting, c.Viewer(ctx).Name(), cost)
			cancel()
			if err != nil {
				return &graphql.Response{Errors: gqlerror.List{c.present(ctx, errBusy)}}
			}
			defer leave()
			return handler(ctx)
		}
	}
}

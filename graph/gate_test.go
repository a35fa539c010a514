package graph

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// Heavy operations of one viewer wait for each other, not those of another viewer;
// light ones wait for nobody.
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(100_000)
		enter := func(viewer string, cost int) (leave chan func()) {
			leave = make(chan func(), 1)
			go func() {
				l, err := g.enter(t.Context(), viewer, cost)
				if err != nil {
					t.Error(err)
				}
				leave <- l
			}()
			synctest.Wait()
			return leave
		}
		first, second := enter("a", 40_000), enter("a", 40_000)
		light, other, huge := enter("a", freeCost), enter("b", 50_000), enter("c", 90_000)
		if len(first) != 1 || len(light) != 1 || len(other) != 1 {
			t.Fatal("somebody waits for a stranger")
		}
		if len(second) != 0 || len(huge) != 0 {
			t.Fatal("there is more under way than may be")
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.enter(ctx, "b", 2_000); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who is gone: %v", err)
		}

		(<-first)()
		synctest.Wait()
		if len(second)+len(huge) == 0 {
			t.Fatal("nobody follows")
		}
		for _, leave := range []chan func(){other, second, huge, light} {
			(<-leave)()
			synctest.Wait()
		}
		if len(g.shares) != 0 || !g.all.TryAcquire(100_000) {
			t.Errorf("something is left behind: %v", g.shares)
		}
	})
}

package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/impactql/impactql/impact"
)

// A limit at work and a client that went away are no errors, and not the database's.
func TestWhatIsLoggedAsAnError(t *testing.T) {
	t.Parallel()
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	ended := fmt.Errorf("db: read arrivals: pq: canceling statement due to user request (%w)", impact.Errorf(impact.CodeUnavailable, "too long"))
	for name, c := range map[string]struct {
		ctx    context.Context //nolint:containedctx // a case
		code   impact.Code
		err    error
		level  string
		blamed bool
	}{
		"busy":              {t.Context(), impact.CodeUnavailable, errBusy, "INFO", false},
		"the client left":   {gone, impact.CodeUnavailable, ended, "INFO", false},
		"the time was over": {t.Context(), impact.CodeUnavailable, ended, "ERROR", true},
		"a fault meanwhile": {gone, impact.CodeInternal, errors.New("pq: no such relation"), "ERROR", true},
	} {
		var log strings.Builder
		(&Config{Log: slog.New(slog.NewTextHandler(&log, nil))}).logError(c.ctx, string(c.code), c.err)
		if text := log.String(); !strings.Contains(text, "level="+c.level) || strings.Contains(text, "pq:") != c.blamed {
			t.Errorf("%s: %s", name, text)
		}
	}
}

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

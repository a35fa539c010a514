package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

// headerReadAfter names the receipts that a read waits for, separated by commas.
const headerReadAfter = "Read-After"

const (
	// readAfterWait is how long a read waits for its receipts.
	readAfterWait = 2 * time.Second
	// maxReceipts is how many receipts a read may name.
	maxReceipts = 100
)

// readAfter lets a read with the header Read-After through to next once the receipts
// that it names are in the figures, and has it see them.
type readAfter struct {
	// await waits until batches are folded; see [db.Versions.AwaitFold].
	await func(ctx context.Context, batches []int64) error
}

// wrap gives next the header; refuse answers where the receipts are malformed or do not
// come within the wait.
func (a readAfter) wrap(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := r.Header.Values(headerReadAfter)
		if len(values) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		receipts, err := parseReceipts(values)
		if err == nil {
			waiting, cancel := context.WithTimeout(r.Context(), readAfterWait)
			err = a.await(waiting, receipts)
			cancel()
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(db.Fresh(r.Context())))
	})
}

var errReceipts = impact.Errorf(impact.CodeInvalid,
	"%s: give one to %d receipts as the answers to your events had them, separated by commas", headerReadAfter, maxReceipts)

func parseReceipts(values []string) (receipts []int64, err error) {
	for _, list := range values {
		for one := range strings.SplitSeq(list, ",") {
			receipt, err := strconv.ParseUint(strings.Trim(one, " \t"), 10, 63)
			if err != nil || receipt == 0 || len(receipts) == maxReceipts {
				return nil, errReceipts
			}
			receipts = append(receipts, int64(receipt))
		}
	}
	return receipts, nil
}

// refuseGraphQL answers a GraphQL request that never became an operation.
func (d *doors) refuseGraphQL(w http.ResponseWriter, r *http.Request, err error) {
	e := shown(d.log, r, err)
	graph.Refuse(w, refusalStatus(w, e), e)
}

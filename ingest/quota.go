package ingest

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/impactql/impactql/impact"
)

// Quota bounds how many events each sender, an API key or a source, may send: a token
// bucket each, with a token per event. A request is let in while a token is left, and
// pays for all of its events afterwards: the bucket may go into debt, so that an array
// larger than what is left is not refused for ever. Buckets are this process's own.
type Quota struct {
	perSecond rate.Limit
	burst     int
	buckets   *lru.Cache[account, *rate.Limiter]
	now       func() time.Time
}

// account is whose bucket it is.
type account struct {
	key    int32
	source string
}

// maxBuckets is how many buckets are kept: of those who have not sent for long, one is
// full by the time it is forgotten.
const maxBuckets = 10_000

// NewQuota makes a quota of perSecond events in the long run, and burst at once. It is
// nil, which means no limit, unless perSecond is positive. A burst under 1 is two
// seconds' worth.
func NewQuota(perSecond float64, burst int) *Quota {
	if perSecond <= 0 {
		return nil
	}
	if burst < 1 {
		burst = int(math.Ceil(2 * perSecond))
	}
	buckets, err := lru.New[account, *rate.Limiter](maxBuckets)
	if err != nil {
		panic(err) // the size is positive
	}
	return &Quota{perSecond: rate.Limit(perSecond), burst: burst, buckets: buckets, now: time.Now}
}

// allowance is one sender's share. The zero allowance has no limit.
type allowance struct {
	quota  *Quota
	bucket *rate.Limiter
	header http.Header // of the answer
}

// admit takes a token of the sender for a request, or fails with
// [impact.CodeRateLimited]. It says in the header where the sender stands.
func (q *Quota) admit(sender *Sender, header http.Header) (allowance, error) {
	if q == nil {
		return allowance{}, nil
	}
	a := allowance{quota: q, header: header}
	who := account{sender.KeyID, sender.Source}
	bucket, ok := q.buckets.Get(who)
	if !ok {
		bucket = rate.NewLimiter(q.perSecond, q.burst)
		if before, found, _ := q.buckets.PeekOrAdd(who, bucket); found {
			bucket = before
		}
	}
	a.bucket = bucket
	now := q.now()
	admitted := bucket.AllowN(now, 1)
	a.tell(now)
	if admitted {
		return a, nil
	}
	header.Set("Retry-After", strconv.Itoa(q.seconds(1-bucket.TokensAt(now))))
	return a, impact.Errorf(impact.CodeRateLimited,
		"more than %g events a second come from this sender; send again after the time in Retry-After", float64(q.perSecond))
}

// charge takes tokens for n events more.
func (a *allowance) charge(n int) {
	if a.bucket == nil || n <= 0 {
		return
	}
	now := a.quota.now()
	for ; n > 0; n -= a.quota.burst {
		a.bucket.ReserveN(now, min(n, a.quota.burst)) // which may be more than there are
	}
	a.tell(now)
}

// wait waits until no token is owed. It ends early when ctx does or the server is stopping, which
// it asks several times a second.
func (a *allowance) wait(ctx context.Context, stopping func() bool) error {
	if a.bucket == nil {
		return nil
	}
	for {
		owed := -a.bucket.TokensAt(a.quota.now())
		if owed <= 0 {
			return nil
		}
		if stopping() {
			return errStopping
		}
		paid := time.Duration(owed / float64(a.quota.perSecond) * float64(time.Second))
		select {
		case <-time.After(min(paid, piecePatience)):
		case <-ctx.Done():
			return errStopping
		}
	}
}

// tell sets the headers of draft-ietf-httpapi-ratelimit-headers-06.
func (a *allowance) tell(now time.Time) {
	left := a.bucket.TokensAt(now)
	a.header.Set("RateLimit-Limit", strconv.Itoa(a.quota.burst))
	a.header.Set("RateLimit-Remaining", strconv.Itoa(int(max(left, 0))))
	a.header.Set("RateLimit-Reset", strconv.Itoa(a.quota.seconds(float64(a.quota.burst)-left)))
}

// seconds is how long tokens take, rounded up.
func (q *Quota) seconds(tokens float64) int {
	return int(math.Ceil(max(tokens, 0) / float64(q.perSecond)))
}

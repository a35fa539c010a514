package db

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/impactql/impactql/impact"
)

// figureCache is how many figures are kept; each is about a kilobyte.
const figureCache = 10_000

// analysisCache likewise of each sort of analysis, of which the largest have 100 kilobytes.
const analysisCache = 100

// Figures reads figures through a cache. An entry holds for one version of its
// company's data: every fold raises the version and tells [Versions], so a figure
// is never older than the last fold that this process has heard of.
type Figures struct {
	store    *Store
	versions *Versions
	figures  cache[impact.Question, *impact.Figures]
	cohorts  cache[impact.CohortQuestion, *impact.Cohort]

	retentions cache[analysisOf, *impact.Retention]
	funnels    cache[analysisOf, *impact.Funnel]

	departments cache[impact.CompanyID, []string]
	active      cache[impact.CompanyID, impact.Range]
	settings    cache[impact.CompanyID, *impact.Settings]
	snapshots   *lru.Cache[snapshotOf, *snapshot] // of peer groups

	// reading holds a token per reading that is being put together: it bounds
	// their memory, and leaves connections to ingest.
	reading chan struct{}

	pasts *pasts
}

// maxReadings is how many calls put readings together at once; a large company's
// takes some megabytes, and two connections.
const maxReadings = 2

// maxTogether is how many readings are in memory together; more are read one lot
// after the other. The Overview of 100 companies asks for about 2,700 over two years.
const maxTogether = 4_000

// read is [Store.Read], in turn.
func (f *Figures) read(ctx context.Context, questions []impact.Question) ([]*impact.Reading, error) {
	select {
	case f.reading <- struct{}{}:
		defer func() { <-f.reading }()
		return f.store.Read(ctx, questions)
	case <-ctx.Done():
		return nil, wrap(ctx.Err(), "wait to read")
	}
}

// NewFigures makes a reader. versions says what changed; nil reads uncached.
func NewFigures(s *Store, versions *Versions) *Figures {
	return &Figures{
		store: s, versions: versions,
		figures: newCache[impact.Question, *impact.Figures](figureCache), cohorts: newCache[impact.CohortQuestion, *impact.Cohort](figureCache),
		departments: newCache[impact.CompanyID, []string](figureCache), active: newCache[impact.CompanyID, impact.Range](figureCache),
		retentions: newCache[analysisOf, *impact.Retention](analysisCache), funnels: newCache[analysisOf, *impact.Funnel](analysisCache),
		settings:  newCache[impact.CompanyID, *impact.Settings](figureCache),
		snapshots: newLRU[snapshotOf, *snapshot](maxSnapshots),
		reading:   make(chan struct{}, maxReadings),
		pasts:     newPasts(s),
	}
}

// Version is the version of a company's figures that this process has heard of. Two that
// are equal, if it is not the zero one, have the same figures.
func (f *Figures) Version(company impact.CompanyID) Version {
	if f.versions == nil {
		return Version{}
	}
	return f.versions.Of(company)
}

type uncachedKey struct{}

// Uncached returns a context whose reads go to the database.
func Uncached(ctx context.Context) context.Context {
	return context.WithValue(ctx, uncachedKey{}, true)
}

// Cached undoes [Uncached].
func Cached(ctx context.Context) context.Context {
	return context.WithValue(ctx, uncachedKey{}, false)
}

func uncached(ctx context.Context) bool {
	is, _ := ctx.Value(uncachedKey{}).(bool)
	return is
}

// Figures answers questions in their order; see [Store.Read] for what it costs. Those
// with AsOf are answered from the log, in one go for each instant. The answers are shared
// and must not be changed. Errors of the latter: [impact.CodeInvalid] of an instant that
// is not past, [impact.CodeTooLarge] if the log is, [impact.CodeUnavailable].
func (f *Figures) Figures(ctx context.Context, questions []impact.Question) ([]*impact.Figures, error) {
	return apart(questions, func(q impact.Question) impact.AsOf { return q.AsOf },
		func(now []impact.Question) ([]*impact.Figures, error) { return f.liveFigures(ctx, now) },
		func(then []impact.Question) ([]*impact.Figures, error) { return f.pasts.readFigures(ctx, then) })
}

func (f *Figures) liveFigures(ctx context.Context, questions []impact.Question) ([]*impact.Figures, error) {
	return cached(ctx, f.versions, &f.figures, questions, func(q impact.Question) impact.CompanyID { return q.Company },
		func(ctx context.Context, missing []impact.Question) ([]*impact.Figures, error) {
			answers := make([]*impact.Figures, 0, len(missing))
			for lot := range slices.Chunk(missing, maxTogether) {
				readings, err := f.read(ctx, lot)
				if err != nil {
					return nil, err
				}
				for _, r := range readings {
					answers = append(answers, r.Figures())
				}
			}
			return answers, nil
		})
}

// Cohorts answers questions in their order, with nil for a cohort that the
// company does not have. The answers are shared and must not be changed. Those by a
// filter are not kept: hardly anybody asks the same twice, and filters can be long.
func (f *Figures) Cohorts(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Cohort, error) {
	return apart(questions, func(q impact.CohortQuestion) impact.AsOf { return q.AsOf },
		func(now []impact.CohortQuestion) ([]*impact.Cohort, error) { return f.liveCohorts(ctx, now) },
		func(then []impact.CohortQuestion) ([]*impact.Cohort, error) { return f.pasts.readCohorts(ctx, then) })
}

func (f *Figures) liveCohorts(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Cohort, error) {
	if slices.ContainsFunc(questions, func(q impact.CohortQuestion) bool { return q.Filter != "" }) {
		ctx = Uncached(ctx)
	}
	return cached(ctx, f.versions, &f.cohorts, questions, func(q impact.CohortQuestion) impact.CompanyID { return q.Company }, f.readCohorts)
}

func (f *Figures) readCohorts(ctx context.Context, questions []impact.CohortQuestion) ([]*impact.Cohort, error) {
	members, err := f.store.members(ctx, questions)
	if err != nil {
		return nil, err
	}
	c := newCohorts(questions, members)
	readings, err := f.read(ctx, c.asked)
	if err != nil {
		return nil, err
	}
	return c.answer(readings), nil
}

// cohorts is the answers to questions in the making.
type cohorts struct {
	questions []impact.CohortQuestion
	members   []*impact.Members // without people as long as nothing is answered
	asked     []impact.Question // the readings that it takes
	of, whole []int             // which of them are of each question, and of all programmes; -1: none
}

// newCohorts asks for readings: cohorts of one company and range share one, and what it
// withholds.
func newCohorts(questions []impact.CohortQuestion, members []*impact.Members) *cohorts {
	c := &cohorts{questions: questions, members: members, of: make([]int, len(questions)), whole: make([]int, len(questions))}
	place := make(map[impact.Question]int)
	ask := func(question impact.Question) int {
		at, ok := place[question]
		if !ok {
			at = len(c.asked)
			place[question] = at
			c.asked = append(c.asked, question)
		}
		return at
	}
	for i, q := range questions {
		if m := members[i]; m != nil {
			question := impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range, Parts: impact.PartsCohort, AsOf: q.AsOf}
			c.of[i], c.whole[i] = ask(question), -1
			if (m.Filtered || m.People != nil) && q.Programme != impact.AllProgrammes {
				question.Programme = impact.AllProgrammes
				if !q.Explained {
					question.Parts = impact.PartMembers
				}
				c.whole[i] = ask(question)
			}
		}
	}
	return c
}

// answer takes the readings that are asked for; nil where there is no such cohort.
func (c *cohorts) answer(readings []*impact.Reading) []*impact.Cohort {
	told := make(disclosures)
	disclosed := make(map[*impact.Reading]*impact.Disclosed)
	answers := make([]*impact.Cohort, len(c.questions))
	for i, m := range c.members {
		if m == nil {
			continue
		}
		q, r := c.questions[i], readings[c.of[i]]
		var all *impact.Reading
		if c.whole[i] >= 0 {
			all = readings[c.whole[i]]
		}
		m.Withheld = told.withhold(m, r, all)
		one := cohortOf(r, *m)
		var tells impact.Tells
		if q.Explained && !one.Suppressed && m.People != nil {
			if disclosed[r] == nil {
				disclosed[r] = impact.NewDisclosed(r, all)
			}
			tells = disclosed[r].Tells(m)
		}
		if q.Others && m.People != nil {
			beside := othersOf(r, m, one.Suppressed)
			others := cohortOf(r, beside)
			if q.Explained {
				explainCohort(r, &others, beside, tells)
			}
			one.Others = &others
		}
		if q.Explained {
			explainCohort(r, &one, *m, tells)
		}
		answers[i] = &one
	}
	return answers
}

// everybody is the cohort that is always there.
var everybody = impact.Members{Key: impact.CohortAll, Name: "All participants"}

// othersOf is everybody known who is not a member.
func othersOf(r *impact.Reading, m *impact.Members, withheld bool) impact.Members {
	known := roaring.FastOr(r.Total().Members(impact.SetParticipants), r.Before.Members(impact.SetParticipants), r.Before.Members(impact.SetEnrolled))
	return impact.Members{People: roaring.AndNot(known, m.People), Withheld: withheld}
}

// cohortOf is the figures of a cohort by the default methodologies and the settings.
func cohortOf(r *impact.Reading, m impact.Members) impact.Cohort {
	return r.Cohort(m, r.Settings.SROI(impact.DefaultSROI, r.Question), r.Settings.VIS(impact.DefaultVIS, r.Range))
}

func explainCohort(r *impact.Reading, c *impact.Cohort, m impact.Members, tells impact.Tells) {
	r.Explain(c, m, r.Settings.VIS(impact.DefaultVIS, r.Range), tells)
}

// Companies is [Store.Companies].
func (f *Figures) Companies(ctx context.Context, keys []string) ([]*impact.Company, error) {
	return f.store.Companies(ctx, keys)
}

// CompanyPage is [Store.CompanyPage].
func (f *Figures) CompanyPage(ctx context.Context, ids []impact.CompanyID, after string, limit int) ([]*impact.Company, error) {
	return f.store.CompanyPage(ctx, ids, after, limit)
}

// AuditLog is [Store.AuditLog].
func (f *Figures) AuditLog(ctx context.Context, companies []impact.CompanyID, before int64, limit int) ([][]*impact.AuditEntry, error) {
	return f.store.AuditLog(ctx, companies, before, limit)
}

type cache[K comparable, V any] struct {
	entries *lru.Cache[K, entry[V]]
	flights *singleflight.Group
}

type entry[V any] struct {
	version Version
	value   V
}

func newCache[K comparable, V any](size int) cache[K, V] {
	return cache[K, V]{newLRU[K, entry[V]](size), new(singleflight.Group)}
}

// cached answers from the cache and reads what is missing in one go. Callers that
// miss the same questions at the same versions share one read.
func cached[K comparable, V any](
	ctx context.Context, versions *Versions, c *cache[K, V], keys []K, company func(K) impact.CompanyID,
	read func(context.Context, []K) ([]V, error),
) ([]V, error) {
	if versions == nil || uncached(ctx) {
		return read(ctx, keys)
	}
	fresh, _ := ctx.Value(freshKey{}).(*freshness)
	if fresh != nil {
		companies := make([]impact.CompanyID, len(keys))
		for i, k := range keys {
			companies[i] = company(k)
		}
		if err := fresh.look(ctx, versions, companies); err != nil {
			return nil, err
		}
	}
	values := make([]V, len(keys))
	current := make([]Version, len(keys))
	var missing []K
	var at []int
	for i, k := range keys {
		current[i] = versions.Of(company(k))
		if e, ok := c.entries.Get(k); ok && current[i].known && e.version == current[i] {
			values[i] = e.value
			continue
		}
		missing, at = append(missing, k), append(at, i)
	}
	if len(missing) == 0 {
		return values, nil
	}
	if fresh != nil && slices.ContainsFunc(current, func(v Version) bool { return !v.known }) {
		// A read that others began at no known version may be older than what must show.
		got, err := read(ctx, missing)
		for i, v := range got {
			values[at[i]] = v
		}
		return values, err
	}
	got, err := share(ctx, c.flights, fmt.Sprint(missing, current), func(ctx context.Context) ([]V, error) {
		got, err := read(ctx, missing)
		if err == nil {
			for i, v := range got {
				c.entries.Add(missing[i], entry[V]{current[at[i]], v})
			}
		}
		return got, err
	})
	if err != nil {
		return nil, err
	}
	for i, v := range got {
		values[at[i]] = v
	}
	return values, nil
}

const sharedReadTimeout = 30 * time.Second

// share lets concurrent callers with the same key wait for one call of load. The
// call does not end when the first caller gives up.
func share[V any](ctx context.Context, flights *singleflight.Group, key string, load func(context.Context) ([]V, error)) ([]V, error) {
	ch := flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedReadTimeout)
		defer cancel()
		return load(ctx)
	})
	select {
	case r := <-ch:
		if r.Err != nil {
			return nil, r.Err
		}
		return slices.Clone(r.Val.([]V)), nil //nolint:forcetypeassert // load returns it
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

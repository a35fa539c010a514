package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
	"github.com/impactql/impactql/ingest/signature"
	"github.com/impactql/impactql/server/vault"
)

// sources finds out who sends to POST /webhooks/{source}, and checks that they did.
type sources struct {
	auth  *auth
	store *db.Store
	ring  *vault.Ring
	log   *slog.Logger

	known     *lru.Cache[string, *knownSource]
	strangers *lru.Cache[string, *knownSource] // without a source; apart, so that guesses push no source out
	reads     singleflight.Group
	// changes rises with each source that is changed: what was read before may be stale.
	changes atomic.Int64

	mu   sync.Mutex // guards used; held for moments
	used map[db.SecretRef]time.Time
}

// knownSource is a source as it was at an instant.
type knownSource struct {
	*impact.Source // nil: unknown or disabled
	scheme         signature.Scheme
	refs           []db.SecretRef
	secrets        []signature.Secret // those of refs
	expire         []time.Time        // when those of refs end; zero: never
	problem        error              // some of the secrets could not be read
	asked          time.Time          // before it was read
	until          time.Time
}

// Caches of sources: a change is announced and seen at once, the lifetime only covers
// what was missed.
const (
	sourceCache    = 10_000
	sourceLifetime = 30 * time.Second
	sourceTimeout  = 5 * time.Second // of a read, which all who wait for it share
)

func newSources(auth *auth, store *db.Store, ring *vault.Ring, log *slog.Logger) *sources {
	known, err := lru.New[string, *knownSource](sourceCache)
	if err != nil {
		panic(err) // the size is positive
	}
	strangers, err := lru.New[string, *knownSource](sourceCache)
	if err != nil {
		panic(err) // the size is positive
	}
	return &sources{auth: auth, store: store, ring: ring, log: log, known: known, strangers: strangers, used: make(map[db.SecretRef]time.Time)}
}

// forget drops a source that was changed.
func (s *sources) forget(id string) {
	s.changes.Add(1)
	s.known.Remove(id)
	s.strangers.Remove(id)
}

// forgetAll drops everything: news may have been missed.
func (s *sources) forgetAll() {
	s.changes.Add(1)
	s.known.Purge()
	s.strangers.Purge()
}

// One answer for every source that does not take events, so that nobody can tell a
// disabled one from one that never was.
var errNoSource = impact.Errorf(impact.CodeNotFound, "no source takes events here: check the path that `impactql sources create` printed")

// sender is who sends events: with an API key to /webhooks/ingest, or to a source.
func (s *sources) sender(r *http.Request) (ingest.Sender, error) {
	id := r.PathValue("source")
	if id == "" {
		return s.auth.sender(r)
	}
	src, err := s.lookUp(r.Context(), id)
	if err != nil {
		return ingest.Sender{}, err
	}
	company, err := s.auth.companyByID(r.Context(), src.Company)
	if err != nil {
		return ingest.Sender{}, err
	}
	sender := ingest.Sender{Caller: ownCompany{company}, Source: id, Provider: src.Scheme, Delivery: src.scheme.Delivery(r.Header)}
	if !src.scheme.Signed() {
		p, err := s.auth.identify(r, ScopeIngest)
		if err != nil {
			return ingest.Sender{}, err
		}
		if !p.May(src.Company) {
			return ingest.Sender{}, impact.Errorf(impact.CodeForbidden, "the API key may not send for the company of this source")
		}
		return sender, nil
	}
	ctx := r.Context()
	sender.Verify = func(h http.Header, body []byte) error { return s.verify(ctx, src, h, body) }
	return sender, nil
}

// ownCompany is a caller that may write to the source's company and to no other,
// whatever an event says.
type ownCompany struct{ company *impact.Company }

// Company implements [ingest.Caller].
func (o ownCompany) Company(key string) (*impact.Company, error) {
	if key != o.company.Key {
		return nil, impact.Errorf(impact.CodeForbidden, "this source may not send for company %q", key)
	}
	return o.company, nil
}

// DefaultCompany implements [ingest.Caller].
func (o ownCompany) DefaultCompany() (*impact.Company, error) { return o.company, nil }

// verify checks a request against the secrets as they are known, and, before it
// refuses one, as they are now: a provider may sign with a secret sooner than the news
// of it arrives here.
func (s *sources) verify(ctx context.Context, src *knownSource, h http.Header, body []byte) error {
	now := time.Now()
	err := s.check(src, h, body, now)
	if !errors.Is(err, signature.ErrMismatch) || !src.asked.Before(now) {
		return err // no other secret would make it valid
	}
	fresh, err := s.read(ctx, src.ID, now)
	switch {
	case err != nil:
		return err
	case fresh.Source == nil:
		return errNoSource
	}
	return s.check(fresh, h, body, now)
}

func (s *sources) check(src *knownSource, h http.Header, body []byte, now time.Time) error {
	refs, secrets := src.refs, src.secrets
	if slices.ContainsFunc(src.expire, func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }) {
		refs, secrets = src.live(now)
	}
	i, err := signature.Verify(src.scheme, h, body, secrets, now)
	if errors.Is(err, signature.ErrMismatch) && src.problem != nil {
		return src.problem
	}
	if err != nil {
		return err
	}
	s.touch(refs[i], now)
	return nil
}

// live is the secrets that have not expired since they were read.
func (k *knownSource) live(now time.Time) (refs []db.SecretRef, secrets []signature.Secret) {
	for i, at := range k.expire {
		if at.IsZero() || now.Before(at) {
			refs, secrets = append(refs, k.refs[i]), append(secrets, k.secrets[i])
		}
	}
	return refs, secrets
}

func (s *sources) lookUp(ctx context.Context, id string) (*knownSource, error) {
	if !validSourceID(id) {
		return nil, errNoSource
	}
	now := time.Now()
	src, ok := s.known.Get(id)
	if !ok {
		src, ok = s.strangers.Get(id)
	}
	if !ok || !now.Before(src.until) {
		var err error
		if src, err = s.read(ctx, id, now); err != nil {
			return nil, err
		}
	}
	if src.Source == nil {
		return nil, errNoSource
	}
	return src, nil
}

// read reads a source as it is at since or later. Requests that want the same share
// one read, so that a flood of bad signatures is one read at a time.
func (s *sources) read(ctx context.Context, id string, since time.Time) (*knownSource, error) {
	for {
		result := s.reads.DoChan(id, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sourceTimeout)
			defer cancel()
			return s.fetch(ctx, id)
		})
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case r := <-result:
			if r.Err != nil {
				return nil, r.Err
			}
			if src, _ := r.Val.(*knownSource); !src.asked.Before(since) {
				return src, nil
			}
		}
	}
}

func (s *sources) fetch(ctx context.Context, id string) (*knownSource, error) {
	changes := s.changes.Load()
	now := time.Now()
	k := &knownSource{asked: now, until: now.Add(sourceLifetime)}
	src, sealed, err := s.store.Source(ctx, id)
	switch {
	case errors.Is(err, db.ErrNoSource) || err == nil && src.DisabledAt != nil:
		k.until = now.Add(strangerTime)
	case err != nil:
		return nil, err
	default:
		k.Source, k.scheme = src, signature.Scheme(src.Scheme)
		s.open(k, sealed)
	}
	cache := s.known
	if k.Source == nil {
		s.known.Remove(id)
		cache = s.strangers
	}
	cache.Add(id, k)
	if s.changes.Load() != changes {
		cache.Remove(id)
	}
	return k, nil
}

// open decrypts a source's secrets. One that does not open is an operator's mistake:
// the provider is told to try again later, so that nothing is lost meanwhile, unless
// another secret will do.
func (s *sources) open(k *knownSource, sealed []db.SealedSecret) {
	for i := range sealed {
		one := &sealed[i]
		text, err := s.ring.Open(one.Sealed, one.KeyID, secretPlace(k.Source, one.ID))
		var secret signature.Secret
		if err == nil {
			secret, err = signature.ParseSecret(k.scheme, text)
		}
		if err != nil {
			s.log.Error("secret of a source not usable", "source", k.ID, "secret", one.ID, "err", err)
			k.problem = impact.Errorf(impact.CodeUnavailable, "the secrets of this source cannot be read at the moment; send again later")
			continue
		}
		var expires time.Time
		if one.ExpiresAt != nil {
			expires = *one.ExpiresAt
		}
		k.refs = append(k.refs, db.SecretRef{Company: k.Company, Source: k.ID, ID: one.ID})
		k.secrets, k.expire = append(k.secrets, secret), append(k.expire, expires)
	}
}

// touch notes that a secret was used; flush writes it.
func (s *sources) touch(ref db.SecretRef, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[ref] = now
}

func (s *sources) flush(ctx context.Context) {
	s.mu.Lock()
	used := s.used
	s.used = make(map[db.SecretRef]time.Time)
	s.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := s.store.TouchSourceSecrets(ctx, used); err != nil {
		s.log.Warn("last uses of sources' secrets not written", "err", err)
	}
}

package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// The scopes a key may have.
const (
	ScopeIngest = "ingest"
	ScopeRead   = "read"
	ScopePeople = "people" // list people by their keys
	ScopeAdmin  = "admin"  // change sources, settings and what is kept
)

// Scopes lists the scopes.
var Scopes = []string{ScopeIngest, ScopeRead, ScopePeople, ScopeAdmin}

// Caches of what authentication looks up: revoking a key is announced and ends
// it at once, the lifetime only covers what was missed.
const (
	keyCache      = 10_000
	keyLifetime   = 30 * time.Second
	strangerTime  = time.Second // how long an unknown key is remembered as such
	companyCache  = 10_000
	touchInterval = 30 * time.Second
)

// hashKey is what is stored of a key. Keys are random and long, so a plain hash
// is as good as a slow one and can be looked up.
func hashKey(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// auth finds out who is calling.
type auth struct {
	store *db.Store
	off   bool // AUTH=off: everybody may do everything
	log   *slog.Logger

	keys      *lru.Cache[[sha256.Size]byte, cachedKey]
	strangers *lru.Cache[[sha256.Size]byte, time.Time] // until when a key is unknown; apart, so that guesses push no key out
	companies *lru.Cache[string, cachedCompany]

	// revocations rises with each revoked key, changes with each company whose settings
	// changed: what was read before may be stale.
	revocations, changes atomic.Int64

	mu      sync.Mutex // guards the fields below; held for moments
	used    map[int32]time.Time
	revoked chan struct{} // closed, and a new one made, with each rise of revocations
}

type cachedKey struct {
	*db.APIKey
	until time.Time
}

type cachedCompany struct {
	*impact.Company
	until time.Time
}

func newAuth(store *db.Store, off bool, log *slog.Logger) *auth {
	keys, err := lru.New[[sha256.Size]byte, cachedKey](keyCache)
	if err != nil {
		panic(err) // the size is positive
	}
	strangers, err := lru.New[[sha256.Size]byte, time.Time](keyCache)
	if err != nil {
		panic(err) // the size is positive
	}
	companies, err := lru.New[string, cachedCompany](companyCache)
	if err != nil {
		panic(err) // the size is positive
	}
	return &auth{
		store: store, off: off, log: log, keys: keys, strangers: strangers, companies: companies,
		used: make(map[int32]time.Time), revoked: make(chan struct{}),
	}
}

// forget drops a revoked key.
func (a *auth) forget(id int32) {
	a.revocations.Add(1)
	for _, hash := range a.keys.Keys() {
		if k, ok := a.keys.Peek(hash); ok && k.ID == id {
			a.keys.Remove(hash)
		}
	}
	a.tellRevoked()
}

// forgetCompany drops a company whose settings changed.
func (a *auth) forgetCompany(id impact.CompanyID) {
	a.changes.Add(1)
	for _, name := range a.companies.Keys() {
		if c, ok := a.companies.Peek(name); ok && c.ID == id {
			a.companies.Remove(name)
		}
	}
}

// forgetAll drops everything: news may have been missed.
func (a *auth) forgetAll() {
	a.revocations.Add(1)
	a.changes.Add(1)
	a.keys.Purge()
	a.companies.Purge()
	a.tellRevoked()
}

// tellRevoked wakes whoever waits for news of keys, once they are out of the cache.
func (a *auth) tellRevoked() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.revoked)
	a.revoked = make(chan struct{})
}

// revocation is closed when next a key is revoked, or may have been. Take it before
// looking a key up, so that no news falls in between.
func (a *auth) revocation() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.revoked
}

// principal is who is calling.
type principal struct {
	auth *auth
	ctx  context.Context //nolint:containedctx // lives for one request, like the principal itself
	key  *db.APIKey      // nil: AUTH=off
}

// identify finds the key of a request. scope is what the path needs.
func (a *auth) identify(r *http.Request, scope string) (*principal, error) {
	p := &principal{auth: a, ctx: r.Context()}
	if a.off {
		return p, nil
	}
	secret := r.Header.Get("X-API-Key")
	if secret == "" {
		scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
			return nil, impact.Errorf(impact.CodeUnauthenticated, "send an API key as X-API-Key or as Authorization: Bearer")
		}
		secret = bearer
	}
	key, err := a.lookUp(r.Context(), secret)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(key.Scopes, scope) {
		return nil, impact.Errorf(impact.CodeForbidden, "the API key lacks the scope %q", scope)
	}
	p.key = key
	return p, nil
}

// sender is who sends events with an API key.
func (a *auth) sender(r *http.Request) (ingest.Sender, error) {
	p, err := a.identify(r, ScopeIngest)
	if err != nil {
		return ingest.Sender{}, err
	}
	return ingest.Sender{Caller: p, Delivery: r.Header.Get("X-Delivery-Id"), KeyID: p.keyID()}, nil
}

func (a *auth) lookUp(ctx context.Context, secret string) (*db.APIKey, error) {
	return a.lookUpHash(ctx, hashKey(secret))
}

func (a *auth) lookUpHash(ctx context.Context, hash [sha256.Size]byte) (*db.APIKey, error) {
	now := time.Now()
	if k, ok := a.keys.Get(hash); ok && now.Before(k.until) {
		a.touch(k.ID, now)
		return k.APIKey, nil
	}
	if until, ok := a.strangers.Get(hash); ok && now.Before(until) {
		return nil, errUnknownKey
	}
	revocations := a.revocations.Load()
	key, err := a.store.APIKeyByHash(ctx, hash[:])
	if impact.CodeOf(err) == impact.CodeUnauthenticated || err == nil && subtle.ConstantTimeCompare(key.Hash, hash[:]) != 1 {
		a.strangers.Add(hash, now.Add(strangerTime))
		return nil, errUnknownKey
	}
	if err != nil {
		return nil, err
	}
	a.keys.Add(hash, cachedKey{key, now.Add(keyLifetime)})
	if a.revocations.Load() != revocations {
		a.keys.Remove(hash)
	}
	a.touch(key.ID, now)
	return key, nil
}

var errUnknownKey = impact.Errorf(impact.CodeUnauthenticated, "the API key is unknown or revoked")

// touch notes that a key was used; flush writes it.
func (a *auth) touch(id int32, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[id] = now
}

// flushLoop writes last uses now and then, until ctx ends.
func flushLoop(ctx context.Context, flush ...func(context.Context)) {
	tick := time.NewTicker(touchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, f := range flush {
				f(ctx)
			}
		}
	}
}

func (a *auth) flush(ctx context.Context) {
	a.mu.Lock()
	used := a.used
	a.used = make(map[int32]time.Time)
	a.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := a.store.TouchAPIKeys(ctx, used); err != nil {
		a.log.Warn("last uses of API keys not written", "err", err)
	}
}

// company is the company of a key, cached.
func (a *auth) company(ctx context.Context, key string) (*impact.Company, error) {
	if !impact.ValidKey(key) {
		return nil, impact.Errorf(impact.CodeNotFound, "Company not found")
	}
	now := time.Now()
	if c, ok := a.companies.Get(key); ok && now.Before(c.until) {
		return c.Company, nil
	}
	changes := a.changes.Load()
	c, err := a.store.CompanyByKey(ctx, key)
	if err != nil {
		return nil, err
	}
	a.remember(key, c, now, changes)
	return c, nil
}

// remember keeps a company that was read after so many changes.
func (a *auth) remember(name string, c *impact.Company, now time.Time, changes int64) {
	a.companies.Add(name, cachedCompany{c, now.Add(keyLifetime)})
	if a.changes.Load() != changes {
		a.companies.Remove(name)
	}
}

// check looks the caller's key up again, for what outlasts the request that it came with:
// [impact.CodeUnauthenticated] once it is revoked.
func (p *principal) check(ctx context.Context) error {
	if p.key == nil {
		return nil
	}
	_, err := p.auth.lookUpHash(ctx, [sha256.Size]byte(p.key.Hash))
	return err
}

// ended reports whether the caller's key is known to be revoked, by the database itself.
func (p *principal) ended(ctx context.Context) bool {
	if p.key != nil {
		p.auth.keys.Remove([sha256.Size]byte(p.key.Hash))
	}
	return impact.CodeOf(p.check(ctx)) == impact.CodeUnauthenticated
}

// keyID is the id of the caller's key, 0 if it has none.
func (p *principal) keyID() int32 {
	if p.key == nil {
		return 0
	}
	return p.key.ID
}

// May reports whether the caller may use a company.
func (p *principal) May(id impact.CompanyID) bool {
	return p.key == nil || p.key.AllCompanies || slices.Contains(p.key.Companies, id)
}

// Companies lists the companies that the caller may use; all means every one.
func (p *principal) Companies() (ids []impact.CompanyID, all bool) {
	if p.key == nil || p.key.AllCompanies {
		return nil, true
	}
	return p.key.Companies, false
}

// Can reports whether the caller has a scope.
func (p *principal) Can(scope string) bool {
	return p.key == nil || slices.Contains(p.key.Scopes, scope)
}

// Name says who the caller is in an audit log.
func (p *principal) Name() string {
	switch {
	case p.key == nil:
		return "anybody (AUTH=off)"
	case p.key.Label == "":
		return fmt.Sprintf("key %d", p.key.ID)
	}
	return fmt.Sprintf("key %d (%s)", p.key.ID, p.key.Label)
}

// Company implements [ingest.Caller].
func (p *principal) Company(key string) (*impact.Company, error) {
	c, err := p.auth.company(p.ctx, key)
	switch {
	case impact.CodeOf(err) == impact.CodeNotFound, err == nil && !p.May(c.ID):
		return nil, impact.Errorf(impact.CodeForbidden, "the API key may not send for company %q", key)
	case err != nil:
		return nil, err
	}
	return c, nil
}

// DefaultCompany implements [ingest.Caller].
func (p *principal) DefaultCompany() (*impact.Company, error) {
	if p.key == nil || len(p.key.Companies) == 0 {
		return nil, impact.Errorf(impact.CodeInvalid, "the API key has no default company: name one as companyId")
	}
	return p.auth.companyByID(p.ctx, p.key.Companies[0])
}

func (a *auth) companyByID(ctx context.Context, id impact.CompanyID) (*impact.Company, error) {
	name := "#" + strconv.Itoa(int(id)) // # is in no valid key
	now := time.Now()
	if c, ok := a.companies.Get(name); ok && now.Before(c.until) {
		return c.Company, nil
	}
	changes := a.changes.Load()
	list, err := a.store.CompaniesByID(ctx, []impact.CompanyID{id})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, impact.Errorf(impact.CodeForbidden, "the API key's company is gone")
	}
	a.remember(name, list[0], now, changes)
	return list[0], nil
}

type principalKey struct{}

// withReader lets only callers with [ScopeRead] through to next; others get what refuse answers.
func (a *auth) withReader(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := a.identify(r, ScopeRead)
		if err != nil {
			refuse(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), principalKey{}, p)
		p.ctx = ctx
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func principalOf(ctx context.Context) *principal {
	p, _ := ctx.Value(principalKey{}).(*principal)
	return p
}

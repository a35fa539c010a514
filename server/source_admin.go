package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest/signature"
	"github.com/impactql/impactql/server/vault"
)

// sourceAdmin makes and changes sources, for the commands and the mutations.
type sourceAdmin struct {
	store *db.Store
	ring  *vault.Ring
}

// DefaultOverlap is how long the secrets before a rotation still sign.
const DefaultOverlap = 24 * time.Hour

// maxOverlap bounds it: a secret that is to stay is not rotated.
const maxOverlap = 90 * 24 * time.Hour

const sourcePrefix = "src_"

// newSourceID makes the id of a source, of 128 random bits.
func newSourceID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return sourcePrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// validSourceID keeps what cannot be a source from the database and the cache.
func validSourceID(id string) bool {
	rest, ok := strings.CutPrefix(id, sourcePrefix)
	return ok && len(rest) == 22 && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// secretPlace is what a sealed secret is bound to.
func secretPlace(src *impact.Source, secret int) string {
	return fmt.Sprintf("company %d source %s secret %d", src.Company, src.ID, secret)
}

// create makes a source, with a secret unless the scheme has none: the one given, or a
// new one. The secret is returned, and cannot be had again.
func (a *sourceAdmin) create(
	ctx context.Context, company impact.CompanyID, name, scheme, secret, label, actor string,
) (*impact.Source, string, error) {
	s, ok := signature.Parse(scheme)
	if !ok {
		return nil, "", impact.Errorf(impact.CodeInvalid, "there is no scheme %q: use one of %s", scheme, schemeNames(", "))
	}
	if err := checkName("the name", name, 1); err != nil {
		return nil, "", err
	}
	src := &impact.Source{Company: company, ID: newSourceID(), Name: name, Scheme: scheme}
	secret, seal, err := a.sealing(src, s, secret, label)
	if err != nil {
		return nil, "", err
	}
	if err := a.store.CreateSource(ctx, src, label, actor, seal); err != nil {
		return nil, "", err
	}
	return src, secret, nil
}

// rotate gives a source a new secret, and has the ones before end after overlap.
func (a *sourceAdmin) rotate(
	ctx context.Context, company impact.CompanyID, id, secret, label, actor string, overlap time.Duration,
) (*impact.SourceSecret, string, error) {
	if overlap < 0 || overlap > maxOverlap {
		return nil, "", impact.Errorf(impact.CodeInvalid, "the overlap must be 0 to %d days", maxOverlap/(24*time.Hour))
	}
	src, _, err := a.store.Source(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if src.Company != company {
		return nil, "", db.ErrNoSource
	}
	secret, seal, err := a.sealing(src, signature.Scheme(src.Scheme), secret, label)
	if err != nil {
		return nil, "", err
	}
	if seal == nil {
		return nil, "", impact.Errorf(impact.CodeInvalid, "a source of the scheme %s has no secret: it takes the company's API keys", src.Scheme)
	}
	added, err := a.store.AddSourceSecret(ctx, company, id, label, actor, overlap, seal)
	return added, secret, err
}

// sealing checks or makes a secret, and says how to store it; not at all where the
// scheme has none.
func (a *sourceAdmin) sealing(src *impact.Source, s signature.Scheme, secret, label string) (string, db.Seal, error) {
	if err := checkName("the label", label, 0); err != nil {
		return "", nil, err
	}
	if !s.Signed() && secret == "" {
		return "", nil, nil
	}
	if secret == "" {
		secret = signature.NewSecret(s)
	}
	if _, err := signature.ParseSecret(s, secret); err != nil {
		return "", nil, err
	}
	return secret, func(id int) ([]byte, string, error) { return a.ring.Seal(secret, secretPlace(src, id)) }, nil
}

// reencrypt encrypts every secret that still signs with the first key, and returns how many
// another one had. The others of the ring have to open them.
func (a *sourceAdmin) reencrypt(ctx context.Context, actor string) (n int, err error) {
	if a.ring.KeyID() == "" {
		return 0, vault.ErrNoKey
	}
	list, err := a.store.Sources(ctx, nil, true)
	if err != nil {
		return 0, err
	}
	for _, src := range list {
		if src.DisabledAt != nil {
			continue
		}
		done, err := a.store.ResealSource(ctx, src, a.ring.KeyID(), actor, func(secret *db.SealedSecret) error {
			place := secretPlace(src, secret.ID)
			text, err := a.ring.Open(secret.Sealed, secret.KeyID, place)
			if err == nil {
				secret.Sealed, secret.KeyID, err = a.ring.Seal(text, place)
			}
			if err != nil {
				return fmt.Errorf("secret %d of source %s: %w", secret.ID, src.ID, err)
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += done
	}
	return n, nil
}

func checkName(what, s string, shortest int) error {
	if n := utf8.RuneCountInString(s); n < shortest || n > 100 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return impact.Errorf(impact.CodeInvalid, "%s must have %d to 100 characters, all of them printable", what, shortest)
	}
	return nil
}

func schemeNames(separator string) string {
	var names []string
	for _, s := range signature.Schemes {
		names = append(names, string(s))
	}
	return strings.Join(names, separator)
}

// graphSources serves the mutations.
type graphSources struct{ *sourceAdmin }

// List implements [graph.Sources].
func (g graphSources) List(ctx context.Context, company impact.CompanyID) ([]*impact.Source, error) {
	return g.store.Sources(ctx, []impact.CompanyID{company}, false)
}

// Create implements [graph.Sources].
func (g graphSources) Create(
	ctx context.Context, company impact.CompanyID, name, scheme, secret, label, actor string,
) (*impact.Source, string, error) {
	return g.create(ctx, company, name, scheme, secret, label, actor)
}

// Rotate implements [graph.Sources].
func (g graphSources) Rotate(
	ctx context.Context, company impact.CompanyID, source, secret, label, actor string, overlap time.Duration,
) (string, error) {
	_, made, err := g.rotate(ctx, company, source, secret, label, actor, overlap)
	return made, err
}

// Revoke implements [graph.Sources].
func (g graphSources) Revoke(ctx context.Context, company impact.CompanyID, source string, number int, actor string) error {
	return g.store.RevokeSourceSecret(ctx, company, source, number, actor)
}

// Disable implements [graph.Sources].
func (g graphSources) Disable(ctx context.Context, company impact.CompanyID, source, actor string) error {
	return g.store.DisableSource(ctx, company, source, actor)
}

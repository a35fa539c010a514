package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// APIKey is a key as it is stored: its secret is only there as a SHA-256 hash.
type APIKey struct {
	ID           int32
	Hash         []byte
	Hint         string // the secret's last four characters
	Label        string
	Scopes       []string
	Companies    []impact.CompanyID // the first is the default
	AllCompanies bool
	CreatedAt    time.Time
	LastUsedAt   *time.Time
	RevokedAt    *time.Time
}

type apiKeyRow struct {
	ID           int32
	Hash         []byte
	Hint         string
	Label        string
	Scopes       pq.StringArray
	Companies    pq.Int32Array
	AllCompanies bool       `db:"all_companies"`
	CreatedAt    time.Time  `db:"created_at"`
	LastUsedAt   *time.Time `db:"last_used_at"`
	RevokedAt    *time.Time `db:"revoked_at"`
}

func (r *apiKeyRow) key() *APIKey {
	k := &APIKey{
		ID: r.ID, Hash: r.Hash, Hint: r.Hint, Label: r.Label, Scopes: r.Scopes, AllCompanies: r.AllCompanies,
		CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt, RevokedAt: r.RevokedAt,
	}
	for _, c := range r.Companies {
		k.Companies = append(k.Companies, impact.CompanyID(c))
	}
	return k
}

const apiKeyColumns = "id, hash, hint, label, scopes, companies, all_companies, created_at, last_used_at, revoked_at" //nolint:gosec // names of columns

// KeysChannel is the notification channel on which the id of a revoked key is
// told.
const KeysChannel = "impactql_keys"

// APIKeyByHash is the live key of a hash, or an error with
// [impact.CodeUnauthenticated].
func (s *Store) APIKeyByHash(ctx context.Context, hash []byte) (*APIKey, error) {
	var r apiKeyRow
	err := s.db.GetContext(ctx, &r,
		"SELECT "+apiKeyColumns+" FROM api_key WHERE hash = $1 AND revoked_at IS NULL", hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, impact.Errorf(impact.CodeUnauthenticated, "the API key is unknown or revoked")
	}
	if err != nil {
		return nil, wrap(err, "find API key")
	}
	return r.key(), nil
}

// CreateAPIKey stores a key and returns its id. A key with the same hash is left
// as it is.
func (s *Store) CreateAPIKey(ctx context.Context, k *APIKey) (id int32, err error) {
	err = s.db.GetContext(ctx, &id, `
		INSERT INTO api_key (hash, hint, label, scopes, companies, all_companies) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash
		RETURNING id`,
		k.Hash, k.Hint, k.Label, pq.Array(k.Scopes), pq.Array(int64s(k.Companies)), k.AllCompanies)
	return id, wrap(err, "create API key")
}

// APIKeys lists every key, also the revoked ones, oldest first.
func (s *Store) APIKeys(ctx context.Context) ([]*APIKey, error) {
	var rows []apiKeyRow
	if err := s.db.SelectContext(ctx, &rows, "SELECT "+apiKeyColumns+" FROM api_key ORDER BY id"); err != nil {
		return nil, wrap(err, "list API keys")
	}
	keys := make([]*APIKey, len(rows))
	for i := range rows {
		keys[i] = rows[i].key()
	}
	return keys, nil
}

// RevokeAPIKey ends a key at once, in every instance. The error has
// [impact.CodeNotFound] if there is no live key of that id.
func (s *Store) RevokeAPIKey(ctx context.Context, id int32) error {
	var n int
	err := s.db.GetContext(ctx, &n, `
		WITH revoked AS (
			UPDATE api_key SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id
		)
		SELECT count(pg_notify($2, id::text)) FROM revoked`, id, KeysChannel)
	if err == nil && n == 0 {
		return impact.Errorf(impact.CodeNotFound, "there is no live key %d; see impactql keys list", id)
	}
	return wrap(err, "revoke API key %d", id)
}

// TouchAPIKeys records when keys were last used.
func (s *Store) TouchAPIKeys(ctx context.Context, used map[int32]time.Time) error {
	ids, at := make([]int64, 0, len(used)), make([]time.Time, 0, len(used))
	for id, t := range used {
		ids, at = append(ids, int64(id)), append(at, t)
	}
	_, err := s.db.ExecContext(ctx, `
		UPDATE api_key SET last_used_at = greatest(last_used_at, u.at)
		FROM unnest($1::integer[], $2::timestamptz[]) AS u (id, at)
		WHERE api_key.id = u.id`, pq.Array(ids), pq.Array(at))
	return wrap(err, "touch %d API keys", len(used))
}

package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// Keys manages API keys.
type Keys struct {
	Create KeysCreate `cmd:"" help:"Create a key and print it; it cannot be shown again."`
	List   KeysList   `cmd:"" help:"List the keys, without their secrets."`
	Revoke KeysRevoke `cmd:"" help:"End a key at once."`
}

// KeysCreate creates a key.
type KeysCreate struct {
	Database
	Logging
	Company      []string `required:"" placeholder:"KEY" help:"Company that the key may use; repeat for several, the first is the default. Made if there is none of that key."`
	Scopes       []string `default:"ingest,read" help:"What the key may do: ingest; read figures; people, with read: list people by their keys; admin, with read: change things."`
	AllCompanies bool     `help:"The key may use every company, also later ones; --company is then only the default."`
	Label        string   `help:"What the key is for, to tell it apart in a list."`
	JSON         bool     `help:"Print JSON."`
}

// Run implements the command.
func (cmd *KeysCreate) Run(ctx context.Context) error {
	for _, s := range cmd.Scopes {
		if !slices.Contains(Scopes, s) {
			return fmt.Errorf("--scopes: %q is no scope; the scopes are %s", s, strings.Join(Scopes, ", "))
		}
		if (s == "people" || s == "admin") && !slices.Contains(cmd.Scopes, "read") {
			return fmt.Errorf("--scopes: %s does nothing without read: give both, as in --scopes %s,read", s, strings.Join(cmd.Scopes, ","))
		}
	}
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		k := &db.APIKey{Label: cmd.Label, Scopes: cmd.Scopes, AllCompanies: cmd.AllCompanies}
		for _, key := range cmd.Company {
			c, err := conn.EnsureCompany(ctx, key, "")
			if err != nil {
				return err
			}
			k.Companies = append(k.Companies, c.ID)
		}
		secret := newSecret()
		id, err := createKey(ctx, conn.Store, k, secret)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"id": id, "key": secret})
		}
		fmt.Fprintln(os.Stdout, secret)
		fmt.Fprintf(os.Stderr, "This is key %d. It is shown only now: store it where secrets are stored.\n", id)
		return nil
	})
}

// with opens the database for a command.
func (d Database) with(ctx context.Context, l Logging, f func(*connection) error) error {
	l.LogLevel = max(l.LogLevel, 4) // commands speak through their output
	conn, err := d.open(ctx, l.logger())
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close())
}

// newSecret makes a key of 256 random bits.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "iql_" + base64.RawURLEncoding.EncodeToString(b[:])
}

func createKey(ctx context.Context, s *db.Store, k *db.APIKey, secret string) (int32, error) {
	hash := hashKey(secret)
	k.Hash, k.Hint = hash[:], secret[len(secret)-4:]
	return s.CreateAPIKey(ctx, k)
}

// KeysList lists the keys.
type KeysList struct {
	Database
	Logging
	JSON bool `help:"Print a line of JSON for each."`
}

// Run implements the command.
func (cmd *KeysList) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		keys, err := conn.APIKeys(ctx)
		if err != nil {
			return err
		}
		names, err := companyNames(ctx, conn.Store, keys)
		if err != nil {
			return err
		}
		if cmd.JSON {
			out := json.NewEncoder(os.Stdout)
			for _, k := range keys {
				if err := out.Encode(map[string]any{
					"id": k.ID, "endsIn": k.Hint, "label": k.Label, "scopes": k.Scopes, "companies": names(k.Companies),
					"allCompanies": k.AllCompanies, "createdAt": k.CreatedAt, "lastUsedAt": k.LastUsedAt, "revokedAt": k.RevokedAt,
				}); err != nil {
					return err
				}
			}
			return nil
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "ID\tENDS IN\tLABEL\tSCOPES\tCOMPANIES\tCREATED\tLAST USED\tREVOKED")
		for _, k := range keys {
			companies := orDash(strings.Join(names(k.Companies), ","))
			if k.AllCompanies {
				companies = "all, by default " + companies
			}
			fmt.Fprintf(out, "%d\t…%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Hint, orDash(k.Label), strings.Join(k.Scopes, ","), companies,
				k.CreatedAt.Format(time.DateOnly), when(k.LastUsedAt), when(k.RevokedAt))
		}
		return out.Flush()
	})
}

func companyNames(ctx context.Context, s *db.Store, keys []*db.APIKey) (func([]impact.CompanyID) []string, error) {
	var ids []impact.CompanyID
	for _, k := range keys {
		ids = append(ids, k.Companies...)
	}
	companies, err := s.CompaniesByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	return func(of []impact.CompanyID) []string {
		list := []string{}
		for _, id := range of {
			i := slices.IndexFunc(companies, func(c *impact.Company) bool { return c.ID == id })
			if i >= 0 {
				list = append(list, companies[i].Key)
			}
		}
		return list
	}, nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// KeysRevoke ends a key.
type KeysRevoke struct {
	Database
	Logging
	ID int32 `arg:"" help:"The key's id, from keys list."`
}

// Run implements the command.
func (cmd *KeysRevoke) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		if err := conn.RevokeAPIKey(ctx, cmd.ID); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Key %d is revoked: every server refuses it from now on.\n", cmd.ID)
		return nil
	})
}

package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/impactql/impactql/impact"
)

// Sources manages sources.
type Sources struct {
	Create    SourcesCreate    `cmd:"" help:"Create a source: a path that one provider sends to, and the secret it signs with."`
	Rotate    SourcesRotate    `cmd:"" help:"Give a source a new secret; the ones before still sign for a while."`
	Revoke    SourcesRevoke    `cmd:"" help:"End a secret at once, or the whole source."`
	Reencrypt SourcesReencrypt `cmd:"" help:"Encrypt the secrets with the first key of SECRETS_KEY, before the others are taken away."`
	List      SourcesList      `cmd:"" help:"List the sources and their secrets, without the secrets themselves."`
}

// ProviderSecret is a secret that the provider chose.
type ProviderSecret struct {
	Secret string `placeholder:"-" help:"The provider's own secret; - reads it from standard input, which keeps it out of the shell's history. For standard-webhooks also a public key, whpk_... Default: a new one is made."`
	Label  string `help:"What the secret is for, to tell it apart in a list."`
}

// text is the secret, empty if one is to be made.
func (p ProviderSecret) text() (string, error) {
	if p.Secret != "-" {
		return p.Secret, nil
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return line, nil
	}
	return "", fmt.Errorf("--secret -: nothing on standard input (%w)", err)
}

// SourcesCreate creates a source.
type SourcesCreate struct {
	Database
	Logging
	ProviderSecret
	Company string `required:"" placeholder:"KEY" help:"Company that the source belongs to. Made if there is none of that key."`
	Name    string `required:"" help:"What to call the source; unique within the company."`
	Scheme  string `required:"" enum:"standard-webhooks,kintell,benevity,goodera,workday,github,key" help:"How the provider signs: standard-webhooks, kintell, benevity, goodera, workday, github; or key, for an API key instead."`
	JSON    bool   `help:"Print JSON."`
}

// Run implements the command.
func (cmd *SourcesCreate) Run(ctx context.Context) error {
	secret, err := cmd.text()
	if err != nil {
		return err
	}
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		c, err := conn.EnsureCompany(ctx, cmd.Company, "")
		if err != nil {
			return err
		}
		src, made, err := conn.sources().create(ctx, c.ID, cmd.Name, cmd.Scheme, secret, cmd.Label, whoRuns())
		if err != nil {
			return err
		}
		return printSecret(cmd.JSON, src, made, 1)
	})
}

// printSecret shows a secret for the only time.
func printSecret(asJSON bool, src *impact.Source, secret string, id int) error {
	if asJSON {
		out := map[string]any{"source": src.ID, "path": src.Path()}
		if secret != "" {
			out["secret"], out["secretId"] = secret, id
		}
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	fmt.Fprintf(os.Stdout, "source  %s\npath    %s\n", src.ID, src.Path())
	if secret == "" {
		fmt.Fprintln(os.Stderr, "The source takes the API keys of its company.")
		return nil
	}
	fmt.Fprintf(os.Stdout, "secret  %s\n", secret)
	fmt.Fprintf(os.Stderr, "This is secret %d of the source. It is shown only now: give it to the provider.\n", id)
	return nil
}

// SourcesRotate adds a secret.
type SourcesRotate struct {
	Database
	Logging
	ProviderSecret
	Source  string        `arg:"" help:"The source's id, src_..., from sources list."`
	Overlap time.Duration `default:"24h" help:"How long the secrets before this one still sign; 0s ends them at once."`
	JSON    bool          `help:"Print JSON."`
}

// Run implements the command.
func (cmd *SourcesRotate) Run(ctx context.Context) error {
	secret, err := cmd.text()
	if err != nil {
		return err
	}
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		src, _, err := conn.Source(ctx, cmd.Source)
		if err != nil {
			return err
		}
		added, made, err := conn.sources().rotate(ctx, src.Company, src.ID, secret, cmd.Label, whoRuns(), cmd.Overlap)
		if err != nil {
			return err
		}
		return printSecret(cmd.JSON, src, made, added.ID)
	})
}

// SourcesRevoke ends a secret or a source.
type SourcesRevoke struct {
	Database
	Logging
	Source string `arg:"" help:"The source's id, src_..., from sources list."`
	Secret int    `arg:"" optional:"" help:"The number of the secret. Without it the source takes nothing any more; its events stay."`
}

// Run implements the command.
func (cmd *SourcesRevoke) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		src, _, err := conn.Source(ctx, cmd.Source)
		switch {
		case err != nil:
			return err
		case cmd.Secret == 0:
			if err := conn.DisableSource(ctx, src.Company, src.ID, whoRuns()); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "Source %s takes nothing any more; its events stay.\n", src.ID)
			return nil
		}
		if err := conn.RevokeSourceSecret(ctx, src.Company, src.ID, cmd.Secret, whoRuns()); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Secret %d of source %s signs nothing any more.\n", cmd.Secret, src.ID)
		return nil
	})
}

// SourcesReencrypt encrypts the secrets anew.
type SourcesReencrypt struct {
	Database
	Logging
}

// Help implements kong's HelpProvider.
func (*SourcesReencrypt) Help() string {
	return "SECRETS_KEY=new,old: the new key in front, the one that the secrets are encrypted with behind it. Give every running " +
		"server both first. Running it again does what is left; secrets that have ended stay as they are."
}

// Run implements the command.
func (cmd *SourcesReencrypt) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		n, err := conn.sources().reencrypt(ctx, whoRuns())
		fmt.Fprintf(os.Stdout, "%d secrets encrypted anew\n", n)
		return err
	})
}

// SourcesList lists the sources.
type SourcesList struct {
	Database
	Logging
	Company []string `placeholder:"KEY" help:"Only the sources of this company; repeat for several."`
	JSON    bool     `help:"Print a line of JSON for each."`
}

// Run implements the command.
func (cmd *SourcesList) Run(ctx context.Context) error {
	return cmd.with(ctx, cmd.Logging, func(conn *connection) error {
		var ids []impact.CompanyID
		for _, key := range cmd.Company {
			c, err := conn.CompanyByKey(ctx, key)
			if err != nil {
				return fmt.Errorf("company %q: %w", key, err)
			}
			ids = append(ids, c.ID)
		}
		list, err := conn.Sources(ctx, ids, len(ids) == 0)
		if err != nil {
			return err
		}
		keys, err := companyKeys(ctx, conn, list)
		if err != nil {
			return err
		}
		if cmd.JSON {
			return printSources(list, keys)
		}
		out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(out, "SOURCE\tCOMPANY\tNAME\tSCHEME\tCREATED\tDISABLED\tSECRET\tLABEL\tLAST USED\tENDS")
		for _, s := range list {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t\t\t\t\n", s.ID, keys[s.Company], s.Name, s.Scheme, s.CreatedAt.Format(time.DateOnly), when(s.DisabledAt))
			for _, x := range s.Secrets {
				ends := x.RevokedAt
				if ends == nil {
					ends = x.ExpiresAt
				}
				fmt.Fprintf(out, "\t\t\t\t%s\t\t%d\t%s\t%s\t%s\n", x.CreatedAt.Format(time.DateOnly), x.ID, orDash(x.Label), when(x.LastUsedAt), when(ends))
			}
		}
		return out.Flush()
	})
}

func printSources(list []*impact.Source, keys map[impact.CompanyID]string) error {
	out := json.NewEncoder(os.Stdout)
	for _, s := range list {
		secrets := []map[string]any{}
		for _, x := range s.Secrets {
			secrets = append(secrets, map[string]any{
				"id": x.ID, "label": x.Label, "createdAt": x.CreatedAt, "lastUsedAt": x.LastUsedAt, "expiresAt": x.ExpiresAt, "revokedAt": x.RevokedAt,
			})
		}
		if err := out.Encode(map[string]any{
			"source": s.ID, "path": s.Path(), "company": keys[s.Company], "name": s.Name, "scheme": s.Scheme,
			"createdAt": s.CreatedAt, "disabledAt": s.DisabledAt, "secrets": secrets,
		}); err != nil {
			return err
		}
	}
	return nil
}

func companyKeys(ctx context.Context, conn *connection, list []*impact.Source) (map[impact.CompanyID]string, error) {
	var ids []impact.CompanyID
	for _, s := range list {
		ids = append(ids, s.Company)
	}
	companies, err := conn.CompaniesByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	keys := make(map[impact.CompanyID]string)
	for _, c := range companies {
		keys[c.ID] = c.Key
	}
	return keys, nil
}

// sources is what makes and changes sources.
func (c *connection) sources() *sourceAdmin { return &sourceAdmin{store: c.Store, ring: c.ring} }

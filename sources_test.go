package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/db/dbtest"
)

// Sources are made, rotated and revoked on the embedded database while the server runs.
func TestSources(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	env := []string{"DATA_DIR=" + dataDir(t)}
	s := b.serve(t, env)
	type source struct {
		Source, Path, Secret string
		SecretID             int
	}
	read := func(out string) (made source) {
		t.Helper()
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			t.Fatal(err, out)
		}
		return made
	}
	first := read(b.must(t, env, "sources", "create", "--company", demoCompany, "--name", "hub", "--scheme", "github", "--json"))
	if first.Path != "/webhooks/"+first.Source || first.Secret == "" || first.SecretID != 1 {
		t.Fatalf("%+v", first)
	}
	n := 0
	deliver := func(secret string) int {
		t.Helper()
		n++
		body := fmt.Sprintf(`{"type":"session.completed","id":"signed-%d","userId":"p"}`, n)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+first.Path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := deliver(first.Secret); got != http.StatusOK {
		t.Errorf("signed with the first secret: %d", got)
	}
	second := read(b.must(t, env, "sources", "rotate", first.Source, "--label", "spring", "--json"))
	if second.SecretID != 2 || second.Secret == first.Secret || second.Source != first.Source {
		t.Errorf("rotated: %+v", second)
	}
	for _, secret := range []string{second.Secret, first.Secret} {
		if got := deliver(secret); got != http.StatusOK {
			t.Errorf("signed with either secret: %d", got)
		}
	}
	b.must(t, env, "sources", "revoke", first.Source, "1")
	eventually(t, "the revoked secret is refused", func() bool { return deliver(first.Secret) == http.StatusUnauthorized })
	if got := deliver(second.Secret); got != http.StatusOK {
		t.Errorf("signed with the second secret: %d", got)
	}
	var told struct {
		Source, Company string
		Secrets         []struct {
			ID        int
			RevokedAt *time.Time
		}
	}
	asJSON := b.must(t, env, "sources", "list", "--json")
	if err := json.Unmarshal([]byte(asJSON), &told); err != nil || told.Source != first.Source || told.Company != demoCompany ||
		len(told.Secrets) != 2 || told.Secrets[0].RevokedAt == nil || told.Secrets[1].RevokedAt != nil {
		t.Errorf("list as JSON: %s %v", asJSON, err)
	}
	list := asJSON + b.must(t, env, "sources", "list", "--company", demoCompany)
	for _, want := range []string{first.Source, demoCompany, "hub", "github", "spring"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list has no %q:\n%s", want, list)
		}
	}
	for _, secret := range []string{first.Secret, second.Secret} {
		if strings.Contains(list, secret) || strings.Contains(s.log.String(), secret) {
			t.Error("a secret is listed or logged")
		}
	}
	// The provider's own secret, from standard input.
	cmd := b.command(env, "sources", "create", "--company", demoCompany, "--name", "workday", "--scheme", "workday", "--secret", "-", "--json")
	cmd.Stdin = strings.NewReader("the-providers-own-secret\n")
	if out, err := cmd.Output(); err != nil || read(string(out)).Secret != "the-providers-own-secret" {
		t.Errorf("%s %v", out, err)
	}
	for want, args := range map[string][]string{
		"already":   {"create", "--company", demoCompany, "--name", "hub", "--scheme", "github"},
		"--scheme":  {"create", "--company", demoCompany, "--name", "x", "--scheme", "gitlab"},
		"16 to 256": {"create", "--company", demoCompany, "--name", "x", "--scheme", "github", "--secret", "short"},
		"no such":   {"rotate", "src_none"},
		"live":      {"revoke", first.Source, "1"},
		"overlap":   {"rotate", first.Source, "--overlap", "-1h"},
	} {
		if r := b.run(t, env, append([]string{"sources"}, args...)...); r.code == 0 || !strings.Contains(r.err, want) {
			t.Errorf("%v: exit code %d, %q", args, r.code, r.err)
		}
	}
	b.must(t, env, "sources", "revoke", first.Source)
	eventually(t, "the source is gone", func() bool { return deliver(second.Secret) == http.StatusNotFound })
	s.terminate(t)
}

// Without a key for secrets, a database of the user's own takes no source.
func TestSourcesExternal(t *testing.T) {
	b := impactql(t)
	t.Parallel()
	env := []string{"DATABASE_URL=" + dbtest.New(t)}
	create := []string{"sources", "create", "--company", "acme", "--name", "kintell", "--scheme", "kintell"}
	if r := b.run(t, env, create...); r.code == 0 || !strings.Contains(r.err, "openssl rand -base64 32") {
		t.Errorf("exit code %d, %q", r.code, r.err)
	}
	if r := b.run(t, append(env, "SECRETS_KEY=short"), create...); r.code == 0 || !strings.Contains(r.err, "SECRETS_KEY") {
		t.Errorf("exit code %d, %q", r.code, r.err)
	}
	env = append(env, "SECRETS_KEY="+strings.Repeat("A", 43)+"=")
	if out := b.must(t, env, create...); !strings.Contains(out, "iqs_") {
		t.Errorf("%q", out)
	}
}

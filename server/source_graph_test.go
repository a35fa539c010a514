package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest/signature"
	"github.com/impactql/impactql/ingest/signature/signaturetest"
)

const sourceFields = `source { key name scheme path createdAt disabledAt secrets { number label createdAt lastUsedAt endsAt } } secret`

// Sources by GraphQL: made, rotated, revoked and disabled, and what each then takes.
func TestSourceMutations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, beta := w.company(t, "acme"), w.company(t, "beta")
	a := w.serve(t, w.key(t, "read,admin", acme))
	text := func(g gql, path ...any) string {
		t.Helper()
		s, _ := g.at(path...).(string)
		return s
	}

	g := a.query(t, `mutation { createSource(company: "acme", name: "Hub", scheme: "github", label: "first") { `+sourceFields+` } }`, nil).clean(t)
	first, key := text(g, "createSource", "secret"), text(g, "createSource", "source", "key")
	if first == "" || text(g, "createSource", "source", "path") != "/webhooks/"+key || text(g, "createSource", "source", "secrets", 0, "label") != "first" ||
		g.at("createSource", "source", "disabledAt") != nil || g.at("createSource", "source", "secrets", 0, "endsAt") != nil {
		t.Fatalf("%s", g.body)
	}
	if _, err := time.Parse(time.RFC3339Nano, text(g, "createSource", "source", "createdAt")); err != nil {
		t.Error(err)
	}
	src := &impact.Source{ID: key}
	n := 0
	deliver := func(secret string) int {
		n++
		body := signedSession(n)
		return a.deliver(t, src, signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(body)), body).status
	}
	if got := deliver(first); got != 200 {
		t.Errorf("the first secret: %d", got)
	}
	g = a.query(t, `mutation($s: ID!) { rotateSourceSecret(company: "acme", source: $s, overlapHours: 48) { `+sourceFields+` } }`, map[string]any{"s": key}).clean(t)
	second := text(g, "rotateSourceSecret", "secret")
	ends, err := time.Parse(time.RFC3339Nano, text(g, "rotateSourceSecret", "source", "secrets", 0, "endsAt"))
	if left := time.Until(ends); err != nil || left < 47*time.Hour || left > 48*time.Hour || g.at("rotateSourceSecret", "source", "secrets", 1, "endsAt") != nil {
		t.Errorf("%s", g.body)
	}
	for _, secret := range []string{second, first} {
		if got := deliver(secret); got != 200 {
			t.Errorf("either secret: %d", got)
		}
	}
	a.query(t, `mutation($s: ID!) { revokeSourceSecret(company: "acme", source: $s, number: 1) { key secrets { endsAt } } }`, map[string]any{"s": key}).clean(t)
	eventually(t, "the revoked secret is refused", func() bool { return deliver(first) == 401 })

	// A list shows no secret, and takes as many statements for many as for one.
	list := a.query(t, `{ sources(company: "acme") { key name secrets { number endsAt lastUsedAt } } }`, nil).clean(t)
	if text(list, "sources", 0, "key") != key || list.at("sources", 0, "secrets", 1) == nil || strings.Contains(string(list.body), second) {
		t.Errorf("%s", list.body)
	}

	// Nobody else may: not another company's admin, nor who only reads.
	theirs := a.as(w.key(t, "read,admin", beta))
	reader := a.as(w.key(t, "read", acme))
	for _, who := range []*api{theirs, reader} {
		for _, call := range []string{
			`{ sources(company: "acme") { key } }`,
			`mutation { createSource(company: "acme", name: "x", scheme: "github") { secret } }`,
			fmt.Sprintf(`mutation { rotateSourceSecret(company: "acme", source: %q) { secret } }`, key),
			fmt.Sprintf(`mutation { revokeSourceSecret(company: "acme", source: %q, number: 2) { key } }`, key),
			fmt.Sprintf(`mutation { disableSource(company: "acme", source: %q) { key } }`, key),
		} {
			if refused := who.query(t, call, nil); len(refused.Errors) != 1 || refused.Errors[0].Extensions.Code != string(impact.CodeForbidden) || strings.Contains(string(refused.body), key) {
				t.Errorf("%s: %s", call, refused.body)
			}
		}
	}
	// Nor does naming one's own company reach another's source.
	for call, code := range map[string]impact.Code{
		fmt.Sprintf(`mutation { rotateSourceSecret(company: "beta", source: %q) { secret } }`, key):           impact.CodeNotFound,
		fmt.Sprintf(`mutation { revokeSourceSecret(company: "beta", source: %q, number: 2) { key } }`, key):   impact.CodeNotFound,
		fmt.Sprintf(`mutation { disableSource(company: "beta", source: %q) { key } }`, key):                   impact.CodeNotFound,
		`mutation { createSource(company: "beta", name: "x", scheme: "gitlab") { secret } }`:                  impact.CodeInvalid,
		`mutation { createSource(company: "beta", name: "", scheme: "github") { secret } }`:                   impact.CodeInvalid,
		`mutation { createSource(company: "beta", name: "x", scheme: "key", secret: "no") { secret } }`:       impact.CodeInvalid,
		`mutation { rotateSourceSecret(company: "beta", source: "src_x", overlapHours: 2161) { secret } }`:    impact.CodeInvalid,
		`mutation { rotateSourceSecret(company: "beta", source: "src_x") { secret } }`:                        impact.CodeNotFound,
		`mutation { createSource(company: "beta", name: "x\u0000", scheme: "github") { secret } }`:            impact.CodeInvalid,
		`mutation { createSource(company: "beta", name: "x", scheme: "github", secret: "short") { secret } }`: impact.CodeInvalid,
	} {
		if refused := theirs.query(t, call, nil); len(refused.Errors) != 1 || refused.Errors[0].Extensions.Code != string(code) {
			t.Errorf("%s: %s, want %s", call, refused.body, code)
		}
	}
	if got := deliver(second); got != 200 {
		t.Errorf("the second secret after attacks: %d", got)
	}
	g = a.query(t, `mutation($s: ID!) { disableSource(company: "acme", source: $s) { disabledAt } }`, map[string]any{"s": key}).clean(t)
	if text(g, "disableSource", "disabledAt") == "" {
		t.Errorf("%s", g.body)
	}
	eventually(t, "the source is disabled", func() bool { return deliver(second) == 404 })
}

package server

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest/signature"
	"github.com/impactql/impactql/ingest/signature/signaturetest"
	"github.com/impactql/impactql/server/vault"
)

func (w *world) admin() *sourceAdmin { return &sourceAdmin{store: w.store, ring: testRing} }

// source makes a source with a new secret.
func (w *world) source(t testing.TB, c *impact.Company, s signature.Scheme) (src *impact.Source, secret string) {
	t.Helper()
	src, secret, err := w.admin().create(t.Context(), c.ID, "the "+string(s), string(s), "", "first", "test")
	if err != nil {
		t.Fatal(err)
	}
	return src, secret
}

// deliver sends a body to a source, without an API key.
func (a *api) deliver(t testing.TB, src *impact.Source, h http.Header, body string) reply {
	t.Helper()
	headers := []string{"X-API-Key: "}
	for name := range h {
		headers = append(headers, name+": "+h.Get(name))
	}
	return a.send(t, http.MethodPost, src.Path(), body, headers...)
}

// signedSession is the event of a session, different for each n.
func signedSession(n int) string {
	return session(fmt.Sprint("signed-", n), "p1", "v1", "2025-11-13T10:00:00Z", 600)
}

// Every scheme: what is signed is stored with its source, what comes again is a
// duplicate, what was changed is refused.
func TestSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	a := w.serve(t, "")
	for i, s := range signature.Schemes {
		if !s.Signed() {
			continue
		}
		src, secret := w.source(t, c, s)
		body, now := signedSession(i), time.Now()
		sign := func(at time.Time, body string) http.Header {
			return signaturetest.Sign(s, secret, fmt.Sprint("msg-", i), at, []byte(body))
		}
		a.deliver(t, src, sign(now, body), body).accepted(t, "stored")
		a.deliver(t, src, sign(now, body), body).accepted(t, "duplicate")
		a.deliver(t, src, sign(now.Add(-time.Minute), body), body).accepted(t, "duplicate") // redelivered, signed anew
		a.deliver(t, src, sign(now, body), body+" ").wantRefusal(t, 401, impact.CodeUnauthenticated, "")
		a.deliver(t, src, nil, body).wantRefusal(t, map[bool]int{true: 400, false: 401}[s == signature.Kintell],
			map[bool]impact.Code{true: impact.CodeInvalid, false: impact.CodeUnauthenticated}[s == signature.Kintell], "")
		if s != signature.Workday && s != signature.GitHub {
			a.deliver(t, src, sign(now.Add(-301*time.Second), body), body).wantRefusal(t, 401, impact.CodeUnauthenticated, "")
		}
		if n := w.count(t, "SELECT count(*) FROM event WHERE company_id = $1 AND source = $2", c.ID, src.ID); n != 1 {
			t.Errorf("%s: %d events of the source", s, n)
		}
		found, err := w.store.Arrivals(t.Context(), []impact.CompanyID{c.ID}, impact.ArrivalFilter{Source: src.ID}, impact.ArrivalCursor{}, 10, 10)
		if err != nil || len(found[0]) != 1 {
			t.Errorf("%s: %d arrivals of the source, %v", s, len(found[0]), err)
		}
	}
	if strings.Contains(a.log.String(), `"level":"ERROR"`) {
		t.Error("errors in the log")
	}
}

// Every format is verified over the bytes as they came. What only headers say is not
// signed, and does not make a new event of a recorded one.
func TestSignedFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, secret := w.source(t, c, signature.GitHub)
	a := w.serve(t, "")
	lines := signedSession(1) + "\n" + signedSession(2) + "\n"
	for i, d := range []struct{ body, contentType, encoding string }{
		{lines, "application/x-ndjson", ""}, {compressed(t, lines), "application/x-ndjson", "zstd"},
		{"[" + signedSession(1) + "," + signedSession(3) + "]", "application/json", ""}, {compressed(t, signedSession(4)), "application/json", "zstd"},
	} {
		h := signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(d.body))
		h.Set("Content-Type", d.contentType)
		if d.encoding != "" {
			h.Set("Content-Encoding", d.encoding)
		}
		if r := a.deliver(t, src, h, d.body); r.status != 200 {
			t.Errorf("delivery %d: %d %s", i, r.status, r.body)
		}
		if r := a.deliver(t, src, h, d.body+"\n"); r.status != 401 {
			t.Errorf("delivery %d, changed: %d %s", i, r.status, r.body)
		}
	}
	body := signedSession(1)
	h := signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(body))
	for name, value := range map[string]string{"Ce-Specversion": "1.0", "Ce-Type": "session.completed", "Ce-Source": "elsewhere", "Ce-Id": "another", "X-Delivery-Id": "another"} {
		h.Set(name, value)
	}
	a.deliver(t, src, h, body).wantRefusal(t, 415, impact.CodeUnsupportedType, "")
	h = signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(body))
	h.Set("X-Delivery-Id", "another")
	a.deliver(t, src, h, body).accepted(t, "duplicate")
	if n := w.events(t, c); n != 4 {
		t.Errorf("%d events, want 4", n)
	}
}

// The deliveries of the official libraries are stored, tampered ones are not.
func TestOfficialDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, secret := w.source(t, c, signature.StandardWebhooks)
	a := w.serve(t, "")
	var deliveries []signaturetest.Delivery
	for i, library := range []string{signaturetest.StandardWebhooks, signaturetest.Svix} {
		deliveries = append(deliveries, signaturetest.Delivery{
			Library: library, Secret: secret, ID: "msg_" + library, At: time.Now().Unix(), Body: signedSession(i),
		})
	}
	headers, _ := signaturetest.Official(t, deliveries, nil)
	for i, d := range deliveries {
		a.deliver(t, src, headers[i], strings.Replace(d.Body, "p1", "p2", 1)).wantRefusal(t, 401, impact.CodeUnauthenticated, "")
		for name := range headers[i] {
			if strings.HasSuffix(name, "Id") {
				h := headers[i].Clone()
				h.Set(name, "msg_other")
				a.deliver(t, src, h, d.Body).wantRefusal(t, 401, impact.CodeUnauthenticated, "")
			}
		}
		a.deliver(t, src, headers[i], d.Body).accepted(t, "stored")
		a.deliver(t, src, headers[i], d.Body).accepted(t, "duplicate")
	}
	if n := w.events(t, c); n != int64(len(deliveries)) {
		t.Errorf("%d events", n)
	}
}

// v1a: a source may hold a public key of the provider's.
func TestSourceWithPublicKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	src, _, err := w.admin().create(t.Context(), c.ID, "v1a", "standard-webhooks", "whpk_"+base64.StdEncoding.EncodeToString(public), "", "test")
	if err != nil {
		t.Fatal(err)
	}
	a := w.serve(t, "")
	body := signedSession(1)
	h := signaturetest.Sign(signature.StandardWebhooks, "whsk_"+base64.StdEncoding.EncodeToString(private), "m", time.Now(), []byte(body))
	a.deliver(t, src, h, strings.Replace(body, "p1", "p2", 1)).wantRefusal(t, 401, impact.CodeUnauthenticated, "")
	a.deliver(t, src, h, body).accepted(t, "stored")
}

// A source writes to its own company, whatever a body says, and another company's
// secret does not open it.
func TestSourcesAreIsolated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, beta := w.company(t, "acme"), w.company(t, "beta")
	ours, secret := w.source(t, acme, signature.GitHub)
	theirs, _ := w.source(t, beta, signature.GitHub)
	a := w.serve(t, "")
	deliver := func(to *impact.Source, body string) reply {
		return a.deliver(t, to, signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(body)), body)
	}
	for _, name := range []string{"companyId", "company_id"} {
		deliver(ours, `{"type":"session.completed","userId":"p","id":"1","`+name+`":"beta","data":{}}`).wantRefusal(t, 403, impact.CodeForbidden, "/"+name)
	}
	deliver(ours, `[{"type":"checkin.submitted","userId":"p","id":"2","companyId":"beta"}]`).wantField(t, "success", "false")
	deliver(theirs, signedSession(1)).wantRefusal(t, 401, impact.CodeUnauthenticated, "")
	deliver(ours, `{"type":"volunteer.event","id":"3","data":{"volunteer":{"id":"v","company_id":"beta"},"hours":1}}`).accepted(t, "stored")
	if n := w.events(t, beta); n != 0 {
		t.Errorf("%d events reached the other company", n)
	}
	if n := w.events(t, acme); n != 1 {
		t.Errorf("%d events reached the source's company", n)
	}
	// A secret that was moved to another source's row does not open there.
	w.exec(t, `UPDATE source_secret a SET sealed = b.sealed FROM source_secret b WHERE a.source_id = $1 AND b.source_id = $2`, theirs.ID, ours.ID)
	b := w.serve(t, "")
	body := signedSession(2)
	b.deliver(t, theirs, signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(body)), body).
		wantRefusal(t, 503, impact.CodeUnavailable, "")
	if n := w.events(t, beta); n != 0 {
		t.Errorf("%d events reached the other company by a moved secret", n)
	}
}

// The audit log tells who changed which source, and never a secret.
func TestAuditOfSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, first := w.source(t, c, signature.GitHub)
	_, second, err := w.admin().rotate(t.Context(), c.ID, src.ID, "", "spring", "ada", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.RevokeSourceSecret(t.Context(), c.ID, src.ID, 1, "ben"); err != nil {
		t.Fatal(err)
	}
	if err := w.store.DisableSource(t.Context(), c.ID, src.ID, "cid"); err != nil {
		t.Fatal(err)
	}
	logs, err := w.store.AuditLog(t.Context(), []impact.CompanyID{c.ID}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range logs[0] {
		told := line.Actor + " " + line.Subject
		for _, text := range []*string{line.Old, line.New} {
			if text == nil {
				text = new("-")
			}
			told += " " + strings.ReplaceAll(*text, src.ID, "S")
		}
		got = append(got, told)
	}
	want := []string{
		`cid source S -`, `ben source S: secret 1 -`, `ada source - S: secret 2 "spring"`, `test source - S: secret 1 "first"`,
		`test source - S "the github", scheme github`,
	}
	if !slices.Equal(got, want) || strings.Contains(fmt.Sprint(got), first) || strings.Contains(fmt.Sprint(got), second) {
		t.Errorf("the audit log has %q, want %q", got, want)
	}
}

// Who does not know a source learns nothing: disabled and unknown answer alike.
func TestUnknownSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, secret := w.source(t, c, signature.GitHub)
	a := w.serve(t, w.key(t, "ingest", c))
	body := signedSession(1)
	signed := signaturetest.Sign(signature.GitHub, secret, "", time.Now(), []byte(body))
	a.deliver(t, src, signed, body).accepted(t, "stored")
	if err := w.store.DisableSource(t.Context(), c.ID, src.ID, "test"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the source is disabled", func() bool { return a.deliver(t, src, signed, body).status == 404 })
	disabled := a.deliver(t, src, signed, body)
	disabled.wantRefusal(t, 404, impact.CodeNotFound, "")
	for _, id := range []string{"src_unknown", newSourceID(), "nothing", "src_" + strings.Repeat("%00", 22), "ingest2", strings.Repeat("x", 3000)} {
		got := a.send(t, http.MethodPost, "/webhooks/"+id, body)
		if got.status != disabled.status || string(got.body) != string(disabled.body) {
			t.Errorf("%.40s: %d %s, a disabled one answers %d %s", id, got.status, got.body, disabled.status, disabled.body)
		}
	}
	if got := a.get(t, src.Path()); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d %s", got.status, got.body)
	}
	for _, change := range []error{
		w.store.DisableSource(t.Context(), c.ID, src.ID, "test"), w.store.DisableSource(t.Context(), c.ID+1, src.ID, "test"),
		w.store.RevokeSourceSecret(t.Context(), c.ID, src.ID, 2, "test"), w.store.RevokeSourceSecret(t.Context(), c.ID+1, src.ID, 1, "test"),
	} {
		if impact.CodeOf(change) != impact.CodeNotFound {
			t.Errorf("%v, want NOT_FOUND", change)
		}
	}
}

// A source of the scheme key takes API keys that may send for its company.
func TestSourceOfKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, beta := w.company(t, "acme"), w.company(t, "beta")
	src, secret := w.source(t, acme, signature.APIKey)
	if secret != "" {
		t.Errorf("a source of keys has a secret")
	}
	a := w.serve(t, w.key(t, "ingest", beta, acme))
	send := func(a *api, body string) reply { return a.send(t, http.MethodPost, src.Path(), body) }
	send(a, signedSession(1)).accepted(t, "stored") // to the source's company, not the key's default
	send(a, `{"type":"session.completed","userId":"p","companyId":"beta"}`).wantRefusal(t, 403, impact.CodeForbidden, "/companyId")
	send(a.as(w.key(t, "ingest", beta)), signedSession(2)).wantRefusal(t, 403, impact.CodeForbidden, "")
	send(a.as(w.key(t, "read", acme)), signedSession(2)).wantRefusal(t, 403, impact.CodeForbidden, "")
	send(a.as(""), signedSession(2)).wantRefusal(t, 401, impact.CodeUnauthenticated, "")
	if n := w.count(t, "SELECT count(*) FROM event WHERE company_id = $1 AND source = $2", acme.ID, src.ID); n != 1 || w.events(t, beta) != 0 {
		t.Errorf("%d events of the source, %d of the other company", n, w.events(t, beta))
	}
}

// Rotating under load, over two instances, refuses nothing: the provider changes to the
// new secret whenever it likes, at once or later. A revoked secret ends at once.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, first := w.source(t, c, signature.StandardWebhooks)
	instances := []*api{w.serve(t, ""), w.serve(t, "")}
	secrets := []*atomic.Pointer[string]{new(atomic.Pointer[string]), new(atomic.Pointer[string])} // the newest, and the one before
	for _, s := range secrets {
		s.Store(&first)
	}
	stop := make(chan struct{})
	var sent, refused atomic.Int64
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := session(fmt.Sprintf("load-%d-%d", i, n), "p", "v", "2025-11-13T10:00:00Z", 60)
				h := signaturetest.Sign(signature.StandardWebhooks, *secrets[n%2].Load(), fmt.Sprintf("m-%d-%d", i, n), time.Now(), []byte(body))
				headers := []string{}
				for name := range h {
					headers = append(headers, name+": "+h.Get(name))
				}
				r, err := instances[n/2%2].try(t.Context(), http.MethodPost, src.Path(), body, headers...)
				if err != nil || r.status != http.StatusOK {
					t.Errorf("refused: %v %d %s", err, r.status, r.body)
					refused.Add(1)
				}
				sent.Add(1)
			}
		})
	}
	const rotations = 6
	for n := range rotations {
		before := sent.Load()
		eventually(t, "there is load", func() bool { return sent.Load() > before+100 })
		added, secret, err := w.admin().rotate(t.Context(), c.ID, src.ID, "", fmt.Sprint("rotation ", n), "test", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		secrets[1].Store(secrets[0].Load())
		secrets[0].Store(&secret) // signed with at once, before any instance heard of it
		if added.ID != n+2 {
			t.Errorf("secret %d, want %d", added.ID, n+2)
		}
	}
	before := sent.Load()
	eventually(t, "there is load", func() bool { return sent.Load() > before+100 })
	close(stop)
	senders.Wait()
	if n := w.events(t, c); n != sent.Load() || refused.Load() > 0 {
		t.Errorf("%d events of %d sent, %d refused", n, sent.Load(), refused.Load())
	}
	t.Logf("%d deliveries over %d rotations, %d refused", sent.Load(), rotations, refused.Load())

	// The first still signs, until it is revoked.
	body := signedSession(1)
	deliver := func(a *api, secret, id string) reply {
		return a.deliver(t, src, signaturetest.Sign(signature.StandardWebhooks, secret, id, time.Now(), []byte(body)), body)
	}
	deliver(instances[0], first, "old").accepted(t, "stored")
	if err := w.store.RevokeSourceSecret(t.Context(), c.ID, src.ID, 1, "test"); err != nil {
		t.Fatal(err)
	}
	for _, a := range instances {
		eventually(t, "the secret is revoked", func() bool { return deliver(a, first, "old").status == 401 })
		deliver(a, *secrets[0].Load(), "old").accepted(t, "duplicate")
	}
	// An overlap of nothing ends all before it.
	_, last, err := w.admin().rotate(t.Context(), c.ID, src.ID, "", "", "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range instances {
		eventually(t, "the secrets before have ended", func() bool { return deliver(a, *secrets[0].Load(), "old").status == 401 })
		deliver(a, last, "old").accepted(t, "duplicate")
	}
	for _, a := range instances {
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.count(t, "SELECT count(*) FROM source_secret WHERE last_used_at IS NOT NULL"); n != rotations+2 {
		t.Errorf("%d of %d secrets have a last use", n, rotations+2)
	}
	for _, a := range instances {
		for _, secret := range []string{first, last} {
			if strings.Contains(a.log.String(), secret[6:20]) {
				t.Error("a secret is in the log")
			}
		}
	}
	if dump := strings.Join(w.list(t, "SELECT encode(sealed, 'escape') || label FROM source_secret"), ""); strings.Contains(dump, first[6:20]) || strings.Contains(dump, last[6:20]) {
		t.Error("a secret is in the database as it is")
	}
}

// The key of secrets is changed in three steps, in each of which servers take what was
// signed: all have both keys, the secrets are encrypted anew, the old key is gone.
func TestReencrypt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, secret := w.source(t, c, signature.Workday)
	gone, _ := w.source(t, c, signature.GitHub)
	if err := w.store.DisableSource(t.Context(), c.ID, gone.ID, "test"); err != nil {
		t.Fatal(err)
	}
	ring := func(keys ...byte) *vault.Ring {
		var text []string
		for _, k := range keys {
			text = append(text, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{k}, vault.KeySize)))
		}
		r, err := vault.Parse(strings.Join(text, ","))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const old, fresh, other = 0, 1, 2 // old is testRing's
	deliver := func(keys ...byte) reply {
		a := serveOn(t, &connection{Store: openStore(t, w.url, 4), ring: ring(keys...)}, "", &Serve{Auth: "keys", Drain: patience})
		body := signedSession(1)
		return a.deliver(t, src, signaturetest.Sign(signature.Workday, secret, "", time.Now(), []byte(body)), body)
	}
	deliver(fresh, old).accepted(t, "stored")
	reencrypt := func(want int, keys ...byte) error {
		t.Helper()
		n, err := (&sourceAdmin{store: w.store, ring: ring(keys...)}).reencrypt(t.Context(), "ada")
		if n != want {
			t.Errorf("%d secrets encrypted anew, want %d", n, want)
		}
		return err
	}
	if err := reencrypt(0, fresh, other); err == nil || !strings.Contains(err.Error(), src.ID) || !strings.Contains(err.Error(), "SECRETS_KEY lacks") {
		t.Errorf("without the old key: %v", err)
	}
	for _, want := range []int{1, 0} {
		if err := reencrypt(want, fresh, old); err != nil {
			t.Error(err)
		}
	}
	deliver(fresh, old).accepted(t, "duplicate")
	deliver(fresh).accepted(t, "duplicate")
	deliver(old).wantRefusal(t, 503, impact.CodeUnavailable, "")
	if n := w.count(t, "SELECT count(*) FROM audit_log WHERE actor = 'ada' AND new LIKE '%encrypted with key%'"); n != 1 {
		t.Errorf("%d lines of the audit log", n)
	}
}

// A secret whose key is missing is the operator's fault: the provider is asked to send
// again, and after the key is back nothing was lost.
func TestSourceWithoutItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	src, secret := w.source(t, c, signature.Workday)
	body := signedSession(1)
	h := signaturetest.Sign(signature.Workday, secret, "", time.Now(), []byte(body))
	without := serveOn(t, &connection{Store: openStore(t, w.url, 4), ring: new(vault.Ring)}, "", &Serve{Auth: "keys", Drain: patience})
	r := without.deliver(t, src, h, body)
	r.wantRefusal(t, 503, impact.CodeUnavailable, "")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if !strings.Contains(without.log.String(), "SECRETS_KEY lacks") {
		t.Errorf("the log does not say which key is missing")
	}
	w.serve(t, "").deliver(t, src, h, body).accepted(t, "stored")

	admin := &sourceAdmin{store: w.store, ring: new(vault.Ring)}
	if _, _, err := admin.create(t.Context(), c.ID, "another", "github", "", "", "test"); err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") {
		t.Errorf("a source without a key: %v", err)
	}
	if n := w.count(t, "SELECT count(*) FROM source"); n != 1 {
		t.Errorf("%d sources: one was made without its secret", n)
	}
}

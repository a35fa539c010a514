package vault_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/impactql/impactql/server/vault"
)

func key(fill byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, vault.KeySize))
}

func ring(t testing.TB, text string) *vault.Ring {
	t.Helper()
	r, err := vault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	old := ring(t, key(1))
	sealed, id, err := old.Seal("the secret", "place")
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("%q %v", sealed, err)
	}
	// A new key in front still opens what the old one sealed.
	if text, err := ring(t, key(2)+", "+key(1)).Open(sealed, id, "place"); err != nil || text != "the secret" {
		t.Errorf("%q %v", text, err)
	}
	if again, _, _ := old.Seal("the secret", "place"); bytes.Equal(again, sealed) {
		t.Error("the same secret is sealed to the same bytes")
	}
	if _, second, _ := ring(t, key(2)+","+key(1)).Seal("x", "place"); second == id {
		t.Error("the second key seals")
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for what, err := range map[string]error{
		"another place": second(old.Open(sealed, id, "elsewhere")), "changed": second(old.Open(changed, id, "place")), "empty": second(old.Open(nil, id, "place")),
		"another key": second(ring(t, key(2)).Open(sealed, id, "place")), "no key": second(new(vault.Ring).Open(sealed, id, "place")),
	} {
		if err == nil || strings.Contains(err.Error(), "the secret\"") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := new(vault.Ring).Seal("x", "place"); err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") {
		t.Errorf("without a key: %v", err)
	}
}

func second(_ string, err error) error { return err }

func TestParse(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "x", key(1)[:40], key(1) + ",", base64.StdEncoding.EncodeToString(make([]byte, 16))} {
		if _, err := vault.Parse(bad); err == nil || !strings.Contains(err.Error(), "SECRETS_KEY") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Of many that find no file, one makes the key and all use it.
func TestReadFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.key")
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() {
			r, err := vault.ReadFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			_, ids[i], _ = r.Seal("x", "y")
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("keys %q", ids)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

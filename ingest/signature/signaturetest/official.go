package signaturetest

import (
	"bytes"
	"embed"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// npm is the official libraries, by name, version and checksum, and a script that
// runs them.
//
//go:embed npm/package.json npm/package-lock.json npm/sign.cjs
var npm embed.FS

// The official libraries.
const (
	StandardWebhooks = "standardwebhooks"
	Svix             = "svix"
)

// Delivery is what an official library is to sign.
type Delivery struct {
	Library string `json:"library"`
	Secret  string `json:"secret"`
	ID      string `json:"id"`
	At      int64  `json:"at"` // Unix seconds
	Body    string `json:"body"`
}

// Received is what an official library is to verify.
type Received struct {
	Library string            `json:"library"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// Official has the official libraries sign and verify, for headers and errors in their
// order; an empty error is none. They run in Node.js, installed with npm from the lock
// file; `.ci/install node` brings both.
func Official(t testing.TB, sign []Delivery, verify []Received) (headers []http.Header, errs []string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "sign.cjs"} {
		data, err := npm.ReadFile("npm/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	in, err := json.Marshal(map[string]any{"sign": append([]Delivery{}, sign...), "verify": append([]Received{}, verify...)})
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Sign   []map[string]string
		Verify []string
	}
	if err := json.Unmarshal(run(t, dir, in, "node", "sign.cjs"), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Sign) != len(sign) || len(out.Verify) != len(verify) {
		t.Fatalf("the official libraries signed %d of %d, verified %d of %d", len(out.Sign), len(sign), len(out.Verify), len(verify))
	}
	for _, values := range out.Sign {
		h := make(http.Header)
		for name, value := range values {
			h.Set(name, value)
		}
		headers = append(headers, h)
	}
	return headers, out.Verify
}

func run(t testing.TB, dir string, in []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\nThe official libraries need Node.js and npm: .ci/install node", name, err, stderr.Bytes())
	}
	return out
}

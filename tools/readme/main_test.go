package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"in order": {
			"```sh ci\necho a\n```\ntext\n```sh\nrm -rf no\n```\n```sh ci=background\n# why\nmake run\n```\n",
			"1:false:echo a\n|8:true:# why\nmake run\n|",
		},
		"indented":              {"1. Run\n   ```sh ci\n   echo a\n   ```\n", "2:false:   echo a\n|"},
		"fence in longer fence": {"````md\n```sh ci\nno\n```\n````\n```sh ci\nyes\n```\n", "6:false:yes\n|"},
		"none":                  {"```sh\nx\n```\n", `no block is marked`},
		"not closed":            {"```sh ci\nx\n", `not closed`},
		"unknown mark":          {"```sh ci=later\nx\n```\n", `line 1: "sh ci=later" is neither`},
		"empty":                 {"```sh ci\n# nothing\n```\n", `line 1: the block is empty`},
		"two in background":     {"```sh ci=background\na\nb\n```\n", `line 1: a background block holds one command`},
	} {
		t.Run(name, func(t *testing.T) {
			blocks, err := parse(tc.text)
			if err != nil {
				if !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("parse: %v, want %q", err, tc.want)
				}
				return
			}
			var got strings.Builder
			for _, b := range blocks {
				fmt.Fprintf(&got, "%d:%v:%s|", b.line, b.background, b.script)
			}
			if got.String() != tc.want {
				t.Errorf("parse:\n%s\nwant\n%s", got.String(), tc.want)
			}
		})
	}
}

// TestMain lets the test's own program stand for the server that a page starts.
func TestMain(m *testing.M) {
	if addr := os.Getenv("README_TEST_SERVE"); addr != "" {
		serve(addr)
		return
	}
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		want string // of the error
		left string // in the file "out"
	}{
		"server before client": {
			text: "```sh ci=background\nenv README_TEST_SERVE=$ADDRESS " + self + "\n```\n" +
				"```sh ci\necho \"${DATABASE_URL-none} $(basename \"$DATA_DIR\")\" >> out\n```\n",
			left: "none data\nstopped\n",
		},
		"fails":            {text: "```sh ci\nfalse\necho no >> out\n```\n", want: "line 1: exit status 1"},
		"server ends":      {text: "```sh ci=background\nfalse\n```\n", want: "line 1: ended before"},
		"server not ready": {text: "```sh ci=background\nsleep 60\n```\n", want: "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := freeAddress(t)
			t.Setenv("ADDRESS", addr)
			t.Setenv("DATABASE_URL", "postgres://elsewhere")
			page := filepath.Join(t.TempDir(), "README.md")
			if err := os.WriteFile(page, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			wait := 10 * time.Second
			if name == "server not ready" {
				wait = 500 * time.Millisecond
			}
			err := run(context.Background(), page, "http://"+addr+"/readyz", wait)
			if got := fmt.Sprint(err); tc.want == "" && err != nil || !strings.Contains(got, tc.want) {
				t.Errorf("run: %v, want %q", err, tc.want)
			}
			out, _ := os.ReadFile(filepath.Join(filepath.Dir(page), "out"))
			if string(out) != tc.left {
				t.Errorf("out: %q, want %q", out, tc.left)
			}
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

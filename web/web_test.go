package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, opts Options, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Playground(opts).ServeHTTP(w, r)
	return w
}

func TestPlaygroundRoutes(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/playground", 200, "text/html; charset=utf-8"},
		{"HEAD", "/playground", 200, "text/html; charset=utf-8"},
		{"GET", "/playground/", 301, "text/html; charset=utf-8"},
		{"POST", "/playground", 405, "text/plain; charset=utf-8"},
		{"GET", "/playground/index.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/playground/assets/", 404, "text/plain; charset=utf-8"},
		{"GET", "/playground/assets/missing.js", 404, "text/plain; charset=utf-8"},
		{"GET", "/playground/assets/..%2findex.html", 400, "text/plain; charset=utf-8"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			Playground(Options{}).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))

			if w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
			if got := w.Header().Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type = %q, want %q", got, tt.contentType)
			}
			if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
			if got := w.Header().Get("Content-Security-Policy"); got != playgroundCSP {
				t.Errorf("Content-Security-Policy = %q, want %q", got, playgroundCSP)
			}
			if got := w.Header().Get("Cache-Control"); w.Code >= 400 && got != "" {
				t.Errorf("Cache-Control = %q on an error, want none", got)
			}
		})
	}
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func TestPlaygroundAssets(t *testing.T) {
	wantTypes := map[string]string{
		"css": "text/css; charset=utf-8",
		"js":  "text/javascript; charset=utf-8",
		"txt": "text/plain; charset=utf-8",
	}
	seen := map[string]bool{}
	for _, ref := range reference.FindAllStringSubmatch(get(t, Options{}, "/playground").Body.String(), -1) {
		u, err := url.Parse(ref[1])
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme == "data" {
			continue
		}
		if u.Scheme != "" || u.Host != "" {
			t.Errorf("the page refers to another host: %s", ref[1])
			continue
		}

		w := get(t, Options{}, u.Path)
		ext := u.Path[strings.LastIndexByte(u.Path, '.')+1:]
		seen[ext] = true
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, %d bytes", u.Path, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Content-Type"); got != wantTypes[ext] {
			t.Errorf("%s: Content-Type = %q, want %q", u.Path, got, wantTypes[ext])
		}
		if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control = %q, want immutable", u.Path, got)
		}
	}
	for ext := range wantTypes {
		if !seen[ext] {
			t.Errorf("the page refers to no .%s file", ext)
		}
	}
}

// The icon and the style sheet may carry data URLs; nothing may be loaded from elsewhere.
func TestPlaygroundStylesLoadNothing(t *testing.T) {
	page := get(t, Options{}, "/playground").Body.String()
	for _, ref := range reference.FindAllStringSubmatch(page, -1) {
		if !strings.HasSuffix(ref[1], ".css") {
			continue
		}
		css := get(t, Options{}, ref[1]).Body.String()
		for _, u := range regexp.MustCompile(`url\(["']?([^"')]{0,40})|@import.{0,40}`).FindAllStringSubmatch(css, -1) {
			if !strings.HasPrefix(u[1], "data:image/") {
				t.Errorf("%s loads %q", ref[1], u[0])
			}
		}
	}
}

func TestPlaygroundDemoKey(t *testing.T) {
	tests := []struct {
		name, key, attribute string
	}{
		{"none", "", `data-demo-key=""`},
		{"given", "test-key", `data-demo-key="test-key"`},
		{"escaped", `"><script>`, `data-demo-key="&#34;&gt;&lt;script&gt;"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := get(t, Options{DemoKey: tt.key}, "/playground").Body.String()
			if !strings.Contains(page, tt.attribute) {
				t.Errorf("the page lacks %s:\n%s", tt.attribute, page)
			}
		})
	}
}

func TestPlaygroundRevalidates(t *testing.T) {
	etag := get(t, Options{}, "/playground").Header().Get("ETag")

	if w := get(t, Options{}, "/playground", "If-None-Match", etag); w.Code != http.StatusNotModified {
		t.Errorf("same page: status = %d, want 304", w.Code)
	}
	if w := get(t, Options{DemoKey: "test-key"}, "/playground", "If-None-Match", etag); w.Code != http.StatusOK {
		t.Errorf("other page: status = %d, want 200", w.Code)
	}
}

// Package web serves the browser pages that are embedded in the binary.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// dist is built by "npm run build" and committed, so that building the
// binary needs no Node.js.
//
//go:embed dist
var dist embed.FS

var playgroundPage = template.Must(template.ParseFS(dist, "dist/playground/index.html"))

// playgroundCSP lets the page load its own files and talk to its own origin,
// nothing else. GraphiQL's style sheet holds a few icons as data URLs.
const playgroundCSP = "default-src 'none'; " +
	"script-src 'self'; " +
	"style-src 'self'; " +
	"img-src 'self' data:; " +
	"connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes does not leave the types to the MIME table of the host: with
// nosniff, a wrong entry there would keep the page from loading.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".txt": "text/plain; charset=utf-8",
}

// Options configures the playground.
type Options struct {
	// DemoKey is the API key that every visitor finds in the header editor.
	// Empty means none: the editor starts with a hint.
	DemoKey string
}

// Playground returns the handler of GET /playground and of everything below
// it. It expects the whole path: mount it on both without stripping a prefix.
func Playground(opts Options) http.Handler {
	var page bytes.Buffer
	if err := playgroundPage.Execute(&page, opts); err != nil {
		panic(fmt.Sprintf("web: render the embedded playground: %v", err))
	}
	assets, err := fs.Sub(dist, "dist/playground/assets")
	if err != nil {
		panic(fmt.Sprintf("web: open the embedded assets: %v", err))
	}

	mux := http.NewServeMux()
	mux.Handle("GET /playground", servePage(page.Bytes()))
	mux.Handle("GET /playground/{$}", http.RedirectHandler("/playground", http.StatusMovedPermanently))
	mux.Handle("GET /playground/assets/{file}", serveAsset(assets))

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", playgroundCSP)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func servePage(page []byte) http.HandlerFunc {
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(page))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page))
	}
}

// serveAsset serves files whose names carry the hash of their content.
func serveAsset(assets fs.FS) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		file := r.PathValue("file")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		if contentType, ok := contentTypes[path.Ext(file)]; ok {
			w.Header().Set("Content-Type", contentType)
		}
		http.ServeFileFS(w, r, assets, file)
	}
}

package export

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/semaphore"

	"github.com/impactql/impactql/impact"
)

// Graph answers queries for whoever the context says is asking.
type Graph interface {
	Ask(ctx context.Context, query string, variables map[string]any) (json.RawMessage, error)
	Schema() *ast.Schema
}

// Handler serves GET {company}/{list} and GET {list}, both path values, list with a format
// as its extension or without.
type Handler struct {
	Graph Graph
	// Caller names who asks; each has a share of the exports that run at once.
	Caller func(ctx context.Context) string
	// Fail answers with an error.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
	Log  *slog.Logger

	made  sync.Once
	turns *semaphore.Weighted // of pages that are read at once

	mu      sync.Mutex // guards the two below; held for moments
	running map[string]int
	all     int
}

const (
	// maxExports is how many exports an instance has under way, maxOfCaller those of one
	// caller.
	maxExports  = 16
	maxOfCaller = 4
	// patience is how long a client may take to take chunk bytes.
	patience = 30 * time.Second
	chunk    = 32 << 10
)

// ServeHTTP implements [http.Handler]. Until the first page is read, an error is answered
// as such; from then on the connection is cut, so that no part passes for the whole.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	leave, err := h.enter(h.Caller(r.Context()))
	if err != nil {
		h.Fail(w, r, err)
		return
	}
	defer leave()
	p, f, err := h.ask(r)
	if err != nil {
		h.Fail(w, r, err)
		return
	}
	first, err := h.page(r.Context(), p, "")
	if err != nil {
		h.Fail(w, r, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", f.mime)
	header.Set("Content-Disposition", `attachment; filename="`+p.fileName(f)+`"`)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	if err := h.write(r.Context(), w, p, f, first); err != nil {
		level := slog.LevelWarn
		if r.Context().Err() != nil {
			level = slog.LevelInfo // the client went away
		}
		h.Log.Log(r.Context(), level, "export cut off", "list", p.list.Name, "err", err)
		panic(http.ErrAbortHandler)
	}
}

// write writes the first page and reads and writes those that follow.
func (h *Handler) write(ctx context.Context, w http.ResponseWriter, p *plan, f *format, at *page) error {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Time{}) // the client says nothing more; a deadline would end ctx
	t, err := f.new(&patient{w, conn}, p.columns)
	if err != nil {
		return err
	}
	for {
		for _, row := range at.rows {
			if err := t.row(row); err != nil {
				return err
			}
		}
		if at.isLast {
			return t.end()
		}
		if err := t.flush(); err != nil {
			return err
		}
		if err := conn.Flush(); err != nil {
			return err
		}
		p.adapt(at)
		if at, err = h.page(ctx, p, at.after); err != nil {
			return err
		}
	}
}

// page reads a page; after is empty for the first.
func (h *Handler) page(ctx context.Context, p *plan, after string) (*page, error) {
	if p.paged && after != "" {
		p.variables["after"] = after
	}
	leave, err := h.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	data, err := h.Graph.Ask(ctx, p.query, p.variables)
	if err != nil {
		return nil, p.said(err)
	}
	got, err := p.read(data)
	if err == nil && !got.isLast && (got.after == "" || got.after == after) {
		err = fmt.Errorf("export %s: page after %q goes nowhere", p.list.Name, after)
	}
	return got, err
}

// turn waits until a page may be read; call leave when it is. Half of the processors read
// pages, so that however many exports are under way, ingest and other readers have the rest.
func (h *Handler) turn(ctx context.Context) (leave func(), err error) {
	h.made.Do(func() { h.turns = semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2))) })
	if err := h.turns.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { h.turns.Release(1) }, nil
}

// ask is what a request asks for.
func (h *Handler) ask(r *http.Request) (*plan, *format, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, nil, impact.Errorf(impact.CodeInvalid, "the query string is malformed; write + as %%2B and separate parameters with &")
	}
	for name, values := range given {
		if len(values) > 1 {
			return nil, nil, impact.Errorf(impact.CodeInvalid, "the parameter %q is given %d times", name, len(values))
		}
	}
	name, extension, _ := strings.Cut(r.PathValue("list"), ".")
	asked := given.Get("format")
	switch {
	case extension != "" && asked != "" && asked != extension:
		return nil, nil, impact.Errorf(impact.CodeInvalid, "the path says %s and format says %s: say it once", extension, asked)
	case asked == "":
		asked = extension
	}
	if asked == "" {
		asked = "csv"
	}
	given.Del("format")
	given.Del("access_token")
	f := formatOf(asked)
	if f == nil {
		return nil, nil, impact.Errorf(impact.CodeInvalid, "there is no format %q: use csv, ndjson or xlsx", asked)
	}
	list, company := listOf(name), r.PathValue("company")
	if list == nil || (company == "") != (list.Root && list.Name != "sources") {
		return nil, nil, impact.Errorf(impact.CodeNotFound, "there is no export %q; there are %s", r.URL.Path, paths())
	}
	p, err := newPlan(h.Graph.Schema(), list, company, given)
	if p != nil {
		p.period = given.Get("period")
	}
	return p, f, err
}

// paths lists what there is.
func paths() string {
	var of []string
	for _, l := range Lists {
		name := "{company}/" + l.Name
		if l.Root && l.Name != "sources" {
			name = l.Name
		}
		of = append(of, name)
	}
	return strings.Join(of, ", ")
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// fileName is a name that any file system takes.
func (p *plan) fileName(f *format) string {
	var parts []string
	company, _ := p.variables["company"].(string)
	for _, part := range []string{company, p.list.Name, p.period} {
		if part != "" {
			parts = append(parts, strings.TrimLeft(notInNames.ReplaceAllString(part, "_"), "."))
		}
	}
	return strings.Join(parts, "-") + "." + f.name
}

// enter counts an export; call leave when it has ended.
func (h *Handler) enter(caller string) (leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.running[caller] >= maxOfCaller:
		return nil, impact.Errorf(impact.CodeRateLimited, "%d exports of this API key are under way: let one end first", maxOfCaller)
	case h.all >= maxExports:
		return nil, impact.Errorf(impact.CodeOverloaded, "%d exports are under way here: try again later", maxExports)
	}
	if h.running == nil {
		h.running = make(map[string]int)
	}
	h.running[caller]++
	h.all++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all--
		if h.running[caller]--; h.running[caller] == 0 {
			delete(h.running, caller)
		}
	}, nil
}

// patient writes to a client for as long as it goes on taking: however long a file is,
// only a stop is an error.
type patient struct {
	io.Writer
	conn *http.ResponseController
}

func (p *patient) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		if err := p.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return n, err
		}
		m, err := p.Writer.Write(b[:min(len(b), chunk)])
		n += m
		if err != nil {
			return n, err
		}
		b = b[m:]
	}
	return n, nil
}

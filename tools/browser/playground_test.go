package browser

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page or a server may take, on a busy machine.
const patience = time.Minute

// serve builds impactql, starts it on a data directory of its own and returns its address once it is ready.
func serve(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "impactql")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()

	var output bytes.Buffer
	cmd := exec.Command(binary)
	cmd.Env = append(cmd.Environ(), "ADDR="+addr, "DATA_DIR="+filepath.Join(dir, "data"), "DATABASE_URL=")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil || t.Failed() {
				t.Errorf("impactql: %v\n%s", err, &output)
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Errorf("impactql did not stop\n%s", &output)
		}
	})
	ready := time.NewTicker(50 * time.Millisecond)
	defer ready.Stop()
	for deadline := time.After(patience); ; {
		if r, err := http.Get("http://" + addr + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return addr
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("impactql ended: %v\n%s", err, &output)
		case <-deadline:
			t.Fatal("impactql is not ready")
		case <-ready.C:
		}
	}
}

// page is a new profile of the browser, which has no internet, and notes what goes wrong.
type page struct {
	run      func(...chromedp.Action) error
	mu       sync.Mutex // guards problems
	problems []string
}

func open(t *testing.T, addr string) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // it does not start in most containers; the page is our own
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*patience)
	t.Cleanup(cancel)
	p := &page{run: func(actions ...chromedp.Action) error { return chromedp.Run(ctx, actions...) }}
	note := func(format string, args ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.problems = append(p.problems, fmt.Sprintf(format, args...))
	}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Host != addr {
				note("asked for %s", e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			note("%s", e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				note("%s %s", e.Entry.Text, e.Entry.URL)
			}
		}
	})
	if err := p.run(network.Enable(), log.Enable(), runtime.Enable()); err != nil {
		t.Fatalf("the tests need a browser: install chromium: %v", err)
	}
	return p
}

func (p *page) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := p.run(actions...); err != nil {
		t.Fatal(err)
	}
}

func (p *page) clean(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		t.Error(problem)
	}
}

const (
	execute = ".graphiql-execute-button"
	tabs    = ".graphiql-tab-button"
	// answer is what the page shows of the last answer.
	// read says that the page has read the query of the open tab, which it does some moments after it is shown.
	read = `(editor => editor.operationName === /^query (\w+)/m.exec(editor.getValue())?.[1])(
		document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror)`
	answer = `document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue() ?? ""`
)

// ask runs the query of the open tab and returns the answer.
func (p *page) ask(t *testing.T) string {
	t.Helper()
	var text string
	p.do(t, chromedp.Poll(read, nil, chromedp.WithPollingTimeout(patience)), chromedp.Click(execute, chromedp.ByQuery),
		chromedp.Poll(answer, &text, chromedp.WithPollingTimeout(patience)))
	return text
}

func TestPlayground(t *testing.T) {
	t.Parallel()
	addr := serve(t)
	t.Run("answers every example", func(t *testing.T) { answersEveryExample(t, addr) })
	t.Run("on a phone", func(t *testing.T) { onAPhone(t, addr) })
}

// answersEveryExample: from the page as it comes, with no internet, no error in the console and no word
// to anybody but the server.
func answersEveryExample(t *testing.T, addr string) {
	t.Helper()
	p := open(t, addr)
	var n int
	p.do(t, chromedp.Navigate("http://"+addr+"/playground"), chromedp.WaitVisible(execute, chromedp.ByQuery),
		chromedp.Evaluate(fmt.Sprintf("document.querySelectorAll(%q).length", tabs), &n))
	if n < 8 {
		t.Errorf("%d examples, want 8 or more", n)
	}
	for i := range n {
		p.do(t, chromedp.Evaluate(fmt.Sprintf("document.querySelectorAll(%q)[%d].click()", tabs, i), nil))
		if text := p.ask(t); !strings.Contains(text, `"data": {`) || strings.Contains(text, `"errors"`) {
			t.Errorf("example %d answers %.500s", i+1, text)
		}
	}
	var docs string
	p.do(t, chromedp.Click(`button[aria-label="Show Documentation Explorer"]`, chromedp.ByQuery),
		chromedp.Text(".graphiql-doc-explorer", &docs, chromedp.ByQuery))
	if !strings.Contains(docs, "Query") {
		t.Errorf("the documentation of the schema says %.200q", docs)
	}
	p.clean(t)
}

// onAPhone: the page is as wide as the screen, and answers.
func onAPhone(t *testing.T, addr string) {
	t.Helper()
	p := open(t, addr)
	var wide int
	p.do(t, emulation.SetDeviceMetricsOverride(390, 844, 3, true), chromedp.Navigate("http://"+addr+"/playground"),
		chromedp.WaitVisible(execute, chromedp.ByQuery), chromedp.Evaluate("document.documentElement.scrollWidth", &wide))
	if wide > 390 {
		t.Errorf("%d pixels wide, want 390", wide)
	}
	if text := p.ask(t); !strings.Contains(text, `"metrics": {`) {
		t.Errorf("%.500s", text)
	}
	p.clean(t)
}

package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/impactql/impactql/impact"
)

var errTooLarge = impact.Errorf(impact.CodeTooLarge, "send at most %d bytes in one request", MaxBody)

var errBroken = impact.Errorf(impact.CodeInvalid, "the body ended early or came too slowly; send again")

// room is what one request has reserved.
type room struct {
	pool *Pool
	n    int64
	load load // on the pool's books, while the request is being decoded
}

// grow takes more room; the first of it may be refused because others wait.
func (m *room) grow(n int64) error {
	reserve := m.pool.Reserve
	if m.n == 0 {
		reserve = m.pool.admit
	}
	err := reserve(n)
	if err == nil {
		m.n += n
	}
	return err
}

// enter puts a request that has been read on the pool's books, or refuses it.
func (m *room) enter(n int64) (err error) {
	m.load, err = m.pool.enter(n)
	return err
}

// leave takes it off again: its batch is on the books by itself.
func (m *room) leave() {
	m.pool.leave(m.load)
	m.load = load{}
}

func (m *room) release() {
	m.leave()
	m.pool.Release(m.n)
}

// firstRoom is what is reserved for a body before any of it has arrived.
const firstRoom = 64 << 10

// body is the whole body of a request, verified and expanded.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, m mode, sender *Sender, room *room) ([]byte, error) {
	body, err := readBody(w, r, room)
	if err != nil {
		return nil, err
	}
	if sender.Verify != nil {
		if err := sender.Verify(r.Header, body); err != nil {
			return nil, err
		}
	}
	if m.encoding == "" {
		return body, nil
	}
	expansions <- struct{}{}
	defer func() { <-expansions }()
	return expandBody(bytes.NewReader(body), m.encoding, room)
}

// expansions bounds how many bodies are being expanded at once, each with memory for a window
// of zstd; from memory that takes milliseconds.
var expansions = make(chan struct{}, 4)

// readBody reads the body as it came.
func readBody(w http.ResponseWriter, r *http.Request, room *room) ([]byte, error) {
	most := r.ContentLength
	if most > MaxBody {
		return nil, errTooLarge
	}
	if most < 0 {
		most = MaxBody
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	}
	return readAll(r.Body, most, room)
}

func expandBody(from io.Reader, encoding string, room *room) ([]byte, error) {
	x, err := expand(from, encoding)
	if err != nil {
		return nil, err
	}
	defer x.close()
	return readAll(&atMost{x, MaxBody, errExpanded}, MaxBody, room)
}

// readAll reads at most most bytes into room that grows as they arrive, so that a
// promise of many bytes takes no room from those who send theirs. What goes on after
// most bytes is an error of the reader's.
func readAll(from io.Reader, most int64, room *room) ([]byte, error) {
	first := min(most, firstRoom) + 1
	if err := room.grow(first); err != nil {
		return nil, err
	}
	body := make([]byte, 0, first)
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, unreadable(err, errTooLarge)
		}
		if len(body) == cap(body) {
			more := min(int64(cap(body)), most+1-int64(cap(body)))
			if err := room.grow(more); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, int64(cap(body))+more), body...)
		}
	}
}

// unreadable is what a sender is told of an error of the body; tooLarge if the limit
// of [http.MaxBytesReader] was passed.
func unreadable(err error, tooLarge *impact.Error) *impact.Error {
	if e, ok := errors.AsType[*impact.Error](err); ok {
		return e
	}
	if _, passed := errors.AsType[*http.MaxBytesError](err); passed {
		return tooLarge
	}
	return errBroken
}

// atMost reads n bytes, and fails with passed where there are more.
type atMost struct {
	from   io.Reader
	n      int64
	passed *impact.Error
}

func (a *atMost) Read(b []byte) (int, error) {
	n, err := a.from.Read(b[:min(int64(len(b)), a.n+1)])
	if int64(n) > a.n {
		n = int(a.n)
		a.n = 0
		return n, a.passed
	}
	a.n -= int64(n)
	return n, err
}

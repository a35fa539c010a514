package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/impactql/impactql/impact"
)

// MaxListed is how many refused lines the answer to a stream lists.
const MaxListed = 1_000

// stream takes one event a line, piece by piece as they arrive: while one piece is on
// its way to the disk, the next is read and decoded. What was committed stays when the
// stream breaks or fails later; the answer says up to which line.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, sender *Sender, req *request, room *room, allowed *allowance) (*answer, error) {
	leave, err := h.streams.enter(sender)
	if err != nil {
		return nil, err
	}
	defer leave()
	lines, end, err := h.lines(w, r, sender, req.encoding, room)
	if err != nil {
		return nil, err
	}
	defer end()
	// The server's time for an answer counts from the start of the request.
	defer func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(pacePeriod)) }()
	if err := room.grow(2*pieceBytes + readAhead); err != nil {
		return nil, err
	}
	s := stream{handler: h, context: context.WithoutCancel(r.Context())}
	for {
		before := lines.n
		p := lines.next()
		// A stream is not refused for its length, but slowed down.
		allowed.charge(lines.n - before)
		if err := allowed.wait(r.Context(), h.stopping); err != nil {
			return nil, s.broken(err)
		}
		if err := s.take(p, req.normaliser); err != nil {
			return nil, s.broken(err)
		}
		if p.err != nil {
			if err := s.flush(); err != nil {
				return nil, s.broken(err)
			}
			if !errors.Is(p.err, io.EOF) {
				return nil, s.broken(unreadable(p.err, errStreamTooLarge))
			}
			return s.answer(), nil
		}
		if h.stopping() {
			if err := s.flush(); err != nil {
				return nil, s.broken(err)
			}
			return nil, s.broken(errStopping)
		}
	}
}

func (h *Handler) stopping() bool { return h.Draining != nil && h.Draining() }

// streams are those under way, and how many of each sender.
type streams struct {
	mu  sync.Mutex // guards the fields below; held for moments
	all int
	of  map[streamer]int
}

type streamer struct {
	key    int32
	source string
}

// enter takes a place until leave is called. No sender has more than half of them, so that
// none keeps all others out.
func (s *streams) enter(sender *Sender) (leave func(), err error) {
	by := streamer{sender.KeyID, sender.Source}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == MaxStreams || s.of[by] == MaxStreams/2 {
		return nil, impact.Errorf(impact.CodeOverloaded,
			"%d streams are under way already, %d of them yours; send again after the time in Retry-After", s.all, s.of[by])
	}
	if s.of == nil {
		s.of = make(map[streamer]int)
	}
	s.all++
	s.of[by]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[by]--; s.of[by] == 0 {
			delete(s.of, by)
		}
	}, nil
}

// lines opens the body as lines. end gives back what reading them used.
func (h *Handler) lines(w http.ResponseWriter, r *http.Request, sender *Sender, encoding string, room *room) (_ *lineReader, end func(), err error) {
	var from io.Reader
	interrupt, closing := func() {}, func() {}
	if sender.Verify != nil {
		// A signature is over all of it.
		body, err := h.body(w, r, mode{}, sender, room)
		if err != nil {
			return nil, nil, err
		}
		from = bytes.NewReader(body)
	} else {
		body := &paced{from: http.MaxBytesReader(w, r.Body, MaxStream), conn: http.NewResponseController(w)}
		from, interrupt = body, body.interrupt
	}
	if encoding == "zstd" {
		if err := room.grow(maxWindow); err != nil {
			return nil, nil, err
		}
	}
	if encoding != "" {
		x := &expanding{from: from, encoding: encoding}
		from, closing = &atMost{x, MaxStream, errStreamTooLarge}, x.close
	}
	lines := &lineReader{from: newAhead(from)}
	return lines, func() { lines.from.stop(interrupt); closing() }, nil
}

// stream is the state of a stream: what became of the lines before, and the piece that
// is on its way.
type stream struct {
	handler *Handler
	context context.Context //nolint:containedctx // lives for one request
	tally
	lines    int // settled
	events   int
	rejected []result // the first MaxListed
	pending  chan error
	piece    *request
	last     int // line of the piece
}

// take decodes a piece and sends its events on their way, once those of the piece
// before have arrived.
func (s *stream) take(p piece, n normaliser) error {
	if p.long == 0 && len(p.body) == 0 && len(s.pending) > 0 { // nothing comes, so that this is the time to hear of a failure
		return s.flush()
	}
	number := p.first
	if number == 1 {
		p.body = bytes.TrimPrefix(p.body, byteOrderMark)
	}
	for body := p.body; len(body) > 0 || number == p.long; {
		q := &request{mode: mode{format: formatLines}, normaliser: n, array: true}
		size := len(body)
		for len(body) > 0 && len(q.events) < pieceEvents {
			var line []byte
			line, body, _ = bytes.Cut(body, []byte{'\n'})
			if len(bytes.TrimSpace(line)) > 0 {
				q.takeLine(line, number)
			}
			if q.failed != nil {
				return q.failed
			}
			number++
		}
		size -= len(body)
		if len(body) == 0 && number == p.long {
			q.results = append(q.results, result{outcome: Rejected, err: errLine, line: number})
			number++
		}
		if err := s.flush(); err != nil {
			return err
		}
		s.piece, s.last, s.pending = q, number-1, make(chan error, 1)
		go func() { s.pending <- s.handler.settle(s.context, q, int64(size)) }()
	}
	return nil
}

// flush waits for the piece that is on its way.
func (s *stream) flush() error {
	if s.pending == nil {
		return nil
	}
	err := <-s.pending
	s.pending = nil
	if err != nil {
		return err
	}
	s.lines = s.last
	s.events += len(s.piece.results)
	for i := range s.piece.results {
		r := &s.piece.results[i]
		s.add(r)
		if r.outcome == Rejected && len(s.rejected) < MaxListed {
			s.rejected = append(s.rejected, *r)
		}
	}
	return nil
}

func (s *stream) answer() *answer {
	status, failure := http.StatusOK, ""
	if s.events > 0 && s.counts[Rejected] == s.events {
		status, failure = http.StatusBadRequest, allRefused
	}
	b := appendCount(s.append(nil, failure), "lines", s.lines)
	return &answer{status, append(s.appendRejected(b), '}')}
}

// appendRejected lists refused lines.
func (s *stream) appendRejected(b []byte) []byte {
	b = append(b, `,"results":[`...)
	for i := range s.rejected {
		if i > 0 {
			b = append(b, ',')
		}
		r := &s.rejected[i]
		b = append(b, `{"line":`...)
		b = strconv.AppendInt(b, int64(r.line), 10)
		b = appendOutcome(b, r)
	}
	b = append(b, ']')
	if s.counts[Rejected] > len(s.rejected) {
		b = append(b, `,"truncated":true`...)
	}
	return b
}

// broken adds to an error how far the stream came. What is on its way is waited for:
// it uses the request's room.
func (s *stream) broken(err error) error {
	_ = s.flush() // err came first
	e, ok := errors.AsType[*impact.Error](err)
	if !ok {
		e = s.handler.uncommitted(s.context, err)
	}
	told := *e
	told.Message += "; " + strconv.Itoa(s.lines) + " lines are done, and may be sent again with the rest: what is stored is not stored twice"
	b := strconv.AppendInt([]byte(`{"lines":`), int64(s.lines), 10)
	return &brokenStream{&told, append(s.appendRejected(s.appendCounts(b)), '}')}
}

// brokenStream is an error and how far a stream came before it.
type brokenStream struct {
	cause    *impact.Error
	progress progress
}

func (b *brokenStream) Error() string { return b.cause.Error() }

// Unwrap is the cause.
func (b *brokenStream) Unwrap() error { return b.cause }

// progress is JSON.
type progress []byte

// MarshalJSON implements [json.Marshaler].
func (p progress) MarshalJSON() ([]byte, error) { return p, nil }

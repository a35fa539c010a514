package ingest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/impactql/impactql/impact"
)

// Limits on a stream of lines.
const (
	MaxStream = 1 << 30 // bytes, counted after Content-Encoding is undone
	// MaxStreams is how many streams may be under way: each keeps its room for as long as it
	// takes, and the others need some, too.
	MaxStreams = 16

	// pace is how much of a stream must arrive within each period.
	pace       = 32 << 10
	pacePeriod = 30 * time.Second

	// A piece of a stream is committed at once.
	pieceBytes  = 512 << 10
	pieceEvents = 2_000
	// piecePatience is how long a piece gathers: what comes slowly is committed as it comes.
	piecePatience = 250 * time.Millisecond
	// readAhead is how much is read at once.
	readAhead = 64 << 10
)

var errStreamTooLarge = impact.Errorf(impact.CodeTooLarge, "send at most %d bytes in one stream", MaxStream)

// lineReader cuts a stream into lines.
type lineReader struct {
	from *ahead
	rest []byte // that follows the lines handed out
	room []byte // of the piece before, if that left it; rest may lie in it
	err  error  // how the stream ended
	long bool   // within a line that is too long
	n    int    // lines handed out
}

// piece is some lines of a stream. Its memory belongs to the events that are made of it.
type piece struct {
	body  []byte // whole lines
	first int    // the number of the first one
	// long is the number of a line after the body that is too long, or 0.
	long int
	err  error // io.EOF at the end of the stream, or why it broke
}

// next reads the next piece, which is empty if no whole line came in time. The last line of
// a stream needs no end; that of one that broke is left out.
func (l *lineReader) next() piece {
	p := piece{first: l.n + 1}
	if l.room == nil {
		l.room = make([]byte, 0, pieceBytes)
	}
	buf := l.room[:len(l.rest)]
	copy(buf, l.rest)
	late := time.NewTimer(piecePatience)
	defer late.Stop()
	begun := time.Now()
	end := 0 // of the last whole line
	for l.err == nil && len(buf) < cap(buf) {
		from := len(buf)
		var n int
		n, l.err = l.from.read(buf[from:cap(buf)], late.C)
		if n == 0 && l.err == nil {
			break
		}
		if buf = buf[:from+n]; l.long {
			buf = l.leave(buf)
		}
		if i := bytes.LastIndexByte(buf[min(from, len(buf)):], '\n'); i >= 0 {
			end = from + i + 1
		}
		if len(buf)-end > MaxEvent {
			l.long, p.long = true, 1 // its number follows
			p.body, buf = buf[:end:end], l.leave(buf[end:])
			break
		}
		if end > 0 && time.Since(begun) > piecePatience {
			break
		}
	}
	if p.long == 0 {
		if errors.Is(l.err, io.EOF) {
			end = len(buf)
		}
		p.body, buf = buf[:end:end], buf[end:]
	}
	if l.rest = buf; len(p.body) < pieceBytes/4 {
		p.body = bytes.Clone(p.body) // so that its events keep no more than they need
	} else {
		l.room = nil
	}
	l.n += bytes.Count(p.body, []byte{'\n'})
	if n := len(p.body); n > 0 && p.body[n-1] != '\n' {
		l.n++
	}
	if p.long > 0 {
		l.n++
		p.long = l.n
	}
	if len(l.rest) == 0 || !errors.Is(l.err, io.EOF) {
		p.err = l.err
	}
	return p
}

// leave drops the rest of a line that is too long.
func (l *lineReader) leave(buf []byte) []byte {
	_, rest, found := bytes.Cut(buf, []byte{'\n'})
	if !found {
		return buf[:0]
	}
	l.long = false
	return rest
}

// ahead reads in a goroutine, so that whoever waits for a slow sender can do something else
// meanwhile.
type ahead struct {
	from    io.Reader
	buf     []byte // of the goroutine while it reads
	reading bool
	arrived chan arrival
	have    []byte // of buf, not handed out yet
	err     error  // that follows it
}

type arrival struct {
	n   int
	err error
}

func newAhead(from io.Reader) *ahead {
	return &ahead{from: from, buf: make([]byte, readAhead), arrived: make(chan arrival, 1)}
}

// read is that of [io.Reader], and reads nothing if nothing comes until late.
func (a *ahead) read(b []byte, late <-chan time.Time) (int, error) {
	if len(a.have) == 0 && a.err == nil {
		if !a.reading {
			a.reading = true
			go func() {
				n, err := a.from.Read(a.buf)
				a.arrived <- arrival{n, err}
			}()
		}
		select {
		case came := <-a.arrived:
			a.reading = false
			a.have, a.err = a.buf[:came.n], came.err
		case <-late:
			return 0, nil
		}
	}
	n := copy(b, a.have)
	if a.have = a.have[n:]; len(a.have) > 0 {
		return n, nil
	}
	return n, a.err
}

// stop waits until nothing is read any more; interrupt ends a read that waits.
func (a *ahead) stop(interrupt func()) {
	if a.reading {
		interrupt()
		<-a.arrived
	}
}

// paced reads a body that may take as long as it likes, as long as it keeps coming:
// pace bytes at least within pacePeriod of waiting for them.
type paced struct {
	from    io.Reader
	conn    *http.ResponseController
	since   int           // bytes that came of the pace
	spent   time.Duration // waiting for them
	stopped atomic.Bool
}

func (p *paced) Read(b []byte) (int, error) {
	start := time.Now()
	_ = p.conn.SetReadDeadline(start.Add(pacePeriod - p.spent)) // where there is none to set, the server's own holds
	if p.stopped.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := p.from.Read(b)
	p.since += n
	if p.spent += time.Since(start); p.since >= pace {
		p.since, p.spent = 0, 0
	}
	return n, err
}

// interrupt ends a Read that waits, and all later ones.
func (p *paced) interrupt() {
	p.stopped.Store(true) // first: a Read that has not seen it has set its deadline before
	_ = p.conn.SetReadDeadline(time.Unix(1, 0))
}

package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

const (
	// streamLook is how often a stream asks this process whether the company's figures
	// changed, which costs a look into a table.
	streamLook = 250 * time.Millisecond
	// streamPause is the least time between two messages of a stream: what changes
	// meanwhile is told together.
	streamPause = time.Second
	// streamHeartbeat is how often a silent stream says that it is alive.
	streamHeartbeat = 30 * time.Second
	// streamResume is for how long a message's id stands for what it said.
	streamResume = 24 * time.Hour
	// maxStreams bounds the streams of one instance.
	maxStreams = 1000
)

// streamMessage is the figures of a company as legacy clients listen to them.
type streamMessage struct {
	Timestamp string        `json:"timestamp"`
	Value     number        `json:"value"`
	Metadata  legacyMetrics `json:"metadata"`
}

// streamID is when a message was made, and a hash of what it says.
type streamID struct {
	at  time.Time
	sum string
}

func (id streamID) String() string { return strconv.FormatInt(id.at.UnixMilli(), 10) + "-" + id.sum }

// parseStreamID reads the id of a message; one that is older than [streamResume], or no
// id of ours, stands for nothing.
func parseStreamID(text string, now time.Time) (id streamID) {
	ms, sum, _ := strings.Cut(text, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if at := time.UnixMilli(n); err == nil && now.Sub(at) <= streamResume {
		return streamID{at, sum}
	}
	return streamID{}
}

// stream is GET /v1/stream/{company}: the figures of /v1/metrics, whenever they change.
// Each message says how things stand, so whoever resumes misses nothing: they are told at
// once if the figures are others than those of the last message they had.
func (d *doors) stream(w http.ResponseWriter, r *http.Request) {
	q, err := d.rest.question(r)
	if err == nil && q.AsOf != 0 {
		err = &impact.Error{Code: impact.CodeInvalid, Pointer: "/asOf", Message: "what was known does not change: ask /v1/metrics"}
	}
	if err == nil {
		err = d.hub.admit()
	}
	if err != nil {
		d.rest.refuse(w, r, err)
		return
	}
	defer d.hub.release()
	s := &figureStream{
		tailStream: &tailStream{w: w, conn: http.NewResponseController(w)}, rest: d.rest, r: r, company: q.Company,
		last: parseStreamID(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("lastEventId")), d.rest.now()),
	}
	_ = s.conn.SetReadDeadline(time.Time{}) // a listener says nothing more
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	// Browsers ask for streams with no-cache, which says nothing of the figures in them.
	if err := s.follow(db.Cached(r.Context()), d.hub.stopped); err != nil {
		d.log.DebugContext(r.Context(), "stream ended", "err", err)
	}
}

// figureStream tells one listener of one company's figures.
type figureStream struct {
	*tailStream
	rest    *rest
	r       *http.Request
	company impact.CompanyID
	last    streamID // of the message that the listener had last
	behind  bool     // the database was away when there was something to look at
}

// follow tells until the listener or the server goes.
func (s *figureStream) follow(ctx context.Context, stopped <-chan struct{}) error {
	if err := s.write(": listening\n\n"); err != nil {
		return err
	}
	look, beat := time.NewTicker(streamLook), time.NewTicker(streamHeartbeat)
	defer look.Stop()
	defer beat.Stop()
	told, pause := s.rest.figures.Version(s.company), time.Time{}
	if err := s.tell(ctx); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stopped:
			return nil
		case <-beat.C:
			if err := s.write(": alive\n\n"); err != nil {
				return err
			}
			// A period such as last-30d moves with the day.
			if err := s.tell(ctx); err != nil {
				return err
			}
		case <-look.C:
			now := s.rest.figures.Version(s.company)
			if now == told && !s.behind || time.Now().Before(pause) {
				continue
			}
			told, pause = now, time.Now().Add(streamPause)
			if err := s.tell(ctx); err != nil {
				return err
			}
		}
	}
}

// tell says how things stand, unless the listener has heard it, or their key was revoked,
// which ends the stream. While the database is away there is nothing to say; follow then
// asks again.
func (s *figureStream) tell(ctx context.Context) error {
	if err := principalOf(ctx).check(ctx); impact.CodeOf(err) == impact.CodeUnauthenticated {
		return err
	}
	q, err := s.rest.question(s.r) // anew: what today is may have changed
	var f *impact.Figures
	if err == nil {
		f, err = s.rest.overview(ctx, q)
	}
	if s.behind = impact.CodeOf(err) == impact.CodeUnavailable; s.behind {
		return nil
	}
	if err != nil {
		return err
	}
	figures := legacyMetricsOf(f)
	said, err := json.Marshal(figures)
	if err != nil {
		return err
	}
	now := s.rest.now()
	sum := sha256.Sum256(append(said, s.r.URL.Path...))
	id := streamID{now, hex.EncodeToString(sum[:8])}
	if id.sum == s.last.sum {
		return nil
	}
	data, err := json.Marshal(streamMessage{now.UTC().Format(time.RFC3339Nano), figures.ImpactScore, figures})
	if err != nil {
		return err
	}
	s.last = id
	return s.write(fmt.Sprintf("id: %s\ndata: %s\n\n", id, data))
}

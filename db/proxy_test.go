package db

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// cut says where a proxy cuts a connection.
type cut int32

const (
	cutNothing cut = iota
	cutBefore      // COMMIT does not reach the server
	cutAfter       // COMMIT landed, its reply does not reach the client
)

// proxy stands between a store and Postgres, counts, and cuts connections.
type proxy struct {
	url      string // of the database through the proxy
	socket   string
	next     atomic.Int32           // a cut: where the next COMMIT is cut
	after    atomic.Pointer[string] // SQL that the next COMMIT is followed by
	cutIn    atomic.Int32           // messages until a connection is cut, both directions counted; 0: never
	wasCut   chan struct{}          // gets a token for each such cut
	cuts     atomic.Int32
	executed atomic.Int32 // statements
	rows     atomic.Int32 // that the server sent

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// newProxy starts a proxy to a database of an embedded cluster.
func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	p := &proxy{socket: q.Get("host") + "/.s.PGSQL." + q.Get("port"), conns: make(map[net.Conn]bool), wasCut: make(chan struct{}, 1)}
	through := url.URL{Scheme: "postgres", User: u.User, Host: listener.Addr().String(), Path: u.Path, RawQuery: "sslmode=disable"}
	p.url = through.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		for c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		serving.Wait()
	})
	return p
}

func (p *proxy) keep(c net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
		c.Close()
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		client.Close()
		return
	}
	p.keep(client, true)
	p.keep(server, true)
	end := func() { p.keep(client, false); p.keep(server, false) }
	var swallow atomic.Bool // the reply to COMMIT
	var done sync.WaitGroup
	done.Go(func() {
		defer end()
		in := bufio.NewReader(server)
		for {
			kind, frame, err := readFrame(in, true)
			if err != nil {
				return
			}
			if kind == 'D' {
				p.rows.Add(1)
			}
			if swallow.Load() && kind == 'C' && bytes.HasPrefix(frame[5:], []byte("COMMIT")) {
				p.cuts.Add(1)
				return
			}
			if p.countdown() {
				return
			}
			if _, err := client.Write(frame); err != nil {
				return
			}
		}
	})
	defer done.Wait()
	defer end()
	in := bufio.NewReader(client)
	commits := false // the client has sent COMMIT, or rows that a COMMIT follows
	for started := false; ; started = true {
		kind, frame, err := readFrame(in, started)
		if err != nil {
			return
		}
		if kind == 'E' || kind == 'Q' {
			p.executed.Add(1)
		}
		if kind == 'Q' {
			commits = bytes.HasSuffix(frame, []byte("COMMIT\x00"))
		}
		if commits {
			if sql := p.after.Swap(nil); sql != nil {
				frame = queryFrame(string(frame[5:len(frame)-1]) + "; " + *sql)
			}
		}
		copies := kind == 'Q' && bytes.HasPrefix(frame[5:], []byte("COPY"))
		if commits && !copies && kind != 'd' { // rows are on their way until CopyDone
			switch cut(p.next.Swap(int32(cutNothing))) {
			case cutBefore:
				p.cuts.Add(1)
				return
			case cutAfter:
				swallow.Store(true)
			case cutNothing:
			}
		}
		if started && p.countdown() {
			return
		}
		if _, err := server.Write(frame); err != nil {
			return
		}
	}
}

// countdown reports whether this message is the one to cut at.
func (p *proxy) countdown() bool {
	for {
		n := p.cutIn.Load()
		if n == 0 {
			return false
		}
		if !p.cutIn.CompareAndSwap(n, n-1) {
			continue
		}
		if n > 1 {
			return false
		}
		p.cuts.Add(1)
		select {
		case p.wasCut <- struct{}{}:
		default:
		}
		return true
	}
}

// queryFrame is the message of a simple query.
func queryFrame(sql string) []byte {
	frame := binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(4+len(sql)+1))
	return append(append(frame, sql...), 0)
}

// readFrame reads one message of Postgres' protocol; the first of a client has no kind.
func readFrame(in *bufio.Reader, kinded bool) (kind byte, frame []byte, err error) {
	head := make([]byte, 5)
	if !kinded {
		head = head[:4]
	}
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, nil, err
	}
	if kinded {
		kind = head[0]
	}
	size := int(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	frame = make([]byte, len(head)+size)
	_, err = io.ReadFull(in, frame[copy(frame, head):])
	return kind, frame, err
}

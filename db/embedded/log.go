package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
)

const (
	// logLimit is the size in bytes at which postgres.log becomes postgres.log.1.
	logLimit = 10 << 20
	// tailLines is how many lines are kept for errors.
	tailLines = 20
)

// logTail drains the log of one postmaster into a file of bounded size and keeps the
// last lines. PostgreSQL's own logging_collector is not used: it bounds a file's size
// only by starting another, and a failed start writes nothing through it.
type logTail struct {
	file *os.File // used by pump alone
	size int64
	slog *slog.Logger
	done chan struct{} // closed at the end of the log

	mu   sync.Mutex // guards tail, for a moment
	tail []string
}

func newLogTail(file *os.File, log *slog.Logger) *logTail {
	l := &logTail{file: file, slog: log, done: make(chan struct{})}
	if info, err := file.Stat(); err == nil {
		l.size = info.Size()
	}
	return l
}

// pump reads until no process of the server holds the other end. It reads on whatever
// happens to the file: a backend whose log line is not read blocks.
func (l *logTail) pump(r io.ReadCloser) {
	defer close(l.done)
	defer func() {
		r.Close()
		l.file.Close()
	}()
	in := bufio.NewReaderSize(r, 8<<10)
	for {
		line, err := in.ReadSlice('\n') // an overlong line comes in pieces
		if len(line) > 0 {
			l.write(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *logTail) write(line []byte) {
	n, err := l.file.Write(line)
	l.size += int64(n)
	if err == nil && l.size > logLimit {
		l.rotate()
	}
	text := string(bytes.TrimRight(line, "\n"))
	l.mu.Lock()
	l.tail = append(l.tail, text)
	if len(l.tail) > tailLines {
		l.tail = append(l.tail[:0], l.tail[1:]...)
	}
	l.mu.Unlock()
	level := slog.LevelDebug
	if strings.Contains(text, " PANIC: ") {
		level = slog.LevelError
	}
	l.slog.Log(context.Background(), level, "PostgreSQL says", "line", text)
}

// rotate keeps one older generation. If it cannot, the file grows on.
func (l *logTail) rotate() {
	l.size = 0
	name := l.file.Name()
	if err := os.Rename(name, name+".1"); err != nil {
		l.slog.Error("cannot rotate PostgreSQL's log", "err", err)
		return
	}
	next, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.slog.Error("cannot rotate PostgreSQL's log", "err", err)
		return
	}
	l.file.Close()
	l.file = next
}

// last returns up to n of the last lines.
func (l *logTail) last(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.tail[max(0, len(l.tail)-n):], "\n")
}

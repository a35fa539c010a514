package ingest

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/impactql/impactql/impact"
)

// maxWindow bounds the memory that a zstd frame may ask for: the limit of RFC 9659 for
// HTTP.
const maxWindow = 8 << 20

var errExpanded = impact.Errorf(impact.CodeTooLarge, "send at most %d bytes in one request, counted after Content-Encoding is undone", MaxBody)

// encodings are the values of Content-Encoding that are undone.
var encodings = map[string]string{"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}

// expander undoes a Content-Encoding. Close gives what it used back.
type expander struct {
	encoding string
	from     *source
	io.Reader
	close func()
}

// source remembers how reading the body ended: that is told apart from compressed data
// that is broken.
type source struct {
	*bufio.Reader
	under io.Reader
	err   error
}

func (s *source) read(b []byte) (int, error) {
	n, err := s.under.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// Decoders are used again: they hold tens to hundreds of kilobytes of tables.
var (
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
	zstdReaders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			panic(err) // the options are valid
		}
		return d
	}}
	bufferedReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}
)

// expand reads what from holds encoded. Any frame of zstd may ask for memory of [maxWindow],
// for which the caller has room.
func expand(from io.Reader, encoding string) (*expander, error) {
	buffered, _ := bufferedReaders.Get().(*bufio.Reader)
	s := &source{Reader: buffered, under: from}
	buffered.Reset(readerFunc(s.read))
	x := &expander{encoding: encoding, from: s}
	x.close = func() {
		buffered.Reset(http.NoBody)
		bufferedReaders.Put(buffered)
	}
	var err error
	switch encoding {
	case "gzip":
		z, _ := gzipReaders.Get().(*gzip.Reader)
		buffer := x.close
		x.close = func() { gzipReaders.Put(z); buffer() }
		x.Reader, err = z, z.Reset(buffered)
	case "zstd":
		z, _ := zstdReaders.Get().(*zstd.Decoder)
		buffer := x.close
		x.close = func() { _ = z.Reset(nil); zstdReaders.Put(z); buffer() }
		x.Reader, err = z, z.Reset(buffered)
	}
	if err != nil {
		err = x.broken(err)
		x.close()
		return nil, err
	}
	return x, nil
}

// expanding is an expander that begins with the first Read, which may wait for the sender.
type expanding struct {
	from     io.Reader
	encoding string
	x        *expander
}

// Read implements [io.Reader].
func (e *expanding) Read(b []byte) (int, error) {
	if e.x == nil {
		var err error
		if e.x, err = expand(e.from, e.encoding); err != nil {
			return 0, err
		}
	}
	return e.x.Read(b)
}

func (e *expanding) close() {
	if e.x != nil {
		e.x.close()
	}
}

// Read implements [io.Reader].
func (x *expander) Read(b []byte) (int, error) {
	n, err := x.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = x.broken(err)
	}
	return n, err
}

func (x *expander) broken(err error) error {
	switch {
	case x.from.err != nil:
		return x.from.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return impact.Errorf(impact.CodeTooLarge, "a zstd frame may have a window of at most %d bytes: compress with a lower level or without --long", maxWindow)
	case errors.Is(err, io.EOF):
		return impact.Errorf(impact.CodeInvalid, "the body is empty, which is no %s", x.encoding)
	}
	return impact.Errorf(impact.CodeInvalid, "the body is not %s, as Content-Encoding says, or is cut off: %v", x.encoding, err)
}

package main

import (
	"bufio"
	"strings"
	"testing"
)

// Answers follow each other on a connection: none may read into the next.
func TestAnswers(t *testing.T) {
	t.Parallel()
	r := bufio.NewReader(strings.NewReader("" +
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" +
		"HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\nConnection: close\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n" +
		"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"))
	var a answer
	for _, want := range []answer{
		{200, []byte("{}"), false},
		{503, nil, true},
		{200, []byte("abc0123456789abcdef"), false},
		{404, []byte("gone"), false},
	} {
		if err := a.read(r); err != nil {
			t.Fatal(err)
		}
		if a.status != want.status || string(a.body) != string(want.body) || a.closes != want.closes {
			t.Errorf("read: %d %q %v, want %d %q %v", a.status, a.body, a.closes, want.status, want.body, want.closes)
		}
	}
	if err := a.read(r); err == nil {
		t.Error("read past the end: no error")
	}
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"",
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2\r\n\r\n",
		"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
	} {
		if err := new(answer).read(bufio.NewReader(strings.NewReader(text))); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

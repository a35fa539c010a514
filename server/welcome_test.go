package server

import (
	"log/slog"
	"net"
	"strings"
	"testing"
)

// The warning is for whoever can be reached, on any of the addresses.
func TestWelcomeWarnsWhoCanBeReached(t *testing.T) {
	t.Parallel()
	for addrs, reached := range map[string]bool{
		"127.0.0.1:0": false, "127.0.0.1:0,127.0.0.1:0": false, ":0": true, "0.0.0.0:0": true, "127.0.0.1:0, :0": true,
	} {
		listeners, err := listen(t.Context(), addrs)
		if err != nil {
			t.Fatal(err)
		}
		text := welcome(listeners, DemoKey)
		for _, l := range listeners {
			l.Close()
		}
		_, port, _ := net.SplitHostPort(listeners[0].Addr().String())
		if warned := strings.Contains(text, "keeps it to this machine"); warned != reached || !strings.Contains(text, ":"+port+"/playground") {
			t.Errorf("%s: warned %v, want %v:\n%s", addrs, warned, reached, text)
		}
	}
}

// Profiles ask for no key, so they are served to this machine alone.
func TestDebugIsLoopback(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	if err := serveDebug(t.Context(), "0.0.0.0:0", log); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("every interface: %v", err)
	}
	if err := serveDebug(t.Context(), "127.0.0.1:0", log); err != nil {
		t.Error(err)
	}
}

package server

import (
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

// Command readme runs the commands that a Markdown file shows, so that they stay true:
//
//	go run -C tools ./readme "$PWD/README.md"
//
// A fenced block whose info string begins with "sh ci" is run by bash in the folder of the file, in the
// order of the page; the first that fails ends the run. "sh ci=background" holds one command that
// starts a server: the blocks after it wait until -ready answers 200, and the server is stopped with
// SIGTERM at the end. Other blocks are left alone.
//
// The commands see a fresh state: DATA_DIR is a new folder, and no DATABASE_URL, READ_DATABASE_URL,
// REDIS_URL or ADDR of the caller.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ready := flag.String("ready", "http://127.0.0.1:8080/readyz", "URL that answers 200 once a background block is up")
	wait := flag.Duration("wait", 10*time.Minute, "how long a background block may take until then, building included")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: readme [flags] FILE")
		flag.PrintDefaults()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, flag.Arg(0), *ready, *wait)
	stop()
	if err != nil {
		slog.Error("readme", "file", flag.Arg(0), "error", err)
		os.Exit(1)
	}
}

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// probeDisk does over and over what a commit waits for: a page written at the end
// of a file that has its size already, and fdatasync.
func probeDisk(dir string, d time.Duration) (*result, error) {
	name := filepath.Join(dir, "probe")
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer os.Remove(name)
	defer f.Close()
	const pages = 2048 // 16 MB, a segment of the WAL
	page := make([]byte, 8<<10)
	if _, err := f.Write(make([]byte, pages*len(page))); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	r := new(result)
	start := time.Now()
	for i := 0; time.Since(start) < d; i++ {
		began := time.Now()
		if _, err := f.WriteAt(page, int64(i%pages*len(page))); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		r.latencies = append(r.latencies, time.Since(began))
	}
	r.took = time.Since(start)
	r.sort()
	return r, nil
}

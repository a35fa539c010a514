package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// newReport begins a report with what it was measured on.
func (b *bench) newReport(ctx context.Context) (*report, error) {
	pg, err := b.pg.run(ctx, "SHOW server_version")
	if err != nil {
		return nil, err
	}
	build, err := buildinfo.ReadFile(b.impactql)
	if err != nil {
		return nil, err
	}
	version, err := b.server.command(ctx, "--version")
	if err != nil {
		return nil, err
	}
	m := &table{title: "Machine", head: []string{"what", "of this run"}}
	m.row("date", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	m.row("commit", printed(ctx, "git", "describe", "--always", "--dirty")+", binary "+strings.TrimSpace(string(version)))
	m.row("processor", strconv.Itoa(runtime.NumCPU())+" × "+procField("/proc/cpuinfo", "model name"))
	m.row("memory", gigabytes(procField("/proc/meminfo", "MemTotal")))
	m.row("system", printed(ctx, "uname", "-sr")+", data on "+printed(ctx, "stat", "-f", "-c", "%T", b.temp))
	m.row("Go", build.GoVersion)
	m.row("Postgres", pg)
	load, _ := os.ReadFile("/proc/loadavg")
	m.row("load average before", strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], " "))
	return &report{machine: m, targets: &table{title: "Targets", head: []string{"what", "measured", "target", "outcome"}}}, nil
}

// printed is what a command prints, or "unknown".
func printed(ctx context.Context, command string, args ...string) string {
	out, err := exec.CommandContext(ctx, command, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// procField is the value of the first line "name: value" of a file, or "unknown".
func procField(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// gigabytes rounds what /proc/meminfo says.
func gigabytes(text string) string {
	kb, err := strconv.Atoi(strings.TrimSuffix(text, " kB"))
	if err != nil {
		return text
	}
	return fmt.Sprintf("%.1f GB", float64(kb)/(1<<20))
}

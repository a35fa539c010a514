package embedded

import (
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// postgresqlConf is the cluster's configuration: for a machine of two cores and a few
// GB of memory that it shares with impactql, whose load is a steady stream of COPY in
// large transactions, folds that update few rows often, and short reads.
const postgresqlConf = `# Written by impactql at every start: changes made here are lost.
# To change a setting for good: ALTER SYSTEM SET ... as user postgres, then restart.

# Reached through the unix socket alone; see pg_hba.conf.
listen_addresses = ''
unix_socket_permissions = 0700
# Pools stay well under 40; the rest is for operators. Each costs a few MB.
max_connections = 60

# Durability is the product's promise: a 2xx means committed.
fsync = on
synchronous_commit = on
full_page_writes = on
# impactql groups commits itself; a delay here would add to every answer for nothing.
commit_delay = 0

# Holds the indexes' hot pages and the rollups. More would be taken from the page cache,
# which serves the rest as well.
shared_buffers = 256MB
effective_cache_size = 1GB
huge_pages = try
# Per sort or hash. Reads are small, rebuild is not; at 60 connections this stays bounded.
work_mem = 16MB
# For index builds and vacuum, of which at most three run at once.
maintenance_work_mem = 128MB

# Under heavy COPY the first change to a page after a checkpoint writes the whole page
# to the WAL. Few, long checkpoints keep that rare; the price is a longer crash recovery
# (it replays at most this much) and up to 4 GB of disk.
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
# What COPY writes goes on to the disk at once: left to the kernel it comes in one flood,
# and commits wait behind it.
backend_flush_after = 1MB
# A batch's WAL fits, so that the commit's fsync, not a full buffer, writes it.
wal_buffers = 16MB
# Page images compress several times; lz4 costs next to no CPU.
wal_compression = %[1]s
# Enough for pg_basebackup and point-in-time recovery.
wal_level = replica

# Short statements gain nothing from compiling, and the planner's guess that one is
# long costs it hundreds of milliseconds.
jit = off
# Two cores are busy with ingest: one helper for a large read, no more.
max_parallel_workers_per_gather = 1
max_parallel_workers = 2
# Any disk that ingest can live on is an SSD.
random_page_cost = 1.1

# The event log only grows: vacuum visits it for the visibility map and freezing alone,
# when a fifth is new. Rollup rows are updated over and over: their tables say that they
# want it earlier. One worker, at its own slow pace: answers share the two cores with it.
autovacuum_naptime = 15s
autovacuum_max_workers = 1
autovacuum_vacuum_insert_scale_factor = 0.2
autovacuum_analyze_scale_factor = 0.1

# The log goes to impactql, which bounds it: see postgres.log. It must not hold what
# customers sent: no statements, no DETAIL with row values.
logging_collector = off
log_destination = stderr
log_line_prefix = '%%m [%%p] '
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = on
log_autovacuum_min_duration = 10s
log_lock_waits = on
log_temp_files = 64MB

# Nothing may depend on where the machine stands or what language it speaks. Companies'
# own time zones are applied in queries.
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
`

// configure writes the cluster's three configuration files.
func (s *Server) configure() error {
	self := userName(os.Geteuid())
	var conf strings.Builder
	fmt.Fprintf(&conf, postgresqlConf, s.walCompression())
	if len(s.cfg.Settings) > 0 {
		conf.WriteString("\n# From embedded.Config.\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Settings)) {
		fmt.Fprintf(&conf, "%s = %s\n", name, quoteSetting(s.cfg.Settings[name]))
	}
	files := []struct{ name, text string }{
		{"postgresql.conf", conf.String()},
		{"pg_hba.conf", `# Written by impactql at every start. The kernel tells who is at the other end.
local all         all      peer map=impactql
local replication postgres peer map=impactql
`},
		{"pg_ident.conf", fmt.Sprintf(`# Written by impactql at every start: the account it runs as may be either role.
impactql %[1]q %[2]s
impactql %[1]q %[3]s
`, self, role, superuser)},
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(s.lay.data(), f.name), f.text, 0o600, s.acct); err != nil {
			return err
		}
	}
	return nil
}

// walCompression is the best method that this build of PostgreSQL knows: lz4 is a
// build option and no choice at all before 15.
func (s *Server) walCompression() string {
	c := s.command(s.bin.path("postgres"))
	c.Args = append(c.Args, "-D", s.handOver(c, s.lay.data()), "-c", "wal_compression=lz4", "-C", "wal_compression")
	if _, err := c.output(); err != nil {
		return "on"
	}
	return "lz4"
}

// quoteSetting quotes a value for postgresql.conf.
func quoteSetting(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(v) + "'"
}

// quoteListItem quotes one name in a setting that is a list of names.
func quoteListItem(v string) string {
	return `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	// Known to the system, though not through /etc/passwd, which is all that a binary
	// without cgo reads.
	if u, err := user.Current(); err == nil && u.Uid == id {
		return u.Username
	}
	return "uid " + id
}

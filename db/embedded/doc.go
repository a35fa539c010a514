// Package embedded runs a private PostgreSQL cluster in a directory, so that
// impactql needs nothing but itself (and PostgreSQL's binaries) to start.
//
// # The directory
//
//	lock          flock'ed by the one impactql that owns the directory; holds its pid
//	url           the connection URL, while the owner's server is up; see [Attach]
//	pgdata/       the cluster; owned by the account the server runs as, mode 0700
//	pgdata.new/   a cluster initdb has not finished; removed at the next start
//	run/          the unix socket, mode 0700 (a symlink into the temporary directory
//	              where the path would be too long for a socket)
//	postgres.log  the server's log; one older generation beside it as postgres.log.1
//	binaries/     PostgreSQL itself, only if the machine had none and it was fetched
//
// # States
//
// A server is starting, ready, down (its postmaster died; the next one is on the
// way) or done (stopped, or given up). One goroutine, [Server.supervise], makes
// every transition except the order to stop.
//
// # Invariants
//
//   - One owner: the flock on "lock" is held from before pgdata is first touched
//     until no process of the cluster is left. The kernel drops it with its holder,
//     so a kill -9 leaves nothing to clean by hand.
//   - No postmaster starts beside a process of an earlier one. Processes are known
//     by cluster_name, which carries a digest of pgdata's device and inode: it can be
//     read in a foreign process's command line without ptrace rights, and names one
//     directory on one kernel.
//   - An orphan is stopped, never adopted: its log pipe is broken, its settings may
//     be old, and only a parent learns at once that it died.
//   - The socket directory is mode 0700 and connections are authenticated by peer
//     credentials: only the account impactql runs as gets in (and root, where the
//     account is root). There is no TCP listener and no password to keep.
//   - impactql's own role owns its database and is no superuser, as on any managed
//     PostgreSQL: what works here works with DATABASE_URL.
//
// # Failures
//
//   - impactql is killed: the kernel sends its postmaster SIGINT (fast shutdown) on
//     Linux; elsewhere the next Start stops the orphan.
//   - The postmaster dies: its orphans are removed, as a new postmaster refuses to
//     start while one still holds the shared memory, and a new one is started, with
//     backoff. [Server.Done] is closed after [maxFailures] failed starts in a row.
//   - A single backend dies: PostgreSQL recovers by itself, under the same postmaster.
//
// # Root
//
// PostgreSQL refuses to run as root, so as root the server processes drop to the
// owner of pgdata, which at first is user postgres, or nobody. If that account cannot
// reach the directory (DATA_DIR=/root/x), the directories are passed down as open
// descriptors and named /proc/self/fd/N. This needs no capability to outlive the drop;
// CAP_DAC_READ_SEARCH, the alternative, would let any SQL superuser read every file on
// the machine, and Docker does not grant it.
//
// # By hand
//
// As the account impactql runs as, with DATA_DIR in place of .impactql:
//
//	psql "$(cat .impactql/url)"                                     # impactql's own role
//	psql -h "$(readlink -f .impactql/run)" -U postgres impactql     # superuser
//
// Settings persist through ALTER SYSTEM; postgresql.conf is rewritten at each start.
// To stop PostgreSQL, stop impactql: a postmaster stopped by hand is started again.
package embedded

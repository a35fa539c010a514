package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/semaphore"

	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/migrations"
)

// Store is a database of impactql. It is safe for concurrent use.
type Store struct {
	db  *sqlx.DB
	url string
	log *slog.Logger
	// still says that db is one connection, in a transaction that sees one state.
	still bool

	batches  batchIDs
	ordinals ordinals
	exact    atomic.Int32 // batches still to go straight to the exact path
	backlog  backlog
	waits    foldWaits

	rejectBounds RejectBounds
	replaying    *semaphore.Weighted // one, held for a turn: see [Store.InReplayTurn]

	wires   wires
	breaker breaker
}

// Config says how to reach the database.
type Config struct {
	URL string
	// Connections is the greatest number of connections to open; 0 means 16.
	Connections int
	Log         *slog.Logger
}

// Open connects to the database and waits, within ctx, until it answers. It does
// not migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	connector, err := pq.NewConnector(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("db: database URL: %w", err)
	}
	if cfg.Connections == 0 {
		cfg.Connections = 16
	}
	s := &Store{url: cfg.URL, log: cfg.Log, replaying: semaphore.NewWeighted(1)}
	connector.Dialer(&s.wires)
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(cfg.Connections)
	pool.SetMaxIdleConns(cfg.Connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	s.db = sqlx.NewDb(pool, "postgres")
	if err := s.newBreaker(cfg.URL); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	s.waits.init()
	s.BoundRejects(RejectBounds{})
	s.backlog.init()
	s.backlog.folded = s.waits.settle
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// await pings until the database answers: it may be starting beside us.
func (s *Store) await(ctx context.Context) error {
	for waited := 0; ; waited++ {
		err := s.db.PingContext(ctx)
		if waited == 20 {
			s.log.Warn("the database does not answer yet; waiting", "err", err)
		}
		if err == nil || !transient(err) {
			return wrap(err, "connect")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("db: connect: %w (last answer: %w)", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// retryFor is for how long [Store.Retry] begins again.
const retryFor = 30 * time.Second

// Retry runs f, and runs it again when the database went away under it, as one that is
// restarted beside us. f has to find its way when an earlier run of it was done in part, or
// whole without the answer having arrived.
func (s *Store) Retry(ctx context.Context, f func(context.Context) error) error {
	waiting, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for {
		err := f(ctx)
		if !transient(err) || pq.As(err, pqerror.QueryCanceled, pqerror.DiskFull) != nil { // those would be so again
			return err
		}
		select {
		case <-waiting.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
		if s.await(waiting) != nil {
			return err
		}
		s.log.WarnContext(ctx, "the database was away; beginning again", "err", err)
	}
}

// Close closes the pool.
func (s *Store) Close() error {
	_ = s.breaker.probe.Close() // its connection may have been cut under a last probe
	return s.db.Close()
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return wrap(s.db.PingContext(ctx), "ping") }

// Migrate brings the schema up to date and returns how many migrations it ran.
// Instances that start together take turns under an advisory lock.
func (s *Store) Migrate(ctx context.Context) (n int, err error) {
	err = s.Retry(ctx, func(ctx context.Context) error {
		done, err := s.migrate(ctx)
		n += done
		return err
	})
	return n, err
}

func (s *Store) migrate(ctx context.Context) (int, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return 0, wrap(err, "migrate")
	}
	defer conn.Close()
	const lock = 0x696d7061 // "impa"
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return 0, wrap(err, "migrate: lock")
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lock) //nolint:errcheck // closing the connection frees it as well
	provider, err := goose.NewProvider(goose.DialectPostgres, s.db.DB, migrations.FS)
	if err != nil {
		return 0, fmt.Errorf("db: migrate: %w", err)
	}
	done, err := provider.Up(ctx)
	return len(done), wrap(err, "migrate")
}

// SchemaVersion is the number of the last migration that has run.
func (s *Store) SchemaVersion(ctx context.Context) (version int64, err error) {
	err = s.db.GetContext(ctx, &version, "SELECT max(version_id) FROM goose_db_version")
	return version, wrap(err, "schema version")
}

// queries holds the SQL that is longer than a few lines, each file named for the
// method that runs it.
//
//go:embed query/*.sql
var queries embed.FS

func query(name string) string {
	text, err := queries.ReadFile("query/" + name + ".sql")
	if err != nil {
		panic(err) // the file is part of the binary
	}
	return string(text)
}

// inTx runs f in a transaction and commits if it returns nil.
func (s *Store) inTx(ctx context.Context, op string, f func(tx *sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return wrap(err, "%s", op)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the cause is err
		return wrap(err, "%s", op)
	}
	return wrap(tx.Commit(), "%s", op)
}

// wrap says what failed. What failed for the time being says so to callers, too.
func wrap(err error, op string, args ...any) error {
	if err == nil {
		return nil
	}
	if transient(err) && impact.CodeOf(err) == impact.CodeInternal {
		told := errAway
		if pq.As(err, pqerror.QueryCanceled) != nil {
			told = errTooLong
		}
		return fmt.Errorf("db: %s: %w (%w)", fmt.Sprintf(op, args...), err, told)
	}
	return fmt.Errorf("db: %s: %w", fmt.Sprintf(op, args...), err)
}

// errTooLong is what callers get of a statement that was ended, in nearly all cases because
// the time for the answer was over.
var errTooLong = impact.Errorf(impact.CodeUnavailable, "this took the database too long: ask for less at once, or try again later")

// transient reports whether the same transaction may succeed when tried again:
// Postgres is restarting, a connection broke, or it lost against another one.
func transient(err error) bool {
	if err == nil {
		return false
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch e.Code.Class() {
		case "08", "40", "53", "57": // connection, rollback, resources, operator intervention or a cancelled statement
			return true
		}
		return e.Code == pqerror.LockNotAvailable
	}
	_, isNet := errors.AsType[net.Error](err)
	return isNet || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// batchIDs hands out batch ids from blocks that it reserves.
type batchIDs struct {
	mu        sync.Mutex // guards the block; held while a new one is reserved
	next, end int64
}

const batchBlock = 256 // the INCREMENT of sequence batch_id

func (b *batchIDs) take(ctx context.Context, q sqlx.QueryerContext) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == b.end {
		var first int64
		if err := sqlx.GetContext(ctx, q, &first, "SELECT nextval('batch_id')"); err != nil {
			return 0, err
		}
		b.next, b.end = first, first+batchBlock
	}
	b.next++
	return b.next - 1, nil
}

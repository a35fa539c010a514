package db

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Version identifies a state of a company's figures for as long as this process
// hears of changes. The zero Version is unknown and equals nothing.
type Version struct {
	known bool
	epoch int64 // rises whenever notifications may have been missed
	fold  int64
}

// Versions follows, through notifications, which companies' figures changed and
// which API keys ended.
type Versions struct {
	store    *Store
	listener *pq.Listener
	news     News

	mu    sync.RWMutex // guards the fields below; held for map accesses only
	epoch int64
	seen  map[impact.CompanyID]int64 // in this epoch
	heard time.Time                  // when the connection last proved alive
}

// News is who is told of changes; none may be nil.
type News struct {
	Key      func(id int32)                 // an API key was revoked
	Settings func(company impact.CompanyID) // a company's settings changed
	Source   func(id string)                // a source was made or changed, or its secrets
	Gap      func()                         // some news may have been missed
}

// silence is after how long without a sign of life the versions count as
// unknown, so that a dead connection cannot hide changes for long.
const silence = 2 * time.Second

// Follow starts following. End it by cancelling ctx; Follow returns at once.
func (s *Store) Follow(ctx context.Context, news News) (*Versions, error) {
	v := &Versions{store: s, news: news, seen: make(map[impact.CompanyID]int64)}
	v.listener = pq.NewListener(s.url, 50*time.Millisecond, 2*time.Second, func(e pq.ListenerEventType, err error) {
		if err != nil {
			s.log.Warn("listen for changes", "event", int(e), "err", err)
		}
		v.gap(e == pq.ListenerEventConnected || e == pq.ListenerEventReconnected)
	})
	for _, channel := range []string{Channel, KeysChannel, SettingsChannel, SourcesChannel, HurryChannel} {
		if err := v.listener.Listen(channel); err != nil {
			return nil, wrap(errors.Join(err, v.listener.Close()), "listen to %s", channel)
		}
	}
	go v.run(ctx)
	go s.watchFolds(ctx)
	return v, nil
}

// Of is the current version of a company's figures.
func (v *Versions) Of(company impact.CompanyID) Version {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if time.Since(v.heard) > silence {
		return Version{}
	}
	return Version{known: true, epoch: v.epoch, fold: v.seen[company]}
}

func (v *Versions) run(ctx context.Context) {
	defer v.listener.Close()
	proof := time.NewTicker(silence / 4)
	defer proof.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-v.listener.Notify:
			switch {
			case n == nil: // the driver reconnected
				v.gap(true)
			case n.Channel == Channel:
				v.folded(n.Extra)
				v.store.waits.look()
			case n.Channel == KeysChannel:
				if id, err := strconv.ParseInt(n.Extra, 10, 32); err == nil {
					v.news.Key(int32(id))
				}
			case n.Channel == HurryChannel:
				v.store.hurry(n.Extra)
			case n.Channel == SettingsChannel:
				if id, err := strconv.ParseInt(n.Extra, 10, 32); err == nil {
					v.news.Settings(impact.CompanyID(id))
				}
			case n.Channel == SourcesChannel:
				v.news.Source(n.Extra)
			}
		case <-proof.C:
			if v.listener.Ping() == nil {
				v.alive()
			}
		}
	}
}

func (v *Versions) alive() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heard = time.Now()
}

func (v *Versions) folded(news string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heard = time.Now()
	for one := range strings.FieldsSeq(news) {
		id, number, _ := strings.Cut(one, ":")
		company, err := strconv.ParseInt(id, 10, 32)
		version, err2 := strconv.ParseInt(number, 10, 64)
		if err == nil && err2 == nil {
			v.raise(impact.CompanyID(company), version)
		}
	}
}

// learn takes in a version that the database has, ahead of its notice.
func (v *Versions) learn(company impact.CompanyID, version int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.raise(company, version)
}

// raise never goes back: the notice of a version may come after a later one was
// learned, and what was cached before that must not hold again.
func (v *Versions) raise(company impact.CompanyID, version int64) {
	v.seen[company] = max(v.seen[company], version)
}

func (v *Versions) gap(connected bool) {
	v.mu.Lock()
	v.epoch++
	clear(v.seen) // a database that was restored counts from where it was
	v.heard = time.Time{}
	if connected {
		v.heard = time.Now()
	}
	v.mu.Unlock()
	v.news.Gap()
}

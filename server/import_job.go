package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
	"github.com/impactql/impactql/ingest/tabular"
)

// Bounds of what is committed together: little enough that a live batch beside it does
// not wait long.
const (
	importChunk = 200     // events
	importBytes = 1 << 20 // of their JSON
	importFold  = 2_000   // events that are folded together
)

// importJob is one run of an import.
type importJob struct {
	cmd     *Import
	store   *db.Store
	company *impact.Company
	options tabular.Options

	fileID  []byte // what the progress is kept under; nil: it is not kept
	reader  *tabular.Reader
	folder  *db.Folder
	rejects rejectsFile
	counts  [numCounts]int64
	pace    pace

	events  []*impact.Event
	sources []source // of events
	bytes   int
}

// source is where an event comes from.
type source struct {
	record *tabular.Record
	nth    int // event of its record
}

func (j *importJob) run(ctx context.Context) (err error) {
	j.rejects.path = j.cmd.Rejects
	if j.rejects.path == "" {
		j.rejects.path = j.cmd.File + ".rejects.ndjson"
		if j.cmd.File == "-" {
			j.rejects.path = "import.rejects.ndjson"
		}
	}
	defer func() { err = errors.Join(err, j.rejects.close()) }()
	if j.cmd.File == "-" {
		return j.stream(ctx, os.Stdin, -1, nil)
	}
	file, err := os.Open(j.cmd.File)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return j.stream(ctx, file, -1, nil)
	}
	if err := j.checkScale(ctx, file, info.Size()); err != nil {
		return err
	}
	var before *db.ImportProgress
	if !j.cmd.DryRun {
		if j.fileID, err = j.identify(file); err != nil {
			return err
		}
		if before, err = j.store.ImportProgress(ctx, j.company.ID, j.fileID); err != nil {
			return err
		}
	}
	err = j.stream(ctx, file, info.Size(), before)
	if !errors.Is(err, tabular.ErrChanged) {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return j.stream(ctx, file, info.Size(), nil)
}

// identify is a hash of the file's beginning and of how it is read: what the progress of
// its import is kept under. That the rest is the same too is found out on the way.
func (j *importJob) identify(file *os.File) ([]byte, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s|%s|%s|%d|%s|", j.cmd.Format, j.cmd.RatingScale, j.cmd.Program, len(j.cmd.mapping), j.cmd.mapping)
	if _, err := io.Copy(sum, io.LimitReader(file, 1<<16)); err != nil {
		return nil, err
	}
	_, err := file.Seek(0, io.SeekStart)
	return sum.Sum(nil), err
}

func (j *importJob) open(in io.Reader) (io.Closer, error) {
	text, format, err := tabular.Open(in)
	if err != nil {
		return nil, err
	}
	o := j.options
	if o.Format == "" {
		o.Format = format
	}
	if j.reader, err = tabular.NewReader(text, o); err != nil {
		return nil, errors.Join(err, text.Close())
	}
	return text, nil
}

// checkScale reads a file through whose ratings may be on one of two scales, before
// anything of it is stored.
func (j *importJob) checkScale(ctx context.Context, file *os.File, size int64) error {
	head, err := j.open(file)
	if err != nil {
		return err
	}
	_, err = file.Seek(0, io.SeekStart)
	if err = errors.Join(err, head.Close()); err != nil || !j.reader.HasChoice() {
		return err
	}
	bar := bytesBar(size, "check ratings")
	text, err := j.open(io.TeeReader(file, bar))
	if err != nil {
		return err
	}
	defer text.Close()
	for ctx.Err() == nil {
		rec, err := j.reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if rec.OffScale {
			return offScale(rec)
		}
	}
	_ = bar.Clear()
	_, err = file.Seek(0, io.SeekStart)
	return errors.Join(err, ctx.Err())
}

func offScale(rec *tabular.Record) error {
	return fmt.Errorf("line %d: %s; such files rate from 0 to 1 or from 1 to 5: "+
		"say --rating-scale 0-1 or --rating-scale 1-5", rec.Line, rec.Refused.Message)
}

// stream imports what in says, after what was done before.
func (j *importJob) stream(ctx context.Context, in io.Reader, size int64, before *db.ImportProgress) error {
	bar := bytesBar(size, "import")
	text, err := j.open(io.TeeReader(in, bar))
	if err != nil {
		return err
	}
	defer text.Close()
	if name := j.reader.Mapping(); name != "" {
		fmt.Fprintf(os.Stderr, "read as %s\n", name)
	}
	j.counts = [numCounts]int64{}
	if before != nil {
		if err := j.resume(before); err != nil {
			return err
		}
	}
	if !j.cmd.DryRun {
		j.folder = db.NewFolder(j.store)
		defer j.folder.Close()
	}
	j.pace = pace{rate: j.cmd.Rate, start: time.Now()}
	for {
		rec, err := j.reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && j.options.RatingScale == nil && rec.OffScale {
			err = offScale(rec) // the beginning of the file was on the other scale
		}
		if err == nil {
			err = j.take(rec)
		}
		if err == nil && (len(j.events) >= importChunk || j.bytes >= importBytes) {
			err = j.commit(ctx)
			bar.Describe(fmt.Sprintf("import (%d events)", j.counts[countStored]+j.counts[countDuplicates]))
		}
		if err != nil {
			return err
		}
	}
	if err := j.commit(ctx); err != nil {
		return err
	}
	_ = bar.Finish()
	if j.cmd.DryRun {
		return nil
	}
	if err := j.folder.CatchUp(ctx); err != nil {
		return err
	}
	return j.store.EndImport(ctx, j.company.ID, j.fileID)
}

// resume goes to where an earlier run was.
func (j *importJob) resume(before *db.ImportProgress) error {
	mark := tabular.Mark{Offset: before.Position, Line: before.Line, Sum: before.Sum}
	if err := j.reader.Skip(mark); err != nil {
		return err
	}
	if err := j.rejects.reopen(before.Rejects); err != nil {
		return err
	}
	copy(j.counts[:], before.Counts)
	fmt.Fprintf(os.Stderr, "goes on behind line %d\n", before.Line)
	return nil
}

// take queues the events of a record.
func (j *importJob) take(rec *tabular.Record) error {
	j.counts[countRows]++
	if rec.Scheduled {
		j.counts[countScheduled]++
		return nil
	}
	if rec.Refused != nil {
		return j.reject(rec, rec.Refused)
	}
	first := len(j.events)
	for n, raw := range rec.Events {
		now := time.Now()
		e, err := ingest.Decode(raw, j.company, now)
		if err == nil && e.OccurredAt.After(now.Add(j.cmd.FutureSkew)) {
			err = errAhead
		}
		if err != nil { // a row is taken as a whole
			j.events, j.sources = j.events[:first], j.sources[:first]
			refused, ok := errors.AsType[*impact.Error](err)
			if !ok {
				return err
			}
			at := *refused
			at.Pointer = j.reader.Column(n, at.Pointer)
			return j.reject(rec, &at)
		}
		j.events = append(j.events, e)
		j.sources = append(j.sources, source{rec, n})
		j.bytes += len(raw)
	}
	return nil
}

var errAhead = impact.Errorf(impact.CodeInvalid, "the event is dated in the future: import it once it has happened")

func (j *importJob) reject(rec *tabular.Record, e *impact.Error) error {
	j.counts[countRejected]++
	return j.rejects.add(rec.Line, rec.Raw, e)
}

// commit makes what is queued durable, then notes how far the file is done.
func (j *importJob) commit(ctx context.Context) error {
	events, sources := j.events, j.sources
	j.events, j.sources, j.bytes = nil, nil, 0 // the fold keeps them
	if j.cmd.DryRun {
		j.counts[countStored] += int64(len(events))
		return ctx.Err()
	}
	if len(events) > 0 {
		began := time.Now()
		verdicts, err := j.store.Commit(ctx, events)
		if err != nil {
			return err
		}
		for i, v := range verdicts {
			switch {
			case v.Err != nil:
				if err := j.reject(sources[i].record, v.Err); err != nil {
					return err
				}
			case v.Duplicate:
				j.counts[countDuplicates]++
			default:
				j.counts[countStored]++
			}
		}
		if err := j.pace.after(ctx, len(events), time.Since(began)); err != nil {
			return err
		}
	}
	if j.fileID != nil {
		mark := j.reader.Mark()
		if err := j.store.SetImportProgress(ctx, j.company.ID, j.fileID, &db.ImportProgress{
			Position: mark.Offset, Line: mark.Line, Sum: mark.Sum, Counts: j.counts[:], Rejects: j.rejects.size,
		}); err != nil {
			return err
		}
	}
	if j.store.Backlog() < importFold {
		return nil
	}
	began := time.Now()
	if err := j.folder.Flush(ctx); err != nil {
		return err
	}
	return j.pace.rest(ctx, time.Since(began))
}

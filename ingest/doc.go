// Package ingest takes events in: a webhook request becomes events, events
// become part of a batch, and the request is answered once the batch is durable.
//
// # The life of a request
//
//	reserve -> read -> decode -> wait in a batch -> answer
//
// [Handler] reserves room for the body before it reads it, decodes it in one
// pass ([decoder]), and hands the valid events to the [Pool]. A batch is gathering
// until a committer takes it, then committing, then settled; its done channel is
// closed exactly once, when its verdicts or its error are final.
//
// Group commit has no timer: a committer takes whatever gathered while the
// commits before ran. An idle server adds no wait, a loaded one grows its batches
// by itself.
//
// Invariants:
//   - a 2xx is written only after the events' batch is durable;
//   - the events of one request are in one batch, so one receipt covers them;
//   - every request that entered a batch is settled, also on stop;
//   - a request that is not well-formed JSON stores nothing.
package ingest

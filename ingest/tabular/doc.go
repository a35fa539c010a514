// Package tabular turns the rows of exports into the JSON events that the sources'
// webhooks would have sent, so that both go through one normaliser.
//
//	file -> [Open] (unpacks) -> [NewReader] -> [Reader.Next]: a [Record] of events
//
// NDJSON passes through line by line; of CSV, a [Mapping] says what the columns mean.
// Memory does not grow with the file: a record has at most [MaxRecord] bytes, and one
// that is not well-formed costs itself only.
package tabular

// Package verify works a company's figures out a second time, straight from its log, and
// compares them with what readers answer. It shares no code with the folding path nor
// with the formulas: people by name in maps, sums in rationals, one event after the
// other. What it takes from package impact is the vocabulary: events, settings, days and
// the shape of an answer.
package verify

// Package impact is the vocabulary of impactql and its formulas: what an event
// is, how periods and calendars cut time, how events add up into cells, and how
// a cell becomes a figure (metrics, SROI, VIS, cohorts).
//
// It is pure: no I/O, no clock, no floats in what is stored. Everything that is
// added up is an integer in fixed point (milliseconds, millionths), so that sums
// do not depend on the order of addition and a rebuild from the event log gives
// the same bytes again.
//
// The central value is [Cell], a commutative monoid: merging the cells of any
// split of a set of events, in any order, gives the cell of the whole set. The
// fold, the rebuild and every reader rest on that law alone.
package impact

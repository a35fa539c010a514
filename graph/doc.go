// Package graph is the GraphQL door: schema, resolvers, loaders, limits and errors.
//
// A resolver reads its arguments, asks a loader and picks its part of the answer.
// Everything that an operation selects below the companies of one field, be it one
// company or a page of them, is read together: when the first resolver below a
// company asks, the loader looks at all that is selected there (see asksOf), puts
// one question per company, programme and range, and calls the [Reader] once for
// all. So
//
//   - an operation costs the same number of reads for 1 company as for 100, and
//     which goroutine comes first does not matter;
//   - metrics, sroi, vis and timeSeries of a company share one read of the figures,
//     with no more parts than they need, and cohort and cohorts one of the cohorts;
//   - several fields at the root (aliases) share reads as well, as far as they come
//     within a millisecond of each other.
//
// A question that cannot be made, for a page size out of range say, is left out
// there; the resolver meets the same mistake in its arguments and reports it.
package graph

// Package server wires impactql together: configuration, the database, routes,
// middleware, authentication, the REST shims, health and metrics, and the
// commands of the command line.
//
// One event: [routes] -> ingest.Handler -> ingest.Pool -> db.Store -> answer.
// One query: [routes] -> graph or [rest] -> db.Figures -> impact formula -> answer.
package server

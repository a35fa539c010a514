// Package export writes the lists and series of the graph as files: CSV, NDJSON and XLSX.
//
// An export is a query of the graph, asked page after page in the caller's name, and laid
// flat: a column is a field, its name the path to it. So figures, scopes, suppression and
// limits are those of GraphQL, whatever they are. No more than a page is in memory, and
// nothing is open in the database while a client takes its time.
package export

// Package browser holds the tests that look at the pages of a running server with a real browser.
package browser

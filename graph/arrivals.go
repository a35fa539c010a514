package graph

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// arrivedBody is how many characters of an event's body a list shows.
const arrivedBody = 16 << 10

// arrivalAsk is a page of the events of each company of a group.
type arrivalAsk struct {
	group  *model.Group
	filter impact.ArrivalFilter
	after  impact.ArrivalCursor
	first  int
}

func arrivalFilter(f *model.EventFilter) (filter impact.ArrivalFilter, err error) {
	if f == nil {
		return filter, nil
	}
	filter.Late = isTrue(f.Late)
	filter.Conflicts = f.Verdict != nil && *f.Verdict == impact.ArrivalConflict
	for _, text := range []struct {
		from *string
		to   *string
	}{{f.Kind, &filter.Kind}, {f.Type, &filter.Type}, {f.Person, &filter.Person}, {f.Programme, &filter.Programme}, {f.Status, &filter.Status}, {f.Source, &filter.Source}} {
		if text.from == nil {
			continue
		}
		if *text.to = *text.from; !utf8.ValidString(*text.to) || strings.ContainsRune(*text.to, 0) {
			return filter, impact.Errorf(impact.CodeInvalid, "a filter must not hold control characters")
		}
	}
	if _, known := impact.ParseKind(filter.Kind); f.Kind != nil && !known {
		return filter, &impact.Error{Code: impact.CodeInvalid, Pointer: "/filter/kind",
			Message: fmt.Sprintf("there is no kind %q: use one of %s", filter.Kind, strings.Join(impact.KindNames(), ", "))}
	}
	if f.Receipt != nil {
		if filter.Receipt, err = strconv.ParseInt(*f.Receipt, 10, 64); err != nil || filter.Receipt < 1 {
			return filter, impact.Errorf(impact.CodeInvalid, "receipt must be one that the answer to an event had")
		}
	}
	if filter.From, err = arrivalTime(f.ReceivedFrom); err != nil {
		return filter, err
	}
	filter.To, err = arrivalTime(f.ReceivedTo)
	return filter, err
}

func arrivalTime(text *string) (time.Time, error) {
	if text == nil {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, *text)
	if err != nil || t.Year() < 1970 || t.Year() > 2199 {
		return time.Time{}, impact.Errorf(impact.CodeInvalid, "receivedFrom and receivedTo must be RFC 3339 times, such as 2025-11-13T10:00:00Z")
	}
	return t, nil
}

func arrivalPage(ctx context.Context, c *model.Company, p page, f *model.EventFilter) (*model.ArrivedEventConnection, error) {
	filter, err := arrivalFilter(f)
	if err != nil {
		return nil, err
	}
	q := requestOf(ctx)
	if filter.Person != "" && !q.viewer.Can(ScopePeople) {
		return nil, impact.Errorf(impact.CodeForbidden, "to look for a person needs an API key with the scope %s", ScopePeople)
	}
	ask := arrivalAsk{group: c.Group, filter: filter, first: p.first}
	if p.after != "" {
		var ok bool
		if ask.after, ok = model.ArrivalCursor(p.after); !ok {
			return nil, errCursor
		}
	}
	lists, err := q.arrivals.Load(ctx, ask)
	if err != nil {
		return nil, err
	}
	return model.NewArrivedEventConnection(lists[c.Place], p.first, model.ArrivedCursor), nil
}

// readArrivals is the loader of events: a statement for each page that a field asks
// for, of all its companies.
func (q *request) readArrivals(ctx context.Context, asks []arrivalAsk) (all [][][]*impact.Arrival, errs []error) {
	defer func() {
		if p := recover(); p != nil {
			all, errs = nil, []error{q.recovered(ctx, p)}
		}
	}()
	if q.Inbox == nil {
		return nil, []error{errNoInbox}
	}
	for _, ask := range asks {
		ids := everyID([]*model.Group{ask.group})
		lists, err := q.Inbox.Arrivals(ctx, ids, ask.filter, ask.after, ask.first+1, arrivedBody)
		if err == nil {
			err = miscounted("Arrivals", len(lists), len(ids))
		}
		if err != nil {
			return nil, []error{err}
		}
		if !q.viewer.Can(ScopePeople) {
			anonymous(lists, (*impact.Arrival).Anonymous)
		}
		all = append(all, lists)
	}
	return all, nil
}

// anonymous takes from each thing of lists what names people.
func anonymous[T any](lists [][]*T, without func(*T) *T) {
	for _, list := range lists {
		for i := range list {
			list[i] = without(list[i])
		}
	}
}

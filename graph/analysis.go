package graph

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// An analysis is a field of a company whose answer takes one question: the answers for
// all companies and all fields of its sort are read at once, and for each instant.
type analysis[K analysisAsk, Q, A any] struct {
	field    string
	ask      func(arguments) (K, error)
	question func(q *request, c *impact.Company, ask K, how asked) (Q, error)
	read     func(ctx context.Context, r Reader, questions []Q) ([]A, error)
	// events ask for the events of each figure of an answer that is explained.
	events func(answer A, cal impact.Calendar) []impact.EventsQuestion
}

// analysisAsk is what a field asks; fields that ask the same share the answer.
type analysisAsk interface {
	comparable
	when() scope
}

// asked is what an ask alone does not say: what was known when it says, and whether the
// answer is explained.
type asked struct {
	past      pasts
	explained bool
}

// analysisBook is the answers to everything that a group asks of one sort.
type analysisBook[K analysisAsk, A any] struct {
	events  func(answer A, cal impact.Calendar) []impact.EventsQuestion
	entries map[K][]analysisEntry // by the company's place in the group
	past    pasts
	answers []A // of all groups that were read together
}

type analysisEntry struct {
	place int
	err   error
}

// of is the answer about a company to what its group asked.
func (b *analysisBook[K, A]) of(c *model.Company, ask K) (answer A, err error) {
	entries, ok := b.entries[ask]
	if !ok {
		return answer, errNotAsked
	}
	if e := entries[c.Place]; e.err != nil {
		return answer, e.err
	}
	return b.answers[entries[c.Place].place], nil
}

// asks are those of a group, in their order, and which of them are explained. Fields
// whose arguments break a rule ask nothing: their resolvers answer with the error.
func (a *analysis[K, Q, A]) asks(op *graphql.OperationContext, g *model.Group) (asks []K, explained map[K]bool) {
	explained = make(map[K]bool)
	for _, f := range g.Fields {
		if f.Name != a.field {
			continue
		}
		ask, err := a.ask(arguments(f.ArgumentMap(op.Variables)))
		if err != nil {
			continue
		}
		if _, known := explained[ask]; !known {
			asks = append(asks, ask)
		}
		explained[ask] = explained[ask] || explains(op, collect(op, f.Selections))
	}
	return asks, explained
}

// books is the loader. Questions that break a rule are not asked: their fields answer
// with the error.
func (a *analysis[K, Q, A]) books(q *request) func(context.Context, []*model.Group) ([]*analysisBook[K, A], []error) {
	return func(ctx context.Context, groups []*model.Group) ([]*analysisBook[K, A], []error) {
		op := graphql.GetOperationContext(ctx)
		all, explained := make([][]K, len(groups)), make([]map[K]bool, len(groups))
		var instants pastAsks
		for i, g := range groups {
			all[i], explained[i] = a.asks(op, g)
			for _, ask := range all[i] {
				instants.add(g, impact.PastAsk{AsOf: ask.when().asOf})
			}
		}
		past := instants.read(ctx, q.Reader)
		books := make([]*analysisBook[K, A], len(groups))
		var questions []Q
		var asOf []impact.AsOf // of each
		for i, g := range groups {
			books[i] = &analysisBook[K, A]{events: a.events, entries: make(map[K][]analysisEntry), past: past}
			for _, ask := range all[i] {
				entries := make([]analysisEntry, len(g.Companies))
				for place, c := range g.Companies {
					if ask.when().asOf != 0 && past.err != nil {
						entries[place].err = past.err
						continue
					}
					question, err := a.question(q, c, ask, asked{past, explained[i][ask]})
					entries[place] = analysisEntry{len(questions), err}
					if err == nil {
						questions, asOf = append(questions, question), append(asOf, ask.when().asOf)
					}
				}
				books[i].entries[ask] = entries
			}
		}
		if len(questions) == 0 {
			return books, nil
		}
		answers, pastErr, err := readAnswers(questions, func(place int) impact.AsOf { return asOf[place] },
			func(questions []Q) ([]A, error) { return a.read(ctx, q.Reader, questions) })
		if err != nil {
			return nil, []error{err}
		}
		for _, b := range books {
			b.answers = answers
			b.refuse(pastErr)
		}
		return books, nil
	}
}

// refuse has the fields that ask about the past answer with an error, if there is one.
func (b *analysisBook[K, A]) refuse(pastErr error) {
	if pastErr == nil {
		return
	}
	for ask, entries := range b.entries {
		for place := range entries {
			if ask.when().asOf != 0 && entries[place].err == nil {
				entries[place].err = pastErr
			}
		}
	}
}

// retentionAsk and funnelAsk are comparable: lists are kept as text.
type retentionAsk struct {
	scope
	interval impact.Interval
	mode     impact.RetentionMode
	who
	brackets string // a byte per bracket, its width
}

func newRetentionAsk(
	s scope, interval *impact.Interval, intervals *int, mode *impact.RetentionMode, brackets []int, w who,
) (retentionAsk, error) {
	a := retentionAsk{scope: s, who: w, interval: or(interval, impact.IntervalMonth), mode: or(mode, impact.RetentionClassic)}
	const most = 100 // columns, as the schema says
	switch {
	case a.mode != impact.RetentionBracket && brackets != nil:
		return a, impact.Errorf(impact.CodeInvalid, "brackets go with mode BRACKET alone")
	case a.mode == impact.RetentionBracket && brackets == nil:
		return a, impact.Errorf(impact.CodeInvalid, "mode BRACKET needs brackets: the widths of the columns, such as [1, 3, 8]")
	case a.mode != impact.RetentionBracket:
		n := or(intervals, 12)
		if n < 1 || n > most {
			return a, impact.Errorf(impact.CodeInvalid, "intervals must be 1 to %d", most)
		}
		a.brackets = strings.Repeat("\x01", n)
		return a, nil
	}
	widths := make([]byte, 0, len(brackets))
	for _, b := range brackets {
		if b < 1 || b > most || len(widths) == most {
			return a, impact.Errorf(impact.CodeInvalid, "brackets must be 1 to %d widths of 1 to %d intervals each", most, most)
		}
		widths = append(widths, byte(b))
	}
	a.brackets = string(widths)
	return a, nil
}

var retentions = analysis[retentionAsk, impact.RetentionQuestion, *impact.Retention]{
	field: "retention",
	ask: func(args arguments) (retentionAsk, error) {
		s, err := args.scope()
		if err != nil {
			return retentionAsk{}, err
		}
		intervals, err := args.int("intervals")
		if err != nil {
			return retentionAsk{}, err
		}
		var brackets []int
		for _, v := range args.list("brackets") {
			n, err := model.UnmarshalInt(v)
			if err != nil {
				return retentionAsk{}, err
			}
			brackets = append(brackets, n)
		}
		if args["brackets"] != nil && brackets == nil {
			brackets = []int{}
		}
		w, err := args.who("cohort", impact.CohortAll)
		if err != nil {
			return retentionAsk{}, err
		}
		return newRetentionAsk(s, (*impact.Interval)(args.optional("interval")), intervals,
			(*impact.RetentionMode)(args.optional("mode")), brackets, w)
	},
	question: func(q *request, c *impact.Company, a retentionAsk, how asked) (impact.RetentionQuestion, error) {
		brackets := make([]int, len(a.brackets))
		for i := range brackets {
			brackets[i] = int(a.brackets[i])
		}
		calendar, today := q.calendar(c, a.scope, how.past)
		filter, err := a.of(calendar, today)
		if err != nil {
			return impact.RetentionQuestion{}, err
		}
		return impact.NewRetentionQuestion(impact.RetentionQuestion{
			Company: c.ID, Programme: a.programme, Cohort: a.key, Filter: filter, Mode: a.mode, Today: today,
			AsOf: a.asOf, Explained: how.explained,
		}, a.period.Range(calendar, today), a.interval, calendar, brackets)
	},
	read: func(ctx context.Context, r Reader, questions []impact.RetentionQuestion) ([]*impact.Retention, error) {
		return r.Retentions(ctx, questions)
	},
	events: func(r *impact.Retention, cal impact.Calendar) []impact.EventsQuestion {
		if r == nil {
			return nil
		}
		return []impact.EventsQuestion{r.Events(cal)}
	},
}

type funnelAsk struct {
	scope
	who
	window int
	steps  string // "ACTIVITY programme" by lines
}

func newFunnelAsk(s scope, steps []*model.FunnelStepInput, window *int, w who) funnelAsk {
	a := funnelAsk{scope: s, who: w, window: or(window, 30)}
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = string(s.Activity) + " " + or(s.Programme, impact.AllProgrammes)
	}
	a.steps = strings.Join(lines, "\n")
	return a
}

var funnels = analysis[funnelAsk, impact.FunnelQuestion, *impact.Funnel]{
	field: "funnel",
	ask: func(args arguments) (funnelAsk, error) {
		s, err := args.scope()
		if err != nil {
			return funnelAsk{}, err
		}
		window, err := args.int("window")
		if err != nil {
			return funnelAsk{}, err
		}
		var steps []*model.FunnelStepInput
		for _, v := range args.list("steps") {
			step, _ := v.(map[string]any)
			one := arguments(step)
			steps = append(steps, &model.FunnelStepInput{
				Activity: impact.Activity(one.text("activity")), Programme: one.optional("programme"),
			})
		}
		w, err := args.who("cohort", impact.CohortAll)
		return newFunnelAsk(s, steps, window, w), err
	},
	question: func(q *request, c *impact.Company, a funnelAsk, how asked) (impact.FunnelQuestion, error) {
		calendar, today := q.calendar(c, a.scope, how.past)
		filter, err := a.of(calendar, today)
		if err != nil {
			return impact.FunnelQuestion{}, err
		}
		question := impact.FunnelQuestion{
			Company: c.ID, Cohort: a.key, Filter: filter, Range: a.period.Range(calendar, today), Window: a.window,
			AsOf: a.asOf, Explained: how.explained,
		}
		if a.steps != "" {
			for line := range strings.SplitSeq(a.steps, "\n") {
				activity, programme, _ := strings.Cut(line, " ")
				question.Steps = append(question.Steps, impact.FunnelStep{Activity: impact.Activity(activity), Programme: programme})
			}
		}
		return question, question.Check()
	},
	read: func(ctx context.Context, r Reader, questions []impact.FunnelQuestion) ([]*impact.Funnel, error) {
		return r.Funnels(ctx, questions)
	},
	events: func(f *impact.Funnel, cal impact.Calendar) []impact.EventsQuestion {
		if f == nil {
			return nil
		}
		return []impact.EventsQuestion{f.Events(cal)}
	},
}

func or[T any](v *T, absent T) T {
	if v == nil {
		return absent
	}
	return *v
}

// who is the cohort of the arguments filter and, for its key, the one of a name.
func (a arguments) who(name, absent string) (who, error) {
	filter, err := a.filter()
	if err != nil {
		return who{}, err
	}
	return newWho(a.optional(name), filter, absent)
}

func (a arguments) int(name string) (*int, error) {
	if a[name] == nil {
		return nil, nil //nolint:nilnil // absent
	}
	n, err := model.UnmarshalInt(a[name])
	return &n, err
}

// list is a list, or the single value that stands for one.
func (a arguments) list(name string) []any {
	switch v := a[name].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

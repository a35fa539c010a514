package graph

import (
	"context"
	"strconv"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// rebuildLimit is up to how many events a mutation cuts anew for a new time zone: two
// seconds' worth, of the ten that an operation has.
const rebuildLimit = 200_000

// settingsOf are the settings of a company, read with those of its group.
func settingsOf(ctx context.Context, c *model.Company) (*impact.Settings, error) {
	list, err := requestOf(ctx).settings.Load(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	return list[c.Place], nil
}

// readSettings is the settings loader.
func (q *request) readSettings(ctx context.Context, groups []*model.Group) ([][]*impact.Settings, []error) {
	ids := everyID(groups)
	all, err := q.Reader.Settings(ctx, ids)
	if err == nil {
		err = miscounted("Settings", len(all), len(ids))
	}
	if err != nil {
		return nil, []error{err}
	}
	lists := make([][]*impact.Settings, len(groups))
	for i, g := range groups {
		lists[i], all = all[:len(g.Companies)], all[len(g.Companies):]
	}
	return lists, nil
}

// auditAsk is a page of the audit log of each company of a group.
type auditAsk struct {
	group  *model.Group
	before int64
	first  int
}

// auditPage is a page of a company's audit log.
func auditPage(ctx context.Context, c *model.Company, p page) (*model.AuditConnection, error) {
	q := requestOf(ctx)
	if !q.viewer.Can(ScopeAdmin) {
		return nil, impact.Errorf(impact.CodeForbidden, "the audit log needs an API key with the scope %s", ScopeAdmin)
	}
	before, err := p.before()
	if err != nil {
		return nil, err
	}
	ask := auditAsk{group: c.Group, before: before, first: p.first}
	lists, err := q.audits.Load(ctx, ask)
	if err != nil {
		return nil, err
	}
	return model.NewAuditConnection(lists[c.Place], p.first), nil
}

// readAudits is the audit log's loader: a statement for each page that a field asks
// for, of all its companies.
func (q *request) readAudits(ctx context.Context, asks []auditAsk) (all [][][]*impact.AuditEntry, errs []error) {
	defer func() {
		if p := recover(); p != nil {
			all, errs = nil, []error{q.recovered(ctx, p)}
		}
	}()
	for _, ask := range asks {
		ids := everyID([]*model.Group{ask.group})
		lists, err := q.Reader.AuditLog(ctx, ids, ask.before, ask.first+1)
		if err == nil {
			err = miscounted("AuditLog", len(lists), len(ids))
		}
		if err != nil {
			return nil, []error{err}
		}
		all = append(all, lists)
	}
	return all, nil
}

// updateSettings makes the changes of an input.
func (q *request) updateSettings(
	ctx context.Context, key string, in *model.SettingsInput, expected *int,
) (*model.Settings, error) {
	c, err := q.company(ctx, key)
	if err != nil {
		return nil, err
	}
	today := c.Today(q.now)
	changes, err := changesOf(in, today)
	if err != nil {
		return nil, err
	}
	edit := impact.SettingsEdit{
		Company: c.Company.ID, By: q.viewer.Name(), Changes: changes, Now: q.now, RebuildLimit: rebuildLimit,
	}
	if expected != nil {
		version := int64(*expected)
		edit.Expected = &version
	}
	after, err := q.Editor.ChangeSettings(ctx, edit)
	if err != nil {
		return nil, err
	}
	return model.SettingsAt(after, after.Calendar.Today(q.now)), nil
}

// changes gathers the changes of an input, each checked where a pointer can still say
// which field it came from.
type changes struct {
	today impact.Day
	list  []impact.SettingChange
	err   error
}

// valueAt is where in the input of a setting its value stands; the others are their value, or have it in parts.
var valueAt = map[impact.SettingName]string{
	impact.SettingHourlyValue: "/value", impact.SettingSROIMethodology: "/id", impact.SettingVISMethodology: "/id",
	impact.SettingPeerGroup: "/group",
}

func (cs *changes) add(pointer string, c impact.SettingChange) {
	if cs.err != nil {
		return
	}
	err := c.Check(cs.today)
	if e, ok := err.(*impact.Error); ok { //nolint:errorlint // Check makes it
		at := e.Pointer
		if at == "/value" || at == "/weights" {
			at = valueAt[c.Name]
		}
		err = &impact.Error{Code: e.Code, Pointer: "/input/" + pointer + at, Message: e.Message}
	}
	cs.err = err
	cs.list = append(cs.list, c)
}

func changesOf(in *model.SettingsInput, today impact.Day) ([]impact.SettingChange, error) {
	cs := &changes{today: today}
	if v := in.HourlyValue; v != nil {
		c := impact.SettingChange{Name: impact.SettingHourlyValue, From: v.ValidFrom}
		if v.Value != nil {
			text := v.Value.String()
			c.Value = &text
		}
		cs.add("hourlyValue", c)
	}
	if v := in.ActivityWeights; v != nil {
		text := impact.ActivityWeights{
			Match: v.Match, EventAttended: v.EventAttended, SkillShare: v.SkillShare,
			Feedback: v.Feedback, Milestone: v.Milestone, Checkin: v.Checkin,
		}.String()
		cs.add("activityWeights", impact.SettingChange{Name: impact.SettingActivityWeights, From: v.ValidFrom, Value: &text})
	}
	if v := in.VisWeights; v != nil {
		text := "hours=" + v.Hours.String() + ",quality=" + v.Quality.String() +
			",outcomeLift=" + v.OutcomeLift.String() + ",placement=" + v.Placement.String()
		cs.add("visWeights", impact.SettingChange{Name: impact.SettingVISWeights, From: v.ValidFrom, Value: &text})
	}
	if v := in.SroiMethodology; v != nil {
		cs.add("sroiMethodology", impact.SettingChange{Name: impact.SettingSROIMethodology, From: v.ValidFrom, Value: v.ID})
	}
	if v := in.VisMethodology; v != nil {
		cs.add("visMethodology", impact.SettingChange{Name: impact.SettingVISMethodology, From: v.ValidFrom, Value: v.ID})
	}
	if v := in.PeerGroup; v != nil {
		cs.add("peerGroup", impact.SettingChange{Name: impact.SettingPeerGroup, From: v.ValidFrom, Value: v.Group})
	}
	for i, v := range in.RemoveVersions {
		cs.add("removeVersions/"+strconv.Itoa(i), impact.SettingChange{Name: impact.SettingName(v.Name), From: &v.ValidFrom, Remove: true})
	}
	cs.costs(in)
	cs.atOnce(in)
	return cs.list, cs.err
}

func (cs *changes) costs(in *model.SettingsInput) {
	for i, v := range in.AddProgrammeCosts {
		line := &impact.ProgrammeCost{
			Programme: impact.AllProgrammes, Range: impact.Range{From: v.From, To: v.To + 1}, Amount: v.Amount,
		}
		if v.Programme != nil {
			line.Programme = *v.Programme
		}
		if v.Note != nil {
			line.Note = *v.Note
		}
		cs.add("addProgrammeCosts/"+strconv.Itoa(i), impact.SettingChange{Name: impact.SettingProgrammeCost, Cost: line})
	}
	for i, id := range in.RemoveProgrammeCosts {
		pointer := "removeProgrammeCosts/" + strconv.Itoa(i)
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil && cs.err == nil {
			cs.err = &impact.Error{Code: impact.CodeInvalid, Pointer: "/input/" + pointer, Message: "not the id of a line of programme costs"}
		}
		cs.add(pointer, impact.SettingChange{Name: impact.SettingProgrammeCost, Remove: true, Cost: &impact.ProgrammeCost{ID: n}})
	}
}

func (cs *changes) atOnce(in *model.SettingsInput) {
	set := func(name impact.SettingName, text string) {
		cs.add(string(name), impact.SettingChange{Name: name, Value: &text})
	}
	if in.TimeZone != nil {
		set(impact.SettingTimeZone, *in.TimeZone)
	}
	if in.WeekStart != nil {
		set(impact.SettingWeekStart, in.WeekStart.String())
	}
	if in.FiscalYearStart != nil {
		set(impact.SettingFiscalStart, strconv.Itoa(*in.FiscalYearStart))
	}
	if in.MinGroup != nil {
		set(impact.SettingMinGroup, strconv.Itoa(*in.MinGroup))
	}
}

package graph

import (
	"context"
	"time"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// Sources reads and changes the sources of companies. Its errors are as those of
// [Reader]; [impact.CodeNotFound] is for a source that the company does not have.
type Sources interface {
	// List is the sources of a company, by name.
	List(ctx context.Context, company impact.CompanyID) ([]*impact.Source, error)
	// Create makes a source; an empty secret means a new one. It returns the secret,
	// empty where the scheme has none. As of every change, the audit log says that it was
	// actor's.
	Create(ctx context.Context, company impact.CompanyID, name, scheme, secret, label, actor string) (*impact.Source, string, error)
	// Rotate adds a secret, likewise, and has those before it end after overlap.
	Rotate(ctx context.Context, company impact.CompanyID, source, secret, label, actor string, overlap time.Duration) (string, error)
	// Revoke ends a secret.
	Revoke(ctx context.Context, company impact.CompanyID, source string, number int, actor string) error
	// Disable ends a source.
	Disable(ctx context.Context, company impact.CompanyID, source, actor string) error
}

// administered is the id of a company that the viewer may change.
func (q *request) administered(ctx context.Context, key string) (impact.CompanyID, error) {
	if !q.viewer.Can(ScopeAdmin) {
		return 0, impact.Errorf(impact.CodeForbidden, "this needs an API key with the scope %s", ScopeAdmin)
	}
	c, err := q.company(ctx, key)
	if err != nil {
		return 0, err
	}
	return c.Company.ID, nil
}

func (q *request) sources(ctx context.Context, company string) ([]*model.Source, error) {
	id, err := q.administered(ctx, company)
	if err != nil {
		return nil, err
	}
	list, err := q.Sources.List(ctx, id)
	if err != nil {
		return nil, err
	}
	sources := make([]*model.Source, len(list))
	for i, s := range list {
		sources[i] = &model.Source{Source: s}
	}
	return sources, nil
}

// changed is a source as it is after a change.
func (q *request) changed(ctx context.Context, company impact.CompanyID, source string) (*model.Source, error) {
	list, err := q.Sources.List(ctx, company)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.ID == source {
			return &model.Source{Source: s}, nil
		}
	}
	return nil, impact.Errorf(impact.CodeNotFound, "there is no such source: `sources` lists those there are")
}

func (q *request) createSource(ctx context.Context, company, name, scheme, secret, label string) (*model.SourceWithSecret, error) {
	id, err := q.administered(ctx, company)
	if err != nil {
		return nil, err
	}
	s, made, err := q.Sources.Create(ctx, id, name, scheme, secret, label, q.viewer.Name())
	if err != nil {
		return nil, err
	}
	return withSecret(&model.Source{Source: s}, made), nil
}

func (q *request) rotateSource(
	ctx context.Context, company, source, secret, label string, overlapHours int,
) (*model.SourceWithSecret, error) {
	const most = 90 * 24
	if overlapHours < 0 || overlapHours > most {
		return nil, impact.Errorf(impact.CodeInvalid, "overlapHours must be 0 to %d", most)
	}
	id, err := q.administered(ctx, company)
	if err != nil {
		return nil, err
	}
	made, err := q.Sources.Rotate(ctx, id, source, secret, label, q.viewer.Name(), time.Duration(overlapHours)*time.Hour)
	if err != nil {
		return nil, err
	}
	s, err := q.changed(ctx, id, source)
	if err != nil {
		return nil, err
	}
	return withSecret(s, made), nil
}

func withSecret(s *model.Source, secret string) *model.SourceWithSecret {
	if secret == "" {
		return &model.SourceWithSecret{Source: s}
	}
	return &model.SourceWithSecret{Source: s, Secret: &secret}
}

// endSource ends a source or one of its secrets, and shows what the source is then.
func (q *request) endSource(
	ctx context.Context, company, source string, end func(ctx context.Context, company impact.CompanyID) error,
) (*model.Source, error) {
	id, err := q.administered(ctx, company)
	if err != nil {
		return nil, err
	}
	if err := end(ctx, id); err != nil {
		return nil, err
	}
	return q.changed(ctx, id, source)
}

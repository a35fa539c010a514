package graph_test

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/impact"
)

// Whoever reads the schema learns from it alone what each number is.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for name, def := range schema.Types {
		if def.BuiltIn || strings.HasPrefix(name, "__") {
			continue
		}
		if def.Description == "" {
			t.Errorf("%s has no description", name)
		}
		for _, v := range def.EnumValues {
			if v.Description == "" {
				t.Errorf("%s.%s has no description", name, v.Name)
			}
		}
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			if f.Description == "" {
				t.Errorf("%s.%s has no description", name, f.Name)
			}
			for _, a := range f.Arguments {
				if a.Description == "" {
					t.Errorf("%s.%s(%s:) has no description", name, f.Name, a.Name)
				}
			}
			if def.Kind != ast.InputObject {
				describesRange(t, name, f)
			}
		}
	}
	for _, code := range []impact.Code{
		impact.CodeInvalid, impact.CodeBadJSON, impact.CodeUnsupportedType, impact.CodeTooLarge, impact.CodeUnauthenticated, impact.CodeConflict,
		impact.CodeForbidden, impact.CodeNotFound, impact.CodeUnavailable, impact.CodeInternal,
	} {
		if !strings.Contains(schema.Query.Description, string(code)) {
			t.Errorf("Query does not tell of %s", code)
		}
	}
}

// describesRange wants the lower end of every number, and of a Float its places.
func describesRange(t *testing.T, owner string, f *ast.FieldDefinition) {
	t.Helper()
	switch f.Type.Name() {
	case "Float":
		if !strings.Contains(f.Description, "places") && f.Name != "weight" {
			t.Errorf("%s.%s does not say to how many places it is rounded", owner, f.Name)
		}
	case "Int":
		if !strings.Contains(f.Description, "0 or more") {
			t.Errorf("%s.%s does not say its range", owner, f.Name)
		}
	}
}

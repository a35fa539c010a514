package graph

import "github.com/vektah/gqlparser/v2/ast"

// exactLiterals makes the numbers that a document writes for Decimals into strings:
// gqlparser would hand them on as float64, or refuse them as too long, where a string
// arrives digit for digit. Variables are exact without that.
func exactLiterals(doc *ast.QueryDocument) {
	for _, op := range doc.Operations {
		for _, v := range op.VariableDefinitions {
			exactLiteral(v.DefaultValue)
		}
		exactSelections(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		exactSelections(f.SelectionSet)
	}
}

func exactSelections(selections ast.SelectionSet) {
	for _, s := range selections {
		switch s := s.(type) {
		case *ast.Field:
			for _, a := range s.Arguments {
				exactLiteral(a.Value)
			}
			exactSelections(s.SelectionSet)
		case *ast.InlineFragment:
			exactSelections(s.SelectionSet)
		case *ast.FragmentSpread: // its fragment is in the document
		}
	}
}

func exactLiteral(v *ast.Value) {
	if v == nil {
		return
	}
	isNumber := v.Kind == ast.IntValue || v.Kind == ast.FloatValue
	if isNumber && v.Definition != nil && v.Definition.Name == "Decimal" {
		v.Kind = ast.StringValue
	}
	for _, c := range v.Children {
		exactLiteral(c.Value)
	}
}

package ingest

import (
	"maps"
	"strings"

	"github.com/impactql/impactql/impact"
)

// adapter maps a provider's own payloads to canonical events. It is used for what
// comes through a source of the provider, and for types that begin with its name.
type adapter struct {
	provider string // also the programme of events that name none
	types    map[string]adapted
}

// adapted is what one of a provider's types means.
type adapted struct {
	kind impact.Kind // KindUnknown: the event is kept, and in no figure
	// withHours is the kind of an event that gives hours, if it is another.
	withHours impact.Kind
	words     *vocabulary
	provider  string
}

// adapters are the providers' by name.
var adapters = map[string]*adapter{
	"kintell":  kintell,
	"benevity": benevity,
	"goodera":  goodera,
	"workday":  workday,
}

// adaptedFrom is what a type means that came through a source of provider, which may be
// empty; ok is false where no adapter knows the type.
func adaptedFrom(provider, typ string) (m adapted, ok bool) {
	prefix, rest, prefixed := strings.Cut(typ, ".")
	a := adapters[provider]
	if a == nil {
		if a = adapters[prefix]; a == nil {
			return m, false
		}
	}
	if m, ok = a.types[typ]; !ok && prefixed && prefix == a.provider {
		m, ok = a.types[rest]
	}
	m.provider = a.provider
	return m, ok
}

// means is a table of types that all mean the same.
func means(m adapted, types ...string) map[string]adapted {
	table := make(map[string]adapted, len(types))
	for _, t := range types {
		table[t] = m
	}
	return table
}

// kept is what events mean that say what is planned, or repeat what was said.
func kept(types ...string) map[string]adapted { return means(adapted{words: common}, types...) }

func join(tables ...map[string]adapted) map[string]adapted {
	all := make(map[string]adapted)
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// words is the common vocabulary with names of a provider's own.
func words(own map[string]field) *vocabulary {
	data := maps.Clone(dataFields)
	maps.Copy(data, own)
	return newVocabulary(envelopeFields, data)
}

package ctxkey

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"reflect"
	"strings"
	"testing"
	"text/template"
)

type exported struct {
	Key APIKey
	Any AnyKey
}

type unexported struct {
	key APIKey
	any AnyKey
}

type embedded struct {
	APIKey
}

func holders(t *testing.T) map[string]any {
	t.Helper()
	lenient, err := ParseAny(testKey)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"a key":               own,
		"a pointer":           &own,
		"a lenient key":       lenient,
		"exported fields":     exported{own, lenient},
		"unexported fields":   unexported{own, lenient},
		"a pointer to fields": &unexported{own, lenient},
		"embedded":            embedded{own},
		"a slice":             []APIKey{own},
		"an array":            [1]AnyKey{lenient},
		"a map":               map[string]APIKey{"key": own},
		"an interface":        []any{own, lenient, unexported{own, lenient}},
		"a wrapped error":     fmt.Errorf("key %v: %w", own, errors.New("x")),
	}
}

func TestNoWayOfPrintingShowsTheSecret(t *testing.T) {
	verbs := strings.Split("v +v #v s q x X # x d c U p b e T t 40v -40s 040v .3s w +q #q", " ")
	for name, holder := range holders(t) {
		for _, verb := range verbs {
			equal(t, name+" %"+verb, shows(fmt.Sprintf("%"+verb, holder)), false)
			equal(t, name+" %"+verb, strings.Contains(fmt.Sprintf("%"+verb, holder), fmt.Sprintf("%x", testKey[16:32])), false)
		}
		equal(t, name, shows(fmt.Sprint(holder)+fmt.Sprintln(holder)), false)

		var logged bytes.Buffer
		logger := log.New(&logged, "", 0)
		logger.Print(holder)
		logger.Printf("%+v %#v", holder, holder)
		equal(t, name, shows(logged.String()), false)

		text, _ := json.Marshal(holder)
		equal(t, name, shows(string(text)), false)
		text, _ = xml.Marshal(holder)
		equal(t, name, shows(string(text)), false)
		var encoded bytes.Buffer
		_ = gob.NewEncoder(&encoded).Encode(holder)
		equal(t, name, shows(encoded.String()), false)
		var page bytes.Buffer
		_ = template.Must(template.New("").Parse("{{.}} {{printf `%v` .}} {{html .}}")).Execute(&page, holder)
		equal(t, name, shows(page.String()), false)

		equal(t, name, shows(dump(reflect.ValueOf(holder), 0)), false)
		equal(t, name, shows(panicked(holder)), false)
	}
}

// dump shows everything that reflection reaches, as test libraries and loggers do.
func dump(value reflect.Value, depth int) string {
	if depth > 10 {
		return ""
	}
	text := value.String()
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !value.IsNil() {
			text += dump(value.Elem(), depth+1)
		}
	case reflect.Struct:
		for index := 0; index < value.NumField(); index++ {
			text += dump(value.Field(index), depth+1)
		}
	case reflect.Slice, reflect.Array:
		for index := 0; index < value.Len(); index++ {
			text += dump(value.Index(index), depth+1)
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			text += dump(value.MapIndex(key), depth+1)
		}
	case reflect.Uint8:
		text = string(rune(value.Uint()))
	}
	return text
}

func panicked(holder any) (text string) {
	defer func() { text = fmt.Sprintf("%v %+v", recover(), holder) }()
	panic(holder)
}

func TestAKeyPrintsItsMaskedForm(t *testing.T) {
	lenient, _ := ParseAny(testKey)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		equal(t, verb, fmt.Sprintf(verb, own), "APIKey("+redacted+")")
		equal(t, verb, fmt.Sprintf(verb, lenient), "AnyKey(ctx_***)")
	}
	equal(t, "a width", fmt.Sprintf("%30v|%-30v|", own, own), "   APIKey("+redacted+")|APIKey("+redacted+")   |")
	equal(t, "methods", []string{own.String(), own.GoString(), lenient.String(), lenient.GoString()},
		[]string{"APIKey(" + redacted + ")", "APIKey(" + redacted + ")", "AnyKey(ctx_***)", "AnyKey(ctx_***)"})
	text, err := json.Marshal(exported{own, lenient})
	equal(t, "JSON", []any{string(text), err}, []any{`{"Key":"` + redacted + `","Any":"ctx_***"}`, nil})
	equal(t, "the zero key", fmt.Sprint(APIKey{}, " ", AnyKey{}), "APIKey(ctx_***) AnyKey(ctx_***)")
}

func TestKeysDoNotCompareWithoutConstantTime(t *testing.T) {
	for _, kind := range []reflect.Type{reflect.TypeOf(APIKey{}), reflect.TypeOf(AnyKey{})} {
		equal(t, kind, kind.Comparable(), false)
	}
}

func TestNoErrorContainsAPartOfItsInput(t *testing.T) {
	for _, text := range []string{
		testKey[1:], testKey[:51] + "-", testKey + "é", strings.Replace(testKey, "f", "_", 1), strings.Replace(testKey, "f", "g", 1), testKey + "\xff",
	} {
		t.Setenv(variable, text)
		_, one := Parse(text)
		_, two := ParsePasted(`"` + text + `"`)
		_, three := ParseAny(strings.Replace(testKey, "f", "_", 1))
		_, four := FromEnv()
		_, five := AnyFromEnv()
		_, six := Bearer([]string{"Bearer " + text})
		_, seven := NewKeyRecord(text, text, 1, ScopeRead)
		_, eight := ParseScope(text)
		var key APIKey
		nine := json.Unmarshal([]byte(`"`+testKey+`"`), &key)
		for number, err := range []error{one, two, three, four, five, six, seven, eight, nine} {
			if err == nil {
				t.Fatalf("error %d is missing: %q", number+1, text)
			}
			for ; err != nil; err = errors.Unwrap(err) {
				equal(t, number+1, shows(fmt.Sprintf("%v %+v %#v %s", err, err, err, err.Error())), false)
			}
		}
	}
}

func TestALogIsRedacted(t *testing.T) {
	var output bytes.Buffer
	logger := log.New(NewRedactingWriter(&output), "", 0)
	logger.Printf("request with %s failed", testKey)
	logger.Println(map[string]string{"key": testKey})
	equal(t, "the log", output.String(), "request with "+redacted+" failed\nmap[key:"+redacted+"]\n")
}

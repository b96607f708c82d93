package ctxkey

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func cases[T any](t *testing.T, name string, count int) []T {
	t.Helper()
	text, err := os.ReadFile("../../tests/vectors/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	equal(t, "the number of cases", len(all), count)
	return all
}

// latin1 returns one byte for each character of a text, up to U+00FF.
func latin1(text string) string {
	bytes := []byte{}
	for _, r := range text {
		bytes = append(bytes, byte(r))
	}
	return string(bytes)
}

type keyCase struct {
	Input string
	Ok    *struct{ ID, Digest string }
	Error KeyErrorKind
	// Detail is 0 for the kinds without one.
	Detail int
}

func (c keyCase) check(t *testing.T, key APIKey, err error) {
	t.Helper()
	if c.Ok != nil {
		equal(t, c.Input, []any{key.ID(), key.Digest(), err}, []any{c.Ok.ID, c.Ok.Digest, nil})
		equal(t, c.Input, strings.Contains(c.Input, key.ExposeSecret()), true)
		return
	}
	equal(t, c.Input, err, error(InvalidKeyError{c.Error, c.Detail}))
	equal(t, c.Input, key.ExposeSecret(), "")
}

func TestKeysParseAsWritten(t *testing.T) {
	texts := 0
	for _, c := range cases[keyCase](t, "keys", 289) {
		key, err := Parse(latin1(c.Input))
		c.check(t, key, err)
		if utf8.ValidString(latin1(c.Input)) {
			texts++
		}
	}
	equal(t, "the number of texts in UTF-8", texts > 100, true)
}

func TestPastedKeysAreRepaired(t *testing.T) {
	for _, c := range cases[keyCase](t, "pasted", 246) {
		key, err := ParsePasted(c.Input)
		c.check(t, key, err)
	}
}

func TestScopesAreWrittenReadAndChecked(t *testing.T) {
	type scopeCase struct {
		Text, Input, List          *string
		Bits                       *uint32
		Granted, Required, Missing uint32
		Grants                     bool
	}
	kinds := map[string]int{}
	for _, c := range cases[scopeCase](t, "scopes", 299) {
		read := func(scope Scope, err error) {
			_, isInvalid := err.(InvalidScopeError)
			equal(t, c, isInvalid, c.Bits == nil)
			if c.Bits != nil {
				equal(t, c, scope.Bits(), *c.Bits)
			}
		}
		switch {
		case c.Text != nil:
			kinds["text"]++
			scope, err := ScopeFromBits(*c.Bits)
			equal(t, c, []any{scope.String(), err}, []any{*c.Text, nil})
			read(ParseScope(*c.Text))
		case c.Input != nil:
			kinds["input"]++
			read(ParseScope(*c.Input))
		case c.List != nil:
			kinds["list"]++
			read(ParseScopeList(*c.List))
		default:
			kinds["check"]++
			granted, required := Scope(c.Granted), Scope(c.Required)
			equal(t, c, granted.Grants(required), c.Grants)
			equal(t, c, granted.Missing(required), Scope(c.Missing))
		}
	}
	equal(t, "the number of kinds", len(kinds), 4)
}

func TestRecordsLiveAndRotate(t *testing.T) {
	type times struct {
		NotBefore *uint64 `json:"not_before"`
		ExpiresAt *uint64 `json:"expires_at"`
		RetiresAt *uint64 `json:"retires_at"`
		RevokedAt *uint64 `json:"revoked_at"`
	}
	type recordCase struct {
		Record      times
		Now         uint64
		SameKey     bool `json:"same_key"`
		State       *KeyState
		Reason      *string
		GrantEnds   *uint64 `json:"grant_ends"`
		Ops         [][2]json.RawMessage
		After       times
		Overlap     uint64
		RotateError *RotateErrorKind `json:"rotate_error"`
		Old, New    times
	}
	recordOf := func(t times, key APIKey) *KeyRecord[string] {
		record := record(t.NotBefore, t.ExpiresAt, t.RetiresAt, t.RevokedAt)
		record.ID, record.Digest = key.ID(), key.Digest()
		return record
	}
	snake := regexp.MustCompile("([a-z])([A-Z])")
	for _, c := range cases[recordCase](t, "records", 210) {
		old, presented := recordOf(c.Record, own), other
		if c.SameKey {
			presented = own
		}
		switch {
		case c.State != nil:
			equal(t, c, old.State(c.Now), *c.State)
			grant, err := old.Verify(presented, c.Now)
			if c.Reason == nil {
				expected := Grant[string]{own.ID(), "demo", ScopeRead, c.GrantEnds}
				equal(t, c, []any{grant, err}, []any{expected, nil})
				continue
			}
			reason := Reason(strings.ToLower(snake.ReplaceAllString(*c.Reason, "${1}_$2")))
			denied := err.(Denied)
			equal(t, c, []any{denied, denied.Status(), denied.Code()}, []any{Denied{Reason: reason}, 401, "invalid_token"})
		case c.Ops != nil:
			for _, operation := range c.Ops {
				var secs uint64
				if err := json.Unmarshal(operation[1], &secs); err != nil {
					t.Fatal(err)
				}
				map[string]func(uint64){`"retire_at"`: old.RetireAt, `"revoke"`: old.Revoke}[string(operation[0])](secs)
			}
			equal(t, c, old, recordOf(c.After, own))
		case c.RotateError != nil:
			next, err := old.Rotate(presented, c.Now, c.Overlap)
			equal(t, c, []any{next, err}, []any{(*KeyRecord[string])(nil), RotateError{*c.RotateError}})
			equal(t, c, old, recordOf(c.Record, own))
		default:
			next, err := old.Rotate(presented, c.Now, c.Overlap)
			equal(t, c, []any{old, next, err}, []any{recordOf(c.Old, own), recordOf(c.New, other), nil})
		}
	}
}

func TestHeadersAreRead(t *testing.T) {
	type bearerCase struct {
		Values []string
		Status int
		ID     string
		// Error is empty for null.
		Error string
	}
	for _, c := range cases[bearerCase](t, "bearer", 156) {
		values := []string{}
		for _, value := range c.Values {
			values = append(values, latin1(value))
		}
		key, err := Bearer(values)
		if c.Status == 200 {
			equal(t, c.Values, []any{key.ID(), err}, []any{c.ID, nil})
			continue
		}
		denied := err.(Denied)
		equal(t, c.Values, []any{denied.Status(), denied.Code()}, []any{c.Status, c.Error})
	}
}

func TestLeaksAreFoundAndRedacted(t *testing.T) {
	type leakCase struct {
		Text     string
		Finds    [][2]int
		Redacted string
	}
	for _, c := range cases[leakCase](t, "leaks", 118) {
		text, redacted := []byte(latin1(c.Text)), latin1(c.Redacted)
		equal(t, c.Text, Find(text), c.Finds)
		equal(t, c.Text, string(Redact(text)), redacted)
		equal(t, c.Text, string(Redact([]byte(redacted))), redacted)
		equal(t, c.Text, RedactString(latin1(c.Text)), redacted)
		// The result does not depend on how the text is split.
		var pieces strings.Builder
		writer := NewRedactingWriter(&pieces)
		for _, piece := range text {
			if _, err := writer.Write([]byte{piece}); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, c.Text, []any{writer.Flush(), pieces.String()}, []any{nil, redacted})
	}
}

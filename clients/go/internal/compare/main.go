// Command compare compares the package with the answers of the Rust crate: differential SEED COUNT | go run ./internal/compare
//
// Each line of the input is a case of clients/differential. The first case with another answer ends the program with an
// error, and so does an input without cases.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"example.com/memorykit/ctxkey"
)

// operation is the number of inputs of a case, and the package's answer to them. The crate's answer follows the inputs.
type operation struct {
	inputs int
	answer func(inputs []json.RawMessage) []any
}

var operations = map[string]operation{
	"parse": {1, func(inputs []json.RawMessage) []any {
		key, err := ctxkey.Parse(latin1(read[string](inputs[0])))
		return []any{keyAnswer(key, err)}
	}},
	"parse_str": {1, func(inputs []json.RawMessage) []any {
		key, err := ctxkey.Parse(read[string](inputs[0]))
		return []any{keyAnswer(key, err)}
	}},
	"pasted": {1, func(inputs []json.RawMessage) []any {
		key, err := ctxkey.ParsePasted(read[string](inputs[0]))
		return []any{keyAnswer(key, err)}
	}},
	"scopes": {1, func(inputs []json.RawMessage) []any {
		scope, err := ctxkey.ParseScope(read[string](inputs[0]))
		return []any{scopeAnswer(scope, err)}
	}},
	"scope_list": {1, func(inputs []json.RawMessage) []any {
		scope, err := ctxkey.ParseScopeList(read[string](inputs[0]))
		return []any{scopeAnswer(scope, err)}
	}},
	"bits": {2, func(inputs []json.RawMessage) []any {
		set, other := ctxkey.Scope(read[uint32](inputs[0])), ctxkey.Scope(read[uint32](inputs[1]))
		_, err := ctxkey.ScopeFromBits(set.Bits())
		return []any{[]any{err == nil, set.Grants(other), set.Missing(other).Bits(), set.String(), set.GoString()}}
	}},
	"bearer": {2, func(inputs []json.RawMessage) []any {
		values := read[[]string](inputs[0])
		for index, value := range values {
			values[index] = latin1(value)
		}
		key, err := ctxkey.Bearer(values)
		if err != nil {
			return []any{refusal(err, read[string](inputs[1]))}
		}
		return []any{key.ID()}
	}},
	"record": {1, func(inputs []json.RawMessage) []any {
		return []any{read[life](inputs[0]).answer()}
	}},
	"leaks": {1, func(inputs []json.RawMessage) []any {
		text := latin1(read[string](inputs[0]))
		redacted := ctxkey.RedactString(text)
		var written strings.Builder
		writer := ctxkey.NewRedactingWriter(&written)
		for _, piece := range []string{text[:len(text)/2], text[len(text)/2:]} {
			if _, err := writer.Write([]byte(piece)); err != nil {
				fail("cannot write: %v", err)
			}
		}
		if err := writer.Flush(); err != nil || written.String() != redacted || string(ctxkey.Redact([]byte(text))) != redacted {
			return []any{"the three ways to redact differ"}
		}
		return []any{ctxkey.Find([]byte(text)), characters(redacted)}
	}},
}

type life struct {
	Own, Presented string
	Times          [4]*string
	Scopes         uint32
	Required       uint32
	Now            string
	Overlap        string
	RetireAt       string `json:"retire_at"`
	RevokeAt       string `json:"revoke_at"`
}

func (l life) answer() []any {
	own, err := ctxkey.Parse(l.Own)
	presented, otherErr := ctxkey.Parse(l.Presented)
	if err != nil || otherErr != nil {
		fail("a case has no keys")
	}
	record, err := ctxkey.NewKeyRecord(own.ID(), own.Digest(), "project", ctxkey.Scope(l.Scopes))
	if err != nil {
		fail("no record: %v", err)
	}
	for index, field := range []**uint64{&record.NotBefore, &record.ExpiresAt, &record.RetiresAt, &record.RevokedAt} {
		if l.Times[index] != nil {
			*field = ctxkey.At(secs(*l.Times[index]))
		}
	}
	state := record.State(secs(l.Now))
	var verified any
	grant, err := record.Verify(presented, secs(l.Now))
	if err != nil {
		verified = refusal(err, "MemoryKit")
	} else {
		var required any
		if err := grant.Require(ctxkey.Scope(l.Required)); err != nil {
			required = refusal(err, "MemoryKit")
		}
		verified = []any{grant.KeyID, grant.Scopes.Bits(), text(grant.ExpiresAt), required}
	}
	var rotated any
	next, err := record.Rotate(presented, secs(l.Now), secs(l.Overlap))
	if err != nil {
		rotated = []any{err.(ctxkey.RotateError).Kind, err.Error()}
	} else {
		rotated = []any{next.ID, next.Digest, next.Scopes.Bits(), times(next)}
	}
	after := times(record)
	record.RetireAt(secs(l.RetireAt))
	record.Revoke(secs(l.RevokeAt))
	return []any{state, verified, rotated, after, times(record)}
}

func keyAnswer(key ctxkey.APIKey, err error) []any {
	if invalid, isInvalid := err.(ctxkey.InvalidKeyError); isInvalid {
		var detail any
		if invalid.Detail != 0 {
			detail = invalid.Detail
		}
		return []any{invalid.Kind, detail, err.Error()}
	}
	// The type has another name in the crate: ApiKey.
	return []any{key.ID(), key.Digest(), strings.Replace(key.String(), "APIKey", "ApiKey", 1)}
}

func scopeAnswer(scope ctxkey.Scope, err error) []any {
	if invalid, isInvalid := err.(ctxkey.InvalidScopeError); isInvalid {
		var suggestion any
		if invalid.Suggestion != 0 {
			suggestion = invalid.Suggestion.String()
		}
		return []any{invalid.Start, invalid.End, suggestion, err.Error()}
	}
	return []any{scope.Bits(), scope.String()}
}

func refusal(err error, realm string) []any {
	denied := err.(ctxkey.Denied)
	return []any{denied.Reason, denied.Status(), denied.Error(), denied.Missing.Bits(), denied.Challenge(realm)}
}

func times(record *ctxkey.KeyRecord[string]) []any {
	return []any{text(record.NotBefore), text(record.ExpiresAt), text(record.RetiresAt), text(record.RevokedAt)}
}

func text(secs *uint64) any {
	if secs == nil {
		return nil
	}
	return strconv.FormatUint(*secs, 10)
}

func secs(text string) uint64 {
	secs, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		fail("not a time: %v", err)
	}
	return secs
}

// latin1 returns one byte for each character of a text, up to U+00FF, and characters the reverse.
func latin1(text string) string {
	bytes := make([]byte, 0, len(text))
	for _, r := range text {
		bytes = append(bytes, byte(r))
	}
	return string(bytes)
}

func characters(bytes string) string {
	runes := make([]rune, 0, len(bytes))
	for index := 0; index < len(bytes); index++ {
		runes = append(runes, rune(bytes[index]))
	}
	return string(runes)
}

func read[T any](data json.RawMessage) (value T) {
	if err := json.Unmarshal(data, &value); err != nil {
		fail("a case does not parse: %v", err)
	}
	return value
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}

// canonical returns one text for each value of JSON.
func canonical(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		fail("an answer is not JSON: %v", err)
	}
	return text.String()
}

func main() {
	counts, total := map[string]int{}, 0
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := read[[]json.RawMessage](lines.Bytes())
		name := read[string](parts[0])
		operation, isKnown := operations[name]
		if !isKnown {
			fail("unknown operation: %s", name)
		}
		found := canonical(operation.answer(parts[1 : 1+operation.inputs]))
		expected := []any{}
		for _, part := range parts[1+operation.inputs:] {
			expected = append(expected, read[any](part))
		}
		if found != canonical(expected) {
			fail("the package answers %s to %s", found, lines.Text())
		}
		counts[name]++
		total++
	}
	if err := lines.Err(); err != nil {
		fail("cannot read the cases: %v", err)
	}
	if total == 0 {
		fail("no cases: pipe the output of `differential SEED COUNT` into this program")
	}
	list := []string{}
	for _, name := range []string{"parse", "parse_str", "pasted", "scopes", "scope_list", "bits", "bearer", "record", "leaks"} {
		list = append(list, fmt.Sprintf("%s %d", name, counts[name]))
	}
	fmt.Printf("Go: %d cases agree (%s)\n", total, strings.Join(list, ", "))
}

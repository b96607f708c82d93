package ctxkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Scope is a set of scopes (§13). A write scope does not imply the read scope. Unite sets with |, and check a set with Grants.
type Scope uint32

// The scopes, and the sets of all read and all write scopes.
const (
	ScopeMemoriesRead Scope = 1 << iota
	ScopeMemoriesWrite
	ScopeChatsRead
	ScopeChatsWrite
	ScopeUsersRead
	ScopeUsersWrite

	ScopeRead  = ScopeMemoriesRead | ScopeChatsRead | ScopeUsersRead
	ScopeWrite = ScopeMemoriesWrite | ScopeChatsWrite | ScopeUsersWrite
)

const knownBits = ScopeRead | ScopeWrite

var scopeNames = [...]string{"memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"}

// ErrUnknownBits is the error for stored bits that no scope has.
var ErrUnknownBits = errors.New("unknown scope bits: deploy the readers of a new scope before its writers")

// ScopeFromBits reads stored bits. The error is ErrUnknownBits.
func ScopeFromBits(bits uint32) (Scope, error) {
	if Scope(bits)&^knownBits != 0 {
		return 0, ErrUnknownBits
	}
	return Scope(bits), nil
}

// ParseScope reads names that are separated by exactly one space. The error is an InvalidScopeError.
func ParseScope(text string) (Scope, error) {
	if text == "" {
		return 0, nil
	}
	return union(text, func(r rune) bool { return r == ' ' }, false)
}

// ParseScopeList reads a list that a person typed: names that are separated by any number of commas and white space. The
// error is an InvalidScopeError.
func ParseScopeList(text string) (Scope, error) {
	return union(text, func(r rune) bool { return r == ',' || isSpace(r) }, true)
}

// Bits returns the bits that a database stores.
func (s Scope) Bits() uint32 {
	return uint32(s)
}

// Names returns the names in the set, in the order of their bits.
func (s Scope) Names() []string {
	names := []string{}
	for bit, name := range scopeNames {
		if s>>bit&1 == 1 {
			names = append(names, name)
		}
	}
	return names
}

// Grants returns whether this set has all required scopes. At least one must be required.
func (s Scope) Grants(required Scope) bool {
	return required != 0 && s.Missing(required) == 0
}

// Missing returns the required scopes that this set lacks. Unknown bits are never granted.
func (s Scope) Missing(required Scope) Scope {
	return required &^ (s & knownBits)
}

// String returns the text form.
func (s Scope) String() string {
	return strings.Join(s.Names(), " ")
}

// GoString returns the text form with unknown bits.
func (s Scope) GoString() string {
	text := s.String()
	if unknown := s &^ knownBits; unknown != 0 {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("0x%x", uint32(unknown))
	}
	return "Scope(" + text + ")"
}

// MarshalJSON returns the array of names.
func (s Scope) MarshalJSON() ([]byte, error) {
	return json.Marshal(s.Names())
}

// UnmarshalJSON reads an array of names, and refuses null. An unknown name is an InvalidScopeError.
func (s *Scope) UnmarshalJSON(data []byte) error {
	var names []string
	if err := json.Unmarshal(data, &names); err != nil || names == nil {
		return errors.New("the scopes in JSON are an array of names")
	}
	var all Scope
	for _, name := range names {
		scope, err := named(name, 0)
		if err != nil {
			return err
		}
		all |= scope
	}
	*s = all
	return nil
}

// InvalidScopeError is the error for a text with the name of a scope that does not exist.
type InvalidScopeError struct {
	// Start and End are the range of the unknown name, in bytes. It is empty if a name is missing.
	Start, End int
	// Suggestion is the scope that was probably meant, or 0.
	Suggestion Scope
}

func (e InvalidScopeError) Error() string {
	switch {
	case e.Start == e.End:
		return fmt.Sprintf("a scope name is missing at byte %d; separate names by one space, without spaces at the ends", e.Start)
	case e.Suggestion != 0:
		return fmt.Sprintf("unknown scope at bytes %d..%d; did you mean `%s`?", e.Start, e.End, e.Suggestion)
	}
	return fmt.Sprintf("unknown scope at bytes %d..%d; the scopes are: %s", e.Start, e.End, knownBits)
}

// union returns the union of the scopes that a text names.
func union(text string, isSeparator func(rune) bool, skipEmpty bool) (all Scope, err error) {
	for start := 0; start <= len(text); {
		item, width := text[start:], 1
		if end := strings.IndexFunc(item, isSeparator); end >= 0 {
			_, width = utf8.DecodeRuneInString(item[end:])
			item = item[:end]
		}
		if item != "" || !skipEmpty {
			scope, err := named(item, start)
			if err != nil {
				return 0, err
			}
			all |= scope
		}
		start += len(item) + width
	}
	return all, nil
}

// named returns the scope with this name, which begins at the byte start.
func named(name string, start int) (Scope, error) {
	for bit, known := range scopeNames {
		if name == known {
			return 1 << bit, nil
		}
	}
	return 0, InvalidScopeError{start, start + len(name), suggest(name)}
}

// suggest returns the scope that is nearest to typed, if it is at most three edits away and no other is as near.
func suggest(typed string) (nearest Scope) {
	if len(typed) > 17 {
		return 0
	}
	least := 4
	for bit, name := range scopeNames {
		switch edits := distance(lower(typed), name); {
		case edits < least:
			least, nearest = edits, 1<<bit
		case edits == least:
			nearest = 0
		}
	}
	return nearest
}

// distance returns the Levenshtein distance in bytes.
func distance(one, two string) int {
	row := make([]int, len(two)+1)
	for column := range row {
		row[column] = column
	}
	for line := range []byte(one) {
		diagonal := row[0]
		row[0] = line + 1
		for column := range []byte(two) {
			edits := diagonal
			if one[line] != two[column] {
				edits++
			}
			diagonal = row[column+1]
			row[column+1] = smallest(edits, diagonal+1, row[column]+1)
		}
	}
	return row[len(two)]
}

func smallest(first int, others ...int) int {
	for _, other := range others {
		if other < first {
			first = other
		}
	}
	return first
}

package ctxkey

import (
	"strings"
	"unicode/utf8"
)

// isSpace returns whether a character has the Unicode property White_Space. Unlike unicode.IsSpace, it does not depend on the
// Unicode version of the toolchain.
func isSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r == ' ', r == 0x85, r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200a:
		return true
	}
	return r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000
}

func isFormat(r rune) bool {
	switch {
	case r == 0xad, r == 0x61c, r == 0x180e, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e:
		return true
	}
	return r >= 0x2060 && r <= 0x2064 || r >= 0x2066 && r <= 0x206f || r == 0xfeff
}

func isSpaceOrFormat(r rune) bool {
	return isSpace(r) || isFormat(r)
}

// repair repairs a pasted text (§7). Each rule is applied at most once.
func repair(text string) string {
	rules := []func(string) (string, bool){withoutQuotes, withoutEnd, withoutName, withoutScheme}
	for applied := true; applied; {
		text = strings.TrimFunc(text, isSpaceOrFormat)
		applied = false
		for index, rule := range rules {
			if text, applied = rule(text); applied {
				rules = append(rules[:index:index], rules[index+1:]...)
				break
			}
		}
	}
	return text
}

func withoutQuotes(text string) (string, bool) {
	first, size := utf8.DecodeRuneInString(text)
	last, lastSize := utf8.DecodeLastRuneInString(text)
	if len(text) < size+lastSize {
		return text, false
	}
	switch string([]rune{first, last}) {
	case `""`, `''`, "``", "“”", "‘’", "<>":
		return text[size : len(text)-lastSize], true
	}
	return text, false
}

func withoutEnd(text string) (string, bool) {
	if strings.HasSuffix(text, ",") || strings.HasSuffix(text, ";") {
		return text[:len(text)-1], true
	}
	return text, false
}

func withoutName(text string) (string, bool) {
	rest, ends := "", "=:"
	if hasPrefixFold(text, "authorization") {
		rest, ends = text[len("authorization"):], ":"
	} else {
		name := text
		if strings.HasPrefix(text, "export") {
			if after := strings.TrimLeftFunc(text[len("export"):], isSpace); len(after) < len(text)-len("export") {
				name = after
			}
		}
		if !strings.HasPrefix(name, variable) {
			return text, false
		}
		rest = name[len(variable):]
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	if rest == "" || !strings.Contains(ends, rest[:1]) {
		return text, false
	}
	return rest[1:], true
}

func withoutScheme(text string) (string, bool) {
	if !hasPrefixFold(text, "bearer") {
		return text, false
	}
	next, _ := utf8.DecodeRuneInString(text[len("bearer"):])
	if !isSpace(next) {
		return text, false
	}
	return text[len("bearer"):], true
}

// hasPrefixFold returns whether a text begins with a word of lower-case ASCII letters, in any ASCII letter case.
func hasPrefixFold(text, word string) bool {
	return len(text) >= len(word) && lower(text[:len(word)]) == word
}

// lower changes only the letters of ASCII, so the length stays the same.
func lower(text string) string {
	bytes := []byte(text)
	for index, letter := range bytes {
		if letter >= 'A' && letter <= 'Z' {
			bytes[index] = letter + 'a' - 'A'
		}
	}
	return string(bytes)
}

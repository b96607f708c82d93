package ctxkey

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand"
	"strings"
	"testing"
)

const rounds = 3000

// errorModel follows docs/key-format.md §6 word for word.
func errorModel(text string) error {
	if len(text) < 4 || text[:4] != "ctx_" {
		return InvalidKeyError{Kind: KeyPrefix}
	}
	if len(text) != 52 {
		return InvalidKeyError{KeyLength, len(text)}
	}
	for index := 4; index < 52; index++ {
		if !strings.Contains(alphabet, text[index:index+1]) {
			return InvalidKeyError{KeyCharacter, index}
		}
	}
	if checksumModel(text[:46]) != text[46:] {
		return InvalidKeyError{Kind: KeyChecksum}
	}
	return nil
}

// changed returns a key with a part replaced by another text.
func changed(random *rand.Rand) string {
	key := withChecksum(randomDigits(random, 42))
	part := []string{randomDigits(random, 1), randomDigits(random, 3), "", "\x80", "\xff", "_", "@", "é", string([]byte{byte(random.Intn(256))})}
	start := random.Intn(53)
	end := start + random.Intn(4)
	if end > len(key) {
		end = len(key)
	}
	return key[:start] + part[random.Intn(len(part))] + key[end:]
}

func TestAKeyParses(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for round := 0; round < rounds; round++ {
		text := withChecksum(randomDigits(random, 42))
		hash := sha256.Sum256([]byte(text[:46]))
		key, err := Parse(text)
		equal(t, text, []any{key.ID(), key.Digest(), key.ExposeSecret(), err}, []any{text[4:16], hex.EncodeToString(hash[:]), text, nil})
		lenient, err := ParseAny(text)
		equal(t, text, []any{lenient.ExposeSecret(), err}, []any{text, nil})
	}
}

func TestAChangedKeyHasTheErrorOfTheModel(t *testing.T) {
	random := rand.New(rand.NewSource(2))
	for round := 0; round < rounds; round++ {
		text := changed(random)
		_, err := Parse(text)
		equal(t, text, err, errorModel(text))
	}
	// Tries each byte at each place.
	for index := 0; index < len(testKey); index++ {
		for code := 0; code < 256; code++ {
			bytes := []byte(testKey)
			bytes[index] = byte(code)
			_, err := Parse(string(bytes))
			equal(t, bytes, err, errorModel(string(bytes)))
		}
	}
}

func TestTheLenientReadingAcceptsLaterVersions(t *testing.T) {
	random := rand.New(rand.NewSource(3))
	for round := 0; round < rounds; round++ {
		part := randomDigits(random, 49)
		for _, later := range []string{"ctx_" + part, "ctx_" + part[:42] + "5" + part[:5]} {
			key, err := ParseAny(later)
			equal(t, later, []any{key.ExposeSecret(), err}, []any{later, nil})
		}
		typo := "ctx_" + part[:42] + "0" + part[:5]
		_, err := ParseAny(typo)
		equal(t, typo, err, errorModel(typo))
	}
}

func TestAPastedKeyIsReadWithoutTheTextAroundIt(t *testing.T) {
	random := rand.New(rand.NewSource(4))
	blanks := []rune("\t\n\r \u0085\u00a0\u1680\u2003\u2028\u3000\u00ad\u200b\u2064\ufeff")
	blank := func() string {
		text := ""
		for count := random.Intn(5); count > 0; count-- {
			text += string(blanks[random.Intn(len(blanks))])
		}
		return text
	}
	wraps := []string{`"|"`, "'|'", "“|”", "<|>", "|,", "|;", "export MEMORYKIT_API_KEY = |", "AUTHORIZATION:|", "bEARER\u00a0|"}
	for round := 0; round < rounds; round++ {
		text := withChecksum(randomDigits(random, 42))
		start, end, _ := strings.Cut(wraps[random.Intn(len(wraps))], "|")
		before, after := blank(), blank()
		key, err := ParsePasted(before + start + before + text + after + end + after)
		equal(t, text, []any{key.ExposeSecret(), err}, []any{text, nil})
	}
}

func TestAHeaderYieldsItsKey(t *testing.T) {
	random := rand.New(rand.NewSource(5))
	for round := 0; round < rounds; round++ {
		text := withChecksum(randomDigits(random, 42))
		scheme := []byte("bearer")
		for index := range scheme {
			scheme[index] -= byte(random.Intn(2) * 32)
		}
		key, err := Bearer([]string{"\t" + string(scheme) + strings.Repeat(" ", 1+random.Intn(9)) + text + " \t"})
		equal(t, text, []any{key.ExposeSecret(), err}, []any{text, nil})
	}
}

func TestRedactionHidesEachKeyAndKeepsAllOtherBytes(t *testing.T) {
	random := rand.New(rand.NewSource(6))
	around := func() string {
		bytes := make([]byte, random.Intn(20))
		for index := range bytes {
			bytes[index] = byte(random.Intn(256))
			if isAlphanumeric(bytes[index]) {
				bytes[index] = '_'
			}
		}
		return string(bytes)
	}
	for round := 0; round < rounds; round++ {
		before, key, after := around(), withChecksum(randomDigits(random, 42)), around()
		text, hidden := before+key+after, before+key[:16]+"***"+after
		equal(t, text, []string{RedactString(text), RedactString(hidden)}, []string{hidden, hidden})
		equal(t, text, Find([]byte(text)), [][2]int{{len(before), len(before) + 52}})
		var output strings.Builder
		writer := NewRedactingWriter(&output)
		cut := random.Intn(len(text) + 1)
		_, _ = writer.Write([]byte(text[:cut]))
		_, _ = writer.Write([]byte(text[cut:]))
		equal(t, text, []any{writer.Flush(), output.String()}, []any{nil, hidden})
	}
}

func TestASetOfScopesParsesFromItsTextAndGrantsItsSubsets(t *testing.T) {
	for one := Scope(0); one < 64; one++ {
		scope, err := ParseScope(one.String())
		equal(t, one, []any{scope, err}, []any{one, nil})
		scope, err = ParseScopeList(strings.Join(one.Names(), " , "))
		equal(t, one, []any{scope, err}, []any{one, nil})
		for two := Scope(0); two < 64; two++ {
			equal(t, one, one.Grants(two), two != 0 && one&two == two)
			equal(t, one, one.Missing(two), two&^one)
		}
	}
}

func TestTheNearestScopeIsSuggested(t *testing.T) {
	random := rand.New(rand.NewSource(7))
	for round := 0; round < rounds; round++ {
		typed := scopeNames[random.Intn(len(scopeNames))]
		for changes := random.Intn(5); changes > 0; changes-- {
			start := random.Intn(len(typed) + 1)
			end := start + random.Intn(3)
			if end > len(typed) {
				end = len(typed)
			}
			typed = typed[:start] + []string{"", "a", "s:", "e", "é"}[random.Intn(5)] + typed[end:]
		}
		_, err := ParseScope(typed)
		invalid, isInvalid := err.(InvalidScopeError)
		if !isInvalid || typed == "" {
			continue
		}
		var expected Scope
		least, count := 4, 0
		for bit, name := range scopeNames {
			if edits := editsModel(typed, name); edits < least {
				least, count, expected = edits, 1, 1<<bit
			} else if edits == least {
				count++
			}
		}
		if count > 1 || len(typed) > 17 {
			expected = 0
		}
		equal(t, typed, invalid, InvalidScopeError{0, len(typed), expected})
	}
}

func TestARecordFollowsTheRulesOfItsTimes(t *testing.T) {
	random := rand.New(rand.NewSource(8))
	anyTime := func() uint64 {
		return []uint64{uint64(random.Intn(8)), MaxTime, MaxTime - 1, 1 << 63}[random.Intn(4)]
	}
	optional := func() *uint64 {
		if random.Intn(2) == 0 {
			return nil
		}
		return At(anyTime())
	}
	for round := 0; round < rounds; round++ {
		start, end, retires, revoked := optional(), optional(), optional(), optional()
		now, overlap := anyTime(), anyTime()
		old := record(start, end, retires, revoked)
		state, reason, kind := StateActive, Reason(""), RotateErrorKind("")
		switch {
		case revoked != nil:
			state, reason, kind = StateRevoked, ReasonRevoked, RotateRevoked
		case end != nil && *end <= now:
			state, reason, kind = StateExpired, ReasonExpired, RotateExpired
		case retires != nil && *retires <= now:
			state, reason, kind = StateRetired, ReasonRetired, RotateRetired
		case start != nil && (*start > now || now == MaxTime):
			state, reason = StateNotYetValid, ReasonNotYetValid
		}
		if kind == "" && now == MaxTime {
			kind = RotateUnknownTime
		}
		equal(t, old, old.State(now), state)

		grant, err := old.Verify(own, now)
		if reason != "" {
			equal(t, old, []any{grant, err}, []any{Grant[string]{}, error(Denied{Reason: reason})})
		} else {
			ends := end
			if end == nil || retires != nil && *retires < *end {
				ends = retires
			}
			equal(t, old, []any{grant, err}, []any{Grant[string]{own.ID(), "demo", ScopeRead, ends}, nil})
		}

		_, err = old.Rotate(own, now, overlap)
		equal(t, old, []any{err, old}, []any{RotateError{RotateSameKey}, record(start, end, retires, revoked)})
		next, err := old.Rotate(other, now, overlap)
		if kind != "" {
			equal(t, old, []any{next, err, old}, []any{(*KeyRecord[string])(nil), RotateError{kind}, record(start, end, retires, revoked)})
			continue
		}
		retired := MaxTime
		if overlap < MaxTime-now {
			retired = now + overlap
		}
		if retires != nil && *retires < retired {
			retired = *retires
		}
		successor := &KeyRecord[string]{ID: other.ID(), Digest: other.Digest(), Project: "demo", Scopes: ScopeRead, NotBefore: start, ExpiresAt: end}
		equal(t, old, []any{next, err, old}, []any{successor, nil, record(start, end, At(retired), revoked)})
	}
}

// editsModel is the Levenshtein distance, computed by its definition.
func editsModel(one, two string) int {
	known := map[[2]int]int{}
	var rest func(i, j int) int
	rest = func(i, j int) int {
		if i == len(one) || j == len(two) {
			return len(one) - i + len(two) - j
		}
		if edits, isKnown := known[[2]int{i, j}]; isKnown {
			return edits
		}
		edits := rest(i+1, j+1)
		if strings.ToLower(one[i:i+1]) != two[j:j+1] {
			for _, other := range []int{rest(i+1, j), rest(i, j+1)} {
				if other < edits {
					edits = other
				}
			}
			edits++
		}
		known[[2]int{i, j}] = edits
		return edits
	}
	return rest(0, 0)
}

func FuzzParse(f *testing.F) {
	f.Add(testKey)
	f.Add(" 'MEMORYKIT_API_KEY=" + testKey + "' ")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse(text)
		equal(t, text, err, errorModel(text))
		if key, err := ParsePasted(text); err == nil {
			equal(t, text, strings.Contains(text, key.ExposeSecret()), true)
		}
		hidden := RedactString(text)
		equal(t, text, RedactString(hidden), hidden)
		equal(t, text, len(Find([]byte(hidden))), 0)
	})
}

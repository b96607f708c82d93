package ctxkey

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"math/big"
	"os/exec"
	"reflect"
	"sort"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unsafe"
)

func TestThePackageExportsExactlyThis(t *testing.T) {
	noTests := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), ".", noTests, 0)
	if err != nil {
		t.Fatal(err)
	}
	exports := doc.New(packages["ctxkey"], "./", 0)
	functions, names := exports.Funcs, []string{}
	for _, kind := range exports.Types {
		names = append(names, kind.Name)
		functions = append(functions, kind.Funcs...)
	}
	for _, function := range functions {
		names = append(names, function.Name)
	}
	sort.Strings(names)
	equal(t, "the exports", strings.Join(names, " "), "APIKey AnyFromEnv AnyKey At Bearer Denied EnvErrorKind EnvKeyError Find FromEnv Generate "+
		"GenerateFrom Grant InvalidKeyError InvalidScopeError KeyErrorKind KeyRecord KeyState NewKeyRecord NewRedactingWriter Parse ParseAny "+
		"ParseAnyPasted ParsePasted ParseScope ParseScopeList Reason Redact RedactString RedactingWriter RotateError RotateErrorKind Scope "+
		"ScopeFromBits UnixNow UnknownKey")
}

func TestAComparisonOfNoCasesFails(t *testing.T) {
	printed, err := exec.Command("go", "run", "./internal/compare").CombinedOutput()
	message := "no cases: pipe the output of `differential SEED COUNT` into this program\nexit status 1\n"
	equal(t, "the comparison", []any{string(printed), err != nil}, []any{message, true})
}

func TestEachErrorOfAKeySaysWhatToDo(t *testing.T) {
	tooLong := "something was added, or a character is not plain ASCII; copy the key again, without anything around it"
	for text, message := range map[string]string{
		testKey[1:]:                             "an API key starts with `ctx_`: copy the whole key, without anything around it",
		testKey[:51]:                            "an API key is 52 bytes long, not 51: it was cut off or is a placeholder; copy the whole key",
		testKey + "x":                           "an API key is 52 bytes long, not 53: " + tooLong,
		strings.Replace(testKey, "f", "_", 1):   "the byte at index 16 of the API key is not one of 0-9, A-Z and a-z; copy the key again",
		strings.Replace(testKey, "n9", "n8", 1): "the checksum of the API key is wrong: a character was changed; copy the key again",
	} {
		_, err := Parse(text)
		equal(t, text, err.Error(), message)
	}
	equal(t, "52", strings.HasSuffix(InvalidKeyError{KeyLength, 52}.Error(), tooLong), true)
}

func TestErrorsAreTypedValues(t *testing.T) {
	_, err := Parse("ctx_")
	var invalid InvalidKeyError
	equal(t, "As", []any{errors.As(err, &invalid), invalid}, []any{true, InvalidKeyError{KeyLength, 4}})
	equal(t, "Is", errors.Is(err, InvalidKeyError{KeyLength, 4}), true)
	t.Setenv(variable, "ctx_")
	_, err = FromEnv()
	equal(t, "Unwrap", errors.Is(err, InvalidKeyError{KeyLength, 4}), true)
	equal(t, "Unwrap of another kind", errors.Unwrap(EnvKeyError{Kind: EnvMissing}), nil)
}

func TestEachReasonHasAPublicMessage(t *testing.T) {
	notValid := "the API key is not valid: it is unknown, revoked or outside its validity period"
	notWellFormed := "the API key is not well-formed: copy the whole key, and nothing else"
	for reason, message := range map[Reason]string{
		ReasonMissingCredentials: "an API key is required: send it as `Authorization: Bearer <key>`",
		ReasonMalformedHeader:    "the Authorization header is malformed: send one, as `Bearer <key>`",
		ReasonMissingScope:       "the API key lacks a scope that this request requires",
		ReasonKeyPrefix:          notWellFormed,
		ReasonKeyLength:          notWellFormed,
		ReasonKeyCharacter:       notWellFormed,
		ReasonKeyChecksum:        notWellFormed,
		ReasonUnknownKey:         notValid,
		ReasonDigestMismatch:     notValid,
		ReasonRevoked:            notValid,
		ReasonExpired:            notValid,
		ReasonRetired:            notValid,
		ReasonNotYetValid:        notValid,
	} {
		equal(t, reason, Denied{Reason: reason}.Error(), message)
	}
}

func TestTheEnvironmentIsReadAndEachMistakeExplained(t *testing.T) {
	notAKey := "MEMORYKIT_API_KEY does not hold an API key: an API key starts with `ctx_`: copy the whole key, without anything around it"
	missing := "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
	for value, expected := range map[string]struct {
		kind EnvErrorKind
		text string
	}{
		"":               {EnvMissing, missing},
		" \u200b\r\n":    {EnvMissing, missing},
		"ctx_\xff":       {EnvNotUnicode, "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard"},
		"\xed\xa0\x80":   {EnvNotUnicode, "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard"},
		testKey + "\xff": {EnvNotUnicode, "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard"},
		// A value that is empty only after the repair counts as set.
		"''":                 {EnvInvalid, notAKey},
		"MEMORYKIT_API_KEY=": {EnvInvalid, notAKey},
		"ctx_your_api_key_here": {EnvInvalid, "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21: " +
			"it was cut off or is a placeholder; copy the whole key"},
	} {
		t.Setenv(variable, value)
		_, strict := FromEnv()
		_, lenient := AnyFromEnv()
		for _, err := range []error{strict, lenient} {
			var reason error
			if expected.text == notAKey {
				reason = InvalidKeyError{Kind: KeyPrefix}
			} else if expected.kind == EnvInvalid {
				reason = InvalidKeyError{KeyLength, 21}
			}
			equal(t, value, errors.Unwrap(err), reason)
			equal(t, value, []any{err.(EnvKeyError).Kind, err.Error()}, []any{expected.kind, expected.text})
		}
	}
	t.Setenv(variable, "export MEMORYKIT_API_KEY='"+testKey+"'\n")
	key, err := FromEnv()
	equal(t, "the key", []any{key.ExposeSecret(), err}, []any{testKey, nil})
	lenient, err := AnyFromEnv()
	equal(t, "the lenient key", []any{lenient.ExposeSecret(), err}, []any{testKey, nil})
	later := testKey[:46] + "5z2n9x"
	t.Setenv(variable, " "+later+"\n")
	lenient, err = AnyFromEnv()
	equal(t, "a key of a later version", []any{lenient.ExposeSecret(), err}, []any{later, nil})
	_, err = FromEnv()
	equal(t, "a key of a later version", err, error(EnvKeyError{EnvInvalid, InvalidKeyError{Kind: KeyChecksum}}))
}

func TestTheLenientReadingRefusesATextThatIsNotAKeyOfAnyVersion(t *testing.T) {
	for text, expected := range map[string]InvalidKeyError{
		"CTX_":                                  {KeyPrefix, 0},
		"ctx_":                                  {KeyLength, 4},
		"ctx_" + strings.Repeat("a", 29):        {KeyLength, 33},
		"ctx__" + testKey[5:]:                   {KeyCharacter, 4},
		strings.Replace(testKey, "f", "_", 1):   {KeyCharacter, 16},
		testKey + " x":                          {KeyCharacter, 52},
		strings.Replace(testKey, "n9", "n8", 1): {KeyChecksum, 0},
	} {
		_, err := ParseAny(text)
		equal(t, text, err, error(expected))
	}
	for _, text := range []string{"ctx_" + strings.Repeat("a", 30), testKey[:51], testKey + "0", testKey[:46] + "5z2n9x"} {
		key, err := ParseAnyPasted(`"` + text + `"`)
		equal(t, text, []any{key.ExposeSecret(), err}, []any{text, nil})
	}
}

func TestExactlyTheWhiteSpaceAndTheFormatCharactersAreRemoved(t *testing.T) {
	ranges := [][2]rune{{9, 13}, {0x20, 0x20}, {0x85, 0x85}, {0xa0, 0xa0}, {0xad, 0xad}, {0x61c, 0x61c}, {0x1680, 0x1680}, {0x180e, 0x180e},
		{0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x2064}, {0x2066, 0x206f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}}
	for code := rune(0); code < 0x10000; code++ {
		expected := false
		for _, r := range ranges {
			expected = expected || r[0] <= code && code <= r[1]
		}
		_, err := ParsePasted(string(code) + testKey)
		equal(t, code, err == nil, expected)
	}
}

func TestANameIsRemovedOnlyAsAWhole(t *testing.T) {
	for _, name := range []string{"export ", "export Authorization: ", "export Bearer ", "set MEMORYKIT_API_KEY=", "Proxy-Authorization: "} {
		_, err := ParsePasted(name + testKey)
		equal(t, name, err, error(InvalidKeyError{Kind: KeyPrefix}))
	}
}

func TestOnlyLettersOfASCIICountInAnyLetterCase(t *testing.T) {
	for _, name := range []string{"Author\u0131zation: ", "AUTHOR\u0130ZATION: ", "memorykit_api_key=", "MEMORY\u212aIT_API_KEY=", "Authorization="} {
		_, err := ParsePasted(name + testKey)
		equal(t, name, err, error(InvalidKeyError{Kind: KeyPrefix}))
	}
	key, err := ParsePasted("aUTHORIZATION: bEARER " + testKey)
	equal(t, "ASCII", []any{key.ExposeSecret(), err}, []any{testKey, nil})
}

func TestAKeyDoesNotKeepTheRequestThatItWasReadFrom(t *testing.T) {
	request := strings.Repeat(" ", 8) + testKey
	text := request[8:]
	key, _ := Parse(text)
	lenient, _ := ParseAny(text)
	for _, exposed := range []string{key.ExposeSecret(), lenient.ExposeSecret()} {
		equal(t, "the text", exposed, text)
		equal(t, "shared memory", dataOf(exposed) == dataOf(text), false)
	}
}

func dataOf(text string) uintptr {
	return (*reflect.StringHeader)(unsafe.Pointer(&text)).Data
}

func TestKeysAreEqualByTheirDigest(t *testing.T) {
	equal(t, "the same", own.Equal(parsed(testKey)), true)
	equal(t, "another", own.Equal(other), false)
	anyOwn, _ := ParseAny(testKey)
	anyOther, _ := ParseAny(otherKey)
	again, _ := ParseAny(testKey)
	equal(t, "lenient", []bool{anyOwn.Equal(again), anyOwn.Equal(anyOther)}, []bool{true, false})
	for index := len(prefix); index < hashedLength; index++ {
		digit := "0"
		if testKey[index] == '0' {
			digit = "1"
		}
		text := withChecksum(testKey[len(prefix):index] + digit + testKey[index+1:hashedLength])
		lenient, _ := ParseAny(text)
		equal(t, text, []bool{own.Equal(parsed(text)), anyOwn.Equal(lenient)}, []bool{false, false})
	}
}

func TestTheZeroValueIsNotAKey(t *testing.T) {
	var zero APIKey
	var anyZero AnyKey
	equal(t, "the parts", []string{zero.ID(), zero.Digest(), zero.ExposeSecret(), anyZero.ExposeSecret()}, []string{"", "", "", ""})
	equal(t, "equality", []bool{zero.Equal(zero), zero.Equal(own), own.Equal(zero), anyZero.Equal(anyZero)}, []bool{false, false, false, false})
	_, err := (&KeyRecord[string]{}).Verify(zero, 0)
	equal(t, "verification", err, error(Denied{Reason: ReasonDigestMismatch}))
	_, err = record().Verify(zero, 0)
	equal(t, "verification", err, error(Denied{Reason: ReasonDigestMismatch}))
	old := record()
	next, err := old.Rotate(zero, 0, 5)
	equal(t, "rotation", []any{next, err.Error(), old}, []any{(*KeyRecord[string])(nil), "a key id is 12 letters and digits", record()})
}

func TestAMisspeltScopeGetsASuggestion(t *testing.T) {
	for typed, scope := range map[string]Scope{
		"memory:read":      ScopeMemoriesRead,
		"Memories.Read":    ScopeMemoriesRead,
		"memor:read":       ScopeMemoriesRead,
		"xxxxries:read":    0, // four edits from memories:read, and more from the others
		"chat:redd":        ScopeChatsRead,
		"chats:we":         0, // as near to chats:read as to chats:write
		"memoriesxxx:read": ScopeMemoriesRead,
		// four more letters
		"memoriesxxxx:read": 0,
		"memories:writexxx": ScopeMemoriesWrite, // the longest
		"chats:writexxxx":   0,
		"MEMORIES_READ":     ScopeMemoriesRead,
		"admin":             0,
	} {
		_, err := ParseScope(typed)
		equal(t, typed, err, error(InvalidScopeError{0, len(typed), scope}))
	}
	scope, err := ParseScopeList("chats:read,\u3000memory:read")
	equal(t, "the place", []any{scope, err}, []any{Scope(0), error(InvalidScopeError{14, 25, ScopeMemoriesRead})})
	equal(t, "the text", err.Error(), "unknown scope at bytes 14..25; did you mean `memories:read`?")
	equal(t, "no suggestion", InvalidScopeError{0, 5, 0}.Error(),
		"unknown scope at bytes 0..5; the scopes are: memories:read memories:write chats:read chats:write users:read users:write")
	_, err = ParseScope("chats:read ")
	equal(t, "the text", err.Error(), "a scope name is missing at byte 11; separate names by one space, without spaces at the ends")
}

func TestStoredBitsAreReadStrictlyAndUnknownOnesNeverGranted(t *testing.T) {
	scope, err := ScopeFromBits(63)
	equal(t, "all", []any{scope.String(), err}, []any{"memories:read memories:write chats:read chats:write users:read users:write", nil})
	equal(t, "the bits", []Scope{ScopeMemoriesRead, ScopeMemoriesWrite, ScopeChatsRead, ScopeChatsWrite, ScopeUsersRead, ScopeUsersWrite, ScopeRead, ScopeWrite},
		[]Scope{1, 2, 4, 8, 16, 32, 21, 42})
	for _, bits := range []uint32{64, 65, 1 << 31, 1<<32 - 1} {
		scope, err := ScopeFromBits(bits)
		equal(t, bits, []any{scope, err}, []any{Scope(0), ErrUnknownBits})
	}
	for scope, text := range map[Scope]string{
		0: "Scope()", 9: "Scope(memories:read chats:write)", 64: "Scope(0x40)", 1<<31 + 1: "Scope(memories:read, 0x80000000)",
	} {
		equal(t, "the representation", scope.GoString(), text)
	}
	high := Scope(1<<31 + 1)
	equal(t, "an unknown bit", high.Grants(1<<31), false)
	equal(t, "missing", Scope(0).Missing(high), high)
	old := record()
	old.Scopes = high
	grant, err := old.Verify(own, 0)
	equal(t, "the grant", []any{grant.Scopes, err}, []any{ScopeMemoriesRead, nil})
}

func TestScopesInJSONAreAnArrayOfNames(t *testing.T) {
	text, err := json.Marshal(map[string]Scope{"scopes": ScopeRead | ScopeChatsWrite, "none": 0})
	equal(t, "JSON", []any{string(text), err}, []any{`{"none":[],"scopes":["memories:read","chats:read","chats:write","users:read"]}`, nil})
	var scope Scope
	equal(t, "read", []any{json.Unmarshal([]byte(`["users:read","chats:write"]`), &scope), scope}, []any{nil, ScopeUsersRead | ScopeChatsWrite})
	equal(t, "read again", []any{json.Unmarshal([]byte(`["chats:read"]`), &scope), scope}, []any{nil, ScopeChatsRead})
	scope = ScopeUsersRead | ScopeChatsWrite
	err = json.Unmarshal([]byte(`["memories:read","chat:read"]`), &scope)
	equal(t, "a wrong name", errors.Is(err, InvalidScopeError{0, 9, ScopeChatsRead}), true)
	for _, text := range []string{"5", "null", `"chats:read"`, "{}", `["chats:read",5]`} {
		err = json.Unmarshal([]byte(text), &scope)
		equal(t, text, err != nil && err.Error() == "the scopes in JSON are an array of names", true)
	}
	equal(t, "null for a name", json.Unmarshal([]byte(`["chats:read",null]`), &scope) != nil, true)
	equal(t, "nothing changes", scope, ScopeUsersRead|ScopeChatsWrite)
	old := record()
	equal(t, "null in a record", json.Unmarshal([]byte(`{"Scopes":null}`), old) != nil, true)
	equal(t, "its scopes", old.Scopes, ScopeRead)
	pointer := &scope
	equal(t, "null for a pointer", []any{json.Unmarshal([]byte("null"), &pointer), pointer}, []any{nil, (*Scope)(nil)})
}

func TestARefusalHasItsFieldsAndItsChallengeIsOneValue(t *testing.T) {
	old := record(nil, At(20), At(10))
	old.ID = "000000000000" // the grant has the id of the key, even if the record has another one
	grant, err := old.Verify(own, 5)
	equal(t, "the grant", []any{grant, err}, []any{Grant[string]{own.ID(), "demo", ScopeRead, At(10)}, nil})
	equal(t, "granted", grant.Require(ScopeChatsRead), nil)
	denied := grant.Require(ScopeChatsRead | ScopeChatsWrite).(Denied)
	equal(t, "denied", denied, Denied{ReasonMissingScope, ScopeChatsRead | ScopeChatsWrite, ScopeChatsWrite})
	equal(t, "the challenge", denied.Challenge("a\"\\é\U0001f600\n\xff"),
		`Bearer realm="a\"\\????", error="insufficient_scope", scope="chats:read chats:write"`)
	denied = grant.Require(0).(Denied)
	equal(t, "nothing required", []any{denied.Status(), denied.Challenge("x")}, []any{403, `Bearer realm="x", error="insufficient_scope"`})
	unknown := UnknownKey()
	equal(t, "unknown", []any{unknown.Status(), unknown.Code(), unknown}, []any{401, "invalid_token", Denied{Reason: ReasonUnknownKey}})
	_, err = Bearer(nil)
	denied = err.(Denied)
	equal(t, "missing", []any{denied.Status(), denied.Code(), denied.Challenge("x")}, []any{401, "", `Bearer realm="x"`})
}

func TestARealmKeepsThePrintableCharactersOfASCII(t *testing.T) {
	for code := rune(0); code < 256; code++ {
		quoted := string(code)
		switch {
		case quoted == `"` || quoted == `\`:
			quoted = `\` + quoted
		case code < ' ' || code > '~':
			quoted = "?"
		}
		challenge := UnknownKey().Challenge(string(code) + string(code))
		equal(t, code, challenge, `Bearer realm="`+quoted+quoted+`", error="invalid_token"`)
	}
}

func TestTheReasonOfARefusalIsExactByteByByte(t *testing.T) {
	for _, c := range []struct {
		values []string
		reason Reason
	}{
		{nil, ReasonMissingCredentials},
		{[]string{" \t"}, ReasonMissingCredentials},
		{[]string{"B\xe9arer " + testKey}, ReasonMissingCredentials},
		{[]string{"Bearer " + testKey, ""}, ReasonMalformedHeader},
		{[]string{"Bearer \t"}, ReasonMalformedHeader},
		{[]string{"Bearer \xa0"}, ReasonKeyPrefix},
		{[]string{"Bearer " + testKey[:51] + "\xff"}, ReasonKeyCharacter},
		{[]string{"Bearer " + testKey[:51] + "ÿ"}, ReasonKeyLength},
		{[]string{"Bearer " + testKey[:50] + "ÿ"}, ReasonKeyCharacter},
		{[]string{"Bearer " + testKey + "\x00"}, ReasonKeyLength},
		{[]string{"Bearer " + testKey[:51] + "8"}, ReasonKeyChecksum},
		{[]string{"Bearer " + strings.Repeat("\xff", 8185)}, ReasonKeyPrefix},
		{[]string{"Bearer " + strings.Repeat("\xff", 8186)}, ReasonMalformedHeader},
		{[]string{"\t" + "Bearer " + strings.Repeat("\xff", 8185) + " "}, ReasonKeyPrefix},
	} {
		key, err := Bearer(c.values)
		equal(t, c.values, []any{key.ExposeSecret(), reasonOf(err)}, []any{"", c.reason})
	}
}

func TestHostileTextsTakeLinearTime(t *testing.T) {
	spaces := strings.Repeat(" ", 1_000_000)
	for value, reason := range map[string]Reason{
		"Bearer x" + spaces + "x":     ReasonMalformedHeader,
		spaces + "x" + spaces + "x":   ReasonMissingCredentials,
		"Bearer" + spaces + spaces:    ReasonMalformedHeader,
		strings.Repeat("x", 10000000): ReasonMissingCredentials,
	} {
		_, err := Bearer([]string{value})
		equal(t, "the reason", reasonOf(err), reason)
	}
	_, err := ParsePasted("x" + spaces + "x")
	equal(t, "pasted", err, error(InvalidKeyError{Kind: KeyPrefix}))
	_, err = ParseScopeList(strings.Repeat(", ", 1_000_000))
	equal(t, "a list", err, nil)
	many := strings.Repeat("ctx_", 250_000)
	equal(t, "redacted", RedactString(many), many)
	equal(t, "found", Find([]byte(many)), [][2]int{})
}

func TestAGeneratedKeyDependsOnlyOnItsRandomBytes(t *testing.T) {
	random := make([]byte, 56)
	for index := 0; index < 7; index++ {
		binary.LittleEndian.PutUint64(random[index*8:], 0x0123456789abcdef)
	}
	key, err := GenerateFrom(strings.NewReader(string(random)))
	part := strings.Repeat("0H5EbT", 7)
	equal(t, "the key", []any{key.ExposeSecret(), err}, []any{withChecksum(part), nil})

	random[15] = 0xff
	key, _ = GenerateFrom(iotest.OneByteReader(strings.NewReader(string(random) + "more")))
	equal(t, "each byte counts", key.ExposeSecret() != withChecksum(part), true)
	for text, word := range map[string]uint64{"000000": 0, "zzzzzz": 1<<64 - 1} {
		for index := 0; index < 7; index++ {
			binary.LittleEndian.PutUint64(random[index*8:], word)
		}
		key, _ = GenerateFrom(strings.NewReader(string(random)))
		equal(t, text, key.ExposeSecret()[4:46], strings.Repeat(text, 7))
	}
}

func TestAGeneratedDigitChangesAtTheSmallestWord(t *testing.T) {
	for digit := int64(1); digit < 62; digit++ {
		quotient := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(digit), 64), big.NewInt(62)).Uint64()
		for _, word := range []uint64{quotient, quotient + 1} {
			random := make([]byte, 56)
			for index := 0; index < 7; index++ {
				binary.LittleEndian.PutUint64(random[index*8:], word)
			}
			places := new(big.Int).Mul(new(big.Int).SetUint64(word), big.NewInt(62*62*62*62*62*62))
			places.Rsh(places, 64)
			group := ""
			for place := 0; place < 6; place++ {
				value := new(big.Int)
				places.DivMod(places, big.NewInt(62), value)
				group = string(alphabet[value.Int64()]) + group
			}
			key, err := GenerateFrom(strings.NewReader(string(random)))
			equal(t, word, []any{key.ExposeSecret(), err}, []any{withChecksum(strings.Repeat(group, 7)), nil})
		}
	}
}

func TestAGeneratorThatFailsMakesNoKey(t *testing.T) {
	for _, random := range []io.Reader{iotest.ErrReader(errors.New("broken")), strings.NewReader(strings.Repeat("x", 55))} {
		key, err := GenerateFrom(random)
		equal(t, "the key", key.ExposeSecret(), "")
		equal(t, "the error", strings.HasPrefix(err.Error(), "no random bytes for an API key: "), true)
	}
	_, err := GenerateFrom(strings.NewReader(strings.Repeat("x", 55)))
	equal(t, "the cause", errors.Is(err, io.ErrUnexpectedEOF), true)
}

func TestGeneratedKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	counts := map[rune]int{}
	const keys = 2000
	for count := 0; count < keys; count++ {
		key, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "the key parses", parsed(key.ExposeSecret()).Equal(key), true)
		seen[key.ID()] = true
		for _, digit := range key.ExposeSecret()[4:46] {
			counts[digit]++
		}
	}
	equal(t, "ids", len(seen), keys)
	equal(t, "digits", len(counts), 62)
	for digit, count := range counts {
		// Each is expected 1,355 times. The limits are eight standard deviations away.
		if count < 1060 || count > 1650 {
			t.Fatalf("%c came up %d times", digit, count)
		}
	}
}

func TestEachDigitOfADigestCounts(t *testing.T) {
	for index := range own.Digest() {
		old := record()
		changed := []byte(old.Digest)
		changed[index] ^= 1
		old.Digest = string(changed)
		_, err := old.Verify(own, 0)
		equal(t, index, err, error(Denied{Reason: ReasonDigestMismatch}))
	}
	for _, digest := range []string{own.Digest() + "0", own.Digest()[:63], ""} {
		old := record()
		old.Digest = digest
		_, err := old.Verify(own, 0)
		equal(t, digest, err, error(Denied{Reason: ReasonDigestMismatch}))
	}
}

func TestAClockBefore1970GivesAnUnknownTime(t *testing.T) {
	for _, c := range []struct {
		now  time.Time
		secs uint64
	}{
		{time.Unix(0, -500_000_000), MaxTime},
		{time.Unix(-5, 0), MaxTime},
		{time.Unix(0, 0), 0},
		{time.Unix(1, 900_000_000), 1},
	} {
		equal(t, c.now, unixSecs(c.now), c.secs)
	}
	now := UnixNow()
	equal(t, "the time", now > 1_700_000_000 && now < 1<<40, true)
}

func TestARecordRefusesAnInvalidIDOrDigest(t *testing.T) {
	digest := own.Digest()
	for _, c := range [][3]string{
		{testKey, digest, "a key id is 12 letters and digits"},
		{own.ID() + "\n", digest, "a key id is 12 letters and digits"},
		{own.ID()[1:], digest, "a key id is 12 letters and digits"},
		{own.ID(), testKey, "a digest is 64 hexadecimal digits"},
		{own.ID(), digest[1:], "a digest is 64 hexadecimal digits"},
		{own.ID(), digest + "0", "a digest is 64 hexadecimal digits"},
		{own.ID(), digest[1:] + "\n", "a digest is 64 hexadecimal digits"},
		{own.ID(), digest[:30] + "g" + digest[31:], "a digest is 64 hexadecimal digits"},
	} {
		found, err := NewKeyRecord(c[0], c[1], 1, ScopeRead)
		equal(t, c, []any{found, err.Error()}, []any{(*KeyRecord[int])(nil), c[2]})
	}
	for _, first := range "/:@[`{" {
		_, err := NewKeyRecord(string(first)+"00000000000", digest, 1, ScopeRead)
		equal(t, first, err == nil, false)
	}
	for _, id := range []string{"000000000000", "999999999999", "AZAZAZAZAZAZ", "azazazazazaz"} {
		_, err := NewKeyRecord(id, strings.Repeat("0af9", 16), 1, ScopeRead)
		equal(t, id, err, nil)
	}
	upper, err := NewKeyRecord(own.ID(), strings.ToUpper(digest), 1, ScopeRead)
	equal(t, "upper case", []any{upper.Digest, err}, []any{digest, nil})
}

func TestARefusedRotationSaysWhy(t *testing.T) {
	for _, c := range []struct {
		old  *KeyRecord[string]
		next APIKey
		now  uint64
		kind RotateErrorKind
		text string
	}{
		{record(), own, 0, RotateSameKey, "the new key has the id of the old one; generate another key"},
		{record(nil, nil, nil, At(9)), other, 0, RotateRevoked, "a revoked key cannot be rotated; create a new key"},
		{record(nil, At(9)), other, 9, RotateExpired, "an expired key cannot be rotated; create a new key"},
		{record(nil, nil, At(9)), other, 9, RotateRetired, "a retired key cannot be rotated; rotate its successor"},
		{record(), other, MaxTime, RotateUnknownTime, "the time is unknown, so the overlap would never end; check the system clock"},
	} {
		before := *c.old
		_, err := c.old.Rotate(c.next, c.now, 5)
		equal(t, c.kind, []any{err, err.Error(), *c.old}, []any{RotateError{c.kind}, c.text, before})
	}
}

func TestRecordsShareNoTimes(t *testing.T) {
	old := record(At(1), At(100))
	next, err := old.Rotate(other, 5, 5)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := old.Verify(own, 5)
	if err != nil {
		t.Fatal(err)
	}
	*old.NotBefore, *old.ExpiresAt, *old.RetiresAt = 7, 8, 9
	equal(t, "the successor", []uint64{*next.NotBefore, *next.ExpiresAt}, []uint64{1, 100})
	equal(t, "the grant", *grant.ExpiresAt, uint64(10))
}

func TestARecordIsReadBackFromJSON(t *testing.T) {
	old := record(At(0), At(MaxTime))
	text, err := json.Marshal(old)
	equal(t, "the error", err, nil)
	var again KeyRecord[string]
	equal(t, "the record", []any{json.Unmarshal(text, &again), &again}, []any{nil, old})
}

func TestTwoKeysCanShareThreeBytes(t *testing.T) {
	text := "é" + "ctx_8aspm4G7VmSU0000000000000000000000003128504YMctx" + testKey[3:]
	equal(t, "the finds", Find([]byte(text)), [][2]int{{2, 54}, {51, 103}})
	equal(t, "the text", RedactString(text), "éctx_8aspm4G7VmSU***_8aspm4G7VmSU***")
}

// outputUntil fails once, in the call that would write more than limit bytes. That call writes only some bytes, or none.
type outputUntil struct {
	strings.Builder
	limit    int
	err      error
	hasError bool
	calls    int
}

func (o *outputUntil) Write(text []byte) (int, error) {
	o.calls++
	if accepted := o.limit - o.Len(); !o.hasError && accepted < len(text) {
		o.hasError = true
		count, _ := o.Builder.Write(text[:accepted])
		return count, o.err
	}
	return o.Builder.Write(text)
}

func TestNoByteIsLostOrRepeatedAfterAnErrorOfTheOutput(t *testing.T) {
	text := "a " + testKey + testKey[:20] + "-ctx " + testKey[:30]
	for limit := 0; limit < len(RedactString(text)); limit++ {
		for _, step := range []int{1, 7, len(text)} {
			for _, broken := range []error{errors.New("broken"), nil} {
				output := &outputUntil{limit: limit, err: broken}
				writer := NewRedactingWriter(output)
				expected := broken
				if broken == nil {
					expected = io.ErrShortWrite
				}
				var errs []error
				for rest := text; rest != ""; {
					end := step
					if end > len(rest) {
						end = len(rest)
					}
					count, err := writer.Write([]byte(rest[:end]))
					equal(t, limit, count == end || count < end && err != nil, true)
					equal(t, "a write without output takes nothing", err != nil && output.Len() == 0 && count > 0, false)
					if err != nil {
						errs = append(errs, err)
					}
					rest = rest[count:]
				}
				for err := writer.Flush(); err != nil; err = writer.Flush() {
					errs = append(errs, err)
				}
				equal(t, limit, []any{output.String(), errs}, []any{RedactString(text), []error{expected}})
			}
		}
	}
}

// wrongOutput writes all of a text, and returns a count that is wrong by this number.
type wrongOutput struct {
	strings.Builder
	by int
}

func (o *wrongOutput) Write(text []byte) (int, error) {
	count, err := o.Builder.Write(text)
	return count + o.by, err
}

func TestAWriterToleratesAnOutputThatMiscounts(t *testing.T) {
	output := &wrongOutput{by: 5}
	count, err := NewRedactingWriter(output).Write([]byte("a ctx_"))
	equal(t, "too many", []any{count, err, output.String()}, []any{6, nil, "a ctx_"})
	count, err = NewRedactingWriter(&wrongOutput{by: -7}).Write([]byte("a ctx_"))
	equal(t, "a negative count", []any{count, err}, []any{0, io.ErrShortWrite})
}

func TestAWriterCallsItsOutputOnlyWithText(t *testing.T) {
	output := &outputUntil{limit: 1000}
	writer := NewRedactingWriter(output)
	calls := []int{}
	for _, text := range []string{"", testKey[:16], testKey[16:20], testKey[20:33], testKey[33:40], testKey[40:], ""} {
		if _, err := writer.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, output.calls)
	}
	equal(t, "the flush", writer.Flush(), nil)
	equal(t, "the calls", append(calls, output.calls), []int{0, 1, 1, 1, 2, 2, 2, 2})
}

func TestAWriterHoldsBackOnlyBytesThatMayBelongToAKey(t *testing.T) {
	var output strings.Builder
	writer := NewRedactingWriter(&output)
	for _, c := range [][2]string{
		{"a ctx_", "a ctx_"},
		{testKey[4:18], testKey[:16][4:]},
		{testKey[18:33], ""},
		{testKey[33:34], "***"},
		{testKey[34:], ""},
		{" b\n", " b\n"},
		{testKey[:20], testKey[:16]},
		{"-", testKey[16:20] + "-"},
	} {
		output.Reset()
		count, err := writer.Write([]byte(c[0]))
		equal(t, c[0], []any{count, err, output.String()}, []any{len(c[0]), nil, c[1]})
	}
	output.Reset()
	if _, err := writer.Write([]byte(testKey[:20])); err != nil {
		t.Fatal(err)
	}
	equal(t, "the flush", []any{writer.Flush(), output.String()}, []any{nil, testKey[:20]})
	output.Reset()
	if _, err := writer.Write([]byte(testKey[20:])); err != nil {
		t.Fatal(err)
	}
	equal(t, "after the flush", output.String(), "***")
}

// flushed returns what a writer writes that is flushed at these places of a text, and at its end.
func flushed(t *testing.T, text string, places ...int) string {
	t.Helper()
	var output strings.Builder
	writer := NewRedactingWriter(&output)
	start := 0
	for _, end := range append(places, len(text)) {
		count, err := writer.Write([]byte(text[start:end]))
		equal(t, "the write", []any{count, err, writer.Flush()}, []any{end - start, nil, nil})
		start = end
	}
	return output.String()
}

func TestAFlushInAKeyShowsNoMoreThanItsFirst29Digits(t *testing.T) {
	text := testKey + "\n" + otherKey + "\n"
	rest := "***\n" + otherKey[:16] + "***\n"
	everywhere := []int{}
	for place := 0; place <= len(testKey); place++ {
		shown := 16
		if place > 16 && place < minLength {
			shown = place
		}
		equal(t, place, flushed(t, text, place), testKey[:shown]+rest)
		everywhere = append(everywhere, place)
	}
	equal(t, "flushes before and after the 30th digit", flushed(t, text, 20, 25, 40), testKey[:25]+rest)
	equal(t, "a flush after each byte", flushed(t, text, everywhere...), testKey[:33]+rest)
	equal(t, "29 digits", flushed(t, testKey[:33]+"-", 20), testKey[:33]+"-")
}

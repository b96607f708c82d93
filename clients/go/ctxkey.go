// Package ctxkey generates, reads, verifies and redacts MemoryKit API keys.
//
// It needs only the standard library. The contract is docs/key-format.md of the repository; a § in a comment refers to a
// section of it. Functions read the bytes of a string, so pass a []byte as string(bytes).
package ctxkey

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	variable     = "MEMORYKIT_API_KEY"
	prefix       = "ctx_"
	keyLength    = 52
	hashedLength = 46 // prefix, id and secret
	minLength    = 34 // of the shortest text that is redacted
)

// KeyErrorKind is the kind of an InvalidKeyError.
type KeyErrorKind string

// The checks of a key, in their order.
const (
	KeyPrefix    KeyErrorKind = "prefix"
	KeyLength    KeyErrorKind = "length"
	KeyCharacter KeyErrorKind = "character"
	KeyChecksum  KeyErrorKind = "checksum"
)

// InvalidKeyError is the error for a text that is not a key. It holds a length or an index, and never a character.
type InvalidKeyError struct {
	Kind KeyErrorKind
	// Detail is the length or the index in bytes, or 0 for the other kinds.
	Detail int
}

func (e InvalidKeyError) Error() string {
	switch e.Kind {
	case KeyPrefix:
		return "an API key starts with `ctx_`: copy the whole key, without anything around it"
	case KeyCharacter:
		return fmt.Sprintf("the byte at index %d of the API key is not one of 0-9, A-Z and a-z; copy the key again", e.Detail)
	case KeyChecksum:
		return "the checksum of the API key is wrong: a character was changed; copy the key again"
	}
	advice := "it was cut off or is a placeholder; copy the whole key"
	if e.Detail >= keyLength {
		advice = "something was added, or a character is not plain ASCII; copy the key again, without anything around it"
	}
	return fmt.Sprintf("an API key is %d bytes long, not %d: %s", keyLength, e.Detail, advice)
}

// EnvErrorKind is the kind of an EnvKeyError.
type EnvErrorKind string

// The mistakes in the environment.
const (
	EnvMissing    EnvErrorKind = "missing"
	EnvNotUnicode EnvErrorKind = "not_unicode"
	EnvInvalid    EnvErrorKind = "invalid"
)

// EnvKeyError is the error of FromEnv and AnyFromEnv. Its text says what to do, and never repeats the value.
type EnvKeyError struct {
	Kind EnvErrorKind
	// Reason says why the value is not a key, if Kind is EnvInvalid.
	Reason InvalidKeyError
}

func (e EnvKeyError) Error() string {
	switch e.Kind {
	case EnvMissing:
		return variable + " is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
	case EnvNotUnicode:
		return variable + " is not Unicode text; set it to a key from the dashboard"
	}
	return variable + " does not hold an API key: " + e.Reason.Error()
}

// Unwrap returns the reason why the value is not a key, or nil for the other kinds.
func (e EnvKeyError) Unwrap() error {
	if e.Kind != EnvInvalid {
		return nil
	}
	return e.Reason
}

// APIKey is a well-formed key of version 1. Only a server's record shows that it was issued.
//
// Printing and serialization do not show the secret. A function holds the text, because fmt shows the fields of a key that
// is in an unexported field without calling the key's methods. So keys can't be compared with ==; use Equal. The zero value
// is not a key: it has no id, and equals no key.
type APIKey struct {
	reveal func() (text string, hash [sha256.Size]byte)
}

// Parse reads a key, without repairing anything. The error is an InvalidKeyError.
func Parse(text string) (APIKey, error) {
	hash, err := hashOf(text)
	if err != nil {
		return APIKey{}, err
	}
	text = strings.Clone(text) // otherwise, the key would keep a large request in memory
	return APIKey{func() (string, [sha256.Size]byte) { return text, hash }}, nil
}

// ParsePasted reads a key that a person pasted, without the quotes, names and white space around it (§7). The error is an
// InvalidKeyError.
func ParsePasted(text string) (APIKey, error) {
	return Parse(repair(text))
}

// FromEnv reads MEMORYKIT_API_KEY, as ParsePasted does. The error is an EnvKeyError.
func FromEnv() (APIKey, error) {
	return readVariable(ParsePasted)
}

// Generate creates a key from crypto/rand. The error is that of the generator.
func Generate() (APIKey, error) {
	return GenerateFrom(rand.Reader)
}

// GenerateFrom creates a key from 56 bytes of a cryptographically secure generator (§5). The error is that of the generator.
func GenerateFrom(random io.Reader) (APIKey, error) {
	var fractions [7 * 8]byte
	if _, err := io.ReadFull(random, fractions[:]); err != nil {
		return APIKey{}, fmt.Errorf("no random bytes for an API key: %w", err)
	}
	text := make([]byte, 0, keyLength)
	text = append(text, prefix...)
	for start := 0; start < len(fractions); start += 8 {
		fraction := binary.LittleEndian.Uint64(fractions[start:])
		for place := 0; place < 6; place++ {
			var value uint64
			value, fraction = bits.Mul64(fraction, 62)
			text = append(text, digit(uint32(value)))
		}
	}
	hash := sha256.Sum256(text)
	checksum := checksumOf(hash)
	return Parse(string(append(text, checksum[:]...)))
}

// ID returns the public part of the key, by which a server finds the record.
func (k APIKey) ID() string {
	text := k.ExposeSecret()
	if text == "" {
		return ""
	}
	return text[4:16]
}

// Digest returns the digest, which a server stores in place of the key: 64 hexadecimal digits.
func (k APIKey) Digest() string {
	if k.reveal == nil {
		return ""
	}
	_, hash := k.reveal()
	digest := hexadecimal(hash)
	return string(digest[:])
}

// ExposeSecret returns the whole key, to send it. The caller keeps it out of logs and URLs.
func (k APIKey) ExposeSecret() string {
	if k.reveal == nil {
		return ""
	}
	text, _ := k.reveal()
	return text
}

// Equal compares two keys in constant time.
func (k APIKey) Equal(other APIKey) bool {
	return k.hasDigest(other.Digest())
}

// hasDigest returns whether the key has this digest. The zero value has none.
func (k APIKey) hasDigest(digest string) bool {
	if k.reveal == nil || len(digest) != 2*sha256.Size {
		return false
	}
	_, hash := k.reveal()
	own := hexadecimal(hash)
	var stored [2 * sha256.Size]byte
	copy(stored[:], digest)
	return subtle.ConstantTimeCompare(own[:], stored[:]) == 1
}

func (k APIKey) masked() string {
	return prefix + k.ID() + "***"
}

// String returns the part that may be shown.
func (k APIKey) String() string {
	return "APIKey(" + k.masked() + ")"
}

// GoString returns the same as String.
func (k APIKey) GoString() string {
	return k.String()
}

// Format writes the same as String, whatever the verb is.
func (k APIKey) Format(state fmt.State, _ rune) {
	format(state, k.String())
}

// MarshalText returns the part that may be shown, for encoding/json, log/slog and others.
func (k APIKey) MarshalText() ([]byte, error) {
	return []byte(k.masked()), nil
}

// AnyKey is a key of this version or of a later one, for clients that outlive the format (§17). If the version is later, only
// the prefix, the alphabet and a minimum length are checked. Like APIKey, it is not shown by printing and serialization.
type AnyKey struct {
	reveal func() string
}

// ParseAny reads a key leniently. The error is an InvalidKeyError.
func ParseAny(text string) (AnyKey, error) {
	switch {
	case !strings.HasPrefix(text, prefix):
		return AnyKey{}, InvalidKeyError{Kind: KeyPrefix}
	case len(text) < minLength:
		return AnyKey{}, InvalidKeyError{KeyLength, len(text)}
	}
	if index := firstInvalid(text); index < len(text) {
		return AnyKey{}, InvalidKeyError{KeyCharacter, index}
	}
	if len(text) == keyLength && text[hashedLength] < '5' {
		if _, err := hashOf(text); err != nil {
			return AnyKey{}, err
		}
	}
	text = strings.Clone(text)
	return AnyKey{func() string { return text }}, nil
}

// ParseAnyPasted repairs a text as ParsePasted does, and then reads a key as ParseAny does.
func ParseAnyPasted(text string) (AnyKey, error) {
	return ParseAny(repair(text))
}

// AnyFromEnv reads MEMORYKIT_API_KEY, as ParseAnyPasted does. The error is an EnvKeyError.
func AnyFromEnv() (AnyKey, error) {
	return readVariable(ParseAnyPasted)
}

// ExposeSecret returns the whole key, to send it. The caller keeps it out of logs and URLs.
func (k AnyKey) ExposeSecret() string {
	if k.reveal == nil {
		return ""
	}
	return k.reveal()
}

// Equal compares two keys in constant time.
func (k AnyKey) Equal(other AnyKey) bool {
	return k.reveal != nil && subtle.ConstantTimeCompare([]byte(k.ExposeSecret()), []byte(other.ExposeSecret())) == 1
}

// String returns the part that may be shown.
func (k AnyKey) String() string {
	return "AnyKey(ctx_***)"
}

// GoString returns the same as String.
func (k AnyKey) GoString() string {
	return k.String()
}

// Format writes the same as String, whatever the verb is.
func (k AnyKey) Format(state fmt.State, _ rune) {
	format(state, k.String())
}

// MarshalText returns the part that may be shown, for encoding/json, log/slog and others.
func (k AnyKey) MarshalText() ([]byte, error) {
	return []byte("ctx_***"), nil
}

// format writes a text with the width that the format requests.
func format(state fmt.State, text string) {
	width, isSet := state.Width()
	if !isSet {
		width = 0 // fmt may return the width of another argument
	}
	if state.Flag('-') {
		width = -width
	}
	fmt.Fprintf(state, "%*s", width, text)
}

// hashOf checks a key, and returns its hash (§4 and §6).
//
// No branch and no address depends on a character of the secret before a result is known.
func hashOf(text string) (hash [sha256.Size]byte, err error) {
	if !strings.HasPrefix(text, prefix) {
		return hash, InvalidKeyError{Kind: KeyPrefix}
	}
	if len(text) != keyLength {
		return hash, InvalidKeyError{KeyLength, len(text)}
	}
	if index := firstInvalid(text); index < keyLength {
		return hash, InvalidKeyError{KeyCharacter, index}
	}
	var bytes [keyLength]byte
	copy(bytes[:], text)
	hash = sha256.Sum256(bytes[:hashedLength])
	checksum := checksumOf(hash)
	if subtle.ConstantTimeCompare(bytes[hashedLength:], checksum[:]) == 0 {
		return hash, InvalidKeyError{Kind: KeyChecksum}
	}
	return hash, nil
}

// firstInvalid returns the index of the first byte after the prefix that is not a digit, or the length. It looks at all bytes.
func firstInvalid(text string) int {
	first := len(text)
	for index := len(text) - 1; index >= len(prefix); index-- {
		code := int32(text[index])
		letter := code | 32
		// The mask is -1 unless the code is a digit or a letter.
		mask := int(((code - '0') | ('9' - code)) & ((letter - 'a') | ('z' - letter)) >> 31)
		first = index&mask | first&^mask
	}
	return first
}

// digit returns the base-62 digit of a value (§3).
func digit(value uint32) byte {
	return byte(value + '0' + (9-value)>>31*7 + (35-value)>>31*6)
}

// checksumOf returns the checksum of the key with this hash.
func checksumOf(hash [sha256.Size]byte) (checksum [6]byte) {
	number := binary.BigEndian.Uint32(hash[:4])
	for place := len(checksum) - 1; place >= 0; place-- {
		checksum[place] = digit(number % 62)
		number /= 62
	}
	return checksum
}

// hexadecimal encodes a hash. The package encoding/hex would read a table at addresses that depend on the hash.
func hexadecimal(hash [sha256.Size]byte) (digits [2 * sha256.Size]byte) {
	for index := range digits {
		value := uint32(hash[index/2]) >> (4 - index%2*4) & 15
		digits[index] = byte(value + '0' + (9-value)>>31*39)
	}
	return digits
}

func readVariable[K any](parsePasted func(string) (K, error)) (none K, err error) {
	value := os.Getenv(variable)
	if strings.TrimFunc(value, isSpaceOrFormat) == "" {
		return none, EnvKeyError{Kind: EnvMissing}
	}
	if !utf8.ValidString(value) {
		return none, EnvKeyError{Kind: EnvNotUnicode}
	}
	key, err := parsePasted(value)
	if invalid, isInvalid := err.(InvalidKeyError); isInvalid {
		return none, EnvKeyError{EnvInvalid, invalid}
	}
	return key, nil
}

package ctxkey

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"math/rand"
	"reflect"
	"strings"
	"testing"
)

const (
	testKey  = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"
	otherKey = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW"
	redacted = "ctx_8aspm4G7VmSU***"
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

var (
	own   = parsed(testKey)
	other = parsed(otherKey)
)

// parsed returns the zero value if the text is not a key, so that a test fails and not the start of the program.
func parsed(text string) APIKey {
	key, _ := Parse(text)
	return key
}

func record(times ...*uint64) *KeyRecord[string] {
	record, err := NewKeyRecord(own.ID(), own.Digest(), "demo", ScopeRead)
	if err != nil {
		panic(err)
	}
	for index, field := range []**uint64{&record.NotBefore, &record.ExpiresAt, &record.RetiresAt, &record.RevokedAt} {
		if index < len(times) {
			*field = times[index]
		}
	}
	return record
}

// checksumModel computes the checksum of docs/key-format.md §4 with numbers of any size.
func checksumModel(hashed string) string {
	hash := sha256.Sum256([]byte(hashed))
	text := new(big.Int).SetBytes(hash[:4]).Text(62) // with 0-9a-zA-Z
	swapped := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, text)
	return fmt.Sprintf("%06s", swapped)
}

func withChecksum(part string) string {
	return prefix + part + checksumModel(prefix+part)
}

func randomDigits(random *rand.Rand, count int) string {
	digits := make([]byte, count)
	for index := range digits {
		digits[index] = alphabet[random.Intn(len(alphabet))]
	}
	return string(digits)
}

// shows returns whether a text contains eight consecutive characters of the secret part of the key.
func shows(text string) bool {
	secret := testKey[16:]
	for start := 0; start+8 <= len(secret); start++ {
		if strings.Contains(text, secret[start:start+8]) {
			return true
		}
	}
	return false
}

func equal(t *testing.T, what any, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Fatalf("%v is %#v, not %#v", what, found, expected)
	}
}

func reasonOf(err error) Reason {
	var denied Denied
	if !errors.As(err, &denied) {
		return ""
	}
	return denied.Reason
}

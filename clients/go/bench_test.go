package ctxkey

import (
	"crypto/sha256"
	"testing"
)

func BenchmarkSHA256(b *testing.B) {
	text := []byte(testKey[:hashedLength])
	for round := 0; round < b.N; round++ {
		sha256.Sum256(text)
	}
}

// BenchmarkVerify reads a key, and verifies it against its record and a scope.
func BenchmarkVerify(b *testing.B) {
	old := record()
	b.ReportAllocs()
	for round := 0; round < b.N; round++ {
		key, err := Parse(testKey)
		if err != nil {
			b.Fatal(err)
		}
		grant, err := old.Verify(key, 5)
		if err != nil || grant.Require(ScopeChatsRead) != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for round := 0; round < b.N; round++ {
		if _, err := Generate(); err != nil {
			b.Fatal(err)
		}
	}
}

// Command speed prints the nanoseconds to read a key and to verify it against its record and a scope, and those of one SHA-256.
package main

import (
	"crypto/sha256"
	"fmt"
	"log"
	"time"

	"example.com/memorykit/ctxkey"
)

const (
	text  = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"
	count = 100_000
)

// measure returns the time of a call in nanoseconds, in the fastest of ten rounds.
func measure(call func()) float64 {
	best := time.Hour
	for round := 0; round < 10; round++ {
		start := time.Now()
		for number := 0; number < count; number++ {
			call()
		}
		if took := time.Since(start); took < best {
			best = took
		}
	}
	return float64(best.Nanoseconds()) / count
}

func main() {
	key, err := ctxkey.Parse(text)
	if err != nil {
		log.Fatal(err)
	}
	record, err := ctxkey.NewKeyRecord(key.ID(), key.Digest(), "demo", ctxkey.ScopeRead)
	if err != nil {
		log.Fatal(err)
	}
	hashed := []byte(text[:46])
	sha := measure(func() { sha256.Sum256(hashed) })
	verification := measure(func() {
		key, err := ctxkey.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		grant, err := record.Verify(key, 5)
		if err != nil || grant.Require(ctxkey.ScopeChatsRead) != nil {
			log.Fatal("refused")
		}
	})
	fmt.Printf("{\"verification\": %.1f, \"sha256\": %.1f}\n", verification, sha)
}

package ctxkey_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"example.com/memorykit/ctxkey"
)

const text = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"

func ExampleParsePasted() {
	key, err := ctxkey.ParsePasted("export MEMORYKIT_API_KEY='" + text + "'\n")
	fmt.Println(key, key.ID(), err)

	_, err = ctxkey.ParsePasted("ctx_your_api_key_here")
	fmt.Println(err)
	var invalid ctxkey.InvalidKeyError
	fmt.Println(errors.As(err, &invalid), invalid.Kind, invalid.Detail)
	// Output:
	// APIKey(ctx_8aspm4G7VmSU***) 8aspm4G7VmSU <nil>
	// an API key is 52 bytes long, not 21: it was cut off or is a placeholder; copy the whole key
	// true length 21
}

func ExampleGenerate() {
	key, err := ctxkey.Generate()
	if err != nil {
		log.Fatal(err)
	}
	// Show key.ExposeSecret() once, and store the record, which holds no secret.
	record, err := ctxkey.NewKeyRecord(key.ID(), key.Digest(), "demo", ctxkey.ScopeRead|ctxkey.ScopeChatsWrite)
	if err != nil {
		log.Fatal(err)
	}
	grant, err := record.Verify(key, ctxkey.UnixNow())
	fmt.Println(grant.Project, grant.Scopes, err)
	// Output: demo memories:read chats:read chats:write users:read <nil>
}

func ExampleBearer() {
	_, err := ctxkey.Bearer([]string{"Bearer ctx_your_api_key_here"})
	var denied ctxkey.Denied
	if errors.As(err, &denied) {
		fmt.Println(denied.Status(), denied)
		fmt.Println(denied.Challenge("MemoryKit"))
	}
	// Output:
	// 401 the API key is not well-formed: copy the whole key, and nothing else
	// Bearer realm="MemoryKit", error="invalid_token"
}

func ExampleKeyRecord_Rotate() {
	old, _ := ctxkey.Parse(text)
	record, _ := ctxkey.NewKeyRecord(old.ID(), old.Digest(), "demo", ctxkey.ScopeRead)
	next, err := ctxkey.Generate()
	if err != nil {
		log.Fatal(err)
	}
	// Both keys are valid for an hour. Store both records in one transaction.
	successor, err := record.Rotate(next, 1_800_000_000, 3600)
	fmt.Println(*record.RetiresAt, successor.Project, err)
	fmt.Println(record.State(1_800_003_600), successor.State(1_800_003_600))
	// Output:
	// 1800003600 demo <nil>
	// Retired Active
}

func ExampleParseScopeList() {
	scopes, err := ctxkey.ParseScopeList("memories:read, chats:write")
	fmt.Println(scopes, err)
	_, err = ctxkey.ParseScopeList("memories:read, chat:write")
	fmt.Println(err)
	// Output:
	// memories:read chats:write <nil>
	// unknown scope at bytes 15..25; did you mean `chats:write`?
}

func ExampleRedactString() {
	fmt.Println(ctxkey.RedactString("token=" + text + " ok"))
	// Output: token=ctx_8aspm4G7VmSU*** ok
}

func ExampleRedactingWriter() {
	logger := log.New(ctxkey.NewRedactingWriter(os.Stdout), "", 0)
	logger.Printf("refused: %s", text)
	// Output: refused: ctx_8aspm4G7VmSU***
}

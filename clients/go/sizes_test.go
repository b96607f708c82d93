package ctxkey

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestThePackageDoesNotGrowWithoutNotice limits the size of the sources that a program compiles.
func TestThePackageDoesNotGrowWithoutNotice(t *testing.T) {
	if testing.Short() {
		t.Skip("only without -short")
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names, size := "", 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names += file + " "
		size += len(text)
	}
	equal(t, "the files", names, "ctxkey.go denied.go leaks.go record.go repair.go scope.go ")
	if size > 36_000 {
		t.Fatalf("the package has %d bytes", size)
	}
	module, err := os.ReadFile("go.mod")
	equal(t, "dependencies", []any{strings.Contains(string(module), "require"), err}, []any{false, nil})
}

package ctxkey

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// build compiles the example of README.md with this name, as a program of another module, and returns the path of the program.
func build(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(readme), "```go\n// "+name+"\n")
	code, _, isFound := strings.Cut(after, "```")
	equal(t, name, isFound, true)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	const path = "example.com/memorykit/ctxkey"
	module := fmt.Sprintf("module example\ngo 1.19\nrequire %s v0.0.0\nreplace %s => %s\n", path, path, here)
	for file, text := range map[string]string{name: code, "go.mod": module} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, arguments := range [][]string{{"vet"}, {"build", "-o", "program"}} {
		command := exec.Command("go", arguments...)
		command.Dir = folder
		if printed, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", name, printed)
		}
	}
	return filepath.Join(folder, "program")
}

func TestTheExamplesAreAServerAndItsClient(t *testing.T) {
	if testing.Short() {
		t.Skip("only without -short")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command(build(t, "server.go"))
	server.Env = append(os.Environ(), "PORT="+port)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	url := "http://" + address
	get := func(authorization ...string) []any {
		request, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header["Authorization"] = authorization
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return []any{err.Error()}
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return []any{response.StatusCode, response.Header.Get("WWW-Authenticate"), string(body)}
	}
	for attempt := 0; len(get()) == 1 && attempt < 600; attempt++ {
		time.Sleep(100 * time.Millisecond)
	}
	const notValid = "the API key is not valid: it is unknown, revoked or outside its validity period"
	equal(t, "no key", get(), []any{401, `Bearer realm="MemoryKit"`, "an API key is required: send it as `Authorization: Bearer <key>`"})
	equal(t, "another key", get("Bearer "+otherKey), []any{401, `Bearer realm="MemoryKit", error="invalid_token"`, notValid})
	equal(t, "two keys", get("Bearer "+testKey, "Bearer "+testKey)[0], 400)
	equal(t, "the key", get("bearer "+testKey), []any{200, "", "hello, demo"})

	client := build(t, "client.go")
	run := func(key string) (string, string, error) {
		command := exec.Command(client)
		command.Env = append(os.Environ(), "MEMORYKIT_API_KEY="+key, "MEMORYKIT_URL="+url)
		var errorText strings.Builder
		command.Stderr = &errorText
		printed, err := command.Output()
		return string(printed), errorText.String(), err
	}
	printed, _, err := run("'" + testKey + "'\n")
	equal(t, "the client", []any{printed, err}, []any{"200 hello, demo <nil>\n", nil})
	_, text, err := run("ctx_your_api_key_here")
	var exit *exec.ExitError
	equal(t, "a refused key", errors.As(err, &exit), true)
	equal(t, "its message", strings.Contains(text, "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21"), true)
}

package ctxkey

import (
	"bytes"
	"io"
	"strings"
)

// Find returns the byte ranges of the keys in a text, each as start and end. Keys are recognised by their
// checksums (§16).
func Find(text []byte) [][2]int {
	found := [][2]int{}
	for start := 0; ; start++ {
		next := bytes.Index(text[start:], []byte(prefix))
		if next < 0 {
			return found
		}
		start += next
		end := start + keyLength
		if end > len(text) {
			return found
		}
		if _, err := hashOf(string(text[start:end])); err == nil {
			found = append(found, [2]int{start, end})
		}
	}
}

// Redact redacts the keys in a text, and parts that may be keys (§16). Every other byte stays as it is.
func Redact(text []byte) []byte {
	var state redaction
	return state.end(state.write(make([]byte, 0, len(text)), text))
}

// RedactString redacts the keys in a string, as Redact does in bytes.
func RedactString(text string) string {
	if !strings.Contains(text, prefix) {
		return text
	}
	return string(Redact([]byte(text)))
}

// RedactingWriter redacts what is written to it, even keys that are split between two calls of Write. It is for log.SetOutput
// and the handlers of log/slog. Like most writers, it is not safe for concurrent use. These loggers call it under a lock.
//
// At the end of a text, call Flush: the writer holds back up to 17 letters and digits that can belong to a key. Flushes
// in a key show at most ctx_ and 29 digits. For another text, create another writer.
type RedactingWriter struct {
	output io.Writer
	state  redaction
	// pending is redacted text that the output has not accepted.
	pending []byte
}

// NewRedactingWriter returns a writer that writes to output.
func NewRedactingWriter(output io.Writer) *RedactingWriter {
	return &RedactingWriter{output: output}
}

// Write writes a text without the secrets of its keys. After an error of the output, the count is the number of bytes that were
// taken: write the rest of the text, text[count:], and no byte is lost or repeated.
func (w *RedactingWriter) Write(text []byte) (int, error) {
	if err := w.drain(); err != nil {
		return 0, err
	}
	before := w.state
	w.pending = w.state.write(nil, text)
	length := len(w.pending)
	err := w.drain()
	if err == nil {
		return len(text), nil
	}
	// Takes only the bytes that the output accepted. The rest of what the last one adds stays pending.
	accepted, taken := length-len(w.pending), 0
	w.state, w.pending = before, nil
	for ; len(w.pending) < accepted; taken++ {
		w.pending = w.state.write(w.pending, text[taken:taken+1])
	}
	w.pending = w.pending[accepted:]
	return taken, err
}

// Flush writes the letters and digits that were held back, which are too few for a key. If the key goes on, the
// rest of it is redacted. After an error, call it again.
func (w *RedactingWriter) Flush() error {
	w.pending = w.state.end(w.pending)
	return w.drain()
}

// drain writes what is pending. It calls the output only if there is something to write.
func (w *RedactingWriter) drain() error {
	if len(w.pending) == 0 {
		return nil
	}
	count, err := w.output.Write(w.pending)
	if count > 0 {
		w.pending = w.pending[smallest(count, len(w.pending)):]
	}
	if err == nil && len(w.pending) > 0 {
		err = io.ErrShortWrite
	}
	return err
}

// redaction reads a text byte by byte. After a prefix, it counts the digits of base 62. The first 12 are written, and the
// next 17 are held. If there is a 30th, "***" replaces it, the held digits and all that follow.
type redaction struct {
	last    [3]byte
	inKey   bool
	digits  int
	held    [17]byte
	heldLen int
}

func (s *redaction) write(redacted, text []byte) []byte {
	for _, next := range text {
		isDigit := isAlphanumeric(next)
		switch {
		case !s.inKey || !isDigit:
			redacted = append(s.end(redacted), next)
			s.inKey = next == '_' && string(s.last[:]) == "ctx"
			s.digits = 0
		case s.digits < 12:
			redacted = append(redacted, next)
			s.digits++
		case s.digits < 29:
			s.held[s.heldLen] = next
			s.heldLen++
			s.digits++
		case s.digits == 29:
			redacted = append(redacted, "***"...)
			s.heldLen = 0
			s.digits++
		}
		s.last = [3]byte{s.last[1], s.last[2], next}
	}
	return redacted
}

// end appends the digits that are held.
func (s *redaction) end(redacted []byte) []byte {
	redacted = append(redacted, s.held[:s.heldLen]...)
	s.heldLen = 0
	return redacted
}

func isAlphanumeric(code byte) bool {
	return code >= '0' && code <= '9' || code >= 'A' && code <= 'Z' || code >= 'a' && code <= 'z'
}

// Runs the lines of examples/vector_lines.rs from the standard input, through cgo, and prints the number that agree.
package main

// #cgo pkg-config: ctx-key
// #include <ctx_key.h>
// #include <stdlib.h>
import "C"

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"unsafe"
)

const (
	key   = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"
	other = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW"
)

// The remaining fields of a line.
type fields struct {
	line string
	rest []string
}

func (f *fields) text() string {
	text := f.rest[0]
	f.rest = f.rest[1:]
	return text
}

func (f *fields) number() uint64 {
	number, err := strconv.ParseUint(f.text(), 10, 64)
	f.expect(err == nil, "a number")
	return number
}

func (f *fields) bits() C.uint32_t {
	return C.uint32_t(f.number())
}

func (f *fields) bytes() []byte {
	bytes, err := hex.DecodeString(f.text()[1:])
	f.expect(err == nil, "bytes")
	return bytes
}

func (f *fields) time() C.ctx_key_time {
	if f.rest[0] == "-" {
		f.text()
		return C.ctx_key_time{}
	}
	return C.ctx_key_time{secs: C.uint64_t(f.number()), is_set: 1}
}

func (f *fields) record() C.ctx_key_record {
	var record C.ctx_key_record
	key := f.parse(key)
	f.expect(C.ctx_key_record_new(&key, C.CTX_KEY_READ, &record) == C.CTX_KEY_OK, "a record")
	record.not_before, record.expires_at, record.retires_at, record.revoked_at = f.time(), f.time(), f.time(), f.time()
	return record
}

func (f *fields) presented() C.ctx_key {
	if f.text() == "1" {
		return f.parse(key)
	}
	return f.parse(other)
}

func (f *fields) parse(text string) C.ctx_key {
	var parsed C.ctx_key
	pointer, length := pointerTo([]byte(text))
	f.expect(C.ctx_key_parse(pointer, length, &parsed, nil) == C.CTX_KEY_OK, "a key")
	return parsed
}

func (f *fields) expect(agrees bool, what string) {
	if !agrees {
		log.Fatalf("%s: %s", what, f.line)
	}
}

func pointerTo(bytes []byte) (*C.char, C.size_t) {
	if len(bytes) == 0 {
		return nil, 0
	}
	return (*C.char)(unsafe.Pointer(&bytes[0])), C.size_t(len(bytes))
}

func label(result C.ctx_key_result) string {
	return C.GoString(C.ctx_key_label(C.int32_t(result)))
}

// Returns "-" if there is no key.
func text(result C.ctx_key_result, buffer []byte) string {
	if result != C.CTX_KEY_OK {
		return "-"
	}
	return C.GoString((*C.char)(unsafe.Pointer(&buffer[0])))
}

func id(key *C.ctx_key) string {
	buffer := make([]byte, C.CTX_KEY_ID_SIZE)
	pointer, size := pointerTo(buffer)
	return text(C.ctx_key_id(key, pointer, size), buffer)
}

func digest(key *C.ctx_key) string {
	buffer := make([]byte, C.CTX_KEY_DIGEST_TEXT_SIZE)
	pointer, size := pointerTo(buffer)
	return text(C.ctx_key_digest_text(key, pointer, size), buffer)
}

func (f *fields) check(kind string) {
	switch kind {
	case "key", "pasted":
		var key C.ctx_key
		var detail C.size_t
		var result C.ctx_key_result
		pointer, length := pointerTo(f.bytes())
		if kind == "key" {
			result = C.ctx_key_parse(pointer, length, &key, &detail)
		} else {
			result = C.ctx_key_parse_pasted(pointer, length, &key, &detail)
		}
		f.expect(label(result) == f.text(), "result")
		f.expect(uint64(detail) == f.number(), "detail")
		f.expect(id(&key) == f.text(), "id")
		f.expect(digest(&key) == f.text(), "digest")
		C.ctx_key_erase(&key)
		f.expect(id(&key) == "-", "erased")
	case "names":
		bits, expected := f.bits(), f.bytes()
		buffer := make([]byte, C.CTX_KEY_SCOPES_SIZE)
		pointer, size := pointerTo(buffer)
		f.expect(text(C.ctx_key_scopes_names(bits, pointer, size), buffer) == string(expected), "names")
	case "scopes", "scopes_list":
		var bits C.uint32_t
		var result C.ctx_key_result
		pointer, length := pointerTo(f.bytes())
		if kind == "scopes" {
			result = C.ctx_key_scopes_parse(pointer, length, &bits, nil)
		} else {
			result = C.ctx_key_scopes_parse_list(pointer, length, &bits, nil)
		}
		f.expect(label(result) == f.text(), "result")
		f.expect(bits == f.bits(), "bits")
	case "grants":
		granted, required := f.bits(), f.bits()
		f.expect(bool(C.ctx_key_scopes_grant(granted, required)) == (f.text() == "1"), "grants")
		f.expect(C.ctx_key_scopes_missing(granted, required) == f.bits(), "missing")
	case "bearer":
		status, error, expected := f.number(), f.text(), f.text()
		var key C.ctx_key
		// cgo does not allow a Go pointer to memory with Go pointers as an argument.
		count := int(f.number())
		size := C.size_t(unsafe.Sizeof(C.ctx_key_value{}))
		values := (*C.ctx_key_value)(C.calloc(C.size_t(count+1), size))
		for i := range unsafe.Slice(values, count) {
			value := f.bytes()
			unsafe.Slice(values, count)[i] = C.ctx_key_value{text: (*C.char)(C.CBytes(value)), len: C.size_t(len(value))}
		}
		result := C.ctx_key_bearer(values, C.size_t(count), &key)
		for _, value := range unsafe.Slice(values, count) {
			C.free(unsafe.Pointer(value.text))
		}
		C.free(unsafe.Pointer(values))
		f.expect(uint64(C.ctx_key_status(C.int32_t(result))) == status, "status")
		found := C.ctx_key_challenge_error(C.int32_t(result))
		f.expect(found == nil && error == "-" || found != nil && C.GoString(found) == error, "error")
		f.expect(id(&key) == expected, "id")
	case "verify":
		record, now, key := f.record(), C.uint64_t(f.number()), f.presented()
		var grant C.ctx_key_grant
		result := C.ctx_key_verify(&record, &key, now, &grant)
		f.expect(label(result) == f.text(), "result")
		f.expect(label(C.ctx_key_state(&record, now)) == f.text(), "state")
		f.expect(grant.expires_at == f.time(), "end")
		f.expect((C.ctx_key_require(&grant, C.CTX_KEY_READ, nil) == C.CTX_KEY_OK) == (result == C.CTX_KEY_OK), "require")
	case "changes":
		record, after := f.record(), f.record()
		for count := f.number(); count > 0; count-- {
			var result C.ctx_key_result
			if f.text() == "revoke" {
				result = C.ctx_key_revoke(&record, C.uint64_t(f.number()))
			} else {
				result = C.ctx_key_retire_at(&record, C.uint64_t(f.number()))
			}
			f.expect(result == C.CTX_KEY_OK, "change")
		}
		f.expect(record == after, "record")
	case "rotate":
		var made C.ctx_key_record
		old, now, overlap, key := f.record(), C.uint64_t(f.number()), C.uint64_t(f.number()), f.presented()
		result := C.ctx_key_rotate(&old, &key, now, overlap, &made)
		f.expect(label(result) == f.text(), "result")
		f.expect(old == f.record(), "old")
		expected := f.record()
		if result == C.CTX_KEY_OK {
			C.ctx_key_id(&key, &expected.id[0], C.CTX_KEY_ID_SIZE)
			C.ctx_key_digest(&key, &expected.digest[0], C.CTX_KEY_DIGEST_LEN)
		} else {
			expected = C.ctx_key_record{}
		}
		f.expect(made == expected, "new")
	case "leaks":
		text, expected := f.bytes(), f.bytes()
		pointer, length := pointerTo(text)
		redacted := make([]byte, len(text)+1)
		var written, count C.size_t
		buffer, capacity := pointerTo(redacted)
		f.expect(C.ctx_key_redact(pointer, length, buffer, capacity, &written) == C.CTX_KEY_OK, "redact")
		f.expect(string(redacted[:written]) == string(expected), "redacted")
		var found [16]C.ctx_key_range
		f.expect(C.ctx_key_find(pointer, length, &found[0], 16, &count) == C.CTX_KEY_OK, "find")
		f.expect(uint64(count) == f.number() && int(count) == len(f.rest), "count")
		for _, find := range found[:count] {
			f.expect(uint64(find.start) == f.number() && find.end == find.start+52, "find")
		}
	default:
		f.expect(false, "no such kind")
	}
	f.expect(len(f.rest) == 0 || f.rest[0] == "", "too many fields")
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<17)
	count := 0
	for ; lines.Scan(); count++ {
		f := fields{lines.Text(), strings.Split(lines.Text(), " ")}
		f.check(f.text())
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(count, "cases agree")
}

package ctxkey

import "strings"

// Reason is the stable label of the reason for a refusal. It is for logs and metrics, not for the client.
type Reason string

// The reasons for a refusal, in the order of their checks.
const (
	ReasonMissingCredentials Reason = "missing_credentials"
	ReasonMalformedHeader    Reason = "malformed_header"
	ReasonKeyPrefix          Reason = "key_prefix"
	ReasonKeyLength          Reason = "key_length"
	ReasonKeyCharacter       Reason = "key_character"
	ReasonKeyChecksum        Reason = "key_checksum"
	ReasonUnknownKey         Reason = "unknown_key"
	ReasonDigestMismatch     Reason = "digest_mismatch"
	ReasonRevoked            Reason = "revoked"
	ReasonExpired            Reason = "expired"
	ReasonRetired            Reason = "retired"
	ReasonNotYetValid        Reason = "not_yet_valid"
	ReasonMissingScope       Reason = "missing_scope"
)

// Denied is the refusal of a request (§14). The text of the error is public, and is the same for every key that is not valid.
type Denied struct {
	Reason Reason
	// Required are the scopes that the request requires, and Missing those that the key lacks. Both are empty unless Reason is
	// ReasonMissingScope.
	Required, Missing Scope
}

// UnknownKey returns the refusal for a key whose id is in no record.
func UnknownKey() Denied {
	return Denied{Reason: ReasonUnknownKey}
}

func (d Denied) Error() string {
	switch d.Reason {
	case ReasonMissingCredentials:
		return "an API key is required: send it as `Authorization: Bearer <key>`"
	case ReasonMalformedHeader:
		return "the Authorization header is malformed: send one, as `Bearer <key>`"
	case ReasonMissingScope:
		return "the API key lacks a scope that this request requires"
	case ReasonKeyPrefix, ReasonKeyLength, ReasonKeyCharacter, ReasonKeyChecksum:
		return "the API key is not well-formed: copy the whole key, and nothing else"
	}
	return "the API key is not valid: it is unknown, revoked or outside its validity period"
}

// Status returns the status code of the response.
func (d Denied) Status() int {
	switch d.Reason {
	case ReasonMalformedHeader:
		return 400
	case ReasonMissingScope:
		return 403
	}
	return 401
}

// Code returns the error code of the challenge. It is empty for a request without credentials.
func (d Denied) Code() string {
	switch d.Reason {
	case ReasonMissingCredentials:
		return ""
	case ReasonMalformedHeader:
		return "invalid_request"
	case ReasonMissingScope:
		return "insufficient_scope"
	}
	return "invalid_token"
}

// Challenge returns the value of the response's WWW-Authenticate header.
func (d Denied) Challenge(realm string) string {
	var challenge strings.Builder
	challenge.WriteString(`Bearer realm="`)
	for _, r := range realm {
		switch {
		case r < ' ' || r > '~':
			r = '?'
		case r == '"' || r == '\\':
			challenge.WriteByte('\\')
		}
		challenge.WriteRune(r)
	}
	challenge.WriteByte('"')
	if code := d.Code(); code != "" {
		challenge.WriteString(`, error="` + code + `"`)
	}
	if scope := d.Required.String(); scope != "" {
		challenge.WriteString(`, scope="` + scope + `"`)
	}
	return challenge.String()
}

// Bearer reads the key from all Authorization values of a request (§14). Pass request.Header.Values("Authorization"), because
// Get hides that there were several. The error is a Denied.
func Bearer(values []string) (APIKey, error) {
	if len(values) == 0 {
		return APIKey{}, Denied{Reason: ReasonMissingCredentials}
	}
	if len(values) > 1 {
		return APIKey{}, Denied{Reason: ReasonMalformedHeader}
	}
	value := strings.Trim(values[0], " \t")
	scheme := value
	if end := strings.IndexAny(value, " \t,"); end >= 0 {
		scheme = value[:end]
	}
	if len(scheme) != len("bearer") || lower(scheme) != "bearer" {
		return APIKey{}, Denied{Reason: ReasonMissingCredentials}
	}
	token := strings.TrimLeft(value[len(scheme):], " ")
	if len(value) > 8192 || token == "" || strings.ContainsAny(token, " \t,") {
		return APIKey{}, Denied{Reason: ReasonMalformedHeader}
	}
	key, err := Parse(token)
	if invalid, isInvalid := err.(InvalidKeyError); isInvalid {
		return APIKey{}, Denied{Reason: Reason("key_" + invalid.Kind)}
	}
	return key, nil
}

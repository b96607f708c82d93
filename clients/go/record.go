package ctxkey

import (
	"errors"
	"math"
	"strings"
	"time"
)

// MaxTime is the latest time in seconds since 1970. It also stands for an unknown time.
const MaxTime uint64 = math.MaxUint64

// UnixNow returns the time in seconds since 1970, or MaxTime if the clock is before 1970.
func UnixNow() uint64 {
	return unixSecs(time.Now())
}

func unixSecs(now time.Time) uint64 {
	if now.Unix() < 0 {
		return MaxTime
	}
	return uint64(now.Unix())
}

// At returns a time for a field of a KeyRecord, in which nil is an absent time.
func At(secs uint64) *uint64 {
	return &secs
}

// KeyState is the state of a record at a time, for lists and dashboards.
type KeyState string

// The states of a record.
const (
	StateActive      KeyState = "Active"
	StateNotYetValid KeyState = "NotYetValid"
	StateRetired     KeyState = "Retired"
	StateExpired     KeyState = "Expired"
	StateRevoked     KeyState = "Revoked"
)

// RotateErrorKind is the kind of a RotateError.
type RotateErrorKind string

// The reasons why a record can't be rotated.
const (
	RotateSameKey     RotateErrorKind = "SameKey"
	RotateRevoked     RotateErrorKind = "Revoked"
	RotateExpired     RotateErrorKind = "Expired"
	RotateRetired     RotateErrorKind = "Retired"
	RotateUnknownTime RotateErrorKind = "UnknownTime"
)

// RotateError is the error of KeyRecord.Rotate.
type RotateError struct {
	Kind RotateErrorKind
}

func (e RotateError) Error() string {
	switch e.Kind {
	case RotateSameKey:
		return "the new key has the id of the old one; generate another key"
	case RotateRevoked:
		return "a revoked key cannot be rotated; create a new key"
	case RotateExpired:
		return "an expired key cannot be rotated; create a new key"
	case RotateRetired:
		return "a retired key cannot be rotated; rotate its successor"
	}
	return "the time is unknown, so the overlap would never end; check the system clock"
}

// Grant is the project and the scopes of a verified key.
type Grant[P any] struct {
	KeyID   string
	Project P
	Scopes  Scope
	// ExpiresAt is the earlier of the record's ExpiresAt and RetiresAt. If you keep a grant, do not use it after this time.
	ExpiresAt *uint64
}

// Require returns an error unless the key has all required scopes. At least one must be required. The error is a Denied.
func (g Grant[P]) Require(required Scope) error {
	if !g.Scopes.Grants(required) {
		return Denied{ReasonMissingScope, required, g.Scopes.Missing(required)}
	}
	return nil
}

// KeyRecord is the record that a server stores for a key (§15). It holds no secret. Times are seconds since 1970.
type KeyRecord[P any] struct {
	ID string
	// Digest is 64 hexadecimal digits in lower case.
	Digest  string
	Project P
	Scopes  Scope
	// NotBefore is the time from which the key is valid.
	NotBefore *uint64
	// ExpiresAt is the expiry that the owner set. The key is not valid from this time on.
	ExpiresAt *uint64
	// RetiresAt is the end of the overlap after a rotation. The key is not valid from this time on.
	RetiresAt *uint64
	// RevokedAt is the time of the revocation, for the audit. If it is set, the key is always refused.
	RevokedAt *uint64
}

// NewKeyRecord creates the record of a key from its id and its digest. It checks both, and no error contains their text.
func NewKeyRecord[P any](id, digest string, project P, scopes Scope) (*KeyRecord[P], error) {
	if len(id) != 12 || firstInvalid(prefix+id) < len(prefix+id) {
		return nil, errors.New("a key id is 12 letters and digits")
	}
	digest = lower(digest)
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return nil, errors.New("a digest is 64 hexadecimal digits")
	}
	return &KeyRecord[P]{ID: id, Digest: digest, Project: project, Scopes: scopes}, nil
}

// Verify checks that key is the key of this record, and that it is valid at now. The error is a Denied.
func (r *KeyRecord[P]) Verify(key APIKey, now uint64) (Grant[P], error) {
	if !key.hasDigest(r.Digest) {
		return Grant[P]{}, Denied{Reason: ReasonDigestMismatch}
	}
	switch r.State(now) {
	case StateRevoked:
		return Grant[P]{}, Denied{Reason: ReasonRevoked}
	case StateExpired:
		return Grant[P]{}, Denied{Reason: ReasonExpired}
	case StateRetired:
		return Grant[P]{}, Denied{Reason: ReasonRetired}
	case StateNotYetValid:
		return Grant[P]{}, Denied{Reason: ReasonNotYetValid}
	}
	return Grant[P]{key.ID(), r.Project, r.Scopes & knownBits, earlier(r.ExpiresAt, r.RetiresAt)}, nil
}

// State returns the state of the key at now.
func (r *KeyRecord[P]) State(now uint64) KeyState {
	switch {
	case r.RevokedAt != nil:
		return StateRevoked
	case r.ExpiresAt != nil && *r.ExpiresAt <= now:
		return StateExpired
	case r.RetiresAt != nil && *r.RetiresAt <= now:
		return StateRetired
	case r.NotBefore != nil && (now < *r.NotBefore || now == MaxTime):
		return StateNotYetValid
	}
	return StateActive
}

// RetireAt schedules the end of the overlap. An earlier end is kept.
func (r *KeyRecord[P]) RetireAt(secs uint64) {
	r.RetiresAt = earlier(r.RetiresAt, &secs)
}

// Revoke revokes the key, at once and permanently. An earlier time is kept.
func (r *KeyRecord[P]) Revoke(secs uint64) {
	r.RevokedAt = earlier(r.RevokedAt, &secs)
}

// Rotate returns the record of the next key, and retires this key overlapSecs seconds after now. Store both records in one
// transaction. The error is a RotateError, or that of NewKeyRecord for the zero value of a key. On an error, nothing changes.
func (r *KeyRecord[P]) Rotate(next APIKey, now, overlapSecs uint64) (*KeyRecord[P], error) {
	if next.ID() == r.ID {
		return nil, RotateError{RotateSameKey}
	}
	switch r.State(now) {
	case StateRevoked:
		return nil, RotateError{RotateRevoked}
	case StateExpired:
		return nil, RotateError{RotateExpired}
	case StateRetired:
		return nil, RotateError{RotateRetired}
	}
	if now == MaxTime {
		return nil, RotateError{RotateUnknownTime}
	}
	successor, err := NewKeyRecord(next.ID(), next.Digest(), r.Project, r.Scopes)
	if err != nil {
		return nil, err
	}
	successor.NotBefore, successor.ExpiresAt = earlier(r.NotBefore, nil), earlier(r.ExpiresAt, nil)
	end := now + overlapSecs
	if end < now {
		end = MaxTime
	}
	r.RetireAt(end)
	return successor, nil
}

// earlier returns the earlier of two times, as a copy. An absent time counts as later than any other.
func earlier(one, two *uint64) *uint64 {
	if one == nil || two != nil && *two < *one {
		one = two
	}
	if one == nil {
		return nil
	}
	return At(*one)
}

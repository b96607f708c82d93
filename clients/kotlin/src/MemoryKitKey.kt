/**
 * MemoryKit API keys: generate, read, verify and redact them.
 *
 * The whole package is this file. It needs only Java 8 and Kotlin's standard library. The contract is docs/key-format.md of the
 * repository; a § in a comment refers to a section of it.
 */
@file:JvmName("MemoryKitKeys")

package io.memorykit.key

import java.io.Serializable
import java.security.MessageDigest
import java.security.SecureRandom
import java.util.logging.Formatter
import java.util.logging.LogRecord

private const val VARIABLE = "MEMORYKIT_API_KEY"
private const val PREFIX = "ctx_"
private const val LENGTH = 52
private const val HASHED_LENGTH = 46 // prefix, id and secret
private const val MIN_LENGTH = 34 // of the shortest text that is redacted

/** Exception for a text that is not a key. It holds a length or an index, and never a character. */
public class InvalidKeyException internal constructor(
    public val kind: Kind,
    /** The length or the index in bytes, or null for the other kinds. */
    public val detail: Int? = null,
) : IllegalArgumentException(message(kind, detail)) {
    /** The check that failed. */
    public enum class Kind { Prefix, Length, Character, Checksum }

    private companion object {
        fun message(kind: Kind, detail: Int?): String = when (kind) {
            Kind.Prefix -> "an API key starts with `ctx_`: copy the whole key, without anything around it"
            Kind.Character ->
                "the byte at index $detail of the API key is not one of 0-9, A-Z and a-z; copy the key again"
            Kind.Checksum -> "the checksum of the API key is wrong: a character was changed; copy the key again"
            Kind.Length -> "an API key is $LENGTH bytes long, not $detail: " + if (detail != null && detail < LENGTH) {
                "it was cut off or is a placeholder; copy the whole key"
            } else {
                "something was added, or a character is not plain ASCII; copy the key again, without anything around it"
            }
        }
    }
}

/** Exception of `fromEnv`. Its message says what to do, and never repeats the value. */
public class EnvKeyException internal constructor(
    public val kind: Kind,
    /** The reason why the value is not a key, or null for the other kinds. */
    override val cause: InvalidKeyException? = null,
) : IllegalArgumentException(message(kind, cause)) {
    /** The mistake in the environment. */
    public enum class Kind { Missing, NotUnicode, Invalid }

    private companion object {
        fun message(kind: Kind, cause: InvalidKeyException?): String = VARIABLE + when (kind) {
            Kind.Missing -> " is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
            Kind.NotUnicode -> " is not Unicode text; set it to a key from the dashboard"
            Kind.Invalid -> " does not hold an API key: ${cause?.message}"
        }
    }
}

/**
 * A well-formed key of version 1. Only a server's record shows that it was issued.
 *
 * Its fields are transient, so that serializers and dumps by reflection leave them out.
 */
public class ApiKey private constructor(
    @Transient private val text: String,
    @Transient private val hash: ByteArray,
) {
    /** The public part of the key, by which a server finds the record. */
    public val id: String
        get() = text.substring(4, 16)

    /** The digest, which a server stores in place of the key: 64 hexadecimal digits. */
    public val digest: String
        get() = hexadecimal(hash)

    /** Returns the whole key, to send it. The caller keeps it out of logs and URLs. */
    public fun exposeSecret(): String = text

    /** Compares in constant time. */
    override fun equals(other: Any?): Boolean = other is ApiKey && other.hasHash(hash)

    internal fun hasHash(expected: ByteArray): Boolean = MessageDigest.isEqual(hash, expected)

    override fun hashCode(): Int = id.hashCode()

    override fun toString(): String = "ApiKey(ctx_$id***)"

    public companion object {
        /** Reads a key, without repairing anything. A lone surrogate counts as three bytes. */
        @JvmStatic
        @Throws(InvalidKeyException::class)
        public fun parse(text: String): ApiKey = parse(utf8(text))

        /** Reads a key, without repairing anything. */
        @JvmStatic
        @Throws(InvalidKeyException::class)
        public fun parse(text: ByteArray): ApiKey {
            val own = text.copyOf()
            val hash = hashOf(own)
            return ApiKey(String(own, Charsets.US_ASCII), hash)
        }

        /** Reads a key that a person pasted, without the quotes, names and white space around it (§7). */
        @JvmStatic
        @Throws(InvalidKeyException::class)
        public fun parsePasted(text: String): ApiKey = parse(repair(text))

        /** Reads `MEMORYKIT_API_KEY`, as [parsePasted] does. */
        @JvmStatic
        @JvmOverloads
        @Throws(EnvKeyException::class)
        public fun fromEnv(environment: Map<String, String> = System.getenv()): ApiKey =
            readVariable(environment, ::parsePasted)

        /** Creates a key from 56 bytes of the generator (§5). Throws what the generator throws. */
        @JvmStatic
        @JvmOverloads
        public fun generate(random: SecureRandom = SecureRandom()): ApiKey {
            val fractions = ByteArray(7 * 8)
            random.nextBytes(fractions)
            val text = PREFIX.toByteArray(Charsets.US_ASCII).copyOf(LENGTH)
            for (group in 0..6) {
                var fraction = 0L
                for (place in 7 downTo 0) fraction = fraction shl 8 or (fractions[group * 8 + place].toLong() and 255)
                for (place in 0..5) {
                    // This is the upper half of the product with 62, computed in two parts that do not overflow.
                    val low = (fraction and 0xffffffff) * 62
                    val high = (fraction ushr 32) * 62 + (low ushr 32)
                    text[PREFIX.length + group * 6 + place] = digit((high ushr 32).toInt())
                    fraction *= 62
                }
            }
            val hash = sha256(text)
            checksumOf(hash).copyInto(text, HASHED_LENGTH)
            return ApiKey(String(text, Charsets.US_ASCII), hash)
        }
    }
}

/**
 * A key of this version or of a later one, for clients that outlive the format (§17). If the version is later, only the
 * prefix, the alphabet and a minimum length are checked.
 */
public class AnyKey private constructor(@Transient private val text: String) {
    /** Returns the whole key, to send it. The caller keeps it out of logs and URLs. */
    public fun exposeSecret(): String = text

    /** Compares in constant time. */
    override fun equals(other: Any?): Boolean =
        other is AnyKey && MessageDigest.isEqual(text.toByteArray(Charsets.US_ASCII), other.text.toByteArray(Charsets.US_ASCII))

    override fun hashCode(): Int = text.length

    override fun toString(): String = "AnyKey(ctx_***)"

    public companion object {
        /** Reads a key leniently (§17). A lone surrogate counts as three bytes. */
        @JvmStatic
        @Throws(InvalidKeyException::class)
        public fun parse(text: String): AnyKey = parse(utf8(text))

        /** Reads a key leniently (§17). */
        @JvmStatic
        @Throws(InvalidKeyException::class)
        public fun parse(text: ByteArray): AnyKey {
            val own = text.copyOf()
            if (!hasPrefix(own)) throw InvalidKeyException(InvalidKeyException.Kind.Prefix)
            if (own.size < MIN_LENGTH) throw InvalidKeyException(InvalidKeyException.Kind.Length, own.size)
            val index = firstInvalid(own)
            if (index < own.size) throw InvalidKeyException(InvalidKeyException.Kind.Character, index)
            if (own.size == LENGTH && own[HASHED_LENGTH] < '5'.code) hashOf(own)
            return AnyKey(String(own, Charsets.US_ASCII))
        }

        /** Repairs a text as [ApiKey.parsePasted] does, and then reads a key leniently. */
        @JvmStatic
        @Throws(InvalidKeyException::class)
        public fun parsePasted(text: String): AnyKey = parse(repair(text))

        /** Reads `MEMORYKIT_API_KEY`, as [parsePasted] does. */
        @JvmStatic
        @JvmOverloads
        @Throws(EnvKeyException::class)
        public fun fromEnv(environment: Map<String, String> = System.getenv()): AnyKey =
            readVariable(environment, ::parsePasted)
    }
}

/** Exception for a text with the name of a scope that does not exist. */
public class InvalidScopeException internal constructor(
    /** Range of the unknown name, in bytes. It is empty if a name is missing. */
    public val start: Int,
    public val end: Int,
    /** The scope that was probably meant. */
    public val suggestion: Scope?,
) : IllegalArgumentException(message(start, end, suggestion)) {
    private companion object {
        fun message(start: Int, end: Int, suggestion: Scope?): String = when {
            start == end -> "a scope name is missing at byte $start; separate names by one space, without spaces at the ends"
            suggestion != null -> "unknown scope at bytes $start..$end; did you mean `$suggestion`?"
            else -> "unknown scope at bytes $start..$end; the scopes are: ${SCOPE_NAMES.joinToString(" ")}"
        }
    }
}

private val SCOPE_NAMES =
    listOf("memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write")
private const val KNOWN_BITS = 63L

/**
 * A set of scopes (§13). A write scope does not imply the read scope.
 *
 * The constructor keeps unknown bits, but they are never granted. For stored bits, use [fromBits].
 */
public class Scope(
    /** The bits that a database stores. */
    public val bits: Long,
) : Serializable {
    init {
        require(bits in 0..0xffffffff) { "the bits of a scope are from 0 to 2^32 - 1" }
    }

    /** The names in the set, in the order of their bits. */
    public val names: List<String>
        get() = SCOPE_NAMES.filterIndexed { bit, _ -> bits shr bit and 1 == 1L }

    /** Returns the union of two sets. */
    public operator fun plus(other: Scope): Scope = Scope(bits or other.bits)

    /** Returns whether this set has all required scopes. At least one must be required. */
    public fun grants(required: Scope): Boolean = required.bits != 0L && missing(required).bits == 0L

    /** Returns the required scopes that this set lacks. */
    public fun missing(required: Scope): Scope = Scope(required.bits and (bits and KNOWN_BITS).inv())

    override fun equals(other: Any?): Boolean = other is Scope && bits == other.bits

    override fun hashCode(): Int = bits.hashCode()

    /** Returns the text form. */
    override fun toString(): String = names.joinToString(" ")

    public companion object {
        @JvmField public val MEMORIES_READ: Scope = Scope(1)

        @JvmField public val MEMORIES_WRITE: Scope = Scope(2)

        @JvmField public val CHATS_READ: Scope = Scope(4)

        @JvmField public val CHATS_WRITE: Scope = Scope(8)

        @JvmField public val USERS_READ: Scope = Scope(16)

        @JvmField public val USERS_WRITE: Scope = Scope(32)

        @JvmField public val READ: Scope = Scope(21)

        @JvmField public val WRITE: Scope = Scope(42)

        /** Reads stored bits. An unknown bit is an IllegalArgumentException. */
        @JvmStatic
        public fun fromBits(bits: Long): Scope {
            val scope = Scope(bits)
            require(bits <= KNOWN_BITS) { "unknown scope bits: deploy the readers of a new scope before its writers" }
            return scope
        }

        /** Reads names that are separated by exactly one space. */
        @JvmStatic
        @Throws(InvalidScopeException::class)
        public fun parse(text: String): Scope = if (text.isEmpty()) Scope(0) else union(text, false) { it == ' ' }

        /** Reads a list that a person typed: names that are separated by any number of commas and white space. */
        @JvmStatic
        @Throws(InvalidScopeException::class)
        public fun parseList(text: String): Scope = union(text, true) { it == ',' || isSpace(it) }
    }
}

/** Reason for a refusal. It is for logs and metrics, not for the client. */
public enum class Reason {
    MissingCredentials,
    MalformedHeader,
    KeyPrefix,
    KeyLength,
    KeyCharacter,
    KeyChecksum,
    UnknownKey,
    DigestMismatch,
    Revoked,
    Expired,
    Retired,
    NotYetValid,
    MissingScope,
    ;

    /** Stable label, such as `not_yet_valid`. */
    public val label: String = name.replace(Regex("(?<!^)[A-Z]"), "_$0").lowercase()
}

/** The refusal of a request (§14). Its message is public, and is the same for every key that is not valid. */
public class Denied @JvmOverloads constructor(
    public val reason: Reason,
    public val required: Scope = Scope(0),
    /** The required scopes that the key lacks. The set is empty for any other reason. */
    public val missing: Scope = Scope(0),
) : RuntimeException(message(reason)) {
    /** Status code of the response. */
    public val status: Int
        get() = when (reason) {
            Reason.MalformedHeader -> 400
            Reason.MissingScope -> 403
            else -> 401
        }

    /** Error code of the challenge, or null for a request without credentials. */
    public val error: String?
        get() = when (reason) {
            Reason.MissingCredentials -> null
            Reason.MalformedHeader -> "invalid_request"
            Reason.MissingScope -> "insufficient_scope"
            else -> "invalid_token"
        }

    /** Returns the value of the response's `WWW-Authenticate` header. */
    public fun challenge(realm: String): String {
        val challenge = StringBuilder("Bearer realm=\"")
        for (character in wellFormed(realm)) {
            when {
                character.isLowSurrogate() -> {} // the second half of a character
                character < ' ' || character > '~' -> challenge.append('?')
                character == '"' || character == '\\' -> challenge.append('\\').append(character)
                else -> challenge.append(character)
            }
        }
        challenge.append('"')
        error?.let { challenge.append(", error=\"").append(it).append('"') }
        if (required.names.isNotEmpty()) challenge.append(", scope=\"").append(required).append('"')
        return challenge.toString()
    }

    public companion object {
        /** Creates the refusal for a key whose id is in no record. */
        @JvmStatic
        public fun unknownKey(): Denied = Denied(Reason.UnknownKey)

        private fun message(reason: Reason): String = when (reason) {
            Reason.MissingCredentials -> "an API key is required: send it as `Authorization: Bearer <key>`"
            Reason.MalformedHeader -> "the Authorization header is malformed: send one, as `Bearer <key>`"
            Reason.MissingScope -> "the API key lacks a scope that this request requires"
            Reason.KeyPrefix, Reason.KeyLength, Reason.KeyCharacter, Reason.KeyChecksum ->
                "the API key is not well-formed: copy the whole key, and nothing else"
            else -> "the API key is not valid: it is unknown, revoked or outside its validity period"
        }
    }
}

/**
 * Reads the key from all `Authorization` values of a request (§14). Pass every value, because functions like `getHeader` hide
 * that there were several. A string is encoded as UTF-8.
 */
@Throws(Denied::class)
public fun bearer(values: Iterable<String>): ApiKey = bearerOf(values.map(::utf8))

/** Reads the key from all `Authorization` values in the same way. The values are bytes. */
@JvmName("bearerBytes")
@Throws(Denied::class)
public fun bearer(values: Iterable<ByteArray>): ApiKey = bearerOf(values.toList())

private fun bearerOf(values: List<ByteArray>): ApiKey {
    if (values.isEmpty()) throw Denied(Reason.MissingCredentials)
    if (values.size > 1) throw Denied(Reason.MalformedHeader)
    val value = String(values[0], Charsets.ISO_8859_1).trim { it == ' ' || it == '\t' }
    val next = value.getOrElse(6) { ' ' }
    if (!startsWithWord(value, "bearer") || next != ' ' && next != '\t' && next != ',') throw Denied(Reason.MissingCredentials)
    val token = value.substring(6).trimStart { it == ' ' }
    if (value.length > 8192 || token.isEmpty() || token.any { it == ' ' || it == '\t' || it == ',' }) {
        throw Denied(Reason.MalformedHeader)
    }
    val kind = try {
        return ApiKey.parse(token.toByteArray(Charsets.ISO_8859_1))
    } catch (invalid: InvalidKeyException) {
        invalid.kind
    }
    throw Denied(
        when (kind) {
            InvalidKeyException.Kind.Prefix -> Reason.KeyPrefix
            InvalidKeyException.Kind.Length -> Reason.KeyLength
            InvalidKeyException.Kind.Character -> Reason.KeyCharacter
            InvalidKeyException.Kind.Checksum -> Reason.KeyChecksum
        },
    )
}

/** A time in seconds since 1970, from 0 to 2^64 - 1. */
public class UnixTime private constructor(
    /** The seconds. Java sees them as an unsigned `long`. */
    @get:JvmName("unsignedSecs") public val secs: ULong,
) : Comparable<UnixTime> {
    override fun compareTo(other: UnixTime): Int = secs.compareTo(other.secs)

    override fun equals(other: Any?): Boolean = other is UnixTime && secs == other.secs

    override fun hashCode(): Int = secs.hashCode()

    /** Returns the seconds as a decimal number. */
    override fun toString(): String = secs.toString()

    public companion object {
        /** The latest time. It also stands for an unknown time. */
        @JvmField public val MAX: UnixTime = UnixTime(ULong.MAX_VALUE)

        /** Returns the time for the seconds in a database. A negative number is an IllegalArgumentException. */
        @JvmStatic
        public fun ofSecs(secs: Long): UnixTime {
            require(secs >= 0) { "a time is from 0 to 2^64 - 1 seconds since 1970" }
            return UnixTime(secs.toULong())
        }

        /** Returns the time for any number of seconds. */
        @JvmStatic
        @JvmName("ofUnsignedSecs")
        public fun ofSecs(secs: ULong): UnixTime = UnixTime(secs)

        /** Returns the current time, or [MAX] if the clock is before 1970. */
        @JvmStatic
        public fun now(): UnixTime = ofMillis(System.currentTimeMillis())

        internal fun ofMillis(millis: Long): UnixTime = if (millis < 0) MAX else ofSecs(millis / 1000)
    }
}

/** State of a record at a time, for lists and dashboards. */
public enum class KeyState { Active, NotYetValid, Retired, Expired, Revoked }

/** Exception of [KeyRecord.rotate]. */
public class RotateException internal constructor(public val kind: Kind) : IllegalStateException(message(kind)) {
    /** The reason why the record can't be rotated. */
    public enum class Kind { SameKey, Revoked, Expired, Retired, UnknownTime }

    private companion object {
        fun message(kind: Kind): String = when (kind) {
            Kind.SameKey -> "the new key has the id of the old one; generate another key"
            Kind.Revoked -> "a revoked key cannot be rotated; create a new key"
            Kind.Expired -> "an expired key cannot be rotated; create a new key"
            Kind.Retired -> "a retired key cannot be rotated; rotate its successor"
            Kind.UnknownTime -> "the time is unknown, so the overlap would never end; check the system clock"
        }
    }
}

/** The project and the scopes of a verified key. */
public data class Grant<P>(
    public val keyId: String,
    public val project: P,
    public val scopes: Scope,
    /** The earlier of the record's `expiresAt` and `retiresAt`. If you keep a grant, do not use it after this time. */
    public val expiresAt: UnixTime?,
) {
    /** Throws unless the key has all required scopes. At least one must be required. */
    @Throws(Denied::class)
    public fun require(required: Scope) {
        if (!scopes.grants(required)) throw Denied(Reason.MissingScope, required, scopes.missing(required))
    }
}

/** The record that a server stores for a key (§15). It holds no secret. */
public class KeyRecord<P> @JvmOverloads constructor(
    public val id: String,
    digest: String,
    public var project: P,
    public var scopes: Scope,
    /** Time from which the key is valid. */
    public var notBefore: UnixTime? = null,
    /** Expiry that the owner set. The key is not valid from this time on. */
    public var expiresAt: UnixTime? = null,
    /** End of the overlap after a rotation. The key is not valid from this time on. */
    public var retiresAt: UnixTime? = null,
    /** Time of the revocation, for the audit. If it is set, the key is always refused. */
    public var revokedAt: UnixTime? = null,
) {
    private val hash: ByteArray

    /** 64 hexadecimal digits in lower case. */
    public val digest: String
        get() = hexadecimal(hash)

    init {
        require(id.length == 12 && id.all(::isDigit)) { "a key id is 12 letters and digits" }
        val digits = lower(digest).map { "0123456789abcdef".indexOf(it) }
        require(digits.size == 64 && -1 !in digits) { "a digest is 64 hexadecimal digits" }
        hash = ByteArray(32) { (digits[2 * it] * 16 + digits[2 * it + 1]).toByte() }
    }

    /** Checks that [key] is the key of this record, and that it is valid at [now]. */
    @Throws(Denied::class)
    public fun verify(key: ApiKey, now: UnixTime): Grant<P> {
        if (!key.hasHash(hash)) throw Denied(Reason.DigestMismatch)
        when (state(now)) {
            KeyState.Revoked -> throw Denied(Reason.Revoked)
            KeyState.Expired -> throw Denied(Reason.Expired)
            KeyState.Retired -> throw Denied(Reason.Retired)
            KeyState.NotYetValid -> throw Denied(Reason.NotYetValid)
            KeyState.Active -> {}
        }
        return Grant(key.id, project, Scope(scopes.bits and KNOWN_BITS), earlier(expiresAt, retiresAt))
    }

    /** Returns the state of the key at [now]. */
    public fun state(now: UnixTime): KeyState = when {
        revokedAt != null -> KeyState.Revoked
        expiresAt?.let { it <= now } ?: false -> KeyState.Expired
        retiresAt?.let { it <= now } ?: false -> KeyState.Retired
        notBefore?.let { now < it || now == UnixTime.MAX } ?: false -> KeyState.NotYetValid
        else -> KeyState.Active
    }

    /** Schedules the end of the overlap. An earlier end is kept. */
    public fun retireAt(time: UnixTime) {
        retiresAt = earlier(retiresAt, time)
    }

    /** Revokes the key, at once and permanently. An earlier time is kept. */
    public fun revoke(time: UnixTime) {
        revokedAt = earlier(revokedAt, time)
    }

    /**
     * Returns the record of the [next] key, and retires this key [overlapSecs] seconds after [now]. Store both records in one
     * transaction. If it throws, it changes nothing. A negative overlap is an IllegalArgumentException.
     */
    @Throws(RotateException::class)
    public fun rotate(next: ApiKey, now: UnixTime, overlapSecs: Long): KeyRecord<P> {
        require(overlapSecs >= 0) { "an overlap is from 0 to 2^64 - 1 seconds" }
        return rotate(next, now, overlapSecs.toULong())
    }

    /** Rotates the key in the same way, with an overlap of any number of seconds. */
    @JvmName("rotateUnsigned")
    @Throws(RotateException::class)
    public fun rotate(next: ApiKey, now: UnixTime, overlapSecs: ULong): KeyRecord<P> {
        if (next.id == id) throw RotateException(RotateException.Kind.SameKey)
        when (state(now)) {
            KeyState.Revoked -> throw RotateException(RotateException.Kind.Revoked)
            KeyState.Expired -> throw RotateException(RotateException.Kind.Expired)
            KeyState.Retired -> throw RotateException(RotateException.Kind.Retired)
            KeyState.Active, KeyState.NotYetValid -> {}
        }
        if (now == UnixTime.MAX) throw RotateException(RotateException.Kind.UnknownTime)
        val end = now.secs + overlapSecs
        retireAt(if (end < now.secs) UnixTime.MAX else UnixTime.ofSecs(end))
        return KeyRecord(next.id, next.digest, project, scopes, notBefore, expiresAt)
    }
}

/** Returns the byte ranges of the keys in a text. Keys are recognised by their checksums (§16). */
public fun find(text: ByteArray): List<IntRange> = (0..text.size - LENGTH)
    .filter { start -> hasPrefix(text, start) && isKey(text.copyOfRange(start, start + LENGTH)) }
    .map { start -> start until start + LENGTH }

/** Redacts the keys in a text, and parts that may be keys (§16). Every other byte stays as it is. */
public fun redact(text: ByteArray): ByteArray =
    redact(String(text, Charsets.ISO_8859_1)).toByteArray(Charsets.ISO_8859_1)

/** Redacts the keys in a string, as [redact] does in bytes. */
public fun redact(text: String): String {
    var start = text.indexOf(PREFIX)
    if (start < 0) return text
    val redacted = StringBuilder(text.length)
    var shown = 0
    while (start >= 0) {
        val digits = start + PREFIX.length
        var end = digits
        while (end < text.length && isDigit(text[end])) end += 1
        if (end - digits >= 30) {
            redacted.append(text, shown, digits + 12).append("***")
            shown = end
        }
        // The next prefix can begin in the last three digits.
        start = text.indexOf(PREFIX, maxOf(end - 3, digits))
    }
    return redacted.append(text, shown, text.length).toString()
}

/** Redacts what another formatter of `java.util.logging` writes, including stack traces: `handler.formatter = …`. */
public class RedactingFormatter(private val inner: Formatter) : Formatter() {
    override fun format(record: LogRecord): String = redact(inner.format(record))

    /** Returns the text of the message alone, which some handlers print. It is null if the record has no message. */
    override fun formatMessage(record: LogRecord): String? = inner.formatMessage(record)?.let { redact(it) }

    override fun getHead(handler: java.util.logging.Handler?): String = inner.getHead(handler)

    override fun getTail(handler: java.util.logging.Handler?): String = inner.getTail(handler)
}

private fun earlier(one: UnixTime?, two: UnixTime?): UnixTime? =
    if (one == null || two != null && two < one) two else one

private fun isDigit(character: Char): Boolean =
    character in '0'..'9' || character in 'A'..'Z' || character in 'a'..'z'

/** Returns whether the prefix stands at the index [start]. */
private fun hasPrefix(text: ByteArray, start: Int = 0): Boolean =
    text.size - start >= PREFIX.length && PREFIX.indices.all { text[start + it].toInt() == PREFIX[it].code }

/**
 * Checks a key, and returns its hash (§4 and §6).
 *
 * No branch and no index of a table depends on a character of the secret before a result is known. The virtual machine may
 * still add branches.
 */
private fun hashOf(text: ByteArray): ByteArray {
    if (!hasPrefix(text)) throw InvalidKeyException(InvalidKeyException.Kind.Prefix)
    if (text.size != LENGTH) throw InvalidKeyException(InvalidKeyException.Kind.Length, text.size)
    val index = firstInvalid(text)
    if (index < LENGTH) throw InvalidKeyException(InvalidKeyException.Kind.Character, index)
    val hash = sha256(text)
    if (!MessageDigest.isEqual(checksumOf(hash), text.copyOfRange(HASHED_LENGTH, LENGTH))) {
        throw InvalidKeyException(InvalidKeyException.Kind.Checksum)
    }
    return hash
}

/** Returns whether 52 bytes that begin with the prefix are a key. Unlike [hashOf], it creates no exception if they are not. */
private fun isKey(text: ByteArray): Boolean = firstInvalid(text) == LENGTH &&
    MessageDigest.isEqual(checksumOf(sha256(text)), text.copyOfRange(HASHED_LENGTH, LENGTH))

/** Returns the index of the first byte after the prefix that is not a digit, or the length. It looks at all bytes. */
private fun firstInvalid(text: ByteArray): Int {
    var first = text.size
    for (index in text.size - 1 downTo PREFIX.length) {
        val code = text[index].toInt() and 255
        val letter = code or 32
        // The mask is -1 unless the code is a digit or a letter.
        val mask = (code - 48 or (57 - code) and (letter - 97 or (122 - letter))) shr 31
        first = index and mask or (first and mask.inv())
    }
    return first
}

private fun sha256(text: ByteArray): ByteArray {
    val hash = MessageDigest.getInstance("SHA-256")
    hash.update(text, 0, HASHED_LENGTH)
    return hash.digest()
}

/** Returns the base-62 digit of a value (§3). */
private fun digit(value: Int): Byte = (value + 48 + ((9 - value) ushr 31) * 7 + ((35 - value) ushr 31) * 6).toByte()

/** Returns the checksum of the key with this hash. */
private fun checksumOf(hash: ByteArray): ByteArray {
    // The number does not fit a signed 32-bit integer.
    var number = 0L
    for (index in 0..3) number = number shl 8 or (hash[index].toLong() and 255)
    val checksum = ByteArray(LENGTH - HASHED_LENGTH)
    for (place in checksum.indices.reversed()) {
        checksum[place] = digit((number % 62).toInt())
        number /= 62
    }
    return checksum
}

private fun hexadecimal(hash: ByteArray): String {
    val digits = CharArray(2 * hash.size) { index ->
        val value = hash[index / 2].toInt() shr (4 - index % 2 * 4) and 15
        (value + 48 + ((9 - value) ushr 31) * 39).toChar()
    }
    return String(digits)
}

/** Encodes a text as UTF-8. Each lone surrogate becomes three bytes, because only the number of bytes matters here. */
private fun utf8(text: String): ByteArray = wellFormed(text).toByteArray(Charsets.UTF_8)

/** Replaces each lone surrogate by U+FFFD. */
private fun wellFormed(text: String): String {
    if (text.none { it.isSurrogate() }) return text
    val characters = text.toCharArray()
    for ((index, character) in text.withIndex()) {
        val isPaired = when {
            character.isHighSurrogate() -> text.getOrElse(index + 1) { ' ' }.isLowSurrogate()
            character.isLowSurrogate() -> text.getOrElse(index - 1) { ' ' }.isHighSurrogate()
            else -> true
        }
        if (!isPaired) characters[index] = '\ufffd'
    }
    return String(characters)
}

/** Returns whether a character has the Unicode property White_Space, which differs from `isWhitespace`. */
private fun isSpace(character: Char): Boolean = when (character) {
    in '\t'..'\r', ' ', '\u0085', '\u00a0', '\u1680', in '\u2000'..'\u200a', '\u2028', '\u2029', '\u202f', '\u205f', '\u3000' -> true
    else -> false
}

private fun isFormat(character: Char): Boolean = when (character) {
    '\u00ad', '\u061c', '\u180e', in '\u200b'..'\u200f', in '\u202a'..'\u202e', in '\u2060'..'\u2064', in '\u2066'..'\u206f', '\ufeff' -> true
    else -> false
}

/** Repairs a pasted text (§7). Each rule is applied at most once. */
private fun repair(text: String): String {
    val rules = mutableListOf(::withoutQuotes, ::withoutEnd, ::withoutName, ::withoutScheme)
    var rest = text
    while (true) {
        rest = rest.trim { isSpace(it) || isFormat(it) }
        val (rule, changed) = rules.firstNotNullOfOrNull { rule -> rule(rest)?.let { rule to it } } ?: return rest
        rules.remove(rule)
        rest = changed
    }
}

private val PAIRS = setOf("\"\"", "''", "``", "“”", "‘’", "<>")

private fun withoutQuotes(text: String): String? =
    if (text.length > 1 && "${text.first()}${text.last()}" in PAIRS) text.substring(1, text.length - 1) else null

private fun withoutEnd(text: String): String? =
    if (text.endsWith(',') || text.endsWith(';')) text.dropLast(1) else null

private fun withoutName(text: String): String? {
    val afterExport = text.removePrefix("export").trimStart(::isSpace)
    val isExport = text.startsWith("export") && isSpace(text.getOrElse(6) { '=' })
    val name = if (isExport) afterExport else text
    val (rest, ends) = when {
        name.startsWith(VARIABLE) -> name.substring(VARIABLE.length) to "=:"
        startsWithWord(text, "authorization") -> text.substring("authorization".length) to ":"
        else -> return null
    }
    val value = rest.trimStart(::isSpace)
    return if (value.isNotEmpty() && value[0] in ends) value.substring(1) else null
}

private fun withoutScheme(text: String): String? =
    if (startsWithWord(text, "bearer") && isSpace(text.getOrElse(6) { '=' })) text.substring(6) else null

/** Returns whether a text begins with a word of lower-case letters, in any letter case of ASCII. */
private fun startsWithWord(text: String, word: String): Boolean =
    text.length >= word.length && lower(text.substring(0, word.length)) == word

/** Returns the text with the letters A to Z in lower case, and all other characters unchanged. */
private fun lower(text: String): String =
    String(CharArray(text.length) { if (text[it] in 'A'..'Z') text[it] + 32 else text[it] })

private fun <K> readVariable(environment: Map<String, String>, parsePasted: (String) -> K): K {
    val value = environment[VARIABLE] ?: ""
    if (value.all { isSpace(it) || isFormat(it) }) throw EnvKeyException(EnvKeyException.Kind.Missing)
    // Java reads bytes that are not text as U+FFFD.
    if ('\ufffd' in wellFormed(value)) throw EnvKeyException(EnvKeyException.Kind.NotUnicode)
    try {
        return parsePasted(value)
    } catch (invalid: InvalidKeyException) {
        throw EnvKeyException(EnvKeyException.Kind.Invalid, invalid)
    }
}

/** Returns the union of the scopes named in a text. */
private fun union(text: String, skipEmpty: Boolean, isSeparator: (Char) -> Boolean): Scope {
    var bits = 0L
    var start = 0
    while (start <= text.length) {
        var end = start
        while (end < text.length && !isSeparator(text[end])) end += 1
        val item = text.substring(start, end)
        val bit = SCOPE_NAMES.indexOf(item)
        if (bit >= 0) {
            bits = bits or (1L shl bit)
        } else if (item.isNotEmpty() || !skipEmpty) {
            val position = utf8(text.substring(0, start)).size
            val typed = utf8(item)
            throw InvalidScopeException(position, position + typed.size, suggest(typed))
        }
        start = end + 1
    }
    return Scope(bits)
}

/** Returns the scope that is nearest to [typed], if it is at most three edits away and no other is as near. */
private fun suggest(typed: ByteArray): Scope? {
    if (typed.size > 17) return null
    val letters = lower(String(typed, Charsets.ISO_8859_1))
    val distances = SCOPE_NAMES.map { distance(letters, it) }
    val least = distances.minOf { it }
    return if (least <= 3 && distances.count { it == least } == 1) Scope(1L shl distances.indexOf(least)) else null
}

/** Returns the Levenshtein distance. */
private fun distance(one: String, two: String): Int {
    var row = IntArray(two.length + 1) { it }
    for (line in one.indices) {
        val above = row
        row = IntArray(two.length + 1)
        row[0] = line + 1
        for (column in two.indices) {
            val changed = above[column] + if (one[line] == two[column]) 0 else 1
            row[column + 1] = minOf(changed, above[column + 1] + 1, row[column] + 1)
        }
    }
    return row[two.length]
}

package io.memorykit.key

import java.math.BigInteger
import java.security.SecureRandom

private const val TOO_LONG =
    "something was added, or a character is not plain ASCII; copy the key again, without anything around it"
private const val NOT_VALID = "the API key is not valid: it is unknown, revoked or outside its validity period"
private const val NOT_WELL_FORMED = "the API key is not well-formed: copy the whole key, and nothing else"
private const val MISSING =
    "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
private const val NOT_UNICODE = "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard"

/** A generator that repeats these bytes. */
private class Fixed(private val bytes: ByteArray) : SecureRandom() {
    override fun nextBytes(filled: ByteArray) {
        for (index in filled.indices) filled[index] = bytes[index % bytes.size]
    }
}

private class Broken : SecureRandom() {
    override fun nextBytes(filled: ByteArray) = throw IllegalStateException("no entropy")
}

private fun reason(values: List<ByteArray>) = thrown<Denied> { bearer(values) }.reason

val behaviourTests = listOf(
    Test("the package exports exactly this") {
        val jar = java.util.zip.ZipFile("build/memorykit-key.jar")
        val classes = jar.use { it.entries().toList().map { entry -> entry.name } }
            .filter { it.endsWith(".class") && '$' !in it }.map { it.removePrefix("io/memorykit/key/").removeSuffix(".class") }
        assertEquals(
            classes.sorted().joinToString(" "),
            "AnyKey ApiKey Denied EnvKeyException Grant InvalidKeyException InvalidScopeException KeyRecord KeyState MemoryKitKeys " +
                "Reason RedactingFormatter RotateException Scope UnixTime",
            "the classes",
        )
        val functions = Class.forName("io.memorykit.key.MemoryKitKeys").declaredMethods
            .filter { java.lang.reflect.Modifier.isPublic(it.modifiers) && !it.isSynthetic }.map { it.name }
        assertEquals(functions.sorted(), listOf("bearer", "bearerBytes", "find", "redact", "redact"), "the functions")
    },
    Test("each error of a key says what to do") {
        val messages = mapOf(
            KEY.substring(1) to "an API key starts with `ctx_`: copy the whole key, without anything around it",
            KEY.substring(0, 51) to
                "an API key is 52 bytes long, not 51: it was cut off or is a placeholder; copy the whole key",
            KEY + "x" to "an API key is 52 bytes long, not 53: $TOO_LONG",
            KEY.replaceFirst('f', '_') to
                "the byte at index 16 of the API key is not one of 0-9, A-Z and a-z; copy the key again",
            KEY.replace("n9", "n8") to "the checksum of the API key is wrong: a character was changed; copy the key again",
        )
        for ((text, message) in messages) assertEquals(thrown<InvalidKeyException> { ApiKey.parse(text) }.message, message, text)
        val message = InvalidKeyException(InvalidKeyException.Kind.Length, 52).message.orEmpty()
        assertEquals(message.endsWith(TOO_LONG), true, message)
    },
    Test("each reason has a label and a public message") {
        val messages = mapOf(
            "missing_credentials" to "an API key is required: send it as `Authorization: Bearer <key>`",
            "malformed_header" to "the Authorization header is malformed: send one, as `Bearer <key>`",
            "key_prefix" to NOT_WELL_FORMED,
            "key_length" to NOT_WELL_FORMED,
            "key_character" to NOT_WELL_FORMED,
            "key_checksum" to NOT_WELL_FORMED,
            "unknown_key" to NOT_VALID,
            "digest_mismatch" to NOT_VALID,
            "revoked" to NOT_VALID,
            "expired" to NOT_VALID,
            "retired" to NOT_VALID,
            "not_yet_valid" to NOT_VALID,
            "missing_scope" to "the API key lacks a scope that this request requires",
        )
        assertEquals(Reason.entries.map { it.label to Denied(it).message }, messages.toList(), "the messages")
    },
    Test("each refused argument is explained") {
        val refusals = listOf(
            "the bits of a scope are from 0 to 2^32 - 1" to { Scope(-1) },
            "the bits of a scope are from 0 to 2^32 - 1" to { Scope(1L shl 32) },
            "unknown scope bits: deploy the readers of a new scope before its writers" to { Scope.fromBits(64) },
            "a time is from 0 to 2^64 - 1 seconds since 1970" to { UnixTime.ofSecs(-1) },
            "an overlap is from 0 to 2^64 - 1 seconds" to { record().rotate(other, at(0), -1) },
            "a key id is 12 letters and digits" to { KeyRecord(KEY, own.digest, 1, Scope.READ) },
            "a digest is 64 hexadecimal digits" to { KeyRecord(own.id, KEY, 1, Scope.READ) },
        )
        for ((message, call) in refusals) assertEquals(thrown<IllegalArgumentException> { call() }.message, message, message)
    },
    Test("the environment is read, and each mistake explained") {
        val invalid = "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21: " +
            "it was cut off or is a placeholder; copy the whole key"
        val notAKey =
            "MEMORYKIT_API_KEY does not hold an API key: an API key starts with `ctx_`: copy the whole key, without anything around it"
        val refusals = listOf(
            Triple(null, EnvKeyException.Kind.Missing, MISSING),
            Triple("", EnvKeyException.Kind.Missing, MISSING),
            Triple(" \u200b\r\n", EnvKeyException.Kind.Missing, MISSING),
            Triple("\ud800", EnvKeyException.Kind.NotUnicode, NOT_UNICODE),
            Triple("\udc00", EnvKeyException.Kind.NotUnicode, NOT_UNICODE),
            Triple("\ude00\ud83d", EnvKeyException.Kind.NotUnicode, NOT_UNICODE),
            Triple("$KEY\ufffd", EnvKeyException.Kind.NotUnicode, NOT_UNICODE),
            // A value that is empty only after the repair counts as set.
            Triple("''", EnvKeyException.Kind.Invalid, notAKey),
            Triple("MEMORYKIT_API_KEY=", EnvKeyException.Kind.Invalid, notAKey),
            Triple("ctx_your_api_key_here", EnvKeyException.Kind.Invalid, invalid),
        )
        for ((value, kind, message) in refusals) {
            val environment = value?.let { mapOf("MEMORYKIT_API_KEY" to it) }.orEmpty()
            for (read in listOf<() -> Any>({ ApiKey.fromEnv(environment) }, { AnyKey.fromEnv(environment) })) {
                val error = thrown<EnvKeyException> { read() }
                assertEquals(listOf(error.kind, error.message), listOf(kind, message), value)
                val cause = error.cause?.let { "${it.kind} ${it.detail}" }
                val expected = if (message == notAKey) "Prefix null" else "Length 21"
                assertEquals(cause, expected.takeIf { kind == EnvKeyException.Kind.Invalid }, value)
            }
        }
        val environment = mapOf("MEMORYKIT_API_KEY" to "export MEMORYKIT_API_KEY='$KEY'\n")
        assertEquals(ApiKey.fromEnv(environment), own, "the key")
        assertEquals(AnyKey.fromEnv(environment), AnyKey.parse(KEY), "the lenient key")
        val later = KEY.substring(0, 46) + "5z2n9x"
        val ofLater = mapOf("MEMORYKIT_API_KEY" to " $later\n")
        assertEquals(AnyKey.fromEnv(ofLater).exposeSecret(), later, "a key of a later version")
        assertEquals(thrown<EnvKeyException> { ApiKey.fromEnv(ofLater) }.cause?.kind, InvalidKeyException.Kind.Checksum, "a key of a later version")
        assertEquals(thrown<EnvKeyException> { ApiKey.fromEnv(mapOf("memorykit_api_key" to KEY)) }.kind, EnvKeyException.Kind.Missing, "another name")
        assertEquals(thrown<EnvKeyException> { ApiKey.fromEnv() }.kind, EnvKeyException.Kind.Missing, "the process")
    },
    Test("the lenient reading refuses a text that is not a key of any version") {
        val refusals = listOf(
            Triple("CTX_", "Prefix", null),
            Triple("ctx_", "Length", 4),
            Triple("ctx_" + "a".repeat(29), "Length", 33),
            Triple("ctx__" + KEY.substring(5), "Character", 4),
            Triple(KEY.replaceFirst('f', '_'), "Character", 16),
            Triple("$KEY x", "Character", 52),
            Triple(KEY.replace("n9", "n8"), "Checksum", null),
        )
        for ((text, kind, detail) in refusals) {
            val error = thrown<InvalidKeyException> { AnyKey.parse(text) }
            assertEquals(listOf(error.kind.name, error.detail), listOf(kind, detail), text)
        }
        for (text in listOf("ctx_" + "a".repeat(30), KEY.substring(0, 51), KEY + "0", KEY.substring(0, 46) + "5z2n9x")) {
            assertEquals(AnyKey.parsePasted("\"$text\"").exposeSecret(), text, text)
            assertEquals(AnyKey.parse(latin1(text)).exposeSecret(), text, text)
        }
    },
    Test("a lone surrogate is three bytes") {
        val (high, low) = listOf("\ud83d", "\ude00")
        val lengths = listOf("a${low}b" to 9, high + low to 8, low + high to 10, high + high + low to 11, "\u07ff\u0800" to 9)
        for ((end, length) in lengths) {
            assertEquals(thrown<InvalidKeyException> { ApiKey.parse("ctx_$end") }.detail, length, length)
        }
        val challenge = Denied.unknownKey().challenge("a\udc00\ud83d\ude00\ud83db")
        assertEquals(challenge, "Bearer realm=\"a???b\", error=\"invalid_token\"", "the challenge")
        assertEquals(thrown<InvalidScopeException> { Scope.parse("users:read \ud800") }.end, 14, "the end")
        assertEquals(redact("\ud800$KEY\udc00"), "\ud800$REDACTED\udc00", "the text")
    },
    Test("exactly the white space and the format characters are removed") {
        val ranges = listOf(
            9..13, 0x20..0x20, 0x85..0x85, 0xa0..0xa0, 0xad..0xad, 0x61c..0x61c, 0x1680..0x1680, 0x180e..0x180e, 0x2000..0x200f,
            0x2028..0x202f, 0x205f..0x2064, 0x2066..0x206f, 0x3000..0x3000, 0xfeff..0xfeff,
        )
        for (code in 0..0xffff) {
            val isRemoved = outcome<InvalidKeyException>({ false }) { ApiKey.parsePasted("${code.toChar()}$KEY") == own }
            assertEquals(isRemoved, ranges.any { code in it }, code)
        }
    },
    Test("a name is removed only as a whole") {
        for (name in listOf("export ", "export Authorization: ", "export Bearer ", "set MEMORYKIT_API_KEY=", "Proxy-Authorization: ")) {
            assertEquals(thrown<InvalidKeyException> { ApiKey.parsePasted(name + KEY) }.kind.name, "Prefix", name)
        }
    },
    Test("only letters of ASCII count in any letter case") {
        for (name in listOf("Author\u0131zation: ", "AUTHOR\u0130ZATION: ", "memorykit_api_key=", "MEMORY\u212aIT_API_KEY=", "Authorization=")) {
            assertEquals(thrown<InvalidKeyException> { ApiKey.parsePasted(name + KEY) }.kind.name, "Prefix", name)
        }
        assertEquals(ApiKey.parsePasted("aUTHORIZATION: bEARER $KEY"), own, "ASCII")
    },
    Test("keys are equal by their digest") {
        assertEquals(setOf(own, ApiKey.parsePasted(" $KEY"), other).size, 2, "different keys")
        assertEquals(setOf(AnyKey.parse(KEY), AnyKey.parse(KEY), AnyKey.parse(OTHER_KEY)).size, 2, "different lenient keys")
        for (index in 4..45) {
            val digit = if (KEY[index] == '0') "1" else "0"
            val text = withChecksum(KEY.substring(4, index) + digit + KEY.substring(index + 1, 46))
            assertEquals(listOf(ApiKey.parse(text) == own, AnyKey.parse(text) == AnyKey.parse(KEY)), listOf(false, false), text)
        }
        assertEquals(own.equals(KEY) || own.equals(AnyKey.parse(KEY)) || AnyKey.parse(KEY).equals(own), false, "kinds")
    },
    Test("a key does not change with the bytes that it was read from") {
        val bytes = latin1(KEY)
        val (key, lenient) = ApiKey.parse(bytes) to AnyKey.parse(bytes)
        bytes.fill(0)
        assertEquals(listOf(key.exposeSecret(), lenient.exposeSecret()), listOf(KEY, KEY), "the text")
    },
    Test("a misspelt scope gets a suggestion") {
        val suggestions = mapOf(
            "memory:read" to "memories:read",
            "Memories.Read" to "memories:read",
            "memor:read" to "memories:read",
            "xxxxries:read" to null, // four edits from memories:read, and more from the others
            "chat:redd" to "chats:read",
            "chats:we" to null, // as near to chats:read as to chats:write
            "memoriesxxx:read" to "memories:read",
            "memoriesxxxx:read" to null, // four more letters
            "memories:writexxx" to "memories:write", // the longest
            "chats:writexxxx" to null,
            "MEMORIES_READ" to "memories:read",
            "admin" to null,
        )
        for ((typed, name) in suggestions) {
            val error = thrown<InvalidScopeException> { Scope.parse(typed) }
            assertEquals(listOf(error.suggestion?.toString(), error.start, error.end), listOf(name, 0, typed.length), typed)
        }
        val error = thrown<InvalidScopeException> { Scope.parseList("chats:read,\u3000memory:read") }
        assertEquals(error.message, "unknown scope at bytes 14..25; did you mean `memories:read`?", "the message")
        val unknown = thrown<InvalidScopeException> { Scope.parse("chats:read x users:rea") }
        assertEquals(
            listOf(unknown.start, unknown.end, unknown.suggestion, unknown.message),
            listOf(
                11, 12, null,
                "unknown scope at bytes 11..12; the scopes are: memories:read memories:write chats:read chats:write users:read users:write",
            ),
            "no suggestion",
        )
        assertEquals(
            thrown<InvalidScopeException> { Scope.parse("chats:read ") }.message,
            "a scope name is missing at byte 11; separate names by one space, without spaces at the ends",
            "the message",
        )
    },
    Test("stored bits are read strictly, and unknown ones never granted") {
        val all = "memories:read memories:write chats:read chats:write users:read users:write"
        assertEquals(Scope.fromBits(63).toString(), all, "all scopes")
        val sets = listOf(
            Scope.MEMORIES_READ, Scope.MEMORIES_WRITE, Scope.CHATS_READ, Scope.CHATS_WRITE, Scope.USERS_READ, Scope.USERS_WRITE,
            Scope.READ, Scope.WRITE,
        )
        assertEquals(sets.map { it.bits }, listOf(1L, 2L, 4L, 8L, 16L, 32L, 21L, 42L), "the bits")
        assertEquals(Scope.READ + Scope.WRITE + Scope.CHATS_READ, Scope(63), "the union")
        assertEquals(setOf(Scope.READ, Scope(21), Scope.WRITE), setOf(Scope.READ, Scope.WRITE), "equal sets")
        assertEquals(Scope((1L shl 32) - 1).bits, (1L shl 32) - 1, "all bits")
        for (bits in listOf(64L, 65L, 1L shl 31, (1L shl 32) - 1, -1L, 1L shl 32)) thrown<IllegalArgumentException> { Scope.fromBits(bits) }
        val high = Scope((1L shl 31) + 1)
        assertEquals(high.grants(Scope(1L shl 31)), false, "an unknown bit")
        assertEquals(Scope(0).missing(high), high, "what is missing")
        assertEquals(KeyRecord(own.id, own.digest, 1, high).verify(own, at(0)).scopes, Scope.MEMORIES_READ, "the grant")
    },
    Test("a refusal has its fields, and its challenge is one value") {
        // The grant has the id of the key, even if the record has another one.
        val grant = KeyRecord("000000000000", own.digest, "demo", Scope.READ, null, at(20), at(10)).verify(own, at(5))
        assertEquals(grant, Grant(own.id, "demo", Scope.READ, at(10)), "the grant")
        grant.require(Scope.CHATS_READ)
        val required = Scope.CHATS_READ + Scope.CHATS_WRITE
        val denied = thrown<Denied> { grant.require(required) }
        assertEquals(listOf(denied.required, denied.missing, denied.status), listOf(required, Scope.CHATS_WRITE, 403), "the parts")
        assertEquals(
            denied.challenge("a\"\\é\ud83d\ude00\n"),
            "Bearer realm=\"a\\\"\\\\???\", error=\"insufficient_scope\", scope=\"chats:read chats:write\"",
            "the challenge",
        )
        val nothing = thrown<Denied> { grant.require(Scope(0)) }
        assertEquals(nothing.challenge("x"), "Bearer realm=\"x\", error=\"insufficient_scope\"", "nothing is required")
        val unknown = Denied.unknownKey()
        assertEquals(
            listOf(unknown.status, unknown.error, unknown.reason, unknown.required, unknown.missing),
            listOf(401, "invalid_token", Reason.UnknownKey, Scope(0), Scope(0)),
            "an unknown key",
        )
        val missing = thrown<Denied> { bearer(listOf<String>()) }
        assertEquals(listOf(missing.error, missing.challenge("x")), listOf(null, "Bearer realm=\"x\""), "no key")
    },
    Test("a realm keeps the printable characters of ASCII") {
        for (code in 0..255) {
            val character = code.toChar()
            val quoted = if (character in "\"\\") "\\$character" else if (character in ' '..'~') "$character" else "?"
            val challenge = "Bearer realm=\"$quoted$quoted\", error=\"invalid_token\""
            assertEquals(Denied.unknownKey().challenge("$character$character"), challenge, code)
        }
    },
    Test("the reason of a refusal is exact, byte by byte") {
        val start = KEY.substring(0, 51)
        val reasons = listOf(
            listOf<String>() to Reason.MissingCredentials,
            listOf(" \t") to Reason.MissingCredentials,
            listOf("B\u00e9arer $KEY") to Reason.MissingCredentials,
            listOf("Bearer $KEY", "") to Reason.MalformedHeader,
            listOf("Bearer \t") to Reason.MalformedHeader,
            listOf("Bearer \u00a0") to Reason.KeyPrefix,
            listOf("Bearer $start\u00ff") to Reason.KeyCharacter,
            listOf("Bearer $KEY\u0000") to Reason.KeyLength,
            listOf("Bearer ${start}8") to Reason.KeyChecksum,
            listOf("Bearer " + "\u00ff".repeat(8185)) to Reason.KeyPrefix,
            listOf("Bearer " + "\u00ff".repeat(8186)) to Reason.MalformedHeader,
            listOf("\tBearer " + "\u00ff".repeat(8185) + " ") to Reason.KeyPrefix,
        )
        for ((values, expected) in reasons) assertEquals(reason(values.map(::latin1)), expected, values)
        // A string is encoded as UTF-8.
        assertEquals(thrown<Denied> { bearer(listOf("Bearer $start\u00ff")) }.reason, Reason.KeyLength, "UTF-8")
        assertEquals(thrown<Denied> { bearer(listOf("Bearer " + "\u00ff".repeat(4093))) }.reason, Reason.MalformedHeader, "UTF-8")
        assertEquals(bearer(listOf("Bearer $KEY")), own, "the key")
    },
    Test("hostile texts take linear time") {
        val spaces = " ".repeat(1_000_000)
        assertEquals(reason(listOf(latin1("Bearer x${spaces}x"))), Reason.MalformedHeader, "spaces")
        assertEquals(reason(listOf(latin1("${spaces}x${spaces}x"))), Reason.MissingCredentials, "spaces")
        assertEquals(thrown<InvalidKeyException> { ApiKey.parsePasted("x${spaces}x") }.kind.name, "Prefix", "pasted")
        assertEquals(Scope.parseList(", ".repeat(1_000_000)), Scope(0), "a list")
        val many = "ctx_".repeat(250_000)
        assertEquals(redact(many), many, "redacted")
        assertEquals(find(latin1(many)), listOf<IntRange>(), "found")
        val long = "ctx_" + "0".repeat(1_000_000)
        assertEquals(redact(long), "ctx_000000000000***", "one run")
    },
    Test("a generated key depends only on its random bytes") {
        val digits = { word: ULong -> ApiKey.generate(Fixed(ByteArray(8) { (word shr it * 8).toByte() })).exposeSecret() }
        assertEquals(digits(0x0123456789abcdefu), withChecksum("0H5EbT".repeat(7)), "the key")
        assertEquals(digits(0u), withChecksum("0".repeat(42)), "zeros")
        assertEquals(digits(ULong.MAX_VALUE), withChecksum("z".repeat(42)), "ones")
        // These are the smallest word for each first digit, and the word before it.
        for (digit in 1..61) {
            val least = (BigInteger.valueOf(digit.toLong()).shiftLeft(64) / BigInteger.valueOf(62)).toLong().toULong() + 1u
            for (word in listOf(least, least - 1u)) {
                val bytes = ByteArray(56) { (word shr it % 8 * 8).toByte() }
                assertEquals(digits(word), withChecksum(generatedModel(bytes)), word)
            }
        }
        val random = java.util.Random(5)
        repeat(1000) {
            val bytes = ByteArray(56).also(random::nextBytes)
            assertEquals(ApiKey.generate(Fixed(bytes)).exposeSecret(), withChecksum(generatedModel(bytes)), "random bytes")
        }
    },
    Test("a generator that fails makes no key") {
        assertEquals(thrown<IllegalStateException> { ApiKey.generate(Broken()) }.message, "no entropy", "the error")
    },
    Test("generated keys differ, and each digit is as frequent") {
        val keys = List(2000) { ApiKey.generate() }
        for (key in keys) assertEquals(ApiKey.parse(key.exposeSecret()), key, "it parses")
        assertEquals(keys.map { it.id }.toSet().size, 2000, "different ids")
        val counts = keys.flatMap { it.exposeSecret().substring(4, 46).toList() }.groupingBy { it }.eachCount()
        assertEquals(counts.size, 62, "different digits")
        // Each is expected 1,355 times. The limits are eight standard deviations away.
        assertEquals(counts.values.all { it in 1060..1650 }, true, counts)
    },
    Test("two keys can share three bytes") {
        val text = "é" + "ctx_8aspm4G7VmSU0000000000000000000000003128504YMctx" + KEY.substring(3)
        assertEquals(find(text.toByteArray()), listOf(2..53, 51..102), "the finds")
        assertEquals(redact(text), "éctx_8aspm4G7VmSU***_8aspm4G7VmSU***", "the text")
        assertEquals(String(redact(text.toByteArray())), redact(text), "the bytes")
    },
    Test("times are unsigned") {
        val (past, future) = UnixTime.ofSecs(Long.MAX_VALUE) to UnixTime.ofSecs(1uL shl 63)
        assertEquals(listOf(past < future, future < UnixTime.MAX, at(0) < past), listOf(true, true, true), "the order")
        assertEquals(listOf(UnixTime.MAX.toString(), at(5).toString()), listOf("18446744073709551615", "5"), "the text")
        assertEquals(record(null, future).state(past), KeyState.Active, "the state")
        assertEquals(setOf(at(5), UnixTime.ofSecs(5uL), at(6)), setOf(at(5), at(6)), "equal times")
        assertEquals(UnixTime.now() in at(1_700_000_000)..at(1L shl 40), true, "now")
        val times = listOf(-1L to UnixTime.MAX, 0L to at(0), 999L to at(0), 1999L to at(1))
        for ((millis, time) in times) assertEquals(UnixTime.ofMillis(millis), time, millis)
    },
    Test("each digit of a digest counts") {
        for ((index, digit) in own.digest.withIndex()) {
            val digest = own.digest.replaceRange(index, index + 1, if (digit == '0') "1" else "0")
            val denied = thrown<Denied> { KeyRecord(own.id, digest, 1, Scope.READ).verify(own, at(0)) }
            assertEquals(denied.reason, Reason.DigestMismatch, index)
        }
    },
    Test("a record refuses an invalid id or digest, without repeating it") {
        val wrong = listOf(
            KEY to own.digest, own.id + "\n" to own.digest, own.id.substring(1) to own.digest, own.id to KEY,
            own.id to own.digest.substring(1), own.id to own.digest + "0", own.id to own.digest.substring(1) + "g",
        )
        for ((id, digest) in wrong) {
            val error = thrown<IllegalArgumentException> { KeyRecord(id, digest, 1, Scope.READ) }
            assertEquals("ctx_" in error.toString(), false, error)
        }
        for (first in "/:@[`{é") thrown<IllegalArgumentException> { KeyRecord("${first}00000000000", own.digest, 1, Scope.READ) }
        for (id in listOf("000000000000", "999999999999", "AZAZAZAZAZAZ", "azazazazazaz")) {
            assertEquals(KeyRecord(id, "0af9".repeat(16), 1, Scope.READ).id, id, id)
        }
        assertEquals(KeyRecord(own.id, own.digest.uppercase(), 1, Scope.READ).digest, own.digest, "upper case")
    },
    Test("at an unknown time, a key with a start is not yet valid") {
        for (start in listOf(at(0), at(1), UnixTime.MAX)) {
            assertEquals(record(start).state(UnixTime.MAX), KeyState.NotYetValid, start)
        }
    },
    Test("a refused rotation says why") {
        val refusals = listOf(
            Triple(record(), at(0), "the new key has the id of the old one; generate another key"),
            Triple(record(null, null, null, at(9)), at(0), "a revoked key cannot be rotated; create a new key"),
            Triple(record(null, at(9)), at(9), "an expired key cannot be rotated; create a new key"),
            Triple(record(null, null, at(9)), at(9), "a retired key cannot be rotated; rotate its successor"),
            Triple(record(), UnixTime.MAX, "the time is unknown, so the overlap would never end; check the system clock"),
        )
        for ((index, refusal) in refusals.withIndex()) {
            val (old, now, message) = refusal
            val before = timesOf(old)
            val error = thrown<RotateException> { old.rotate(if (index == 0) own else other, now, 5) }
            assertEquals(listOf(error.kind.ordinal, error.message, timesOf(old)), listOf(index, message, before), message)
        }
        for (overlap in listOf(60L, 0L, Long.MAX_VALUE)) {
            val old = record()
            old.rotate(other, at(5), overlap)
            assertEquals(old.retiresAt, UnixTime.ofSecs(5uL + overlap.toULong()), "the end of the overlap")
        }
    },
    Test("a comparison of no cases fails") {
        val comparison = program("io.memorykit.key.CompareKt").redirectErrorStream(true).start()
        comparison.outputStream.close()
        val printed = comparison.inputStream.reader().readText()
        val message = "no cases: pipe the output of `differential SEED COUNT` into this program\n"
        assertEquals(listOf(printed, comparison.waitFor()), listOf(message, 1), "the comparison")
    },
)

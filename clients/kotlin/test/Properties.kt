package io.memorykit.key

import java.math.BigInteger
import java.security.MessageDigest
import java.util.Random

private const val ROUNDS = 2000
private const val ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
private val RADIX = BigInteger.valueOf(62)

/** Returns the number in base 62, with at least this many digits. */
private fun base62(number: BigInteger, places: Int): String {
    var rest = number
    var text = ""
    while (text.length < places || rest.signum() > 0) {
        text = ALPHABET[rest.mod(RADIX).toInt()] + text
        rest /= RADIX
    }
    return text
}

/** Computes the checksum of docs/key-format.md §4 with numbers of any size. */
private fun checksumModel(hashed: String): String {
    val hash = MessageDigest.getInstance("SHA-256").digest(latin1(hashed))
    return base62(BigInteger(1, hash.copyOf(4)), 6)
}

fun withChecksum(part: String): String = "ctx_$part" + checksumModel("ctx_$part")

/** Computes the 42 digits of §5: the first six base-62 places of each fraction are the whole part of its product with 62^6. */
fun generatedModel(random: ByteArray): String = random.toList().chunked(8).joinToString("") { bytes ->
    base62((BigInteger(1, bytes.reversed().toByteArray()) * RADIX.pow(6)).shiftRight(64), 6)
}

/** The kind and the detail of the error for some bytes, or null: §6, word for word. */
private fun errorModel(text: ByteArray): List<Any?>? {
    val characters = String(text, Charsets.ISO_8859_1)
    if (!characters.startsWith("ctx_")) return listOf("Prefix", null)
    if (text.size != 52) return listOf("Length", text.size)
    for (index in 4..51) if (characters[index] !in ALPHABET) return listOf("Character", index)
    return if (checksumModel(characters.substring(0, 46)) == characters.substring(46)) null else listOf("Checksum", null)
}

private fun errorOf(parse: () -> Any): Any? =
    outcome<InvalidKeyException>({ listOf(it.kind.name, it.detail) }) { parse().let { null } }

private fun Random.digits(count: Int) = String(CharArray(count) { ALPHABET[nextInt(62)] })
private fun Random.key() = withChecksum(digits(42))
private fun <T> Random.pick(choices: List<T>): T = choices[nextInt(choices.size)]

/** A key with a part replaced by another text. */
private fun Random.changed(): String {
    val (key, start) = key() to nextInt(53)
    val part = pick(listOf("", digits(1), digits(3), "\u0080", "\u00ff", "_", "@", "${nextInt(256).toChar()}"))
    return key.substring(0, start) + part + key.drop(start + nextInt(4))
}

val propertyTests = listOf(
    Test("a key parses") {
        val random = Random(1)
        repeat(ROUNDS) {
            val text = random.key()
            val key = ApiKey.parse(text)
            val hash = MessageDigest.getInstance("SHA-256").digest(latin1(text.substring(0, 46)))
            val digest = hash.joinToString("") { "%02x".format(it) }
            assertEquals(listOf(key.id, key.digest, key.exposeSecret()), listOf(text.substring(4, 16), digest, text), text)
            assertEquals(AnyKey.parse(text).exposeSecret(), text, text)
        }
    },
    Test("a changed key has the error of the model") {
        val random = Random(2)
        repeat(ROUNDS) {
            val text = random.changed()
            assertEquals(errorOf { ApiKey.parse(latin1(text)) }, errorModel(latin1(text)), text)
            assertEquals(errorOf { ApiKey.parse(text) }, errorModel(text.toByteArray()), text)
        }
        // Tries each byte at each place.
        for (index in KEY.indices) {
            for (code in 0..255) {
                val bytes = latin1(KEY)
                bytes[index] = code.toByte()
                assertEquals(errorOf { ApiKey.parse(bytes) }, errorModel(bytes), "$code at $index")
            }
        }
    },
    Test("the lenient reading accepts later versions") {
        val random = Random(3)
        repeat(ROUNDS) {
            val part = random.digits(49)
            for (later in listOf("ctx_$part", "ctx_" + part.substring(0, 42) + "5" + part.substring(0, 5))) {
                assertEquals(AnyKey.parse(later).exposeSecret(), later, later)
            }
            val typo = "ctx_" + part.substring(0, 42) + "0" + part.substring(0, 5)
            assertEquals(errorOf { AnyKey.parse(typo) }, errorModel(latin1(typo)), typo)
        }
    },
    Test("a pasted key is read without the text around it") {
        val random = Random(4)
        val blanks = "\t\n\r \u0085\u00a0\u1680\u2003\u2028\u3000\u00ad\u200b\u2064\ufeff".toList()
        val wraps = listOf(
            "\"|\"", "'|'", "“|”", "<|>", "|,", "|;", "export MEMORYKIT_API_KEY = |", "AUTHORIZATION:|", "bEARER\u00a0|",
        )
        repeat(ROUNDS) {
            val key = random.key()
            val (start, end) = random.pick(wraps).split("|")
            val (before, after) = List(2) { List(random.nextInt(5)) { random.pick(blanks) }.joinToString("") }
            val text = before + start + before + key + after + end + after
            assertEquals(ApiKey.parsePasted(text).exposeSecret(), key, text)
        }
    },
    Test("a header yields its key") {
        val random = Random(5)
        repeat(ROUNDS) {
            val key = random.key()
            val scheme = "bearer".map { if (random.nextBoolean()) it - 32 else it }.joinToString("")
            val value = "\t$scheme${" ".repeat(1 + random.nextInt(9))}$key \t"
            assertEquals(bearer(listOf(value)).exposeSecret(), key, value)
            assertEquals(bearer(listOf(latin1(value))).exposeSecret(), key, value)
        }
    },
    Test("redaction hides each key and keeps all other bytes") {
        val random = Random(6)
        val around = { List(random.nextInt(20)) { random.nextInt(65536).toChar() }.filter { it !in ALPHABET }.joinToString("") }
        repeat(ROUNDS) {
            val (before, key, after) = Triple(around(), random.key(), around())
            val (text, hidden) = before + key + after to before + key.substring(0, 16) + "***" + after
            assertEquals(listOf(redact(text), redact(hidden)), listOf(hidden, hidden), text)
            val bytes = text.toByteArray()
            val start = before.toByteArray().size
            assertEquals(find(bytes), listOf(start..start + 51), text)
            assertEquals(redact(bytes).contentEquals(hidden.toByteArray()), true, text)
        }
    },
    Test("a set of scopes parses from its text and grants its subsets") {
        for (one in 0L..63) {
            val granted = Scope.fromBits(one)
            assertEquals(Scope.parse(granted.toString()), granted, one)
            assertEquals(Scope.parseList(granted.names.joinToString(" , ")), granted, one)
            for (two in 0L..63) {
                assertEquals(granted.grants(Scope(two)), two != 0L && one and two == two, "$one $two")
                assertEquals(granted.missing(Scope(two)), Scope(two and one.inv()), "$one $two")
            }
        }
    },
    Test("a record follows the rules of its times") {
        val random = Random(8)
        val anyTime = { random.pick(listOf(at(random.nextInt(8).toLong()), UnixTime.MAX, UnixTime.ofSecs(ULong.MAX_VALUE - 1u), UnixTime.ofSecs(1uL shl 63))) }
        repeat(ROUNDS) {
            val times = List(4) { if (random.nextBoolean()) anyTime() else null }
            val (start, end, retires, revoked) = times
            val (now, overlap) = anyTime() to anyTime().secs
            val has = { time: UnixTime? -> time != null && time.secs <= now.secs }
            val state = when {
                revoked != null -> KeyState.Revoked
                has(end) -> KeyState.Expired
                has(retires) -> KeyState.Retired
                start != null && (!has(start) || now == UnixTime.MAX) -> KeyState.NotYetValid
                else -> KeyState.Active
            }
            val old = record(*times.toTypedArray())
            assertEquals(old.state(now), state, times)
            val verified = outcome<Denied>({ it.reason.name }) { old.verify(own, now) }
            val grant = Grant(own.id, "demo", Scope.READ, listOfNotNull(end, retires).minByOrNull { it.secs })
            assertEquals(verified, if (state == KeyState.Active) grant else state.name, times)

            val same = outcome<RotateException>({ it.kind.name }) { old.rotate(own, now, overlap) }
            assertEquals(listOf(same, timesOf(old)), listOf("SameKey", times), times)
            val isOver = state != KeyState.Active && state != KeyState.NotYetValid
            val rotated = outcome<RotateException>({ it.kind.name }) { old.rotate(other, now, overlap).let(::timesOf) }
            if (isOver || now == UnixTime.MAX) {
                assertEquals(listOf(rotated, timesOf(old)), listOf(if (isOver) state.name else "UnknownTime", times), times)
            } else {
                val sum = if (overlap < ULong.MAX_VALUE - now.secs) now.secs + overlap else ULong.MAX_VALUE
                val retired = UnixTime.ofSecs(minOf(sum, retires?.secs ?: sum))
                assertEquals(rotated, listOf(start, end, null, null), times)
                assertEquals(timesOf(old), listOf(start, end, retired, revoked), times)
            }
        }
    },
    Test("the nearest scope is suggested") {
        val random = Random(7)
        val names = Scope(63).names
        repeat(ROUNDS) {
            var typed = random.pick(names)
            repeat(random.nextInt(5)) {
                val start = random.nextInt(typed.length + 1)
                typed = typed.substring(0, start) + random.pick(listOf("", "a", "s:", "e", "é")) + typed.drop(start + random.nextInt(3))
            }
            if (typed.isNotEmpty() && typed !in names) {
                val bytes = String(typed.toByteArray(), Charsets.ISO_8859_1)
                val edits = names.associateWith { editsModel(bytes.lowercase(), it) }
                val nearest = edits.filterValues { it <= 3 && it == edits.values.min() }.keys
                val expected = nearest.singleOrNull()?.takeIf { bytes.length <= 17 }
                val error = thrown<InvalidScopeException> { Scope.parse(typed) }
                assertEquals(listOf(error.suggestion?.toString(), error.start, error.end), listOf(expected, 0, bytes.length), typed)
            }
        }
    },
)

/** The Levenshtein distance, computed by its definition. */
private fun editsModel(one: String, two: String): Int {
    val known = mutableMapOf<Pair<Int, Int>, Int>()
    fun rest(i: Int, j: Int): Int = known[i to j] ?: when {
        i == one.length || j == two.length -> one.length - i + two.length - j
        one[i] == two[j] -> rest(i + 1, j + 1)
        else -> 1 + minOf(rest(i + 1, j + 1), rest(i + 1, j), rest(i, j + 1))
    }.also { known[i to j] = it }
    return rest(0, 0)
}

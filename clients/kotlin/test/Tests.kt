package io.memorykit.key

import kotlin.system.exitProcess

/** A test, which throws if it fails. */
class Test(val name: String, val run: () -> Unit)

private val GROUPS = mapOf(
    "vectors" to vectorTests,
    "behaviour" to behaviourTests,
    "printing" to printingTests,
    "properties" to propertyTests,
    "readme" to readmeTests,
)

/** Runs the named groups of tests, or all of them, and prints the Test Anything Protocol. */
fun main(names: Array<String>) {
    val tests = (if (names.isEmpty()) GROUPS.keys else names.toList()).flatMap { GROUPS.getValue(it) }
    println("1..${tests.size}")
    var failures = 0
    for ((number, test) in tests.withIndex()) {
        try {
            test.run()
            println("ok ${number + 1} - ${test.name}")
        } catch (error: Throwable) {
            failures += 1
            println("not ok ${number + 1} - ${test.name}")
            error.printStackTrace()
        }
    }
    exitProcess(if (failures == 0) 0 else 1)
}

fun assertEquals(found: Any?, expected: Any?, what: Any?) {
    if (found != expected) throw AssertionError("$what is $found, not $expected")
}

/** Returns what a call returns, or what [describe] returns for the exception of this class that it throws. */
inline fun <reified E : Throwable> outcome(describe: (E) -> Any?, call: () -> Any?): Any? = try {
    call()
} catch (error: Throwable) {
    if (error is E) describe(error) else throw error
}

inline fun <reified E : Throwable> thrown(call: () -> Any?): E {
    try {
        call()
    } catch (error: Throwable) {
        if (error is E) return error
        throw error
    }
    throw AssertionError("it did not throw")
}

const val KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"
const val OTHER_KEY = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW"
const val REDACTED = "ctx_8aspm4G7VmSU***"

// These are made when a test first needs them, so that a test fails and not the start of the program.
val own: ApiKey by lazy { ApiKey.parse(KEY) }
val other: ApiKey by lazy { ApiKey.parse(OTHER_KEY) }

fun record(vararg times: UnixTime?): KeyRecord<String> = KeyRecord(
    own.id, own.digest, "demo", Scope.READ, times.getOrNull(0), times.getOrNull(1), times.getOrNull(2), times.getOrNull(3),
)

fun at(secs: Long): UnixTime = UnixTime.ofSecs(secs)

fun timesOf(record: KeyRecord<*>): List<UnixTime?> =
    listOf(record.notBefore, record.expiresAt, record.retiresAt, record.revokedAt)

/** Returns one byte for each character of a text, up to U+00FF. */
fun latin1(text: String): ByteArray = text.toByteArray(Charsets.ISO_8859_1)

/** Returns whether a text contains eight consecutive characters of the secret part of the key. */
fun shows(text: String): Boolean = KEY.substring(16).windowed(8).any { it in text }

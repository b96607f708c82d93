package io.memorykit.key

import java.security.MessageDigest

private const val COUNT = 100_000

/** Returns the time of a call in nanoseconds, in the fastest of twenty rounds. The first rounds are slow, before it is compiled. */
private fun measure(call: () -> Any): Double = (1..20).minOf {
    val start = System.nanoTime()
    var sum = 0
    repeat(COUNT) { sum += call().hashCode() and 1 }
    check(sum >= 0)
    (System.nanoTime() - start).toDouble() / COUNT
}

/** Prints the nanoseconds to read a key and to verify it against its record and a scope, and those of one SHA-256. */
fun main() {
    val text = latin1(KEY.substring(0, 46))
    val record = record()
    val sha256 = measure { MessageDigest.getInstance("SHA-256").digest(text)[0] }
    val verification = measure {
        val grant = record.verify(ApiKey.parse(KEY), at(5))
        grant.require(Scope.CHATS_READ)
        grant.keyId
    }
    println("{\"verification\": %.1f, \"sha256\": %.1f}".format(java.util.Locale.ROOT, verification, sha256))
}

package io.memorykit.key

import kotlin.system.exitProcess

/**
 * Compares the package with the answers of the Rust crate: `differential SEED COUNT | java io.memorykit.key.CompareKt`.
 *
 * Each line of the input is a case of clients/differential. The first case with another answer ends the program with an
 * error, and so does an input without cases.
 */
fun main() {
    val counts = mutableMapOf<String, Int>()
    for (line in System.`in`.bufferedReader(Charsets.UTF_8).lineSequence()) {
        val parts = Json.parse(line) as List<*>
        val name = parts[0] as String
        val operation = OPERATIONS.getValue(name)
        val found = operation.answer(parts.subList(1, 1 + operation.inputs))
        if (found != parts.drop(1 + operation.inputs)) {
            System.err.println("the package answers $found to $line")
            exitProcess(1)
        }
        counts[name] = (counts[name] ?: 0) + 1
    }
    if (counts.isEmpty()) {
        System.err.println("no cases: pipe the output of `differential SEED COUNT` into this program")
        exitProcess(1)
    }
    println("Kotlin: ${counts.values.sum()} cases agree (${counts.entries.joinToString { "${it.key} ${it.value}" }})")
}

/** The number of inputs, and the package's answer to them. In a case, the crate's answer follows the inputs. */
private class Operation(val inputs: Int, val answer: (List<Any?>) -> List<Any?>)

private val OPERATIONS = mapOf(
    "parse" to Operation(1) { (text) -> listOf(key { ApiKey.parse(latin1(text as String)) }) },
    "parse_str" to Operation(1) { (text) -> listOf(key { ApiKey.parse(text as String) }) },
    "pasted" to Operation(1) { (text) -> listOf(key { ApiKey.parsePasted(text as String) }) },
    "scopes" to Operation(1) { (text) -> listOf(scopes { Scope.parse(text as String) }) },
    "scope_list" to Operation(1) { (text) -> listOf(scopes { Scope.parseList(text as String) }) },
    "bits" to Operation(2) { (granted, required) -> listOf(bits(scope(granted), scope(required))) },
    "bearer" to Operation(2) { (values, realm) ->
        val bytes = (values as List<*>).map { latin1(it as String) }
        listOf(outcome<Denied>({ refusal(it, realm as String) }) { bearer(bytes).id })
    },
    "record" to Operation(1) { (case) -> listOf(life(case as Map<*, *>)) },
    "leaks" to Operation(1) { (text) ->
        val bytes = latin1(text as String)
        val redacted = String(redact(bytes), Charsets.ISO_8859_1)
        val finds = find(bytes).map { listOf(number(it.first), number(it.last + 1)) }
        listOf(finds, if (redact(text) == redacted) redacted else "redact of a string differs")
    },
)

private fun number(value: Int?) = value?.toULong()
private fun scope(bits: Any?) = Scope((bits as ULong).toLong())
private fun bits(scope: Scope) = scope.bits.toULong()

private fun key(parse: () -> ApiKey) = outcome<InvalidKeyException>({ listOf(it.kind.name.lowercase(), number(it.detail), it.message) }) {
    val key = parse()
    listOf(key.id, key.digest, "$key")
}

private fun scopes(parse: () -> Scope) =
    outcome<InvalidScopeException>({ listOf(number(it.start), number(it.end), it.suggestion?.toString(), it.message) }) {
        val scope = parse()
        listOf(bits(scope), "$scope")
    }

private fun bits(set: Scope, other: Scope): List<Any?> {
    val isKnown = outcome<IllegalArgumentException>({ false }) { Scope.fromBits(set.bits) == set }
    // The case has the text and the unknown bits in the crate's `Debug` form, which has no counterpart here.
    val unknown = (set.bits and 63L.inv()).takeIf { it != 0L }?.let { "0x" + it.toString(16) }
    val debug = listOfNotNull("$set".takeIf { it.isNotEmpty() }, unknown).joinToString()
    return listOf(isKnown, set.grants(other), bits(set.missing(other)), "$set", "Scope($debug)")
}

private fun refusal(denied: Denied, realm: String) =
    listOf(denied.reason.label, number(denied.status), denied.message, bits(denied.missing), denied.challenge(realm))

private fun life(case: Map<*, *>): List<Any?> {
    val (own, presented) = listOf("own", "presented").map { ApiKey.parse(case[it] as String) }
    val time = { text: Any? -> (text as String?)?.let { UnixTime.ofSecs(it.toULong()) } }
    val moment = { name: String -> time(case[name]) ?: UnixTime.MAX }
    val times = (case["times"] as List<*>).map(time)
    val record = KeyRecord(own.id, own.digest, "project", scope(case["scopes"]), times[0], times[1], times[2], times[3])
    val state = record.state(moment("now")).name
    val refused = { denied: Denied -> refusal(denied, "MemoryKit") }
    val verified = outcome<Denied>(refused) {
        val grant = record.verify(presented, moment("now"))
        val required = outcome<Denied>(refused) { grant.require(scope(case["required"])).let { null } }
        listOf(grant.keyId, bits(grant.scopes), grant.expiresAt?.toString(), required)
    }
    val rotated = outcome<RotateException>({ listOf(it.kind.name, it.message) }) {
        val next = record.rotate(presented, moment("now"), moment("overlap").secs)
        listOf(next.id, next.digest, bits(next.scopes), texts(next))
    }
    val after = texts(record)
    record.retireAt(moment("retire_at"))
    record.revoke(moment("revoke_at"))
    return listOf(state, verified, rotated, after, texts(record))
}

private fun texts(record: KeyRecord<*>) = timesOf(record).map { it?.toString() }

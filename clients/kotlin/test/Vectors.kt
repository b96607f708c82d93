package io.memorykit.key

import java.io.File

private typealias Case = Map<String, Any?>

private fun cases(name: String, count: Int): List<Case> {
    val text = File("../../tests/vectors/$name.json").readText()
    @Suppress("UNCHECKED_CAST")
    val cases = Json.parse(text) as List<Case>
    assertEquals(cases.size, count, "the number of cases")
    return cases
}

private fun Case.text(name: String) = getValue(name) as String
private fun Case.bits(name: String) = Scope((getValue(name) as ULong).toLong())

@Suppress("UNCHECKED_CAST")
private fun Case.times(name: String): List<UnixTime?> {
    val times = getValue(name) as Case
    return listOf("not_before", "expires_at", "retires_at", "revoked_at").map { time(times.getValue(it)) }
}

private fun time(value: Any?) = (value as ULong?)?.let { UnixTime.ofSecs(it) }

private fun checkKey(case: Case, parse: () -> ApiKey) {
    val found = outcome<InvalidKeyException>({ listOf(it.kind.name.lowercase(), it.detail) }) {
        val key = parse()
        assertEquals(key.exposeSecret() in case.text("input"), true, case)
        mapOf("id" to key.id, "digest" to key.digest)
    }
    val expected = case["ok"] ?: listOf(case["error"], (case["detail"] as ULong?)?.toInt())
    assertEquals(found, expected, case)
}

val vectorTests = listOf(
    Test("keys parse as written") {
        var texts = 0
        for (case in cases("keys", 289)) {
            val bytes = latin1(case.text("input"))
            checkKey(case) { ApiKey.parse(bytes) }
            val text = String(bytes, Charsets.UTF_8)
            if (text.toByteArray(Charsets.UTF_8).contentEquals(bytes)) {
                texts += 1
                checkKey(case + ("input" to text)) { ApiKey.parse(text) }
            }
        }
        assertEquals(texts > 100, true, "many are texts")
    },
    Test("pasted keys are repaired") {
        for (case in cases("pasted", 246)) checkKey(case) { ApiKey.parsePasted(case.text("input")) }
    },
    Test("scopes are written, read and checked") {
        val kinds = mutableSetOf<String>()
        for (case in cases("scopes", 299)) {
            val read = { parse: () -> Scope ->
                val found = outcome<InvalidScopeException>({ null }) { parse().bits.toULong() }
                assertEquals(found, case["bits"], case)
            }
            when {
                "text" in case -> {
                    assertEquals(Scope.fromBits(case.bits("bits").bits).toString(), case["text"], case)
                    read { Scope.parse(case.text("text")) }
                    kinds += "text"
                }
                "input" in case -> read { Scope.parse(case.text("input")) }.also { kinds += "input" }
                "list" in case -> read { Scope.parseList(case.text("list")) }.also { kinds += "list" }
                else -> {
                    assertEquals(case.bits("granted").grants(case.bits("required")), case["grants"], case)
                    assertEquals(case.bits("granted").missing(case.bits("required")), case.bits("missing"), case)
                    kinds += "check"
                }
            }
        }
        assertEquals(kinds.size, 4, "the number of kinds")
    },
    Test("records live and rotate") {
        for (case in cases("records", 210)) {
            val old = record(*case.times("record").toTypedArray())
            val presented = if (case["same_key"] == true) own else other
            val now = time(case["now"]) ?: UnixTime.MAX
            when {
                "state" in case -> {
                    assertEquals(old.state(now).name, case["state"], case)
                    val found = outcome<Denied>({ listOf(it.reason.name, it.status, it.error) }) {
                        val grant = old.verify(presented, now)
                        assertEquals(listOf(grant.keyId, grant.project, grant.scopes), listOf(own.id, "demo", Scope.READ), case)
                        grant.expiresAt
                    }
                    val expected = case["reason"]?.let { listOf(it, 401, "invalid_token") } ?: time(case["grant_ends"])
                    assertEquals(found, expected, case)
                }
                "ops" in case -> {
                    for (operation in case["ops"] as List<*>) {
                        val (name, secs) = operation as List<*>
                        val time = time(secs) ?: throw AssertionError(case)
                        if (name == "retire_at") old.retireAt(time) else old.revoke(time)
                    }
                    assertEquals(timesOf(old), case.times("after"), case)
                }
                "rotate_error" in case -> {
                    val error = thrown<RotateException> { old.rotate(presented, now, case["overlap"] as ULong) }
                    assertEquals(error.kind.name, case["rotate_error"], case)
                    assertEquals(timesOf(old), case.times("record"), case)
                }
                else -> {
                    val new = old.rotate(presented, now, case["overlap"] as ULong)
                    assertEquals(timesOf(old), case.times("old"), case)
                    assertEquals(timesOf(new), case.times("new"), case)
                    assertEquals(
                        listOf(new.id, new.digest, new.project, new.scopes),
                        listOf(other.id, other.digest, "demo", Scope.READ),
                        case,
                    )
                }
            }
        }
    },
    Test("headers are read") {
        for (case in cases("bearer", 156)) {
            val found = outcome<Denied>({ listOf(it.status, it.error) }) {
                listOf(200, bearer((case["values"] as List<*>).map { latin1(it as String) }).id)
            }
            assertEquals(found, listOf((case["status"] as ULong).toInt(), case["id"] ?: case["error"]), case)
        }
    },
    Test("leaks are found and redacted") {
        for (case in cases("leaks", 118)) {
            val text = latin1(case.text("text"))
            val redacted = redact(text)
            val finds = find(text).map { listOf(it.first.toULong(), it.last.toULong() + 1u) }
            assertEquals(finds, case["finds"], case)
            assertEquals(String(redacted, Charsets.ISO_8859_1), case["redacted"], case)
            assertEquals(redact(redacted).contentEquals(redacted), true, case)
            assertEquals(redact(case.text("text")), case["redacted"], case)
        }
    },
)

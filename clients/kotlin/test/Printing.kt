package io.memorykit.key

import java.io.ByteArrayOutputStream
import java.io.NotSerializableException
import java.io.ObjectOutputStream
import java.io.PrintWriter
import java.io.StringWriter
import java.lang.reflect.Modifier
import java.text.MessageFormat
import java.util.logging.Formatter
import java.util.logging.Handler
import java.util.logging.Level
import java.util.logging.LogRecord
import java.util.logging.SimpleFormatter

/** A class with a key, as programs have them. */
private data class Holder(val key: Any, val name: String)

private fun trace(error: Throwable): String = StringWriter().also { error.printStackTrace(PrintWriter(it)) }.toString()

/** Shows what serializers with reflection write: all fields that are not transient, to any depth. */
private fun dump(value: Any?, depth: Int = 0): String {
    if (value == null || depth > 8) return ""
    if (value is String || value is Number || value is Char) return "$value "
    if (value is Iterable<*>) return value.joinToString { dump(it, depth + 1) }
    if (value.javaClass.isArray) return (0 until java.lang.reflect.Array.getLength(value)).joinToString { dump(java.lang.reflect.Array.get(value, it), depth + 1) }
    if (!value.javaClass.name.startsWith("io.memorykit")) return "$value "
    return value.javaClass.declaredFields.filter { !Modifier.isTransient(it.modifiers) && !Modifier.isStatic(it.modifiers) }
        .joinToString { it.isAccessible = true; dump(it.get(value), depth + 1) }
}

/** Shows what serializers for beans write: the results of all getters. */
private fun beans(value: Any): String = value.javaClass.methods
    .filter { it.parameterCount == 0 && (it.name.startsWith("get") || it.name.startsWith("is") || it.name.startsWith("component")) }
    .joinToString { it.isAccessible = true; "${it.invoke(value)}" }

private fun logged(key: Any): String = listOf("text {0}" to arrayOf(key), "$key" to arrayOf()).joinToString { (text, parameters) ->
    SimpleFormatter().format(LogRecord(Level.INFO, text).also { it.parameters = parameters })
}

private val PRINTERS = mapOf<String, (Any) -> String>(
    "toString" to { "$it ${it.toString()} ${java.util.Objects.toString(it)} ${java.lang.String.valueOf(it)}" },
    "format" to { key -> listOf("%s", "%S", "%40s", "%-40s", "%h").joinToString { String.format(it, key) } },
    "containers" to { "${listOf(it)} ${setOf(it)} ${mapOf(it to it)} ${it to it} ${arrayOf(it).contentDeepToString()} ${java.util.Optional.of(it)}" },
    "data class" to { "${Holder(it, "x")} ${Holder(it, "x").copy(name = "y")} ${Holder(it, "x").component1()}" },
    "hash code" to { "${it.hashCode()} ${Holder(it, "x").hashCode()}" },
    "message format" to { MessageFormat.format("{0}", it) },
    "builder" to { StringBuilder().append(it).toString() },
    "logging" to ::logged,
    "exception" to { trace(IllegalStateException("$it", RuntimeException(it.toString()))) },
    "fields" to { dump(it) + dump(Holder(it, "x")) },
    "getters" to ::beans,
)

val printingTests = listOf(
    Test("no way of printing shows the secret") {
        for (key in listOf(own, AnyKey.parse(KEY))) {
            for ((name, print) in PRINTERS) assertEquals(shows(print(key)), false, name)
        }
        for (value in listOf(record(), record().verify(own, at(0)), Scope.READ, UnixTime.MAX)) {
            for ((name, print) in PRINTERS) assertEquals(shows(print(value)), false, name)
        }
    },
    Test("a key prints its masked form") {
        assertEquals("$own ${AnyKey.parse(KEY)}", "ApiKey($REDACTED) AnyKey(ctx_***)", "the text")
        assertEquals(own.hashCode(), "8aspm4G7VmSU".hashCode(), "the hash code")
        assertEquals(AnyKey.parse(KEY).hashCode(), AnyKey.parse(OTHER_KEY).hashCode(), "the hash code of a lenient key")
    },
    Test("serializers find no field of a key") {
        for (key in listOf(own, AnyKey.parse(KEY))) {
            val fields = key.javaClass.declaredFields.filter { !Modifier.isStatic(it.modifiers) }
            assertEquals(fields.all { Modifier.isTransient(it.modifiers) && Modifier.isPrivate(it.modifiers) }, true, fields)
            assertEquals(Modifier.isFinal(key.javaClass.modifiers), true, "a final class")
            assertEquals(key.javaClass.declaredConstructors.none { Modifier.isPublic(it.modifiers) && it.parameterCount == 1 }, true, "constructors")
            val stream = ByteArrayOutputStream()
            thrown<NotSerializableException> { ObjectOutputStream(stream).writeObject(key) }
            assertEquals(shows(stream.toString("ISO-8859-1")), false, "the stream")
        }
    },
    Test("no error contains a part of its input") {
        val texts = listOf(
            KEY.substring(1), KEY.substring(0, 51) + "-", KEY + "é", KEY.replaceFirst('f', '_'), KEY.replaceFirst('f', 'g'), KEY + "\udcff",
        )
        for (text in texts) {
            val calls = listOf<() -> Any>(
                { ApiKey.parse(text) },
                { ApiKey.parse(text.toByteArray()) },
                { ApiKey.parsePasted("\"$text\"") },
                { AnyKey.parse(KEY.replaceFirst('f', '_')) },
                { ApiKey.fromEnv(mapOf("MEMORYKIT_API_KEY" to text)) },
                { AnyKey.fromEnv(mapOf("MEMORYKIT_API_KEY" to text)) },
                { bearer(listOf("Bearer $text")) },
                { KeyRecord(text, text, 1, Scope.READ) },
                { Scope.parse(text) },
                { Scope.parseList(text) },
            )
            for (call in calls) {
                val error = thrown<RuntimeException> { call() }
                assertEquals(shows(trace(error) + dump(error) + error), false, "an error")
                val stream = ByteArrayOutputStream()
                ObjectOutputStream(stream).writeObject(error)
                assertEquals(shows(stream.toString("ISO-8859-1")), false, "a serialized error")
            }
        }
    },
    Test("a formatter redacts messages, parameters and traces") {
        val formatter = RedactingFormatter(SimpleFormatter())
        val record = LogRecord(Level.SEVERE, "refused {0}")
        record.parameters = arrayOf(KEY)
        record.thrown = IllegalStateException(KEY, RuntimeException("with $KEY"))
        val text = formatter.format(record)
        assertEquals(shows(text), false, "the text")
        assertEquals(listOf("refused $REDACTED", "IllegalStateException: $REDACTED", "with $REDACTED").all { it in text }, true, text)
        val page = RedactingFormatter(object : Formatter() {
            override fun format(record: LogRecord) = record.message
            override fun getHead(handler: Handler?) = "head of $handler"
            override fun getTail(handler: Handler?) = "tail of $handler"
        })
        assertEquals(listOf(page.getHead(null), page.getTail(null)), listOf("head of null", "tail of null"), "head and tail")
        assertEquals(page.formatMessage(LogRecord(Level.INFO, KEY)), REDACTED, "the message alone")
        assertEquals(page.formatMessage(LogRecord(Level.INFO, null)), null, "no message")
    },
)

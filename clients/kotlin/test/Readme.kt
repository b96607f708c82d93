package io.memorykit.key

import java.net.HttpURLConnection
import java.net.ServerSocket
import java.net.Socket
import java.net.URI

/** Returns a program of the class path, with these environment variables. */
fun program(name: String, variables: Map<String, String> = mapOf()): ProcessBuilder {
    val java = System.getProperty("java.home") + "/bin/java"
    val builder = ProcessBuilder(java, "-cp", System.getProperty("java.class.path"), name)
    builder.environment().putAll(variables)
    return builder
}

private fun get(url: String, vararg values: String): List<Any?> {
    val connection = URI(url).toURL().openConnection() as HttpURLConnection
    for (value in values) connection.addRequestProperty("Authorization", value)
    val status = connection.responseCode
    val body = if (status == 200) connection.inputStream else connection.errorStream
    return listOf(status, connection.getHeaderField("WWW-Authenticate"), body.reader().readText())
}

private fun listens(port: Int) = outcome<java.net.ConnectException>({ false }) {
    Socket("127.0.0.1", port).close()
    true
}

val readmeTests = listOf(
    Test("the examples are a server and its client") {
        val port = ServerSocket(0).use { it.localPort }
        val url = "http://127.0.0.1:$port/"
        val server = program("ServerKt", mapOf("PORT" to "$port")).inheritIO().start()
        try {
            repeat(600) {
                if (listens(port) == false) Thread.sleep(100)
            }
            val notValid = "the API key is not valid: it is unknown, revoked or outside its validity period"
            val missing = "an API key is required: send it as `Authorization: Bearer <key>`"
            assertEquals(get(url), listOf(401, "Bearer realm=\"MemoryKit\"", missing), "no key")
            val challenge = "Bearer realm=\"MemoryKit\", error=\"invalid_token\""
            assertEquals(get(url, "Bearer $OTHER_KEY"), listOf(401, challenge, notValid), "another key")
            assertEquals(get(url, "Bearer $KEY", "Bearer $KEY")[0], 400, "two keys")
            assertEquals(get(url, "bearer $KEY"), listOf(200, null, "hello, demo"), "the key")

            val client = { key: String ->
                val process = program("ClientKt", mapOf("MEMORYKIT_API_KEY" to key, "MEMORYKIT_URL" to url)).start()
                val printed = process.inputStream.reader().readText() + process.errorStream.reader().readText()
                process.waitFor() to printed
            }
            assertEquals(client("'$KEY'\n"), 0 to "200 hello, demo\n", "the client")
            val refused = "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21: " +
                "it was cut off or is a placeholder; copy the whole key\n"
            assertEquals(client("ctx_your_api_key_here"), 1 to refused, "a refused key")
        } finally {
            server.destroy()
            server.waitFor()
        }
    },
    Test("the example in Java runs") {
        val process = program("Rotation").redirectErrorStream(true).start()
        val expected = """
            demo: memories:read chats:read users:read
            1800003600, Active
            an API key is 52 bytes long, not 21: it was cut off or is a placeholder; copy the whole key
            token=$REDACTED ok
        """.trimIndent() + "\n"
        assertEquals(process.inputStream.reader().readText(), expected, "the output")
        assertEquals(process.waitFor(), 0, "the status")
    },
)

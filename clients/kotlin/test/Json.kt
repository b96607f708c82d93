package io.memorykit.key

/** Parses JSON: an object becomes a map, and a number, which is always whole and not negative here, a ULong. */
class Json private constructor(private val text: String) {
    private var place = 0

    private fun value(): Any? {
        space()
        return when (text[place]) {
            '{' -> list('}') {
                val name = string()
                space()
                expect(':')
                name to value()
            }.toMap()
            '[' -> list(']') { value() }
            '"' -> string()
            else -> word()
        }
    }

    private fun <T> list(end: Char, item: () -> T): List<T> {
        place += 1
        val items = mutableListOf<T>()
        space()
        while (text[place] != end) {
            if (items.isNotEmpty()) expect(',')
            space()
            items += item()
            space()
        }
        place += 1
        return items
    }

    private fun string(): String {
        expect('"')
        val string = StringBuilder()
        while (text[place] != '"') {
            if (text[place] != '\\') {
                string.append(text[place++])
                continue
            }
            when (val escaped = text[place + 1]) {
                'u' -> string.append(text.substring(place + 2, place + 6).toInt(16).toChar()).also { place += 4 }
                else -> string.append("\"\\/\b\u000c\n\r\t"["\"\\/bfnrt".indexOf(escaped)])
            }
            place += 2
        }
        place += 1
        return string.toString()
    }

    private fun word(): Any? {
        val start = place
        while (place < text.length && (text[place].isLetterOrDigit())) place += 1
        return when (val word = text.substring(start, place)) {
            "null" -> null
            "true" -> true
            "false" -> false
            else -> word.toULong()
        }
    }

    private fun space() {
        while (place < text.length && text[place] in " \t\r\n") place += 1
    }

    private fun expect(character: Char) {
        check(text[place] == character) { "expected $character at $place" }
        place += 1
    }

    companion object {
        fun parse(text: String): Any? = Json(text).value()
    }
}

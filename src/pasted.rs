//! Repair of pasted keys: removal of quotes, names and white space around them.

/// A rule of repair. It returns the text without the part that it removes, or `None` if the rule does not apply.
type Rule = fn(&str) -> Option<&str>;

/// Removes what people copy along with a key, as [`ApiKey::parse_pasted`](crate::ApiKey::parse_pasted) describes.
pub(crate) fn repair(mut text: &str) -> &str {
    let rules: [Rule; 4] = [strip_quotes, strip_separator, strip_name, strip_scheme];
    let mut unused = rules.map(Some);
    loop {
        text = trim(text);
        let repaired = unused.iter_mut().find_map(|rule| {
            let repaired = (*rule)?(text)?;
            *rule = None;
            Some(repaired)
        });
        match repaired {
            Some(repaired) => text = repaired,
            None => return text,
        }
    }
}

/// Trims white space, and the format characters that editors, terminals and web pages add, at both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_format(c))
}

const fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Removes one pair of quotes.
fn strip_quotes(text: &str) -> Option<&str> {
    const PAIRS: [(char, char); 6] =
        [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('<', '>')];
    PAIRS.into_iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
}

/// Removes one `,` or `;` from the end.
fn strip_separator(text: &str) -> Option<&str> {
    text.strip_suffix([',', ';'])
}

/// Removes `MEMORYKIT_API_KEY` with the `=` or `:` after it and an optional `export` before it, or `Authorization:`.
fn strip_name(text: &str) -> Option<&str> {
    let variable = strip_word(text, "export").unwrap_or(text).strip_prefix("MEMORYKIT_API_KEY");
    match variable {
        Some(rest) => rest.trim_start().strip_prefix(['=', ':']),
        None => strip_ignore_ascii_case(text, "Authorization")?.trim_start().strip_prefix(':'),
    }
}

/// Removes `Bearer`, in any letter case, if white space follows. The white space is left for [`trim`].
fn strip_scheme(text: &str) -> Option<&str> {
    let rest = strip_ignore_ascii_case(text, "Bearer")?;
    rest.starts_with(char::is_whitespace).then_some(rest)
}

/// Removes a word and the white space after it, of which there must be some.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(word)?;
    rest.starts_with(char::is_whitespace).then_some(rest.trim_start())
}

fn strip_ignore_ascii_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

//! What comes along when people copy a key, taken off.

/// The key in what a person pasted, as [`ApiKey::parse_pasted`](crate::ApiKey::parse_pasted) says.
pub(crate) fn repair(mut text: &str) -> &str {
    let (mut quoted, mut schemed) = (true, true);
    loop {
        text = trim(text);
        if let Some(inner) = without_quotes(text).filter(|_| quoted) {
            (text, quoted) = (inner, false);
        } else if let Some(token) = without_scheme(text).filter(|_| schemed) {
            (text, schemed) = (token, false);
        } else {
            return text;
        }
    }
}

/// Without the white space, byte order marks and zero-width spaces that editors and terminals add at the ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

fn without_quotes(text: &str) -> Option<&str> {
    ['"', '\'', '`'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn without_scheme(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_at_checked("Bearer".len())?;
    (scheme.eq_ignore_ascii_case("Bearer") && token.starts_with(char::is_whitespace)).then_some(token)
}

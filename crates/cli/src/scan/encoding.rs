//! The encodings that hide a key from a search for its plain text.

/// An encoding of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Base64,
    Hex,
    Percent,
    /// Escapes of JSON, of JavaScript, and of other languages with the escapes of C.
    JavaScript,
    Html,
    QuotedPrintable,
    Markdown,
    Utf32,
}

impl Encoding {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent",
            Self::JavaScript => "javascript",
            Self::Html => "html",
            Self::QuotedPrintable => "quoted-printable",
            Self::Markdown => "markdown",
            Self::Utf32 => "utf-32",
        }
    }
}

/// Describes encodings, which come with the outermost first. The text names the innermost first.
pub(crate) fn encoded_as(encodings: &[Encoding]) -> String {
    let names: Vec<_> = encodings.iter().rev().map(|encoding| encoding.as_str()).collect();
    format!("encoded as {}", names.join(" in "))
}

//! The address and the program that somebody signs in with: [`Client`].

use std::net::IpAddr;

use super::free_text::contains_key;

/// Maximum number of characters in the description of an agent.
const MAX_AGENT: usize = 60;

/// Products that identify a browser, each with the name of the browser. The more specific come first, because their
/// browsers also send the products of later ones.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Parts of a `User-Agent` that identify an operating system, each with its name. The more specific come first here, too.
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// The client of a sign-in.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: IpAddr,
    /// A short description of the browser or the program.
    pub agent: Option<String>,
}

impl Client {
    /// Returns a client that sends this `User-Agent`.
    pub fn new(address: IpAddr, user_agent: Option<&str>) -> Self {
        Self { address, agent: user_agent.and_then(agent) }
    }
}

/// Returns an address as the database stores it. An IPv4-mapped IPv6 address becomes the IPv4 address.
pub(super) fn canonical(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// Describes a `User-Agent`: a browser as `Firefox on Linux`, and a program by its first product, such as
/// `memorykit-python/0.1.1`.
fn agent(text: &str) -> Option<String> {
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(product, _)| text.contains(product)).map(|(_, name)| *name)
    };
    let browser = if text.starts_with("Mozilla/") { named(&BROWSERS) } else { None };
    let words = match (browser, named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => text.split_ascii_whitespace().next()?.to_owned(),
    };
    let short: String = words.chars().filter(|character| !character.is_control()).take(MAX_AGENT).collect();
    Some(short).filter(|short| !short.is_empty() && !contains_key(text))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_agent_is_named_by_its_browser_or_its_first_product() {
        const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64)";
        let chrome = format!("{LINUX} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36");
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                      Version/17.5 Mobile/15E148 Safari/604.1";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0";
        let long = "x".repeat(1_000);
        let key = format!("bot/{}", ctx_key::ApiKey::generate().expose_secret());
        for (text, words) in [
            (chrome.as_str(), Some("Chrome on Linux")),
            (safari, Some("Safari on iOS")),
            (edge, Some("Edge on Windows")),
            (&format!("{LINUX} Gecko/20100101 Firefox/128.0"), Some("Firefox on Linux")),
            (
                "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0",
                Some("Firefox on Android"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.5 Safari/605.1.15",
                Some("Safari on macOS"),
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
                 Safari/537.36 OPR/112.0.0.0",
                Some("Opera on ChromeOS"),
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 \
                 Mobile/15E148 Safari/605.1.15",
                Some("Firefox on iPadOS"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
                Some("Chrome on iOS"),
            ),
            ("Mozilla/5.0 Firefox/1", Some("Firefox")),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile \
                 Safari/537.36 EdgA/126.0.0.0",
                Some("Edge on Android"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.0 EdgiOS/126.0.2592.56 Mobile/15E148 Safari/604.1",
                Some("Edge on iOS"),
            ),
            ("Mozilla/5.0", Some("Mozilla/5.0")),
            ("memorykit-python/0.1.1", Some("memorykit-python/0.1.1")),
            ("curl/8.5.0 (Windows) Chrome/1", Some("curl/8.5.0")),
            ("<b>bold</b> text", Some("<b>bold</b>")),
            (&long, Some(&long[..60])),
            ("a\tb", Some("a")),
            ("\u{7f}\u{1}", None),
            ("", None),
            ("  ", None),
            (&key, None),
            // neither another product nor the start of a key is shown
            (&format!("bot/1 {key}"), None),
            (&format!("{}{key}", "x".repeat(40)), None),
        ] {
            let client = Client::new(Ipv4Addr::LOCALHOST.into(), Some(text));
            assert_eq!(client.agent.as_deref(), words, "{text}");
        }
        assert_eq!(Client::new(Ipv4Addr::LOCALHOST.into(), None).agent, None);
    }
}

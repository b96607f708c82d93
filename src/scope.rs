//! What a key may do: [`Scope`].

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

bitflags::bitflags! {
    /// A set of scopes: what a key may do, or what a request requires.
    ///
    /// | bit | constant | text | description |
    /// |---|---|---|---|
    /// | 1 | [`MEMORIES_READ`](Self::MEMORIES_READ) | `memories:read` | Read and search memories |
    /// | 2 | [`MEMORIES_WRITE`](Self::MEMORIES_WRITE) | `memories:write` | Create, update, and delete memories |
    /// | 4 | [`CHATS_READ`](Self::CHATS_READ) | `chats:read` | Read chat sessions and history |
    /// | 8 | [`CHATS_WRITE`](Self::CHATS_WRITE) | `chats:write` | Create chats and send messages |
    /// | 16 | [`USERS_READ`](Self::USERS_READ) | `users:read` | Read user data |
    /// | 32 | [`USERS_WRITE`](Self::USERS_WRITE) | `users:write` | Create and update users |
    ///
    /// Writing does not imply reading, and there is no wildcard: what is not granted is denied.
    /// [`grants`](Self::grants) is the check; bitflags' `contains` is not one, as every set contains the empty one.
    ///
    /// Text is the `scope` of RFC 6749 §3.3: names in the table's order, one space between, nothing for the
    /// empty set. `Display` writes it, [`FromStr`] reads it. With serde, a set is a sequence of names.
    ///
    /// Databases store [`bits`](Self::bits); [`from_bits`](Self::from_bits) reads them, and refuses unknown ones.
    /// Bit 31 is never assigned, so a signed column holds them all. Unknown bits that get in all the same
    /// ([`from_bits_retain`](Self::from_bits_retain)) are neither granted nor written.
    ///
    /// ```
    /// use ctx_key::Scope;
    ///
    /// let granted: Scope = "memories:read chats:write".parse()?;
    /// assert_eq!(granted, Scope::MEMORIES_READ | Scope::CHATS_WRITE);
    /// assert!(granted.grants(Scope::MEMORIES_READ));
    /// assert!(!granted.grants(Scope::CHATS_READ | Scope::CHATS_WRITE));
    /// assert_eq!(Scope::from_bits(64), None);
    /// # Ok::<(), ctx_key::ParseScopeError>(())
    /// ```
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Scope: u32 {
        /// `memories:read`: Read and search memories
        const MEMORIES_READ = 1;
        /// `memories:write`: Create, update, and delete memories
        const MEMORIES_WRITE = 1 << 1;
        /// `chats:read`: Read chat sessions and history
        const CHATS_READ = 1 << 2;
        /// `chats:write`: Create chats and send messages
        const CHATS_WRITE = 1 << 3;
        /// `users:read`: Read user data
        const USERS_READ = 1 << 4;
        /// `users:write`: Create and update users
        const USERS_WRITE = 1 << 5;
    }
}

/// Name and description of each scope, in the order of the bits.
const TABLE: [(Scope, &str, &str); 6] = [
    (Scope::MEMORIES_READ, "memories:read", "Read and search memories"),
    (Scope::MEMORIES_WRITE, "memories:write", "Create, update, and delete memories"),
    (Scope::CHATS_READ, "chats:read", "Read chat sessions and history"),
    (Scope::CHATS_WRITE, "chats:write", "Create chats and send messages"),
    (Scope::USERS_READ, "users:read", "Read user data"),
    (Scope::USERS_WRITE, "users:write", "Create and update users"),
];

impl Scope {
    /// The three scopes that read.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert_eq!(Scope::READ.to_string(), "memories:read chats:read users:read");
    /// ```
    pub const READ: Self = Self::MEMORIES_READ.union(Self::CHATS_READ).union(Self::USERS_READ);

    /// The three scopes that write. They do not imply reading.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert!(!Scope::WRITE.grants(Scope::MEMORIES_READ));
    /// ```
    pub const WRITE: Self = Self::MEMORIES_WRITE.union(Self::CHATS_WRITE).union(Self::USERS_WRITE);

    /// Whether a key with these scopes may do what requires `required`: all of them, and at least one.
    ///
    /// Asking for nothing is denied: a route that forgot to say what it requires must not be open.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert!(Scope::READ.grants(Scope::CHATS_READ));
    /// assert!(!Scope::READ.grants(Scope::CHATS_WRITE));
    /// assert!(!Scope::all().grants(Scope::empty()));
    /// ```
    #[inline]
    #[must_use]
    pub const fn grants(self, required: Self) -> bool {
        !required.is_empty() && self.missing(required).is_empty()
    }

    /// What of `required` is not granted.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert_eq!(Scope::READ.missing(Scope::USERS_READ | Scope::USERS_WRITE), Scope::USERS_WRITE);
    /// ```
    #[inline]
    #[must_use]
    pub const fn missing(self, required: Self) -> Self {
        Self::from_bits_retain(required.bits() & !self.known().bits())
    }

    /// Without bits that no scope has.
    pub(crate) const fn known(self) -> Self {
        Self::from_bits_truncate(self.bits())
    }

    /// The name of exactly one scope, `None` for any other set.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert_eq!(Scope::USERS_READ.name(), Some("users:read"));
    /// assert_eq!(Scope::READ.name(), None);
    /// ```
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        TABLE.iter().find(|(scope, ..)| *scope == self).map(|(_, name, _)| *name)
    }

    /// What exactly one scope lets its holder do, for a dashboard; `None` for any other set.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// for scope in Scope::all() {
    ///     println!("{:16} {}", scope.name().unwrap(), scope.description().unwrap());
    /// }
    /// ```
    #[must_use]
    pub fn description(self) -> Option<&'static str> {
        TABLE.iter().find(|(scope, ..)| *scope == self).map(|(.., description)| *description)
    }

    /// The names of the scopes in this set, in the table's order. Bits that no scope has are passed over.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter(move |(scope, ..)| self.contains(*scope)).map(|(_, name, _)| *name)
    }

    /// Reads what people type: names between commas and white space, any number of either.
    ///
    /// Names are still case-sensitive, and an unknown one is an error: never dropped.
    ///
    /// # Errors
    ///
    /// [`ParseScopeError`]: an item is not the name of a scope.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// let typed = Scope::parse_list("memories:read, chats:write,\n")?;
    /// assert_eq!(typed, Scope::MEMORIES_READ | Scope::CHATS_WRITE);
    ///
    /// let error = Scope::parse_list("chats:read, memory:read").unwrap_err();
    /// assert_eq!((error.range(), error.suggestion()), (12..23, Some(Scope::MEMORIES_READ)));
    /// # Ok::<(), ctx_key::ParseScopeError>(())
    /// ```
    pub fn parse_list(text: &str) -> Result<Self, ParseScopeError> {
        union_of(text, |c| c == ',' || c.is_whitespace(), str::is_empty)
    }
}

/// ```
/// # use ctx_key::Scope;
/// assert_eq!("users:read chats:read".parse(), Ok(Scope::CHATS_READ | Scope::USERS_READ));
/// assert_eq!("".parse(), Ok(Scope::empty()));
/// assert!("users:read,chats:read".parse::<Scope>().is_err());
/// ```
impl FromStr for Scope {
    type Err = ParseScopeError;

    /// Reads the `scope` of RFC 6749 §3.3: case-sensitive names, one space between, none at the ends. Their
    /// order is free, and a name may stand twice. No text at all is the empty set.
    ///
    /// # Errors
    ///
    /// [`ParseScopeError`]: what stands before, between or after spaces is not the name of a scope.
    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        union_of(text, |c| c == ' ', |_| text.is_empty())
    }
}

/// The union of the named scopes in `text`, but for the items to skip.
fn union_of(
    text: &str,
    separates: impl Fn(char) -> bool,
    skip: impl Fn(&str) -> bool,
) -> Result<Scope, ParseScopeError> {
    let mut union = Scope::empty();
    let mut start = 0_usize;
    for item in text.split(&separates) {
        let end = start.saturating_add(item.len());
        if !skip(item) {
            union |= named(item).ok_or_else(|| ParseScopeError::unknown(start, item))?;
        }
        let separator = text.get(end..).and_then(|rest| rest.chars().next());
        start = end.saturating_add(separator.map_or(0, char::len_utf8));
    }
    Ok(union)
}

/// The scope of exactly this name.
pub(crate) fn named(name: &str) -> Option<Scope> {
    TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
}

/// The scope that was probably meant: the only one nearest to `typed`, by at most three changed letters.
fn suggest(typed: &str) -> Option<Scope> {
    const LONGEST: usize = "memories:write".len();
    const NEAR: usize = 3;
    if typed.len() > LONGEST + NEAR {
        return None;
    }
    let distance = |(scope, name, _): &(Scope, &str, &str)| (distance::<LONGEST>(typed, name), *scope);
    let nearest = TABLE.iter().map(distance).min_by_key(|(distance, _)| *distance)?;
    let mut others = TABLE.iter().map(distance).filter(|(distance, _)| *distance == nearest.0).skip(1);
    (nearest.0 <= NEAR && others.next().is_none()).then_some(nearest.1)
}

/// Levenshtein's distance in bytes, letter case aside, to a name of at most `N` bytes.
fn distance<const N: usize>(typed: &str, name: &str) -> usize {
    let mut row: [usize; N] = core::array::from_fn(|column| column.saturating_add(1));
    let mut distance = name.len();
    for (typed_before, typed) in typed.bytes().enumerate() {
        let mut diagonal = typed_before;
        distance = typed_before.saturating_add(1);
        for (above, letter) in row.iter_mut().zip(name.bytes()) {
            let changed = usize::from(!typed.eq_ignore_ascii_case(&letter));
            let one_more = distance.min(*above).saturating_add(1);
            distance = diagonal.saturating_add(changed).min(one_more);
            diagonal = core::mem::replace(above, distance);
        }
    }
    distance
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in self.names() {
            write!(f, "{separator}{name}")?;
            separator = " ";
        }
        Ok(())
    }
}

/// Names, and bits that no scope has in hexadecimal: `Scope(users:read, 0x40)`.
impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = self.difference(self.known());
        match (self.known().is_empty(), unknown.is_empty()) {
            (_, true) => write!(f, "Scope({self})"),
            (true, false) => write!(f, "Scope({:#x})", unknown.bits()),
            (false, false) => write!(f, "Scope({self}, {:#x})", unknown.bits()),
        }
    }
}

/// Something is not the name of a scope: where it stands, and which scope was probably meant.
///
/// ```
/// use ctx_key::Scope;
///
/// let error = "chats:read Memories.Read".parse::<Scope>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown scope at bytes 11..24; did you mean `memories:read`?");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseScopeError {
    start: usize,
    end: usize,
    suggestion: Option<Scope>,
}

impl ParseScopeError {
    /// `item`, which starts at byte `start`, is not the name of a scope.
    pub(crate) fn unknown(start: usize, item: &str) -> Self {
        Self { start, end: start.saturating_add(item.len()), suggestion: suggest(item) }
    }

    /// Where in the input the unknown name stands, in bytes. Empty where a name is missing: at a space too many.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// let text = "chats:read admin";
    /// let error = text.parse::<Scope>().unwrap_err();
    /// assert_eq!(&text[error.range()], "admin");
    /// ```
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The scope that was probably meant, if one is near.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert_eq!("user:read".parse::<Scope>().unwrap_err().suggestion(), Some(Scope::USERS_READ));
    /// assert_eq!("admin".parse::<Scope>().unwrap_err().suggestion(), None);
    /// ```
    #[must_use]
    pub const fn suggestion(&self) -> Option<Scope> {
        self.suggestion
    }
}

impl fmt::Display for ParseScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.range();
        if start == end {
            return write!(
                f,
                "a scope name is missing at byte {start}; names stand with one space between, and none around"
            );
        }
        write!(f, "unknown scope at bytes {start}..{end}; ")?;
        match self.suggestion.and_then(Scope::name) {
            Some(name) => write!(f, "did you mean `{name}`?"),
            None => write!(f, "the scopes are: {}", Scope::all()),
        }
    }
}

impl core::error::Error for ParseScopeError {}

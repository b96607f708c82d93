//! The permissions of a key: [`Scope`].

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

use crate::alphabet::ascii;

bitflags::bitflags! {
    /// A set of scopes: those that a key has, or those that a request requires.
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
    /// A write scope does not imply the read scope, and there is no wildcard. A scope that is not granted is denied.
    /// Check with [`grants`](Self::grants), not with bitflags' `contains`, because every set contains the empty one.
    ///
    /// The text form is the `scope` of RFC 6749 §3.3: names in the table's order with one space between them. The
    /// empty set is the empty text. `Display` writes this form and [`FromStr`] reads it. `from_name` belongs to
    /// bitflags and takes the name of a constant (`"MEMORIES_READ"`), not of a scope. With serde, a set is a sequence
    /// of names.
    ///
    /// A database stores [`bits`](Self::bits). [`from_bits`](Self::from_bits) reads them and refuses unknown ones. Bit
    /// 31 is never assigned, so a signed column holds every set. Unknown bits, from
    /// [`from_bits_retain`](Self::from_bits_retain), are never granted, and the text form omits them.
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

/// Rows of scope, name and description, in the order of the bits.
const TABLE: [(Scope, &str, &str); 6] = [
    (Scope::MEMORIES_READ, "memories:read", "Read and search memories"),
    (Scope::MEMORIES_WRITE, "memories:write", "Create, update, and delete memories"),
    (Scope::CHATS_READ, "chats:read", "Read chat sessions and history"),
    (Scope::CHATS_WRITE, "chats:write", "Create chats and send messages"),
    (Scope::USERS_READ, "users:read", "Read user data"),
    (Scope::USERS_WRITE, "users:write", "Create and update users"),
];

impl Scope {
    /// The three read scopes.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert_eq!(Scope::READ.to_string(), "memories:read chats:read users:read");
    /// ```
    pub const READ: Self = Self::MEMORIES_READ.union(Self::CHATS_READ).union(Self::USERS_READ);

    /// The three write scopes. They do not imply the read scopes.
    ///
    /// ```
    /// # use ctx_key::Scope;
    /// assert!(!Scope::WRITE.grants(Scope::MEMORIES_READ));
    /// ```
    pub const WRITE: Self = Self::MEMORIES_WRITE.union(Self::CHATS_WRITE).union(Self::USERS_WRITE);

    /// Returns whether this set has all of the `required` scopes, which must be at least one.
    ///
    /// An empty requirement is denied, so that a route without a requirement is not open by mistake.
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

    /// Returns the `required` scopes that this set lacks.
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

    /// Returns the set without unknown bits.
    pub(crate) const fn known(self) -> Self {
        Self::from_bits_truncate(self.bits())
    }

    /// Returns the name of exactly one scope, or `None` for any other set.
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

    /// Returns the description of exactly one scope, for a dashboard, or `None` for any other set.
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

    /// Returns the names of the scopes in this set, in the table's order. Unknown bits are skipped.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter(move |(scope, ..)| self.contains(*scope)).map(|(_, name, _)| *name)
    }

    /// Reads a list that a person typed: names separated by any number of commas and white space.
    ///
    /// Names are still case-sensitive, and an unknown name is an error. It is never ignored.
    ///
    /// # Errors
    ///
    /// [`ParseScopeError`] if an item is not the name of a scope.
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

    /// Reads the `scope` of RFC 6749 §3.3: case-sensitive names, with exactly one space between them and none at the
    /// ends. Their order is free, and a name may be repeated. An empty text is the empty set.
    ///
    /// # Errors
    ///
    /// [`ParseScopeError`] if an item between spaces is not the name of a scope.
    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        union_of(text, |c| c == ' ', |_| text.is_empty())
    }
}

/// Returns the union of the scopes named in `text`. Items for which `skip` returns true are ignored.
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
            union |= by_name(item).ok_or_else(|| ParseScopeError::unknown(start, item))?;
        }
        let separator = text.get(end..).and_then(|rest| rest.chars().next());
        start = end.saturating_add(separator.map_or(0, char::len_utf8));
    }
    Ok(union)
}

/// Returns the scope with exactly this name.
pub(crate) fn by_name(name: &str) -> Option<Scope> {
    TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
}

/// Returns the scope that was probably meant: the one nearest to `typed`, if it is at most three edits away and no
/// other is as near.
fn suggest(typed: &str) -> Option<Scope> {
    const MAX_NAME_LEN: usize = "memories:write".len();
    const MAX_DISTANCE: usize = 3;
    if typed.len() > MAX_NAME_LEN + MAX_DISTANCE {
        return None;
    }
    let distance = |(scope, name, _): &(Scope, &str, &str)| (distance::<MAX_NAME_LEN>(typed, name), *scope);
    let nearest = TABLE.iter().map(distance).min_by_key(|(distance, _)| *distance)?;
    let mut others = TABLE.iter().map(distance).filter(|(distance, _)| *distance == nearest.0).skip(1);
    (nearest.0 <= MAX_DISTANCE && others.next().is_none()).then_some(nearest.1)
}

/// Returns the Levenshtein distance in bytes, without regard to ASCII case, to a name of at most `N` bytes.
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

/// Writes the text form. Width and alignment apply to the whole text.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; MAX_TEXT_LEN];
        let mut slots = text.iter_mut();
        let mut separator = "";
        for name in self.names() {
            for (byte, slot) in separator.bytes().chain(name.bytes()).zip(slots.by_ref()) {
                *slot = byte;
            }
            separator = " ";
        }
        let len = MAX_TEXT_LEN.saturating_sub(slots.len());
        f.pad(ascii(text.get(..len).unwrap_or_default()))
    }
}

/// Length of the text of all scopes.
const MAX_TEXT_LEN: usize =
    "memories:read memories:write chats:read chats:write users:read users:write".len();

/// Writes names, and unknown bits in hexadecimal: `Scope(users:read, 0x40)`.
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

/// Error for an item that is not the name of a scope. It holds the position, and the scope that was probably meant.
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
    /// Creates the error of an `item` that starts at byte `start`.
    pub(crate) fn unknown(start: usize, item: &str) -> Self {
        Self { start, end: start.saturating_add(item.len()), suggestion: suggest(item) }
    }

    /// Returns the byte range of the unknown name in the input. It is empty if a name is missing, at an extra space.
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

    /// Returns the scope that was probably meant, if the unknown name is similar to one.
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
                "a scope name is missing at byte {start}; separate names by one space, without spaces at the ends"
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

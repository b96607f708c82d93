//! Searches archives: gzip, zip and tar, which are recognised by their first bytes and not by their names.
//!
//! Each member is searched like a file. Then the archive itself is searched, for keys that are in none of its
//! members. Members are read as streams. An archive that is not a plain file, such as an archive in an archive, is
//! stored first: in memory up to [`MAX_IN_MEMORY`], and beyond that in a temporary file without a name. A [`Budget`]
//! limits what is unpacked, so that a zip bomb ends in an error.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use flate2::bufread::{DeflateDecoder, GzDecoder};
use memchr::memmem;
use rawzip::{
    CompressionMethod, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipLocator,
};
use tempfile::SpooledTempFile;

use crate::cli::ScanOptions;
use crate::name;
use crate::scan::finding::{Find, Group, Member, join};
use crate::scan::progress::Progress;
use crate::scan::searcher::{Filled, Searcher};

/// Maximum number of archives that are opened around a text. A compressed tar archive counts as one.
const MAX_DEPTH: usize = 2;
/// Maximum number of members of a file, including those of the archives in it.
const MAX_MEMBERS: u64 = 100_000;
/// Maximum number of bytes unpacked from a file.
const MAX_UNPACKED: u64 = 4 << 30;
/// Maximum number of bytes unpacked for each byte of the file. Text seldom reaches 20.
const MAX_RATIO: u64 = 100;
/// Number of bytes that may be unpacked even from the smallest file.
const MIN_UNPACKED: u64 = 16 << 20;
/// Maximum number of bytes of a stored archive that stay in memory.
const MAX_IN_MEMORY: usize = 1 << 20;
/// Maximum number of bytes read for a name in a tar archive.
const MAX_NAME: u64 = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Zip,
    Tar,
}

impl Format {
    fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            // A script may precede a zip archive, as in a zipapp of Python or an executable jar.
            [b'#', b'!', ..] if memmem::find(start, b"PK\x03\x04").is_some() => Some(Self::Zip),
            _ if start.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ => None,
        }
    }
}

/// Describes a failure in the archive at `path`.
pub(crate) fn describe_failure(path: &[u8], member: &[Vec<u8>], reason: &str) -> String {
    let (path, reason) = (name::to_text(&join(path, member)), name::to_message(reason));
    format!(
        "can't unpack {path}: {reason}; it was not searched to its end: unpack it, and search what it holds"
    )
}

/// Searches texts, and the members of those that are archives. Each thread has its own.
pub(crate) struct Unpacker {
    /// A searcher for each depth, made when it is first needed.
    searchers: Vec<Option<Searcher>>,
    decodes: bool,
    is_enabled: bool,
}

/// The callbacks that receive finds and failures.
pub(crate) struct Receiver<'r> {
    pub(crate) found: &'r mut dyn FnMut(Find),
    /// Receives the names that lead to a member that was not searched to its end (none for the file itself), and the
    /// reason.
    pub(crate) failed: &'r mut dyn FnMut(&[Vec<u8>], &str),
}

impl Unpacker {
    pub(crate) fn new(options: &ScanOptions) -> Self {
        let searchers = (0..=MAX_DEPTH).map(|_| None).collect();
        Self { searchers, decodes: !options.no_decode, is_enabled: !options.no_archives }
    }

    /// Returns the searcher for a text that is not to be unpacked.
    pub(crate) fn searcher(&mut self) -> &mut Searcher {
        let decodes = self.decodes;
        self.searchers[0].get_or_insert_with(|| Searcher::new(decodes))
    }

    pub(crate) fn search_file(
        &mut self,
        file: &File,
        progress: &Progress,
        mut receiver: Receiver<'_>,
    ) -> io::Result<()> {
        let mut counting = progress.counting(file);
        let first = self.searcher().begin(&mut counting);
        let Some(format) = self.format(&first) else {
            return self.searcher().finish(first, counting, receiver.found).map(|_| ());
        };
        // Only a plain file can be read from any offset.
        let size = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
        let Some(size) = size else { return self.search_spooled(first, format, counting, receiver) };
        let mut file = file;
        let mut seen = HashSet::new();
        self.unpack_all(&mut file, size, format, &mut seen, &mut receiver);
        file.seek(SeekFrom::Start(first.count as u64))?;
        let found = |find: Find| {
            if !seen.contains(&find.group()) {
                (receiver.found)(find)
            }
        };
        self.searcher().finish(first, counting, found).map(|_| ())
    }

    /// Searches a stream, which is read to its end.
    pub(crate) fn search(&mut self, mut reader: impl Read, receiver: Receiver<'_>) -> io::Result<()> {
        let first = self.searcher().begin(&mut reader);
        match self.format(&first) {
            None => self.searcher().finish(first, reader, receiver.found).map(|_| ()),
            Some(format) => self.search_spooled(first, format, reader, receiver),
        }
    }

    fn format(&mut self, first: &Filled) -> Option<Format> {
        if self.is_enabled { Format::of(self.searcher().text(first)) } else { None }
    }

    fn search_spooled(
        &mut self,
        first: Filled,
        format: Format,
        mut reader: impl Read,
        mut receiver: Receiver<'_>,
    ) -> io::Result<()> {
        let mut spool = Spool(SpooledTempFile::new(MAX_IN_MEMORY));
        spool.write_all(self.searcher().text(&first))?;
        let copied = match first.error {
            Some(error) => Err(error),
            None => io::copy(&mut reader, &mut spool),
        };
        let size = spool.stream_position()?;
        let mut seen = HashSet::new();
        if copied.is_ok() {
            self.unpack_all(&mut spool, size, format, &mut seen, &mut receiver);
        }
        spool.rewind()?;
        self.searcher().search(spool, |find| {
            if !seen.contains(&find.group()) {
                (receiver.found)(find)
            }
        })?;
        copied.map(|_| ())
    }

    fn unpack_all(
        &mut self,
        source: &mut dyn Source,
        size: u64,
        format: Format,
        seen: &mut HashSet<Group>,
        receiver: &mut Receiver<'_>,
    ) {
        let budget = Budget::new(size);
        let mut unpacking = Unpacking { unpacker: self, budget: &budget, seen, receiver, member: Vec::new() };
        unpacking.unpack(source, format);
        if let Some(excess) = budget.excess.get() {
            (receiver.failed)(&[], excess);
        }
    }
}

/// A stored archive. Its errors say so, because they are not errors of the archive.
struct Spool(SpooledTempFile);

fn cannot_store(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("can't use a temporary file: {error}"))
}

impl Read for Spool {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(cannot_store)
    }
}

impl Write for Spool {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.write(text).map_err(cannot_store)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(cannot_store)
    }
}

impl Seek for Spool {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.seek(position).map_err(cannot_store)
    }
}

trait Source: Read + Seek {}
impl<S: Read + Seek> Source for S {}

/// The limits on what is unpacked from one file, and how much of them is used.
struct Budget {
    unpacked: Cell<u64>,
    max_unpacked: u64,
    members: Cell<u64>,
    /// Describes the limit that was exceeded.
    excess: Cell<Option<&'static str>>,
}

impl Budget {
    fn new(size: u64) -> Self {
        let max_unpacked = size.saturating_mul(MAX_RATIO).clamp(MIN_UNPACKED, MAX_UNPACKED);
        Self { unpacked: Cell::new(0), max_unpacked, members: Cell::new(0), excess: Cell::new(None) }
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        self.unpacked.set(self.unpacked.get() + bytes as u64);
        if self.unpacked.get() <= self.max_unpacked {
            return Ok(());
        }
        self.excess.set(Some(match self.max_unpacked {
            MAX_UNPACKED => "it holds more than 4 GiB",
            _ => "it holds more than 100 times its size, and may be made to fill a disk",
        }));
        Err(io::Error::other("too much to unpack"))
    }

    fn limit<R>(&self, reader: R) -> Limited<'_, R> {
        Limited { reader, budget: self }
    }

    fn add_member(&self) {
        self.members.set(self.members.get() + 1);
        if self.members.get() > MAX_MEMBERS {
            self.excess.set(Some("it has more than 100,000 members"));
        }
    }

    fn is_exceeded(&self) -> bool {
        self.excess.get().is_some()
    }
}

/// A reader of unpacked bytes. The members of a tar archive need none: each byte of them is a byte of the archive, which
/// was counted when the archive was unpacked, or lies in the file itself.
struct Limited<'b, R> {
    reader: R,
    budget: &'b Budget,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.budget.take(count).map(|()| count)
    }
}

/// Unpacks one file.
struct Unpacking<'u, 'r> {
    unpacker: &'u mut Unpacker,
    budget: &'u Budget,
    /// The groups of the finds in members.
    seen: &'u mut HashSet<Group>,
    receiver: &'u mut Receiver<'r>,
    /// Names that lead to the open archive. None for the file itself.
    member: Member,
}

impl Unpacking<'_, '_> {
    fn unpack(&mut self, source: &mut dyn Source, format: Format) {
        let unpacked = source.rewind().and_then(|()| match format {
            Format::Gzip => self.unpack_gzip(source),
            Format::Zip => self.unpack_zip(source),
            Format::Tar => self.unpack_tar(source),
        });
        if let Err(error) = unpacked {
            self.fail(&error.to_string());
        }
    }

    /// Reports a failure. Once a limit is exceeded, only the limit is reported, for the whole file.
    fn fail(&mut self, reason: &str) {
        if !self.budget.is_exceeded() {
            (self.receiver.failed)(&self.member, reason);
        }
    }

    fn unpack_gzip(&mut self, source: &mut dyn Source) -> io::Result<()> {
        let mut reader = Gunzip::new(BufReader::new(&mut *source));
        let name = reader.name();
        let mut start = Vec::new();
        let begun = reader.by_ref().take(512).read_to_end(&mut start);
        let format = Format::of(&start);
        let mut reader = self.budget.limit(start.chain(Failing(begun.err())).chain(reader));
        if format != Some(Format::Tar) {
            return self.search_member(name, reader);
        }
        let unpacked = self.unpack_tar(&mut reader);
        // Reads what follows the last member, so that it counts towards the budget, too.
        let drained = io::copy(&mut reader, &mut io::sink());
        drop(reader);
        source.rewind()?;
        // If the archive is damaged or exceeds a limit, the part that was read is searched.
        let rest = Gunzip::new(BufReader::new(source)).take(self.budget.max_unpacked);
        let searched = self.search_rest(rest);
        drained.and(searched).and(unpacked)
    }

    fn unpack_zip(&mut self, source: &mut dyn Source) -> io::Result<()> {
        let size = source.seek(SeekFrom::End(0))?;
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let located = ZipLocator::new().locate_in_reader(Shared(RefCell::new(source)), &mut buffer, size);
        let archive = located.map_err(|(_, error)| io::Error::other(error))?;
        let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let mut entries = archive.entries(&mut buffer);
        while let Some(record) = entries.next_entry().map_err(io::Error::other)? {
            if record.is_dir() && record.uncompressed_size_hint() == 0 {
                continue;
            }
            let name = record.file_path().as_ref().to_vec();
            let (method, is_encrypted) = (record.compression_method(), record.flags().is_encrypted());
            let entry = match archive.get_entry(record.wayfinder()) {
                Ok(_) if is_encrypted => Err("it is encrypted".to_owned()),
                Ok(entry) if matches!(method, CompressionMethod::STORE | CompressionMethod::DEFLATE) => {
                    Ok(entry)
                }
                Ok(_) => Err(format!("its compression, {method}, is not known")),
                Err(error) => Err(error.to_string()),
            };
            let searched = match entry {
                Ok(entry) if method == CompressionMethod::STORE => {
                    let stored = entry.verifying_reader(entry.reader());
                    self.search_member(name, self.budget.limit(stored))
                }
                Ok(entry) => {
                    let inflated = DeflateDecoder::new(BufReader::new(entry.reader()));
                    self.search_member(name, self.budget.limit(entry.verifying_reader(inflated)))
                }
                Err(reason) => self.search_member(name, Failing(Some(io::Error::other(reason)))),
            };
            searched?;
        }
        Ok(())
    }

    fn unpack_tar(&mut self, source: &mut dyn Read) -> io::Result<()> {
        let mut archive = tar::Archive::new(source);
        let mut long_name = None;
        // For entries that are not raw, the crate reads names of any length into memory.
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            let kind = entry.header().entry_type();
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                let mut text = Vec::new();
                entry.by_ref().take(MAX_NAME).read_to_end(&mut text)?;
                long_name = match kind.is_gnu_longname() {
                    true => Some(text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
                    false => pax_path(&text).or(long_name),
                };
                continue;
            }
            let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            if entry.size() > 0 {
                let left = entry.size();
                self.search_member(name, Whole { reader: entry, left })?;
            }
        }
        Ok(())
    }

    /// Searches a member, which may be an archive itself. Returns an error only if a limit is exceeded, which ends the
    /// search of the whole file.
    fn search_member(&mut self, name: Vec<u8>, mut reader: impl Read) -> io::Result<()> {
        self.budget.add_member();
        if self.budget.is_exceeded() {
            return Err(io::Error::other("too much to unpack"));
        }
        self.member.push(name);
        let depth = self.member.len();
        let slot = self.unpacker.searchers[depth].take();
        let mut searcher = slot.unwrap_or_else(|| Searcher::new(self.unpacker.decodes));
        let first = searcher.begin(&mut reader);
        let searched = match Format::of(searcher.text(&first)) {
            Some(format) if depth < MAX_DEPTH => self.search_nested(&mut searcher, first, reader, format),
            format => {
                if format.is_some() {
                    self.fail("it is an archive in an archive in an archive");
                }
                let (member, seen, found) = (&self.member, &mut self.seen, &mut self.receiver.found);
                let found = |find: Find| {
                    seen.insert(find.group());
                    found(Find { member: member.clone(), ..find });
                };
                searcher.finish(first, reader, found).map(|_| ())
            }
        };
        self.unpacker.searchers[depth] = Some(searcher);
        if let Err(error) = searched {
            self.fail(&error.to_string());
        }
        self.member.pop();
        Ok(())
    }

    fn search_nested(
        &mut self,
        searcher: &mut Searcher,
        first: Filled,
        mut reader: impl Read,
        format: Format,
    ) -> io::Result<()> {
        let mut spool = Spool(SpooledTempFile::new(MAX_IN_MEMORY));
        spool.write_all(searcher.text(&first))?;
        let copied = match first.error {
            Some(error) => Err(error),
            None => io::copy(&mut reader, &mut spool),
        };
        self.unpack(&mut spool, format);
        spool.rewind()?;
        self.search_rest_with(searcher, spool)?;
        copied.map(|_| ())
    }

    /// Searches an archive for the keys that are in none of its members.
    fn search_rest(&mut self, reader: impl Read) -> io::Result<()> {
        // All members are searched, so the searcher of the last depth is free.
        let slot = self.unpacker.searchers[MAX_DEPTH].take();
        let mut searcher = slot.unwrap_or_else(|| Searcher::new(self.unpacker.decodes));
        let searched = self.search_rest_with(&mut searcher, reader);
        self.unpacker.searchers[MAX_DEPTH] = Some(searcher);
        searched
    }

    fn search_rest_with(&mut self, searcher: &mut Searcher, reader: impl Read) -> io::Result<()> {
        let (member, seen, found) = (&self.member, &self.seen, &mut self.receiver.found);
        let mut rest = Vec::new();
        let found = |find: Find| {
            if !seen.contains(&find.group()) {
                rest.push(find.group());
                found(Find { member: member.clone(), ..find });
            }
        };
        let searched = searcher.search(reader, found).map(|_| ());
        // This archive may be a member of another one, which must not report these keys again.
        self.seen.extend(rest);
        searched
    }
}

/// A source that can be read at any offset.
struct Shared<'s>(RefCell<&'s mut dyn Source>);

impl ReaderAt for Shared<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut source = self.0.borrow_mut();
        source.seek(SeekFrom::Start(offset))?;
        source.read(buffer)
    }
}

/// Reads all members of a gzip file, and ignores what comes after them.
struct Gunzip<R> {
    decoder: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gunzip<R> {
    fn new(reader: R) -> Self {
        Self { decoder: Some(GzDecoder::new(reader)) }
    }

    /// Returns the name in the header of the first member, or an empty name. `new` has read this header.
    fn name(&self) -> Vec<u8> {
        let header = self.decoder.as_ref().and_then(|decoder| decoder.header());
        header.and_then(|header| header.filename()).unwrap_or_default().to_vec()
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut reader) = self.decoder.take().map(GzDecoder::into_inner) else { break };
            if reader.fill_buf()?.first() == Some(&0x1f) {
                self.decoder = Some(GzDecoder::new(reader));
            }
        }
        Ok(0)
    }
}

/// A reader that returns an error if it ends before it has yielded `left` more bytes.
struct Whole<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off"));
        }
        Ok(count)
    }
}

/// A reader that returns its error, if it has one, and then ends.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Returns the path in a record `<length> path=<path>` LF.
fn pax_path(text: &[u8]) -> Option<Vec<u8>> {
    tar::PaxExtensions::new(text)
        .map_while(Result::ok)
        .find(|extension| extension.key_bytes() == b"path")
        .map(|extension| extension.value_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use ctx_key::ApiKey;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The part before the error is searched, and the error is returned, wherever it occurs.
    #[test]
    fn an_error_of_a_stream_is_returned() {
        let Command::Scan(options) = Cli::parse_from(["ctx-key", "scan"]).command else { unreachable!() };
        let key = ApiKey::generate();
        let noise = (0..600_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8);
        let mut archive = GzEncoder::new(Vec::new(), Compression::none());
        archive.write_all(key.expose_secret().as_bytes()).unwrap();
        archive.write_all(&noise.collect::<Vec<_>>()).unwrap();
        let archive = archive.finish().unwrap();
        for length in [100, 300_000, archive.len()] {
            let (mut found, mut failed) = (Vec::new(), Vec::new());
            let receiver = Receiver {
                found: &mut |find| found.push(find.id),
                failed: &mut |_, reason| failed.push(reason.to_owned()),
            };
            let reader = archive[..length].chain(Failing(Some(io::Error::other("broken"))));
            let searched = Unpacker::new(&options).search(reader, receiver);
            assert_eq!(searched.unwrap_err().to_string(), "broken", "{length}");
            assert_eq!((found, failed), (vec![key.id()], vec![]), "{length}");
        }
    }
}

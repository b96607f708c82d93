//! The destination of a report: standard output, or a file that is replaced when the report is complete.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::{name, output};

/// The destination of a report.
pub(crate) enum Target {
    Stdout {
        out: BufWriter<Stdout>,
        takes_colours: bool,
    },
    /// A temporary file beside the file that it will replace.
    File {
        out: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
    /// A device or a named pipe, which is written directly.
    Device {
        out: BufWriter<File>,
        path: PathBuf,
    },
}

impl Target {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else {
            let stdout = io::stdout();
            let takes_colours = output::takes_colours(&stdout);
            return Ok(Self::Stdout { out: BufWriter::new(stdout), takes_colours });
        };
        // The file that a link leads to is replaced, and the link stays.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let opened = match path.metadata() {
            Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) if !metadata.is_file() => open_device(&path),
            _ => new_file(&path),
        };
        opened.map_err(|error| cannot_write(&path, &error))
    }

    /// Returns the name of the temporary file. A part of it is random, so no other file has this name.
    pub(crate) fn temporary_name(&self) -> Option<&OsStr> {
        if let Self::File { out, .. } = self { out.get_ref().path().file_name() } else { None }
    }

    pub(crate) fn takes_colours(&self) -> bool {
        matches!(self, Self::Stdout { takes_colours: true, .. })
    }

    /// Completes the report, unless a write has failed: `written` is the result of all writes so far.
    pub(crate) fn finish(self, written: io::Result<()>) -> Result<(), String> {
        match self {
            Self::Stdout { mut out, .. } => {
                output::ignore_broken_pipe(written.and_then(|()| out.flush())).map(|_| ())
            }
            Self::File { out, path } => {
                let file = written.and_then(|()| out.into_inner().map_err(|error| error.into_error()));
                file.and_then(|file| Ok(file.persist(&path)?))
                    .map(|_| ())
                    .map_err(|error| cannot_write(&path, &error))
            }
            Self::Device { mut out, path } => {
                written.and_then(|()| out.flush()).map_err(|error| cannot_write(&path, &error))
            }
        }
    }
}

fn open_device(path: &Path) -> io::Result<Target> {
    let file = File::options().write(true).open(path)?;
    Ok(Target::Device { out: BufWriter::new(file), path: path.to_owned() })
}

fn new_file(path: &Path) -> io::Result<Target> {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".ctx-key-");
    // A report holds no secret, so others may read it if the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(parent)?;
    Ok(Target::File { out: BufWriter::new(file), path: path.to_owned() })
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    // This error may repeat the path.
    let (path, error) = (output::shown(path), name::to_message(&error.to_string()));
    format!("can't write the report to {path}: {error}; name another file")
}

impl Write for Target {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout { out, .. } => out.write(text),
            Self::File { out, .. } => out.write(text),
            Self::Device { out, .. } => out.write(text),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout { out, .. } => out.flush(),
            Self::File { out, .. } => out.flush(),
            Self::Device { out, .. } => out.flush(),
        }
    }
}

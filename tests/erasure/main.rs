//! A dropped key leaves no piece of its secret or digest in memory, whichever function returned it, wherever it was
//! stored and whatever ended its life. The same holds for the hashed block, the random bytes, the copy of the
//! environment, the text of a header and the buffers of a redacting writer. The tests search this process's memory, which
//! Linux shows as `/proc/self/mem`.
//!
//! The tests cannot see registers, swap and core dumps. They also miss what `sha2` stores while it hashes, because its
//! words have another byte order. Moves leave copies, for example `?` and `unwrap` on the returned `Result`, so the tests
//! of the stack use a key in the place where it was returned.

#[path = "../common/mod.rs"]
mod common;
mod memory;
#[cfg(feature = "std")]
mod process;
mod stack;
mod value;
mod ways;

/// A key whose last character is wrong.
const REFUSED: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n8";

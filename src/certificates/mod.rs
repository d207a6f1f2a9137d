//! Certificates for development: an authority made on the spot, what it signs, and the folders where that goes.
//!
//! `authority` makes and signs and touches no file; `folder` writes. The authority's key is never written anywhere: who has
//! the folders can play relay and receiver, and make nothing new.

mod authority;
mod folder;

pub use authority::{Authority, CertificatesError, Pair};
pub use folder::{FolderError, Made, write};

/// How long everything made here is valid, in days.
pub const DAYS: u32 = 30;

/// The names that a receiver's certificate always has.
pub const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

//! What `outboxd dev` decides and says; `throwaway`, `receiver`, `certificates` and `relay` do.
//!
//! | file | what it answers |
//! |---|---|
//! | `options` | what was asked for, checked |
//! | `naming` | what the rows of a table are called as an object |
//! | `watching` | which tables are watched as what, which are left out and why |
//! | `obstacles` | what in an existing database is in the way |
//! | `words` | what is printed |

mod naming;
mod obstacles;
mod options;
mod watching;
mod words;

pub use naming::object_of;
pub use obstacles::obstacle;
pub use options::{Database, Plan, check};
pub use watching::{LeftOut, Watch, everything};
pub use words::{LEADS, Ready, company, farewell, ready, removed, unused};

/// Who subscribes in a throw-away database, and the name of the relay there.
pub const SUBSCRIBER: &str = "dev";

/// How the subscriber and the relay are called in an existing database: this, the host and the process id. Whoever holds the lock
/// for development in a database knows that all others of this name there are dead.
pub const PREFIX: &str = "outboxd-dev@";

/// The identity by which only this relay can reach our receiver: another one that claims a delivery of ours does not know
/// it, and so does not POST to a port of its own machine.
#[must_use]
pub fn identity(process: u32) -> String {
    format!("outboxd-dev-{process}")
}

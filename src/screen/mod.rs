//! What is fit for a terminal: text without anything that would steer it, lines no wider than it, spans of time and numbers as
//! people say them. Knows nothing of what it shows.

mod plain;
mod table;
mod words;
mod wrap;

pub use plain::{json, plain};
pub use table::{Align, Column, Table};
pub use words::{count, date, number, span};
pub use wrap::{cut, wrap};

//! The pack's own log, read by its vendor and the merchant. Personal data does not belong here.

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::log::{Level, write};

/// Writes a line that only matters when looking for a mistake.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a line worth knowing.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a line that somebody should look at.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Writes a line that somebody has to look at.
pub fn error(message: &str) {
    write(Level::Error, message);
}

//! `log`: lines for the vendor and the merchant.

use super::{Call, function};
use crate::pack::bindings::punchcard::pack::log;
use crate::pack::call::LogLine;
use crate::pack::error::cut;

const LOG_LINES_MAX: usize = 100;
const LOG_LINE_MAX_BYTES: usize = 1 << 10;

impl log::Host for Call {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let (level, message) = self.note(&function::LOG_WRITE, (level, message))?;
        if self.lines.len() < LOG_LINES_MAX {
            let level = match level {
                log::Level::Debug => tracing::Level::DEBUG,
                log::Level::Info => tracing::Level::INFO,
                log::Level::Warn => tracing::Level::WARN,
                log::Level::Error => tracing::Level::ERROR,
            };
            self.lines.push(LogLine { level, text: cut(&message, LOG_LINE_MAX_BYTES) });
        }
        Ok(())
    }
}

//! `settings`: what the merchant set.

use super::Call;
use crate::pack::bindings::punchcard::pack::settings;

impl settings::Host for Call {
    fn get(&mut self) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.settings.to_string())
    }
}

//! `settings`: what the merchant set.

use super::{Call, function};
use crate::pack::bindings::punchcard::pack::settings;

impl settings::Host for Call {
    fn get(&mut self) -> wasmtime::Result<String> {
        self.note(&function::SETTINGS_GET, ())?;
        Ok(self.settings.to_string())
    }
}

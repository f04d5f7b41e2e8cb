//! Events go out to webhooks: what is sent, to where a connection may go, and the part of the host that does it.
//!
//! Messages follow [Standard Webhooks](https://www.standardwebhooks.com) in their headers and CloudEvents 1.0 in their
//! bodies. What is kept, and when something is sent, is decided in [`crate::usecase::webhooks`]; this module knows the
//! network and no keys.

mod client;
mod cloud_event;
mod sender;

pub(crate) use client::Parcel;
pub use client::{Client, ClientError};
pub use sender::{Round, run_webhooks, start_webhooks};

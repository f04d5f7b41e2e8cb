//! Messages to members go out: the network's part. What is kept and when is in `crate::usecase::messages`.

mod sender;
mod sink;
mod smtp;
mod transport;

pub use sender::{MessageRound, run_messages, start_messages};
pub use sink::{SinkError, check_sink};
pub use transport::{Delivered, Transport};

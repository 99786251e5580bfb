//! Recorded messages: read, understood, written again, and answered by a client of ours.

mod codec;
mod replay;

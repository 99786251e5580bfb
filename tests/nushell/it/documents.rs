//! What `docs/nushell.md` shows.

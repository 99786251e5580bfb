//! Logs for whoever looks for a fault: on stderr, off unless asked for.
//!
//! `-v` shows what this program does, `-vv` also its libraries; `SSMPF_LOG` takes a filter in the
//! syntax of `RUST_LOG`. Secrets are no part of it: ours travel as [`crate::model::Redacted`], and
//! libraries, which write whole requests at the level trace, get no further than debug.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Why there are no logs.
#[derive(Debug, thiserror::Error)]
#[error("SSMPF_LOG is not a log filter: {0}")]
pub struct InvalidFilter(String);

/// Starts logging to `writer`. Without flags and without `filter` it only lets warnings through.
pub fn init<W>(
    verbosity: u8,
    filter: Option<&str>,
    colored: bool,
    writer: W,
) -> Result<(), InvalidFilter>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let directives = match (filter, verbosity) {
        (Some(filter), _) => filter,
        // Libraries warn about things that are handled and explained elsewhere.
        (None, 0) => "off,ssmpf=warn,ssmpf_proto=error",
        (None, 1) => "warn,ssmpf=debug,ssmpf_proto=debug",
        (None, _) => "debug,ssmpf=trace,ssmpf_proto=trace",
    };
    let filter =
        EnvFilter::try_new(directives).map_err(|error| InvalidFilter(error.to_string()))?;
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(colored)
        .with_writer(writer)
        .with_filter(filter)
        .with_filter(filter_fn(may_be_logged));
    // Fails only when logging was started before, as in tests; then that one stays.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(())
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    *metadata.level() != Level::TRACE || metadata.target().starts_with("ssmpf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        let error = init(0, Some("ssmpf=loud"), false, std::io::sink).expect_err("no such level");
        assert!(error.to_string().starts_with("SSMPF_LOG is not a log filter"), "{error}");
    }
}

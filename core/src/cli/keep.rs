//! `ssmpf __keep`: the process of a forward in the background. Started by `up`, not by people.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use ssmpf_schema::{ErrorKind, ExitCode};

use super::error::Failure;
use crate::background::detach;
use crate::background::job::{Job, MAX_JOB, Report};
use crate::background::log_file::LogFile;
use crate::commands::keep::{self, Context};
use crate::logging;
use crate::output::Lines;
use crate::output::json;
use crate::shutdown::Shutdown;

/// Whether this process is to be a forward. Asked before the flags of all commands are built: each
/// forward would keep their memory.
pub(super) fn is_asked_for() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().is_some_and(|word| word == detach::COMMAND) && arguments.next().is_none()
}

/// Is the forward that stdin describes, until its end. Does not return if it became one.
pub(super) fn run(since: Instant) -> Result<ExitCode, Failure> {
    detach::close_inherited();
    let mut text = Vec::new();
    io::stdin().lock().take(MAX_JOB).read_to_end(&mut text)?;
    let job: Job = serde_json::from_slice(&text).map_err(|_| {
        let hint = "`ssmpf up NAME` starts it".to_owned();
        Failure::new(ErrorKind::Usage, "this command is for `ssmpf up` alone", Some(hint))
    })?;
    detach::leave_terminal();
    let code = match prepare(&job, since) {
        Ok((runtime, context)) => {
            let log = context.log.clone();
            let code = runtime.block_on(keep::run(job, context));
            log.finish();
            // Nothing is dropped before: whoever waits for the end is told by the system, which hangs
            // up when the process is gone.
            std::process::exit(i32::from(code.number()))
        }
        Err(failure) => {
            let code = failure.exit_code();
            report(&Report::Failed { error: failure.into_body() });
            code
        }
    };
    Ok(code)
}

fn prepare(job: &Job, since: Instant) -> Result<(tokio::runtime::Runtime, Context), Failure> {
    let file = LogFile::open(&job.log).map_err(|error| {
        let hint = "set SSMPF_LOG_DIR to another folder".to_owned();
        let what = format!("the log {} cannot be written: {error}", job.log.display());
        Failure::new(ErrorKind::Failure, what, Some(hint))
    })?;
    let log = Lines::file(file);
    logging::init(job.verbosity, job.log_filter.as_deref(), false, log.clone())?;
    let for_panics = log.clone();
    // stderr leads nowhere.
    std::panic::set_hook(Box::new(move |panic| {
        for_panics.write(format!("{panic}\n").replace('\n', " ").into_bytes());
        for_panics.write(b"\n".to_vec());
        for_panics.finish();
    }));
    // One thread: an idle forward is to cost next to nothing.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shutdown = {
        let _inside = runtime.enter();
        Shutdown::on_signals()?
    };
    let context = Context {
        log,
        report: Arc::new(|it| report(&it)),
        detach: Arc::new(detach::leave_parent),
        shutdown,
        since,
    };
    Ok((runtime, context))
}

/// Tells whoever started this process; it may be gone.
fn report(report: &Report) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(json::line(report).as_bytes()).and_then(|()| stdout.flush());
}

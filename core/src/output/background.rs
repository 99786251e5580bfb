//! How forwards in the background look.

use jiff::{SpanRound, Timestamp, Unit};
use ssmpf_schema::{Detail, Event, ForwardState, ForwardStatus};

use super::Style;
use super::events::ForwardOutput;
use super::table::Table;

/// Returns the table of `status`.
pub fn table(forwards: &[ForwardStatus], width: Option<usize>) -> String {
    table_at(forwards, width, Timestamp::now())
}

fn table_at(forwards: &[ForwardStatus], width: Option<usize>, now: Timestamp) -> String {
    let mut table = Table::new(&[
        "NAME",
        "STATE",
        "ADDRESS",
        "DESTINATION",
        "VIA",
        "UP",
        "CLIENTS",
        "SENT",
        "RECEIVED",
        "RECONNECTS",
        "LAST PROBLEM",
    ])
    // It ends with the port.
    .keep_whole("ADDRESS");
    for forward in forwards {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let clients = format!("{} of {}", forward.clients, forward.clients_total);
        let rated = |bytes: u64, rate: f64| match rate >= 1.0 {
            true => format!("{} ({}/s)", size(bytes), size(rate as u64)),
            false => size(bytes),
        };
        let dead = forward.state == ForwardState::Dead;
        let alive = |text: String| if dead { String::new() } else { text };
        table.row(vec![
            forward.name.clone(),
            forward.state.as_str().to_owned(),
            text(&forward.address),
            text(&forward.destination),
            text(&forward.node.clone().or_else(|| forward.target.clone())),
            forward.up_since.as_deref().map(|since| age(since, now)).unwrap_or_default(),
            alive(clients),
            alive(rated(forward.bytes_sent, forward.sent_per_second)),
            alive(rated(forward.bytes_received, forward.received_per_second)),
            Some(forward.reconnects)
                .filter(|count| *count > 0)
                .map(|count| count.to_string())
                .unwrap_or_default(),
            forward.last_problem.as_ref().map(|it| it.message.clone()).unwrap_or_default(),
        ]);
    }
    table.render(width)
}

/// Returns what is drawn over what was drawn before.
pub fn redrawn(text: &str, notes: &[String]) -> String {
    let text = if text.is_empty() { "nothing is up\n" } else { text };
    let notes: String = notes.iter().map(|note| format!("{note}\n")).collect();
    let lines: String =
        format!("{text}{notes}").lines().map(|line| format!("{line}\x1b[K\r\n")).collect();
    // To the corner, the lines, and nothing below them.
    format!("\x1b[H{lines}\x1b[J")
}

/// Returns one name per line.
pub fn names(forwards: &[ForwardStatus]) -> String {
    forwards.iter().map(|forward| format!("{}\n", forward.name)).collect()
}

/// Says that nothing had to be done.
pub fn already_up(forward: &ForwardStatus) -> String {
    let address = forward.address.as_deref().unwrap_or_default();
    let destination = forward.destination.as_deref().unwrap_or_default();
    match forward.state {
        ForwardState::Ready => {
            format!("{}  {address} → {destination}  is already up", forward.name)
        }
        state => format!("{} is already running ({})", forward.name, state.as_str()),
    }
}

/// Returns a line of a log for a person: the time, and what is said of the event.
pub fn log_line(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Event>(line) else {
        // A log message, or an event of a newer version.
        return format!("{}\n", printable(line));
    };
    let output = ForwardOutput {
        json_lines: false,
        print_address: false,
        quiet: false,
        verbose: true,
        style: Style::default(),
    };
    let (time, event) = (event.time.clone(), Event { connection: None, ..event });
    let text = match &event.detail {
        Detail::Resolving { target } => format!("looking for {target}"),
        Detail::Starting { target, destination, .. } => {
            format!("starting a session to {target} for {destination}")
        }
        Detail::Stopped { reason, bytes_sent, bytes_received, .. } => {
            format!("stopped: {reason}; {bytes_sent} bytes sent, {bytes_received} received")
        }
        _ => output.for_people(&event).unwrap_or_else(|| event.detail.name().to_owned()),
    };
    format!("{time}  {}\n", printable(&text.replace('\n', " ")))
}

/// Takes control characters away, with which a log could play tricks on the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '�' } else { it }).collect()
}

/// Writes a time span with its two largest units.
fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else { return String::new() };
    let span = now.since(since).unwrap_or_default();
    let round = SpanRound::new().largest(Unit::Hour).smallest(Unit::Second);
    let Ok(span) = span.round(round) else { return String::new() };
    let (hours, minutes, seconds) = (span.get_hours(), span.get_minutes(), span.get_seconds());
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds:02}s"),
        (1..48, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

/// Writes a size in bytes with three digits.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ if value < 9.95 => format!("{value:.1} {unit}"),
                _ => format!("{value:.0} {unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_short() {
        for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1_234, "1.2 kB"), (45_600_000, "46 MB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(3_000_000_000_000), "3.0 TB");
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for (since, text) in [
            ("2026-11-21T11:59:18Z", "42s"),
            ("2026-11-21T11:55:55Z", "4m05s"),
            ("2026-11-21T09:30:00Z", "2h30m"),
            ("2026-11-11T09:00:00Z", "10d03h"),
            ("garbage", ""),
        ] {
            assert_eq!(age(since, now), text);
        }
    }

    #[test]
    fn a_table_has_what_matters_first() {
        let forward = ForwardStatus {
            name: "db".to_owned(),
            state: ForwardState::Ready,
            address: Some("127.0.0.1:15432".to_owned()),
            clients: 1,
            clients_total: 3,
            bytes_received: 5_000,
            received_per_second: 2_000.0,
            ..ForwardStatus::default()
        };
        let text = table_at(&[forward], None, Timestamp::UNIX_EPOCH);
        let row = text.lines().nth(1).expect("a row");
        assert!(row.starts_with("db    ready  127.0.0.1:15432"), "{text}");
        assert!(row.contains("1 of 3") && row.contains("5.0 kB (2.0 kB/s)"), "{text}");
    }

    #[test]
    fn a_log_cannot_play_tricks_on_the_terminal() {
        assert_eq!(log_line("\x1b[2Jhello"), "�[2Jhello\n");
        let event = r#"{"schema":"ssmpf/1","time":"2026-11-21T12:00:00Z","connection":"db","event":"resolving","target":"a\u001bb"}"#;
        assert_eq!(log_line(event), "2026-11-21T12:00:00Z  looking for a�b\n");
    }
}

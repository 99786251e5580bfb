//! How targets, endpoints and live sessions look.

use ssmpf_schema::{EndpointRecord, SessionRecord, TargetRecord};

use super::table::Table;

/// Returns the table of `targets`.
pub fn targets(records: &[TargetRecord], width: Option<usize>) -> String {
    let mut table = Table::new(&[
        "NAME", "TARGET", "STATUS", "ADDRESS", "ZONE", "PLATFORM", "AGENT", "PROFILE", "REGION",
    ]);
    records.iter().for_each(|it| table.row(target_row(it)));
    table.render(width)
}

/// Returns the row of a target.
pub fn target_row(it: &TargetRecord) -> Vec<String> {
    let status = match (&it.state, &it.reason) {
        (Some(state), _) if state != "running" => format!("{}, {state}", it.status),
        _ => it.status.clone(),
    };
    vec![
        text(&it.name),
        target_line(it),
        status,
        text(&it.address),
        text(&it.availability_zone),
        text(&it.platform),
        text(&it.agent_version),
        text(&it.profile),
        clean(&it.region),
    ]
}

/// Returns what `--target` takes for a record.
pub fn target_line(record: &TargetRecord) -> String {
    clean(&record.target)
}

/// Returns the table of `endpoints`.
pub fn endpoints(records: &[EndpointRecord], width: Option<usize>) -> String {
    let mut table = Table::new(&[
        "NAME", "HOST", "PORT", "KIND", "TYPE", "ROLE", "ENGINE", "STATUS", "VPC", "PROFILE",
        "REGION",
    ]);
    records.iter().for_each(|it| table.row(endpoint_row(it)));
    table.render(width)
}

/// Returns the row of an endpoint.
pub fn endpoint_row(it: &EndpointRecord) -> Vec<String> {
    vec![
        clean(&it.name),
        clean(&it.host),
        it.port.to_string(),
        clean(&it.kind),
        clean(&it.resource),
        text(&it.role),
        text(&it.engine),
        text(&it.status),
        text(&it.vpc),
        text(&it.profile),
        clean(&it.region),
    ]
}

/// Returns the table of `sessions`.
pub fn sessions(records: &[SessionRecord], width: Option<usize>) -> String {
    let mut table = Table::new(&[
        "SESSION", "TARGET", "STATUS", "STARTED", "DOCUMENT", "REASON", "OWNER", "PROFILE",
        "REGION",
    ]);
    for it in records {
        table.row(vec![
            clean(&it.session_id),
            text(&it.target),
            text(&it.status),
            text(&it.started),
            text(&it.document),
            text(&it.reason),
            text(&it.owner),
            text(&it.profile),
            clean(&it.region),
        ]);
    }
    table.render(width)
}

fn text(value: &Option<String>) -> String {
    clean(value.as_deref().unwrap_or_default())
}

/// Takes out what would steer the terminal: names and tags are anybody's text.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tag_says_does_not_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}

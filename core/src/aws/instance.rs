//! Whether this machine is one of Amazon's: only there is the metadata service worth a wait.

/// Whether credentials of the instance's own role may be looked for without being asked to.
///
/// The address of the metadata service leads nowhere on a laptop, which costs seconds. So it is asked
/// when the environment speaks of it, or when the firmware says that this is an EC2 instance.
pub(super) fn has_metadata_service() -> bool {
    let variable = |name: &str| std::env::var(name).unwrap_or_default().to_ascii_lowercase();
    match variable("AWS_EC2_METADATA_DISABLED").as_str() {
        "true" => false,
        "false" => true,
        _ => !variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_empty() || is_ec2(),
    }
}

#[cfg(target_os = "linux")]
fn is_ec2() -> bool {
    let says = |file: &str, words: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.to_ascii_lowercase().starts_with(words)
    };
    // Nitro instances say it in the first, the older Xen ones in the second.
    says("/sys/devices/virtual/dmi/id/sys_vendor", "amazon ec2")
        || says("/sys/hypervisor/uuid", "ec2")
}

#[cfg(not(target_os = "linux"))]
fn is_ec2() -> bool {
    false
}

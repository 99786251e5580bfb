//! The soak program itself, for a short while.

use std::process::Command;

use ssmpf_tests::program;

#[test]
fn nothing_is_lost_and_nothing_leaks_under_random_faults() {
    // Its own limits end it; the faults of one seed come in the same order each time.
    let output = Command::new(program("ssmpf-soak"))
        .args(["--minutes", "0.2", "--seed", "1"])
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("nothing was lost, nothing leaked"), "{text}");
}

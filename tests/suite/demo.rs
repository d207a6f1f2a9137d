//! The demo, as `./contrib/demo --once` plays it.

use std::path::PathBuf;
use std::process::Command;

/// cargo builds examples beside the tests.
pub(super) fn demo() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    deps.parent().and_then(|folder| folder.parent()).unwrap().join("examples/demo")
}

#[test]
fn the_shop_gets_exactly_the_expected_posts() {
    let output = Command::new(demo())
        .args(["--once", "--outboxd", env!("CARGO_BIN_EXE_outboxd")])
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Exactly the expected POSTs arrived"), "{said}");
}

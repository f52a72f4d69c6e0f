//! What is built for people is not what is built for tests.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use yunguan_cluster::output;

use crate::support::{repository, succeeded};

/// What shifts the operator's clock under test.
const SHIFTS: &str = "YUNGUAN_TEST_CLOCK";

/// The arguments of `cargo build` that stand in a file, without those that say which profile.
fn builds(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("cargo build "));
    lines.map(|line| line.split(' ').filter(|word| *word != "--release").collect()).collect()
}

/// The features of this package that cargo switches on where the tests' own dependencies count, or do not.
async fn features(edges: &str) -> Result<String> {
    let mut cargo = Command::new(env!("CARGO"));
    let question = ["tree", "--locked", "--offline", "--depth", "0", "--format", "{f}", "--edges", edges];
    cargo.args(question).current_dir(repository("")).stdin(Stdio::null());
    Ok(succeeded(output(cargo, "").await?)?.lines().next().unwrap_or_default().trim().to_owned())
}

/// The demo looks into the programs that it has built, which is how people build them; here is why it finds nothing.
#[tokio::test]
async fn r22_3_no_program_that_people_run_can_be_told_another_time() -> Result<()> {
    let tested = std::fs::read(env!("CARGO_BIN_EXE_yunguan"))?;
    ensure!(
        tested.windows(SHIFTS.len()).any(|part| part == SHIFTS.as_bytes()),
        "the operator under test cannot be told"
    );
    assert_eq!((features("all").await?.as_str(), features("no-dev").await?.as_str()), ("test-clock", ""));
    for (file, wanted) in
        [("docs/install.md", "--locked --bin yunguan"), ("e2e/demo/run", "--locked --workspace --bins")]
    {
        let text = std::fs::read_to_string(repository(file))?;
        let built = builds(&text);
        assert_eq!(built, [wanted.split(' ').collect::<Vec<_>>()], "{file}: no feature is asked for");
    }
    let demo = std::fs::read_to_string(repository("e2e/demo/run"))?;
    let looks = demo.lines().find(|line| line.contains(SHIFTS)).context("the demo does not look")?;
    ensure!(looks.contains("$target/yunguan") && looks.contains("$target/kubectl-yunguan"), "{looks}");
    Ok(())
}

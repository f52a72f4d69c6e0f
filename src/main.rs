//! The operator's command line.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for definition in yunguan::api::definitions() {
        writeln!(out, "---\n{}", serde_saphyr::to_string(&definition)?)?;
    }
    Ok(())
}

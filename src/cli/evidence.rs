//! Reports on the command line: `TrialReport=report.pdf`, or `TrialReport=sha256:HEX,https://...`.

use super::failure::{Exit, Failure};
use super::lang::Lang;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::decision::{Evidence, TestResult};
use sha2::{Digest as _, Sha256};
use std::io::Read;
use std::path::PathBuf;

/// A report as it was typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Kind, such as `TrialReport`.
    pub kind: String,
    /// Where its bytes are.
    pub source: Source,
}

/// Where the bytes of a report are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// In a file here; its digest is computed.
    File(PathBuf),
    /// Elsewhere, under a digest that somebody computed.
    Digest {
        /// SHA-256 in hexadecimal digits.
        sha256: String,
        /// Where it can be had.
        uri: Option<String>,
    },
}

/// Reads one `--report`.
///
/// # Errors
/// When it is not `TYPE=FILE` or `TYPE=sha256:HEX[,URI]`.
pub fn parse(text: &str) -> Result<Report, String> {
    let (kind, source) = text.split_once('=').filter(|(k, s)| !k.is_empty() && !s.is_empty()).ok_or("TYPE=FILE")?;
    let source = match source.strip_prefix("sha256:") {
        None => Source::File(source.into()),
        Some(rest) => {
            let (sha256, uri) = rest.split_once(',').map_or((rest, None), |(s, u)| (s, Some(u)));
            if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err("sha256: + 64 x [0-9a-f]".to_owned());
            }
            Source::Digest { sha256: sha256.to_lowercase(), uri: uri.filter(|u| !u.is_empty()).map(ToOwned::to_owned) }
        }
    };
    Ok(Report { kind: kind.to_owned(), source })
}

/// The reports with their digests.
///
/// # Errors
/// When a file cannot be read.
pub fn collect(lang: Lang, reports: &[Report], result: TestResult) -> Result<Vec<Evidence>, Failure> {
    let evidence = |report: &Report| {
        let (sha256, uri) = match &report.source {
            Source::Digest { sha256, uri } => (sha256.clone(), uri.clone()),
            Source::File(path) => {
                let digest = std::fs::File::open(path)
                    .and_then(sha256_of)
                    .map_err(|e| Failure::plain(Exit::Error, lang.file_unreadable(&path.display(), &e)))?;
                (digest, None)
            }
        };
        Ok(Evidence { name: report.kind.clone(), sha256, uri, result: Some(result) })
    };
    reports.iter().map(evidence).collect()
}

/// Whether all that the gate asks for is there.
///
/// # Errors
/// When a report is missing; says which.
pub fn complete(lang: Lang, gate: &OpenGate, reports: &[Report]) -> Result<(), Failure> {
    let missing: Vec<&str> =
        gate.reports.iter().filter(|r| !reports.iter().any(|g| g.kind == **r)).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let flags: Vec<String> = missing.iter().map(|m| format!("--report {m}=FILE")).collect();
    Err(Failure::new(
        Exit::Usage,
        lang.reports_missing(&gate.gate, &missing.join(", ")),
        lang.next_reports(&flags.join(" ")),
    ))
}

fn sha256_of(mut source: impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match source.read(&mut buffer)? {
            0 => break,
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_is_hashed_here() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let report = parse(&format!("TrialReport={}", file.path().display())).unwrap();
        let evidence = collect(Lang::En, &[report], TestResult::Failed).unwrap();
        assert_eq!(evidence[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((evidence[0].name.as_str(), evidence[0].result), ("TrialReport", Some(TestResult::Failed)));
    }

    #[test]
    fn a_digest_is_taken_as_it_is() {
        let hex = "AB".repeat(32);
        let report = parse(&format!("R=sha256:{hex},https://docs.example/r")).unwrap();
        let wanted = Source::Digest { sha256: "ab".repeat(32), uri: Some("https://docs.example/r".into()) };
        assert_eq!(report.source, wanted);
        for wrong in ["R", "R=", "=x", "R=sha256:ab"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let report = parse("R=/no/such/file").unwrap();
        let failure = collect(Lang::En, &[report], TestResult::Passed).unwrap_err();
        assert!(failure.message.contains("/no/such/file"));
    }

    #[test]
    fn a_report_that_the_gate_asks_for_is_missed() {
        let gate = OpenGate { reports: vec!["TrialReport".into(), "Plan".into()], ..OpenGate::default() };
        let reports = [parse("TrialReport=a").unwrap()];
        let failure = complete(Lang::En, &gate, &reports).unwrap_err();
        assert!(failure.message.contains("Plan") && !failure.message.contains("TrialReport"), "{}", failure.message);
    }
}

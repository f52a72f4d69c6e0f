//! Ends and reports as people type them for the plugin.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use yunguan::cli::evidence::{Report, Source, parse};
use yunguan::cli::lang::Lang;
use yunguan::cli::moment::Clock;
use yunguan::core::digest::is_sha256;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    end(text);
    report(text);
}

/// An end that was understood reads the same as it is printed, and can be shown.
fn end(text: &str) {
    let now = Timestamp::from_second(1_795_000_000).unwrap();
    let clock = Clock { now, zone: TimeZone::get("Asia/Shanghai").unwrap() };
    let Some(end) = clock.end(text) else { return };
    assert_eq!(clock.end(&end.to_string()), Some(end), "{text}");
    assert!(!clock.minute(end).is_empty());
    for lang in [Lang::En, Lang::Zh] {
        assert!(!clock.due(lang, end).is_empty());
    }
}

/// A report that was understood says all that was typed, but for the case of its digits.
fn report(text: &str) {
    let Ok(Report { kind, source }) = parse(text) else { return };
    assert!(!kind.is_empty() && !kind.contains('='), "{text}");
    let typed = match &source {
        Source::File(path) => format!("{kind}={}", path.display()),
        Source::Digest { sha256, uri } => {
            assert!(is_sha256(sha256), "{text}");
            let uri = uri.as_ref().map(|uri| format!(",{uri}")).unwrap_or_default();
            format!("{kind}=sha256:{sha256}{uri}")
        }
    };
    let plain = text.strip_suffix(',').filter(|_| matches!(source, Source::Digest { uri: None, .. })).unwrap_or(text);
    assert!(typed.eq_ignore_ascii_case(plain), "{text} was understood as {typed}");
    assert_eq!(parse(&typed), Ok(Report { kind, source }), "{text}");
}

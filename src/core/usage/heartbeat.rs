//! Whether enough of a domain is measured, and lately enough, to judge its systems at all: the first question of a round.

use super::{Round, Sample};
use crate::api::usage::UsageRules;
use crate::core::text::Text;
use jiff::{SignedDuration, Timestamp};

/// The reason of a domain that names no endpoint.
pub const NO_ENDPOINT: &str = "NoEndpoint";

/// What is older is not fresh (three minutes, three rounds of the recorded rules).
const FRESH: SignedDuration = SignedDuration::from_mins(3);

/// Why use is not known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown {
    /// In one word.
    pub reason: &'static str,
    /// In words.
    pub text: Text,
}

impl Unknown {
    /// The domain names no endpoint.
    #[must_use]
    pub fn no_endpoint(domain: &str) -> Self {
        Self {
            reason: NO_ENDPOINT,
            text: Text::new(
                format!(
                    "domain {domain} names no metrics endpoint, so use is never judged: the authority sets spec.metrics (docs/usage.md)"
                ),
                format!("云域{domain}未配置监控地址，不作使用评价"),
            ),
        }
    }

    /// The endpoint did not answer as it should.
    #[must_use]
    pub fn failed(domain: &str, reason: &'static str, why: &str) -> Self {
        Self {
            reason,
            text: Text::new(
                format!("the metrics endpoint of domain {domain} cannot be used, and nothing is judged: {why}"),
                format!("云域{domain}的监控不可用，暂不评价：{why}"),
            ),
        }
    }

    fn stale(domain: &str, newest: Option<Timestamp>) -> Self {
        let (en, zh) = newest.map_or_else(
            || ("its recorded rules have not run at all".to_owned(), "记录规则尚未运行".to_owned()),
            |at| (format!("its recorded rules ran last at {at}"), format!("记录规则最近一次运行于{at}")),
        );
        Self {
            reason: "Stale",
            text: Text::new(
                format!("what the metrics endpoint of domain {domain} says is not of now: {en}; nothing is judged"),
                format!("云域{domain}的监控数据不是最新：{zh}；暂不评价"),
            ),
        }
    }

    fn partial(domain: &str, what: (&str, &str), counts: (usize, usize), least: i32) -> Self {
        let (of, all) = counts;
        Self {
            reason: "TooFewMeasured",
            text: Text::new(
                format!(
                    "{of} of {all} systems of domain {domain} {}, and {least}% are asked for: nothing is found too much in this round",
                    what.0
                ),
                format!("云域{domain}的{all}个系统中仅{of}个{}，须达{least}%：本轮不作核减评价", what.1),
            ),
        }
    }
}

/// Whether a round can be judged by: `Err` where nothing can, `Ok(Some)` where nothing can be found too much.
///
/// # Errors
/// Why it is worth nothing.
pub fn heartbeat<'n>(
    rules: &UsageRules,
    domain: &str,
    round: &Round,
    namespaces: impl Iterator<Item = &'n str>,
    now: Timestamp,
) -> Result<Option<Unknown>, Unknown> {
    let fresh = |at: Timestamp| now.duration_since(at) <= FRESH && at.duration_since(now) <= FRESH;
    if !round.newest.is_some_and(fresh) {
        return Err(Unknown::stale(domain, round.newest));
    }
    let samples: Vec<Option<&Sample>> = namespaces.map(|namespace| round.samples.get(namespace)).collect();
    let there = samples.iter().flatten().filter(|s| s.running.is_some()).count();
    let least = rules.heartbeat_percent.value;
    let few = |of: usize, all: usize| of * 100 < all * usize::try_from(least).unwrap_or(100);
    // An endpoint that is empty, or is another cluster's, knows none of ours.
    if few(there, samples.len()) {
        let what = ("are known to the metrics endpoint", "为监控所知");
        return Ok(Some(Unknown::partial(domain, what, (there, samples.len()), least)));
    }
    let running: Vec<&&Sample> = samples.iter().flatten().filter(|s| s.running.is_some_and(|n| n > 0.0)).collect();
    let measured = running.iter().filter(|s| s.measured).count();
    if few(measured, running.len()) {
        let what = ("that run are measured", "运行中的系统已采集");
        return Ok(Some(Unknown::partial(domain, what, (measured, running.len()), least)));
    }
    Ok(None)
}

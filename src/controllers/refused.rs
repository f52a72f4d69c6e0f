//! What the API server refuses for good, as an object says it.

use crate::core::fit;
use crate::core::text::{Text, shorten};
use crate::runtime::controller::{Refusal, refusals_last};
use crate::runtime::steps::Steps;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// The reason of conditions that say so.
pub(super) const REFUSED: &str = "Refused";

/// So many refusals are named.
const NAMED: usize = 5;

/// What is to be said of the refusals of a pass; nothing where there are none, or where they may pass in a moment. What is
/// said already stays until it is mended.
pub(super) fn refused(steps: &Steps, before: &[Condition]) -> Option<Text> {
    let said = || before.iter().any(|condition| condition.reason == REFUSED);
    let all: Vec<_> = steps.refused().collect();
    (!all.is_empty() && (refusals_last() || said())).then(|| told(&all))
}

fn told(all: &[(&'static str, &Refusal)]) -> Text {
    let mut named: Vec<String> = all
        .iter()
        .map(|(step, Refusal { object, code, text })| format!("{step}: {object}: {code} {}", shorten(text, 500)))
        .collect();
    named.dedup();
    let (named, more) = fit::first(named, NAMED);
    let list = named.join("; ");
    let (and_more, and_more_zh) = fit::and_more(more);
    Text::new(
        format!(
            "the API server refuses what belongs to it: {list}{and_more}. All else is carried out, and this is tried again by itself: correct what the answer names, or have a platform engineer change the admission rule that refuses it"
        ),
        format!(
            "API 服务器拒绝了以下操作：{list}{and_more_zh}。其余操作照常执行，被拒绝的操作会自动重试：请按提示更正，或请平台工程师调整相应的准入规则"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_refusals_are_named() {
        let refusals: Vec<Refusal> =
            (0..7).map(|n| Refusal { object: format!("pods p{n}"), code: 422, text: "denied".into() }).collect();
        let all: Vec<_> = refusals.iter().map(|refusal| ("pods", refusal)).collect();
        let told = told(&all).to_string();
        assert!(told.contains("pods: pods p0: 422 denied; pods: pods p1") && told.contains("; and 2 more"), "{told}");
        assert!(!told.contains("p5"), "{told}");
    }
}

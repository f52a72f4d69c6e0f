//! What a request says of itself at each place of its way: phase, who must act by when, conditions, each word.

use super::*;

/// The whole plan for people to read; digests are named only, since prices and papers of the example go into them.
fn shown(story: &Story) -> String {
    let mut plan = story.plan();
    // What a line says is looked at elsewhere.
    plan.status.lines.truncate(1);
    let status = serde_json::to_string_pretty(&plan.status).unwrap();
    let conditions: Vec<String> =
        plan.conditions.iter().map(|c| format!("{} {:?} {}: {}", c.type_, c.holds, c.reason, c.message)).collect();
    let wake = plan.wake.map(|at| at.to_string());
    let carries_out = (plan.grant.is_some(), plan.system.is_some(), plan.live.is_some());
    let text = format!("{status}\n{}\nwakes {wake:?}, grants {carries_out:?}\n", conditions.join("\n"));
    let words = text.split('"');
    let named = words.map(|word| if crate::core::digest::is_sha256(word) { "DIGEST" } else { word });
    named.collect::<Vec<_>>().join("\"")
}

#[test]
fn r15_1_each_place_of_the_way_says_where_it_is_and_who_is_next() {
    let place = |name: &str, story: &Story| insta::assert_snapshot!(name, shown(story));
    place("draft", &Story::of("health-portal"));
    place("filed", &filed());
    let mut returned = filed();
    returned.decides(AUTHORITY, "completeness", Verdict::Return);
    place("returned", &returned);
    let mut approved = evaluated();
    approved.decides(AUTHORITY, "approval", Verdict::Approve);
    place("approved", &approved);
    place("on-trial", &provisioned());
    place("live", &live());
}

#[test]
fn r4_1_what_cannot_go_on_says_why_and_what_to_do() {
    let mut secret = Story::of("health-portal");
    secret.request.spec.application.classified = true;
    secret.decides(UNIT, GATE_SUBMISSION, Verdict::Submit);
    insta::assert_snapshot!("out-of-scope", shown(&secret));
    let mut lost = Story::of("health-portal");
    lost.request.spec.application.domain = "nowhere".into();
    insta::assert_snapshot!("stalled", shown(&lost));
}

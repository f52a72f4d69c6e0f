//! What the lines of a change come to: on record, in the measure, and for those who open them.

use super::*;
use crate::api::common::Money;
use crate::api::information_system::GrantedLine;

fn priced(changing: &mut Changing, item: &str, monthly: &str) {
    for price in &mut changing.story.registry.items.get_mut(item).unwrap().spec.prices {
        price.monthly = Money(monthly.into());
    }
}

fn on_record(changing: &Changing) -> Vec<GrantedLine> {
    changing.story.system.as_ref().unwrap().0.grants.last().unwrap().lines.clone()
}

/// Each with its units.
fn units(changing: &Changing) -> Vec<(String, i64)> {
    on_record(changing).into_iter().map(|line| (line.name, line.quantity)).collect()
}

#[test]
fn r22_1_what_changes_takes_the_price_of_the_day_and_what_stays_keeps_its_own() {
    let mut filed = Changing::up_and_down(&[("cpu", 24), ("memory", 40)]);
    let before = on_record(&filed);
    priced(&mut filed, "vcpu", "61.00");
    priced(&mut filed, "memory", "31.00");
    let mut filed = filed.filed();
    // The agency confirms none of the processors.
    let mut less = filed.draft(AGENCY, "evaluation", Verdict::Approve);
    less.spec.grant.iter_mut().find(|l| l.line == "cpu").unwrap().quantity = 16;
    filed.decisions.push(less);
    filed.decides(AUTHORITY, "approval", Verdict::Approve);
    let after = on_record(&filed.operator_acts());
    let of = |lines: &[GrantedLine], name: &str| lines.iter().find(|l| l.name == name).unwrap().clone();
    assert_eq!(of(&after, "cpu"), of(&before, "cpu"));
    assert_eq!(of(&after, "memory").terms.unwrap().monthly_price.0, "31.00");
}

#[test]
fn r7_1_what_was_decided_at_other_prices_is_decided_anew() {
    let mut evaluated = Changing::up_and_down(&[("cpu", 20)]).filed();
    evaluated.decides(AGENCY, "evaluation", Verdict::Approve);
    assert_eq!(evaluated.open(), ["approval"]);
    priced(&mut evaluated, "vcpu", "61.00");
    assert_eq!(evaluated.open(), ["evaluation"]);
}

#[test]
fn r13_2_the_provider_confirms_what_is_opened_by_hand_where_there_is_more_of_it() {
    let by_hand = |wanted: &[(&str, i64)]| {
        let prospect = Changing::up_and_down(wanted).plan().prospect.unwrap();
        prospect.applies.contains(&Applies::ManualServices)
    };
    assert!(by_hand(&[("waf", 2)]));
    assert!(!by_hand(&[("waf", 1), ("cpu", 20)]), "as much as before");
    assert!(!by_hand(&[("waf", 0)]), "less");
}

#[test]
fn r26_3_a_window_grants_what_is_more_and_nothing_beside_it() {
    let wanted = [("cpu", 24), ("memory", 32)];
    let peak = Changing::temporary(&wanted, "2026-12-01T00:00:00Z", "2026-12-15T16:00:00Z");
    assert_eq!(peak.says(CONDITION_RESOLVED).0, "Resolved", "a line may say what it has");
    assert_eq!(units(&peak.granted()), [("cpu".to_owned(), 8)]);
}

#[test]
fn r22_1_what_is_cancelled_is_on_record_no_more() {
    let mut story = live();
    let policy = story.registry.policies.iter_mut().find(|p| p.name == "bozhou-2024").unwrap();
    policy.spec.changes.as_mut().unwrap().major_above_percent.value = 100;
    let change = Change { ground: ChangeGround::Cancellation, lines: lines(&[("internet", 0)]), ..Change::default() };
    let cancelled = Changing::of(story, "less", change);
    assert_eq!(cancelled.says(CONDITION_RESOLVED).0, "Resolved");
    let cancelled = cancelled.granted();
    assert!(!units(&cancelled).iter().any(|(name, _)| name == "internet"), "{:?}", units(&cancelled));
    assert!(!cancelled.plan().status.after.contains_key("bandwidth.mbps"));
}

#[test]
fn r22_1_a_line_may_name_its_own_item() {
    let mut named = Changing::up_and_down(&[("cpu", 20)]);
    named.change.lines[0].item = Some("vcpu".into());
    assert_eq!(named.says(CONDITION_RESOLVED).0, "Resolved");
}

#[test]
fn r16_2_what_the_unit_procures_itself_is_kept_or_given_up_and_never_added_to() {
    let own = |quantity: i64| {
        let mut story = live();
        let grant = &mut story.system.as_mut().unwrap().0.grants[0];
        let self_procured = Some("目录中无法适配".to_owned());
        grant.lines.push(GrantedLine { name: "qrng".into(), quantity: 2, terms: None, self_procured });
        let wanted = lines(&[("qrng", quantity), ("cpu", 20)]);
        Changing::of(story, "more", Change { lines: wanted, ..Change::default() })
    };
    let kept = |quantity: i64| {
        let of = |(name, units): (String, i64)| (name == "qrng").then_some(units);
        units(&own(quantity).granted()).into_iter().find_map(of)
    };
    assert_eq!((kept(2), kept(1), kept(0)), (Some(2), Some(1), None));
    let (reason, message) = own(3).says(CONDITION_RESOLVED);
    assert!(reason == "LineProblem" && message.contains("procures it itself"), "{reason}: {message}");
}

/// The window of accumulation begins with a day; what was over at its first moment is not within it.
#[test]
fn r22_2_what_was_over_when_the_window_of_accumulation_began_counts_no_more() {
    let track = |now: &str| {
        let not_before = Some(time("2026-12-10T16:00:00Z")); // 11 December in Shanghai
        let small = Change { lines: lines(&[("cpu", 22)]), not_before, ..Change::default() };
        let first = Changing::of(live(), "small", small).granted();
        let next = first.next("again", Change { lines: lines(&[("cpu", 28)]), ..Change::default() });
        next.at(now).plan().status.track.unwrap()
    };
    assert_eq!(track("2027-12-10T15:59:59Z"), "MajorChange", "from 16, until that day");
    assert_eq!(track("2027-12-10T16:00:00Z"), "MinorChange", "from 22");
}

#[test]
fn r22_1_a_change_that_a_grant_has_no_room_for_is_not_granted_and_says_so() {
    let item = live().request.spec.application.lines[0].item.clone();
    let new = |n: usize| ChangeLine { name: format!("n{n}"), item: item.clone(), quantity: 1, ..ChangeLine::default() };
    let change = Change { lines: (0..64).map(new).collect(), ..Change::default() };
    let mut many = Changing::of(live(), "many", change);
    let had = many.story.system.as_ref().unwrap().0.grants[0].lines.len();
    let (reason, message) = many.says(CONDITION_RESOLVED);
    assert!(reason == "LineProblem" && message.contains(&format!("{} lines", 64 + had)), "{reason}: {message}");
    let fits = |changing: &Changing| {
        let plan = changing.plan();
        let mut status = plan.status;
        status.conditions = fixtures::conditions(&plan.conditions, changing.now);
        fixtures::assert_fits("ResourceChange", "status", &status);
        plan.grant
    };
    assert_eq!(fits(&many), None);
    let full = Changing { change: many.change.clone(), ..Changing::of(live(), "many", Change::default()) };
    assert_eq!(fits(&full.approved()), None);
    // With as many fewer it is granted, and its record has room for it.
    many.change.lines.truncate(64 - had);
    many.change.lines.iter_mut().for_each(|line| line.purpose = Some(fixtures::letters(256)));
    assert!(many.says(CONDITION_RESOLVED).0 != "LineProblem");
    fits(&many);
}

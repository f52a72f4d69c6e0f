//! What the operator and the API server fill in has room, however much there is of it: the API server refuses an object whole for
//! one text that is too long, and would do so for ever. Every bound of the CRDs on such a field stands in the table below, with
//! what keeps it; the statuses of each kind at their largest are the tests that are called `r19_2_..._fits...` beside its rules.

use crate::api::adoption::FindingKind;
use crate::api::bounds;
use crate::api::cloud_domain::Reservation;
use crate::api::cloud_resource_request::{CountedDecision, VoidDecision, VoidReason};
use crate::api::common::{Money, Quantity, Time};
use crate::api::decommission::{Leaving, VolumeStep};
use crate::api::information_system::{Grant, GrantedLine, StopStatus, Suspension, Terms};
use crate::api::usage::Activity;
use crate::api::{CloudDomainSpec, CloudDomainStatus, DecisionSpec, InformationSystemSpec};
use crate::core::capacity::Reserving;
use crate::core::fixtures::schemas;
use crate::core::quantity::{Amount, Amounts, Format};
use crate::core::round::Statement;
use crate::core::text::{Text, brief, shorten};
use crate::core::usage::{Judgement, history, percent};
use crate::core::workflow::{DecisionFact, Refusal, Walk, counted};
use crate::core::{adoption, capacity, catalog, effective, leaving, round, stop, usage};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use strum::IntoEnumIterator as _;

/// What keeps a field within its bound.
#[derive(Clone, Copy)]
enum Kept {
    /// It is taken over from these places, each of which has the same room or less.
    From(&'static [&'static str]),
    /// It never comes to be more than this.
    AtMost(fn() -> usize),
    /// Its text is cut by this.
    Cut(fn(&str) -> String),
    /// So many are kept, or none, of so many.
    Folded(fn(usize) -> usize),
    /// This test gives it more.
    By(&'static str),
}
use Kept::{AtMost, By, Cut, Folded, From};

/// A uid is one of the API server's, in 36 characters.
const UID: Kept = AtMost(|| 36);
/// A digest is the SHA-256 of something, in hexadecimal digits.
const SHA256: Kept = AtMost(|| 64);
/// The name of an object, as the API server takes it.
const OBJECT: Kept = AtMost(|| 253);
/// The name of a namespace, or of a system.
const LABEL: Kept = AtMost(|| 63);
/// A line for people.
const BRIEF: Kept = Cut(brief);
const AMOUNT: Kept = AtMost(longest_amount);
const MONEY: Kept = AtMost(longest_money);
const PERCENT: Kept = AtMost(|| percent(f64::MAX).0.len());
/// Days of a month, each of the most that there can be.
const PERCENT_DAYS: Kept = AtMost(|| percent(f64::MAX).0.len() + 2);

const APPLICATION_LINES: &str = "CloudResourceRequest spec.application.lines";
const GATES: &str = "GovernancePolicy spec.tracks[].gates";
const SYSTEM_GRANTS: &str = "InformationSystem spec.grants";

/// A bound by the end of its place, or of `Kind place`: the longest that fits speaks.
const TABLE: &[(&str, Kept)] = &[
    // Who and what, as the API server names it.
    ("uid", UID),
    ("submissionUid", UID),
    ("subjectUid", UID),
    ("itemUid", UID),
    ("productUid", UID),
    ("term.extends", UID),
    ("change.basis", UID),
    ("change.settles", UID),
    ("change.proposal", UID),
    ("reservations[].ends[]", UID),
    ("digest", SHA256),
    ("applicationDigest", SHA256),
    ("hash", SHA256),
    ("previous", SHA256),
    ("report.sha256", By("r19_2_a_departure_fits_its_record_and_its_status")),
    ("volumes[].backup", SHA256),
    ("name", OBJECT),
    ("guests[].decision", OBJECT),
    ("dismissedBy", OBJECT),
    ("terms.product", OBJECT),
    ("volume.claim", OBJECT),
    ("volume.volume", OBJECT),
    ("volumes[].claim", OBJECT),
    ("volumes[].volume", OBJECT),
    ("barePods[]", OBJECT),
    ("spec.namespace", LABEL),
    ("reservations[].namespace", LABEL),
    ("nearest[]", LABEL),
    ("spec.organization", From(&["CloudDomain spec.organizations[]"])),
    // Whom the API server stamps.
    ("Decision spec.decidedBy.uid", By("r7_1_somebody_in_many_groups_decides_and_beyond_a_bound_is_told_what_to_do")),
    (
        "Decision spec.decidedBy.username",
        By("r7_1_somebody_in_many_groups_decides_and_beyond_a_bound_is_told_what_to_do"),
    ),
    (
        "Decision spec.decidedBy.person",
        By("r7_1_somebody_in_many_groups_decides_and_beyond_a_bound_is_told_what_to_do"),
    ),
    (
        "Decision spec.decidedBy.groups",
        By("r7_1_somebody_in_many_groups_decides_and_beyond_a_bound_is_told_what_to_do"),
    ),
    (
        "Decision spec.decidedBy.groups[]",
        By("r7_1_somebody_in_many_groups_decides_and_beyond_a_bound_is_told_what_to_do"),
    ),
    // What holds of any object.
    ("conditions", AtMost(|| include_str!("api/names.rs").matches("pub const CONDITION_").count())),
    // The way through the gates.
    ("openGates", AtMost(|| bound(GATES) + 2)),
    ("openGates[].gate", From(&["GovernancePolicy spec.tracks[].gates[].name"])),
    ("openGates[].role", From(&["GovernancePolicy spec.tracks[].gates[].role"])),
    (
        "openGates[].article",
        From(&["GovernancePolicy spec.tracks[].gates[].article", "GovernancePolicy spec.tracks[].submission.article"]),
    ),
    ("openGates[].organizations", From(&["GovernancePolicy spec.roles[].organizations"])),
    ("openGates[].organizations[]", From(&["GovernancePolicy spec.roles[].organizations[]"])),
    ("openGates[].verdicts", From(&["GovernancePolicy spec.tracks[].gates[].verdicts"])),
    ("openGates[].reports", AtMost(|| bound("GovernancePolicy spec.tracks[].gates[].reports") + bounds::HOLDINGS)),
    (
        "openGates[].reports[]",
        From(&["GovernancePolicy spec.tracks[].gates[].reports[]", "Decommission status.holdings[].name"]),
    ),
    ("title.zh", From(&["GovernancePolicy spec.tracks[].gates[].title.zh"])),
    ("title.en", From(&["GovernancePolicy spec.tracks[].gates[].title.en"])),
    ("track", From(&["GovernancePolicy spec.tracks[].name"])),
    ("status.role", From(&["GovernancePolicy spec.tracks[].submission.role"])),
    ("waitingFor", BRIEF),
    ("submission.by", From(&["Decision spec.decidedBy.username"])),
    ("decisions", Folded(|n| many_counted(n).on_record(|_| false).len())),
    ("decisions[].gate", From(&["Decision spec.gate"])),
    ("decisions[].role", From(&["Decision spec.role"])),
    ("decisions[].by", From(&["Decision spec.decidedBy.username"])),
    ("decisions[].person", From(&["Decision spec.decidedBy.person"])),
    ("decisions[].comment", Cut(comment)),
    ("decision.gate", From(&["Decision spec.gate"])),
    ("decision.role", From(&["Decision spec.role"])),
    ("decision.by", From(&["Decision spec.decidedBy.username"])),
    ("decision.person", From(&["Decision spec.decidedBy.person"])),
    ("decision.comment", Cut(comment)),
    ("voidDecisions", Folded(|n| round::report::newest(vec![VoidDecision::default(); n]).len())),
    ("voidDecisions[].message", Cut(refusal)),
    // Lines, amounts and money.
    ("CloudResourceRequest status.lines", From(&[APPLICATION_LINES])),
    ("ResourceChange status.lines", From(&["ResourceChange spec.change.lines"])),
    ("grants[].lines", By("r22_1_a_change_that_a_grant_has_no_room_for_is_not_granted_and_says_so")),
    ("granted.lines", From(&["InformationSystem spec.grants[].lines"])),
    ("spec.recommended", From(&["InformationSystem spec.grants[].lines"])),
    (
        "lines[].name",
        From(&["CloudResourceRequest spec.application.lines[].name", "ResourceChange spec.change.lines[].name"]),
    ),
    ("recommended[].name", From(&["InformationSystem spec.grants[].lines[].name"])),
    ("lines[].nearest", AtMost(|| 3)),
    ("lines[].problem", BRIEF),
    ("lines[].selfProcured", From(&["CloudResourceRequest spec.application.lines[].selfProcured"])),
    ("lines[].amounts", From(&["ServiceProduct spec.amounts"])),
    ("terms.unitAmounts", From(&["ServiceProduct spec.amounts"])),
    ("terms.unitAmounts{}", From(&["ServiceProduct spec.amounts{}"])),
    (
        "terms.item",
        From(&["CloudResourceRequest spec.application.lines[].item", "ResourceChange spec.change.lines[].item"]),
    ),
    ("terms.storageClass", From(&["ServiceProduct spec.storageClass"])),
    ("terms.monthlyPrice", From(&["CatalogItem spec.prices[].monthly"])),
    ("unit.zh", From(&["CatalogItem spec.unit.zh"])),
    ("unit.en", From(&["CatalogItem spec.unit.en"])),
    ("amounts{}", AMOUNT),
    ("before{}", AMOUNT),
    ("after{}", AMOUNT),
    ("granted{}", AMOUNT),
    ("grantable{}", AMOUNT),
    ("peak{}", AMOUNT),
    ("held{}", AMOUNT),
    ("missing", AMOUNT),
    ("monthlyFee", MONEY),
    ("feeBefore", MONEY),
    ("feeAfter", MONEY),
    ("saving", MONEY),
    ("CloudResourceRequest status.amounts", Folded(resources_of_a_grant)),
    ("grants[].amounts", Folded(resources_of_a_grant)),
    ("granted.amounts", From(&["InformationSystem spec.grants[].amounts"])),
    (
        "InformationSystem status.amounts",
        AtMost(|| bound(SYSTEM_GRANTS) * bound("InformationSystem spec.grants[].amounts")),
    ),
    ("InformationSystem status.held", From(&["InformationSystem status.amounts"])),
    ("status.before", From(&["InformationSystem spec.grants[].amounts"])),
    // What holds for some time comes on top of what stands for good.
    ("status.after", AtMost(|| 2 * bound("InformationSystem spec.grants[].amounts"))),
    ("spec.before", From(&["InformationSystem spec.grants[].amounts"])),
    ("spec.after", From(&["InformationSystem spec.grants[].amounts"])),
    ("majorBecause", BRIEF),
    ("groundGone.message", Cut(|text| shorten(text, 2048))),
    ("groundGone.messageZh", Cut(|text| shorten(text, 2048))),
    // A record.
    ("spec.name", From(&["CloudResourceRequest spec.application.system.name"])),
    ("spec.domain", From(&["CloudResourceRequest spec.application.domain"])),
    ("spec.networks", From(&["CloudResourceRequest spec.application.networks"])),
    ("spec.protectionLevel", AtMost(|| 5)),
    ("spec.migratedFrom", From(&["CloudResourceRequest spec.application.origin.from"])),
    ("spec.standbyFor", From(&["CloudResourceRequest spec.application.standbyFor"])),
    ("payer", From(&["CloudResourceRequest spec.application.funding.payer"])),
    ("spec.grants", Folded(grants_on_record)),
    ("spec.agreements", From(&[SYSTEM_GRANTS])),
    ("spec.closed", From(&[SYSTEM_GRANTS])),
    ("spec.suspensions", Folded(suspensions_on_record)),
    ("spec.departures", Folded(departures_on_record)),
    ("ground", BRIEF),
    ("mend", BRIEF),
    ("suspensions[].article", From(&["Sanction spec.order.article"])),
    ("suspended.article", From(&["Sanction spec.order.article"])),
    ("spec.fact", AtMost(|| "suspended/".len() + 36)),
    ("access.username", From(&["Decision spec.access.username"])),
    ("access.purpose", From(&["Decision spec.access.purpose"])),
    ("status.system", From(&["CloudResourceRequest spec.application.system.code"])),
    ("status.systemNamespace", From(&["InformationSystem spec.namespace"])),
    ("guests", By("r19_2_guests_beyond_what_a_status_has_room_for_are_counted")),
    ("guests[].username", From(&["Decision spec.access.username"])),
    ("guests[].purpose", From(&["Decision spec.access.purpose"])),
    ("stop.barePods", Folded(|n| stop::bare_pods(&StopStatus::default(), (0..n).map(|n| n.to_string())).0.len())),
    // A departure.
    ("items", From(&["Decommission spec.departure.items"])),
    ("items[]", From(&["Decommission spec.departure.items[]"])),
    ("backups", By("r19_2_a_departure_fits_its_record_and_its_status")),
    ("wipe.volumes", By("r19_2_a_departure_fits_its_record_and_its_status")),
    ("status.volumes", By("r19_2_a_departure_fits_its_record_and_its_status")),
    ("byHand", BRIEF),
    ("report.target", By("r19_2_a_departure_fits_its_record_and_its_status")),
    ("volumes[].message", BRIEF),
    ("status.progress", AtMost(|| VolumeStep::iter().map(|step| format!("{step} 1000, ").len()).sum())),
    ("status.holdings", By("r19_2_what_is_too_much_for_one_attestation_is_attested_under_one_name")),
    ("holdings[].name", Cut(|text| leaving::named("volume", text))),
    ("holdings[].what", By("r19_2_what_is_too_much_for_one_attestation_is_attested_under_one_name")),
    // A takeover.
    ("adoption.namespace", From(&["CloudResourceRequest spec.application.adopts.namespace"])),
    ("adoption.changes", By("r4_2_the_plan_of_a_takeover_fits_however_much_is_in_the_namespace")),
    ("adoption.changes[]", By("r4_2_the_plan_of_a_takeover_fits_however_much_is_in_the_namespace")),
    ("adoption.findings", By("r4_2_the_plan_of_a_takeover_fits_however_much_is_in_the_namespace")),
    ("findings[].name", Cut(|text| adoption::finding(FindingKind::default(), text, &Text::default()).name)),
    ("findings[].message", Cut(|text| adoption::finding(FindingKind::default(), "", &Text::new(text, text)).message)),
    // A domain.
    ("status.reservations", Folded(reservations)),
    ("reservations[].amounts", From(&["InformationSystem spec.grants[].amounts"])),
    ("reservations[].ends", From(&[SYSTEM_GRANTS])),
    ("status.grantable", From(&["CloudDomain spec.capacity"])),
    ("CloudDomain status.granted", Folded(|n| capacity::shown(&resources(n), &Amounts::default()).0.len())),
    ("status.peak", From(&["CloudDomain status.granted"])),
    ("status.shortages", Folded(|n| capacity::shortages(&shortages(n, "")).0.len())),
    ("shortages[].resource", Cut(|text| capacity::shortages(&shortages(1, text)).0.remove(0).resource)),
    // Use, and what it suggests.
    ("evidence.reason", AtMost(|| 32)),
    ("evidence.message", Cut(evidence)),
    ("usage.clocks", AtMost(|| Activity::iter().count())),
    ("coveragePercent", PERCENT),
    ("cpuPercent", PERCENT),
    ("memoryMeanPercent", PERCENT),
    ("memoryPeakPercent", PERCENT),
    ("memoryPercent", PERCENT),
    ("storagePercent", PERCENT),
    ("cpuPercentDays", PERCENT_DAYS),
    ("memoryPercentDays", PERCENT_DAYS),
    ("months[].month", AtMost(|| "2026-11".len())),
    ("usageHistory.months", AtMost(|| history::MONTHS)),
    ("usageHistory.recent", AtMost(|| history::DAYS)),
    ("RightsizingProposal spec.evidence.message", By("r26_5_what_a_proposal_says_fits_however_much_there_is_to_say")),
    ("evidence.window", AtMost(|| "1h of 24h".len())),
    ("evidence.figures", AtMost(|| 2)),
    ("figures[].figure", AtMost(|| "memoryMeanPercent".len())),
    ("figures[].value", PERCENT),
    ("figures[].threshold", AtMost(|| "<= 100000 months".len())),
    ("figures[].article", From(&["GovernancePolicy spec.usage.memoryMeanAbovePercent.article"])),
];

fn longest_amount() -> usize {
    let most = Amount::from_thousandths(i128::from(i64::MAX) * 1000 - 1).unwrap();
    [Format::DecimalSi, Format::BinarySi].map(|format| most.print(format).len()).into_iter().max().unwrap()
}

fn longest_money() -> usize {
    let most = "999999999999.999999".parse().unwrap();
    assert_eq!(catalog::money("1000000000000".parse().unwrap()), None, "what is more is not written");
    catalog::money(most).unwrap().0.len()
}

fn many_counted(n: usize) -> Walk {
    let one = |n: usize| CountedDecision { uid: n.to_string(), ..CountedDecision::default() };
    Walk { counted: (0..n).map(one).collect(), ..Walk::default() }
}

fn comment(text: &str) -> String {
    let spec = DecisionSpec { comment: Some(text.to_owned()), ..DecisionSpec::default() };
    counted(&decision(spec)).comment.unwrap()
}

fn refusal(text: &str) -> String {
    let refusal = Refusal { reason: VoidReason::UnknownGate, message: Text::new(text, text) };
    refusal.of(&decision(DecisionSpec::default())).message
}

fn decision(spec: DecisionSpec) -> DecisionFact {
    DecisionFact { name: "d".into(), uid: "d".into(), at: Time::default(), order: 0, spec, entitled: true }
}

/// So many resources.
fn resources(n: usize) -> Amounts {
    (0..n).map(|n| (format!("r.{n}"), Amount::units(1))).collect()
}

fn resources_of_a_grant(n: usize) -> usize {
    let unit_amounts = resources(n).print();
    let terms = Terms { unit_amounts, monthly_price: Money("1".into()), ..Terms::default() };
    let lines = [GrantedLine { quantity: 1, terms: Some(terms), ..GrantedLine::default() }];
    catalog::total(&lines).map_or(0, |total| total.iter().count())
}

fn grants_on_record(n: usize) -> usize {
    let mut spec = InformationSystemSpec::default();
    for _ in 0..n {
        if effective::has_room(&spec) {
            spec.grants.push(Grant::default());
        }
    }
    spec.grants.len()
}

fn suspensions_on_record(n: usize) -> usize {
    let mut spec = InformationSystemSpec::default();
    (0..n).for_each(|_| stop::note(&mut spec, Suspension::default()));
    spec.suspensions.len()
}

fn departures_on_record(n: usize) -> usize {
    let mut spec = InformationSystemSpec::default();
    let leaving = |n: usize| Leaving { submission_uid: n.to_string(), ..Leaving::default() };
    let room = (0..n).filter(|n| stop::note_departure(&mut spec, leaving(*n))).count();
    assert_eq!(room, spec.departures.len(), "whoever has no room is told");
    spec.departures.len()
}

fn reservations(n: usize) -> usize {
    let spec = CloudDomainSpec { capacity: [("pods".into(), Quantity("1k".into()))].into(), ..Default::default() };
    let mut status = CloudDomainStatus::default();
    for n in 0..n {
        let wanted = Reservation { submission_uid: n.to_string(), ..Reservation::default() };
        match capacity::reserve("main", &spec, &status, &[], wanted, Timestamp::UNIX_EPOCH).unwrap() {
            Reserving::Reserved(next) => status = *next,
            other => assert_eq!(other, Reserving::Busy),
        }
    }
    status.reservations.len()
}

fn shortages(n: usize, resource: &str) -> Vec<(Timestamp, String, Amount)> {
    vec![(Timestamp::UNIX_EPOCH, resource.to_owned(), Amount::units(1)); n]
}

fn evidence(text: &str) -> String {
    let statements = vec![Statement::new(crate::api::names::CONDITION_USAGE_KNOWN, false, "NotMeasured", text)];
    let judgement = Judgement { statements, ..Judgement::default() };
    usage::evidence(&judgement, Timestamp::UNIX_EPOCH).message
}

/// The bound of a place, whoever fills it.
fn bound(place: &str) -> usize {
    *every_bound().get(place).unwrap_or_else(|| panic!("{place} has no bound"))
}

/// Every bound of every kind, by `Kind place`.
fn every_bound() -> BTreeMap<String, usize> {
    fn walk(schema: &Value, at: &str, found: &mut BTreeMap<String, usize>) {
        for key in ["maxItems", "maxLength", "maxProperties", "maximum"] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bound is a whole number")]
            found.extend(schema[key].as_f64().map(|bound| (at.to_owned(), bound as usize)));
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            walk(field, &format!("{at}.{name}"), found);
        }
        for (inner, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if schema[inner].is_object() {
                walk(&schema[inner], &format!("{at}{mark}"), found);
            }
        }
    }
    let mut found = BTreeMap::new();
    for (kind, schema) in schemas() {
        for part in ["spec", "status"] {
            walk(&schema["properties"][part], &format!("{kind} {part}"), &mut found);
        }
    }
    found
}

/// Whether people write it.
fn is_written(place: &str) -> bool {
    let filled = ["InformationSystem ", "LedgerEntry ", "RightsizingProposal ", "Decision spec.decidedBy."];
    place.contains(" spec.") && !filled.iter().any(|kind| place.starts_with(kind))
}

fn row(place: &str) -> Option<usize> {
    let speaks =
        |end: &str| place.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with(['.', ' ']));
    let rows = TABLE.iter().enumerate().filter(|(_, (end, _))| speaks(end));
    rows.max_by_key(|(_, (end, _))| end.len()).map(|(n, _)| n)
}

#[test]
fn r19_2_every_bound_on_what_is_filled_in_is_kept() {
    let all = every_bound();
    let filled: Vec<(&String, usize)> =
        all.iter().map(|(place, n)| (place, *n)).filter(|(p, _)| !is_written(p)).collect();
    assert!(filled.len() > 600, "{}", filled.len());
    let mut wrong: Vec<String> = Vec::new();
    let mut spoke: BTreeSet<usize> = BTreeSet::new();
    for (place, bound) in filled {
        let Some(n) = row(place) else {
            wrong.push(format!("{place}: {bound}: nothing says what keeps it"));
            continue;
        };
        spoke.insert(n);
        let beyond = [bound + 1, bound * 10];
        match TABLE[n].1 {
            From(sources) => wrong.extend(sources.iter().filter_map(|source| match all.get(*source) {
                Some(room) if *room <= bound => None,
                found => Some(format!("{place}: {bound}: it is from {source}, which has {found:?}")),
            })),
            AtMost(most) if most() <= bound => {}
            AtMost(most) => wrong.push(format!("{place}: {bound}: it comes to be {}", most())),
            Cut(cut) => wrong.extend(["a", "云", "\u{1f4be}", "é\n"].iter().flat_map(|text| {
                let cut = beyond.map(|length| cut(&text.repeat(length)).chars().count());
                cut.into_iter()
                    .filter(|length| *length > bound)
                    .map(|length| format!("{place}: {bound}: it comes to be {length}"))
            })),
            Folded(fold) => wrong.extend(
                beyond
                    .map(fold)
                    .into_iter()
                    .filter(|n| *n > bound)
                    .map(|n| format!("{place}: {bound}: it comes to be {n}")),
            ),
            By(test) => {
                let is_there = tests().contains(&format!("fn {test}("));
                wrong.extend((!is_there).then(|| format!("{place}: there is no test {test}")));
            }
        }
    }
    let silent = (0..TABLE.len()).filter(|n| !spoke.contains(n));
    wrong.extend(silent.map(|n| format!("{}: there is no such bound", TABLE[n].0)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of all tests.
fn tests() -> &'static str {
    static ALL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let sources = ["src", "tests"].into_iter().flat_map(crate::structure::sources);
        sources.map(|path| std::fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n")
    });
    &ALL
}

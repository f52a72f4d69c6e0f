//! What a track is for. It follows from what comes of it and from where the policy names it, so that no policy says it twice.

use super::{Problem, problem, steps_before};
use crate::api::governance_policy::{Applies, ChangeRules, ChangeTracks, Effect, GovernancePolicySpec, Track};
use crate::core::text::Text;
use std::collections::BTreeSet;

/// What a track can be for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, strum::Display)]
pub enum Use {
    /// A request, annex 1.
    Request,
    /// An urgent one.
    Urgent,
    /// A permanent change that is not major.
    Minor,
    /// A major one.
    Major,
    /// A temporary expansion.
    Temporary,
    /// The extension of one, or of what was granted in an urgent case.
    Extension,
    /// A reduction.
    Reduction,
    /// An emergency expansion.
    Emergency,
    /// A system that leaves, or is reclaimed.
    Departure,
    /// An order.
    Sanction,
}

/// A field that names a track, and for what.
pub(super) struct Naming<'p> {
    pub(super) at: String,
    pub(super) track: &'p str,
    pub(super) purpose: Use,
}

impl Use {
    /// In words.
    fn words(self) -> Text {
        let (en, zh) = match self {
            Self::Request => ("a request", "资源申请"),
            Self::Urgent => ("an urgent request", "紧急申请"),
            Self::Minor => ("a change that is not major", "一般变更"),
            Self::Major => ("a major change", "重大变更"),
            Self::Temporary => ("a temporary expansion", "临时扩容"),
            Self::Extension => ("an extension", "延期"),
            Self::Reduction => ("a reduction", "资源核减"),
            Self::Emergency => ("an emergency expansion", "应急扩容"),
            Self::Departure => ("a system that leaves", "系统退出"),
            Self::Sanction => ("a sanction", "处理措施"),
        };
        Text::new(en, zh)
    }

    /// The effects that a track for it has.
    fn effects(self) -> &'static [Effect] {
        match self {
            Self::Request | Self::Urgent | Self::Major => &[Effect::Provision, Effect::GoLive],
            Self::Minor | Self::Temporary | Self::Extension | Self::Reduction | Self::Emergency => &[Effect::Provision],
            Self::Departure => &[Effect::Backup, Effect::Offline, Effect::Wipe, Effect::Reclaim],
            Self::Sanction => &[Effect::Impose, Effect::Lift],
        }
    }

    /// Whether something of this sort can come of a track.
    fn comes_of(self, track: &Track) -> bool {
        self.effects().iter().all(|effect| track.effects.iter().any(|rule| rule.effect == *effect))
    }

    /// Whether a circumstance can ever hold for it.
    fn can_be(self, circumstance: Applies) -> bool {
        match circumstance {
            Applies::HasSupervisor => self != Self::Sanction,
            Applies::LargeMigration | Applies::Migrated => matches!(self, Self::Request | Self::Urgent),
            Applies::ManualServices => !matches!(self, Self::Departure | Self::Sanction),
            Applies::LongWindow => matches!(self, Self::Temporary | Self::Extension),
            Applies::UsageUnknown => self == Self::Minor,
            Applies::Unanswered => self == Self::Departure,
        }
    }
}

/// Every field that names a track.
pub(super) fn namings(policy: &GovernancePolicySpec) -> Vec<Naming<'_>> {
    let naming = |at: String, track, purpose| Naming { at, track, purpose };
    let mut found = Vec::new();
    if let Some(ChangeRules { tracks, .. }) = &policy.changes {
        let ChangeTracks { minor, major, temporary, extension, reduction, emergency } = tracks;
        let named = [
            ("minor", Some(minor), Use::Minor),
            ("major", Some(major), Use::Major),
            ("temporary", Some(temporary), Use::Temporary),
            ("extension", Some(extension), Use::Extension),
            ("reduction", reduction.as_ref(), Use::Reduction),
            ("emergency", emergency.as_ref(), Use::Emergency),
        ];
        let named = named.into_iter().filter_map(|(field, track, purpose)| Some((field, track?, purpose)));
        found.extend(
            named.map(|(field, track, purpose)| naming(format!("spec.changes.tracks.{field}"), track, purpose)),
        );
    }
    found.extend(policy.urgent.iter().map(|rules| naming("spec.urgent.track".to_owned(), &rules.track, Use::Urgent)));
    let leaving = policy.leaving.iter().flat_map(crate::api::decommission::LeavingRules::named);
    found.extend(leaving.map(|(field, track)| naming(format!("spec.leaving.{field}"), track, Use::Departure)));
    let measures = policy.sanctions.iter().flat_map(|rules| &rules.measures);
    found.extend(measures.map(|rule| {
        let at = format!("spec.sanctions.measures[{},{}].track", rule.measure, rule.party);
        naming(at, &rule.track, Use::Sanction)
    }));
    found
}

/// The tracks that a request can take: those that open resources and start the charge, and that the policy names for nothing
/// else. The track of major changes is one too where it asks for all that the others ask for, since a major change goes
/// through the whole application; nobody gets round a paper by it.
#[must_use]
pub fn for_requests(policy: &GovernancePolicySpec) -> Vec<&Track> {
    let named = namings(policy);
    let able = policy.tracks.iter().filter(|track| Use::Request.comes_of(track));
    let (for_more, own): (Vec<&Track>, Vec<&Track>) =
        able.partition(|track| named.iter().any(|naming| naming.track == track.name));
    let is = |track: &Track, purpose| named.iter().any(|n| n.track == track.name && n.purpose == purpose);
    let shared = |track: &&Track| is(track, Use::Major) && own.iter().all(|other| asks_as_much(track, other));
    let fits = |track: &&&Track| own.contains(track) || is(track, Use::Urgent) || shared(track);
    let mut found: Vec<&Track> = own.iter().chain(&for_more).filter(fits).copied().collect();
    found.sort_by_key(|track| policy.tracks.iter().position(|t| t.name == track.name));
    found
}

/// Whether one track asks for every paper, and for finished development, as the other does.
fn asks_as_much(one: &Track, other: &Track) -> bool {
    let papers = other.documents.iter().all(|paper| {
        one.documents.iter().any(|p| p.type_ == paper.type_ && (p.when.is_none() || p.when == paper.when))
    });
    papers && (one.development_finished_by.is_some() || other.development_finished_by.is_none())
}

/// Whether what comes of a track ends by itself (article 24).
#[must_use]
pub fn is_urgent(policy: &GovernancePolicySpec, track: &str) -> bool {
    policy.urgent.as_ref().is_some_and(|rules| rules.track == track)
}

/// What is wrong with what tracks are named for, with their effects, and with circumstances that can never hold for them.
pub(super) fn check(policy: &GovernancePolicySpec, problems: &mut Vec<Problem>) {
    let named = namings(policy);
    problems.extend(named.iter().filter_map(|naming| misnamed(policy, naming)));
    if let Some(rules) = &policy.urgent
        && let Some(other) = named.iter().find(|n| n.track == rules.track && n.purpose != Use::Urgent)
    {
        problems.push(problem(
            "spec.urgent.track",
            format!(
                "what comes of an urgent track ends by itself, so it is a track of its own, and {} names it too: name another (紧急申请须使用单独的流程)",
                other.at
            ),
        ));
    }
    let requests = for_requests(policy);
    if requests.iter().all(|track| is_urgent(policy, &track.name)) {
        problems.push(problem(
            "spec.tracks",
            "no request for good could take any: add a track with the effects Provision and GoLive that spec.changes and spec.urgent do not name, or have major changes take it too (没有可供长期资源申请使用的流程，请补充含 Provision 和 GoLive 的流程)"
                .to_owned(),
        ));
    }
    for track in &policy.tracks {
        let path = format!("spec.tracks[{}]", track.name);
        mixed(track, &path, problems);
        let request = requests.iter().any(|t| t.name == track.name && !is_urgent(policy, &t.name));
        let request = request.then_some(Use::Request).into_iter();
        let uses: Vec<Use> = request.chain(named.iter().filter(|n| n.track == track.name).map(|n| n.purpose)).collect();
        never_holding(track, &uses, &path, problems);
    }
}

fn misnamed(policy: &GovernancePolicySpec, naming: &Naming<'_>) -> Option<Problem> {
    let Naming { at, track: name, purpose } = naming;
    let Some(track) = policy.track(name) else {
        return Some(problem(
            at,
            format!(
                "there is no track `{name}`: correct the name, or add it to spec.tracks (流程不存在，请更正或补充)"
            ),
        ));
    };
    if purpose.comes_of(track) {
        return None;
    }
    let fit: Vec<&str> = policy.tracks.iter().filter(|t| purpose.comes_of(t)).map(|t| t.name.as_str()).collect();
    let effects: Vec<String> = purpose.effects().iter().map(ToString::to_string).collect();
    let Text { en, zh } = purpose.words();
    Some(problem(
        at,
        format!(
            "track `{name}` is not for {en}, which takes one with the effects {}: name another; tracks with them: [{}] (流程{name}不适用于{zh}，请更换)",
            effects.join(", "),
            fit.join(", ")
        ),
    ))
}

/// What opens resources imposes nothing and wipes nothing.
fn mixed(track: &Track, path: &str, problems: &mut Vec<Problem>) {
    let sorts = [Use::Request, Use::Sanction, Use::Departure];
    let of = |effect: Effect| sorts.into_iter().find(|sort| sort.effects().contains(&effect));
    let found: Vec<Use> = track.effects.iter().filter_map(|rule| of(rule.effect)).collect();
    if let Some(other) = found.iter().find(|sort| Some(*sort) != found.first()) {
        let foreign: Vec<String> = other.effects().iter().map(ToString::to_string).collect();
        problems.push(problem(
            &format!("{path}.effects"),
            format!(
                "a track opens resources, imposes an order, or takes a system out of the cloud, and does one of these: leave out {} (资源开通、处理措施、系统退出不得同在一个流程)",
                foreign.join(", ")
            ),
        ));
    }
}

/// A gate or paper of a circumstance that cannot hold is never asked for, whatever was meant by it.
fn never_holding(track: &Track, uses: &[Use], path: &str, problems: &mut Vec<Problem>) {
    // Nothing takes it, so nothing is missed.
    if uses.is_empty() {
        return;
    }
    let for_what: Vec<String> = uses.iter().map(|purpose| purpose.words().en).collect();
    let mut never = |at: String, when: Applies, holds: bool| {
        if !holds {
            problems.push(problem(
                &at,
                format!(
                    "circumstance {when} never holds on this track, which is for {}: it would never be asked for; correct `when`, or leave it out (该适用情形在本流程中不会出现，请更正)",
                    for_what.join(", ")
                ),
            ));
        }
    };
    for (paper, when) in track.documents.iter().filter_map(|paper| Some((paper, paper.when?))) {
        // Papers are there when it is filed.
        let holds = when != Applies::Unanswered && uses.iter().any(|purpose| purpose.can_be(when));
        never(format!("{path}.documents[{}].when", paper.type_), when, holds);
    }
    let silent: BTreeSet<&str> = track.gates.iter().filter(|g| g.lapses).map(|g| g.name.as_str()).collect();
    for (gate, when) in track.gates.iter().filter_map(|gate| Some((gate, gate.when?))) {
        let behind = || steps_before(track, &gate.after).iter().any(|step| silent.contains(step));
        let holds = uses.iter().any(|purpose| purpose.can_be(when)) && (when != Applies::Unanswered || behind());
        never(format!("{path}.gates[{}].when", gate.name), when, holds);
    }
}

//! A change worked out against the state of its system: its sort and track, its lines, what it is measured as, and what is
//! wrong with it.

use super::lines::{Lines, Mode};
use super::measure::Measure;
use super::window;
use super::{Case, Prospect};
use crate::api::GovernancePolicySpec;
use crate::api::common::{RequestKind, Time};
use crate::api::governance_policy::{Applies, ChangeRules, Track};
use crate::api::information_system::{Grant, GrantedLine};
use crate::api::names::CONDITION_IN_TIME;
use crate::api::resource_change::{Change, ChangeGround};
use crate::api::rightsizing_proposal::Action;
use crate::api::usage::{Evidence, Finding};
use crate::core::calendar::{WorkCalendars, date_in};
use crate::core::effective::{self, Span};
use crate::core::quantity::Amounts;
use crate::core::registry::Named;
use crate::core::round::{report::unknown_year, zone_of};
use crate::core::text::Text;
use crate::core::workflow::DecisionFact;
use crate::core::{calendar, catalog, completeness};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The sorts of change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sort {
    /// Up or down, for good.
    Permanent,
    /// Up, from when and until when.
    Temporary,
    /// Of a temporary expansion.
    Extension,
    /// Up at once, until it is decided upon.
    Emergency,
    /// Down, proposed by the agency.
    Reduction,
}

impl Sort {
    fn of(change: &Change) -> Self {
        match (change.ground, &change.extend, &change.window) {
            (_, Some(_), _) => Self::Extension,
            (_, _, Some(_)) => Self::Temporary,
            (ChangeGround::Emergency, ..) if change.settles.is_none() => Self::Emergency,
            (ChangeGround::Reduction, ..) => Self::Reduction,
            _ => Self::Permanent,
        }
    }

    /// Whether what comes of it holds for some time only.
    pub(super) fn has_term(self) -> bool {
        matches!(self, Self::Temporary | Self::Extension | Self::Emergency)
    }

    fn mode(self) -> Mode {
        if self.has_term() { Mode::OnTop } else { Mode::Instead }
    }

    /// The track that the rules give it; an error names the field of the rules that is not there.
    fn track(self, rules: &ChangeRules, major: bool) -> Result<&str, &'static str> {
        let tracks = &rules.tracks;
        match self {
            Self::Permanent => Ok(if major { &tracks.major } else { &tracks.minor }),
            Self::Temporary => Ok(&tracks.temporary),
            Self::Extension => Ok(&tracks.extension),
            Self::Emergency => tracks.emergency.as_deref().ok_or("emergency"),
            Self::Reduction => tracks.reduction.as_deref().ok_or("reduction"),
        }
    }
}

/// A filing that is not taken up, whatever people would decide.
pub(super) struct Refused {
    /// The condition that says so.
    pub(super) type_: &'static str,
    pub(super) reason: &'static str,
    pub(super) why: Text,
}

impl Refused {
    /// The time that is asked for is over.
    pub(super) fn over(until: Time) -> Self {
        Self {
            type_: CONDITION_IN_TIME,
            reason: "WindowOver",
            why: Text::new(
                format!(
                    "what is asked for ends at {until}, and that is over, so nothing is granted: ask for a later window with another ResourceChange"
                ),
                format!("所申请的截止时间{until}已过，不予授予；请另行申请"),
            ),
        }
    }
}

/// A change, worked out.
pub(super) struct Worked<'a> {
    pub(super) sort: Sort,
    pub(super) track: &'a Track,
    /// The filing of the grant that it is worked out against.
    pub(super) basis: String,
    pub(super) before: Vec<GrantedLine>,
    pub(super) lines: Lines,
    /// Why it is a major one.
    pub(super) major: Option<Text>,
    pub(super) missing: Vec<Text>,
    pub(super) problems: Vec<Text>,
    pub(super) refusal: Option<Refused>,
    pub(super) applies: Vec<Applies>,
    /// What was found of the system's use, where that decides.
    pub(super) evidence: Option<Evidence>,
    /// The grant that an extension goes on from, by its first filing.
    pub(super) extends: Option<&'a str>,
    /// The newest grant of the window that is extended.
    extended: Option<&'a Grant>,
    /// The emergency expansion that it makes good.
    pub(super) settles: Option<&'a Grant>,
    /// Earliest effect, and end.
    asks: (Option<Time>, Option<Time>),
}

impl Worked<'_> {
    /// Whether a gate that asks for complete material can be passed.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.problems.is_empty() && self.lines.problems().is_empty()
    }

    /// What is granted: an extension takes over the lines of what it extends.
    pub(super) fn granted(&self) -> Result<Vec<GrantedLine>, Text> {
        self.extended.map_or_else(|| self.lines.granted(), |grant| Ok(grant.lines.clone()))
    }

    /// From when and until when it holds, approved at a moment.
    pub(super) fn when(&self, approved: Time) -> (Time, Option<Time>) {
        let (from, until) = self.asks;
        (from.map_or(approved, |from| from.max(approved)), until)
    }

    /// The room that it takes in the domain beyond what the system takes already.
    pub(super) fn takes(&self, amounts: &Amounts) -> Amounts {
        if self.sort.has_term() {
            return amounts.clone();
        }
        let had = catalog::total(&self.before).unwrap_or_default();
        let settled = self.settles.and_then(|g| Amounts::parse(&g.amounts).ok()).unwrap_or_default();
        amounts.beyond(&had.clone().checked_add(&settled).unwrap_or(had))
    }
}

/// Why nothing can be worked out: reason and message.
type Stalled = (&'static str, Text);

impl<'a> Case<'a> {
    /// Works the change out as it is filed at a moment: its prices, its calendar, its measure are those of that day. A
    /// draft has no filing.
    pub(super) fn work_out(
        &self,
        policy: &'a Named<GovernancePolicySpec>,
        rules: &'a ChangeRules,
        at: Timestamp,
        filing: Option<&DecisionFact>,
    ) -> Result<Worked<'a>, Stalled> {
        let change = self.facts.change;
        let zone = zone_of(&policy.spec);
        let day = date_in(at, &zone);
        let sort = Sort::of(change);
        self.within_urgent(sort)?;
        let standing = self.standing_grant()?;
        let lines = Lines::resolve(change, &standing.lines, sort.mode(), self.registry, &self.system.spec.domain, day);
        let major = (sort == Sort::Permanent)
            .then(|| {
                let measure = Measure { rules, registry: self.registry, day };
                measure.major_because(&self.history(rules, at, &zone), &lines.granted().ok()?)
            })
            .flatten();
        let track = sort.track(rules, major.is_some()).map_err(|field| no_track(policy, field))?;
        let track = policy.spec.track(track).ok_or_else(|| no_track(policy, track))?;
        let mut worked = Worked {
            sort,
            track,
            basis: standing.submission_uid.clone(),
            before: standing.lines.clone(),
            lines,
            major,
            missing: Vec::new(),
            problems: Vec::new(),
            refusal: None,
            applies: Vec::new(),
            evidence: None,
            extends: None,
            extended: None,
            settles: None,
            asks: (change.not_before, None),
        };
        match sort {
            Sort::Extension => self.extension(policy, rules, at, &zone, &mut worked)?,
            Sort::Temporary => temporary(change, rules, at, &zone, &mut worked),
            Sort::Emergency => worked.asks = (None, None),
            Sort::Permanent | Sort::Reduction => {
                // In the order in which they were approved, also where an earlier one is still to take effect.
                worked.asks = (change.not_before.max(Some(standing.effective_from)), None);
                worked.settles = self.emergency(at, &mut worked.problems);
            }
        }
        if sort != Sort::Extension {
            directions(change, &mut worked);
        }
        worked.problems.extend(self.proposal_problem());
        if self.organization.supervisor.is_some() {
            worked.applies.push(Applies::HasSupervisor);
        }
        if worked.lines.any_by_hand() {
            worked.applies.push(Applies::ManualServices);
        }
        self.judge_use(&policy.spec, filing, &mut worked);
        worked.missing = self.missing(worked.track, &worked.applies);
        // At a bottleneck nobody waits for a form: that is the unit's annex 2 afterwards.
        if sort != Sort::Emergency {
            worked.missing.extend(completeness::leads(self.facts.contacts));
        }
        Ok(worked)
    }

    /// Under an urgent grant nothing is changed for good, and nothing outlasts it (article 24).
    fn within_urgent(&self, sort: Sort) -> Result<(), Stalled> {
        let Some(end) = effective::urgent_until(self.system.spec) else { return Ok(()) };
        let until = self.facts.change.window.as_ref().map(|window| window.until.timestamp());
        if sort == Sort::Extension || until.is_some_and(|until| until <= end) {
            return Ok(());
        }
        let (system, end) = (&self.facts.change.system, Time::new(end));
        let why = Text::new(
            format!(
                "{system} stands under an urgent grant that ends at {end}: ask for a `window` that ends with it, extend the urgent grant with `extend`, or file the whole application with systemRef: {system}"
            ),
            format!(
                "系统{system}使用紧急临时资源，{end}到期：可申请不晚于到期的临时扩容、申请延期，或以systemRef提交完整申请转为长期资源"
            ),
        );
        Err(("UrgentSystem", why))
    }

    /// A change that is on record, as it was granted.
    pub(super) fn on_record(&self, policy: &'a GovernancePolicySpec, grant: &'a Grant) -> Result<Worked<'a>, Stalled> {
        let change = self.facts.change;
        let sort = Sort::of(change);
        let track = policy.track(&grant.track).ok_or_else(|| {
            let why = Text::new(
                format!("its rules have no track {}", grant.track),
                format!("适用办法没有流程{}", grant.track),
            );
            ("TrackUnknown", why)
        })?;
        let granted = grant.change.clone().unwrap_or_default();
        let grants = &self.system.spec.grants;
        let basis = grants.iter().find(|g| g.submission_uid == granted.basis);
        let before = basis.map(|g| g.lines.clone()).unwrap_or_default();
        let lines = Lines::on_record(change, &before, sort.mode(), &grant.lines);
        let mut applies = Vec::new();
        if self.organization.supervisor.is_some() {
            applies.push(Applies::HasSupervisor);
        }
        if lines.any_by_hand() {
            applies.push(Applies::ManualServices);
        }
        if granted.evidence.as_ref().is_some_and(|evidence| evidence.finding == Finding::Unknown) {
            applies.push(Applies::UsageUnknown);
        }
        Ok(Worked {
            sort,
            track,
            basis: granted.basis,
            before,
            lines,
            major: granted.major.then(|| Text::new("it was measured as a major change", "经测算为重大变更")),
            missing: Vec::new(),
            problems: Vec::new(),
            refusal: None,
            applies,
            evidence: granted.evidence,
            extends: None,
            extended: None,
            settles: None,
            asks: (None, None),
        })
    }

    /// What stands for good where the change comes on top of it for some time; nothing where it takes its place.
    pub(super) fn permanent<'w>(&'w self, worked: &'w Worked<'_>) -> Option<&'w [GrantedLine]> {
        match worked.sort {
            Sort::Permanent | Sort::Reduction => None,
            Sort::Temporary | Sort::Emergency => Some(&worked.before),
            // Where nothing stands for good, what could not wait is gone on with.
            Sort::Extension => effective::newest(self.system.spec).map(|grant| grant.lines.as_slice()),
        }
    }

    /// What would come of it, were it approved now.
    pub(super) fn prospect(&self, policy: &GovernancePolicySpec, worked: &Worked<'_>, now: Timestamp) -> Prospect {
        let (from, until) = worked.when(Time::new(now));
        let amounts = worked.granted().and_then(|lines| catalog::total(&lines)).unwrap_or_default();
        Prospect {
            from,
            until,
            provisional: worked.sort == Sort::Emergency,
            extend_by: until.and_then(|until| self.extend_by(policy, until)),
            takes: worked.takes(&amounts),
            applies: worked.applies.clone(),
            evidence: worked.evidence.clone(),
        }
    }

    /// The last day on which an extension of what ends at a moment can be filed; nothing where that cannot be counted.
    pub(super) fn extend_by(&self, policy: &GovernancePolicySpec, until: Time) -> Option<Date> {
        let days = u32::try_from(policy.changes.as_ref()?.extension_work_days.value).ok()?;
        let calendars = self.registry.calendars.get(&policy.calendar)?;
        window::file_by(until.timestamp(), days, calendars, &zone_of(policy)).ok()
    }

    /// What stands for good, and is changed; the first grant where the system has nothing for good yet.
    fn standing_grant(&self) -> Result<&'a Grant, Stalled> {
        let spec = self.system.spec;
        effective::newest(spec).or_else(|| spec.grants.first()).ok_or_else(|| {
            ("RecordIncomplete", Text::new("the system's record holds no grant", "系统记录中没有授予资源"))
        })
    }

    /// The permanent states that a change is measured against, oldest first: that which stands, and every one that held
    /// within the window of accumulation since the system went through the whole application last.
    fn history(&self, rules: &ChangeRules, at: Timestamp, zone: &TimeZone) -> Vec<&'a [GrantedLine]> {
        let spec = self.system.spec;
        let months = rules.accumulation_months.value;
        let start = calendar::add_months(date_in(at, zone), -months)
            .and_then(|day| day.to_zoned(zone.clone()).ok())
            .map_or(Timestamp::MIN, |midnight| midnight.timestamp());
        let spans = effective::spans(spec);
        let states: Vec<(Span, &Grant)> =
            spans.into_iter().zip(&spec.grants).filter(|(_, g)| effective::is_permanent(g)).collect();
        let whole = |grant: &Grant| grant.change.as_ref().is_none_or(|change| change.major);
        let since = states.iter().rposition(|(_, grant)| whole(grant)).unwrap_or(0);
        let held = |span: &Span| span.until.is_none_or(|until| until > start);
        let counted = states.iter().skip(since).filter(|(span, _)| held(span));
        let mut counted: Vec<&[GrantedLine]> = counted.map(|(_, grant)| grant.lines.as_slice()).collect();
        if counted.is_empty() {
            counted.extend(spec.grants.first().map(|grant| grant.lines.as_slice()));
        }
        counted
    }

    /// The window that an extension goes on from.
    fn extension(
        &self,
        policy: &'a Named<GovernancePolicySpec>,
        rules: &ChangeRules,
        at: Timestamp,
        zone: &TimeZone,
        worked: &mut Worked<'a>,
    ) -> Result<(), Stalled> {
        let Some(extend) = &self.facts.change.extend else { return Ok(()) };
        let grants = &self.system.spec.grants;
        let of_name =
            |g: &&Grant| g.request.name == extend.change && g.term.as_ref().is_some_and(|t| t.extends.is_none());
        let Some(root) = grants.iter().find(of_name) else { return Err(no_window(self, &extend.change)) };
        let chain = grants.iter().filter(|g| {
            let goes_on = g.term.as_ref().and_then(|t| t.extends.as_deref()) == Some(root.submission_uid.as_str());
            goes_on || g.submission_uid == root.submission_uid
        });
        let ends = |g: &Grant| g.term.as_ref().and_then(|t| t.until);
        let Some((last, end)) = chain.filter_map(|g| Some((g, ends(g)?))).max_by_key(|(_, until)| *until) else {
            return Err(no_window(self, &extend.change));
        };
        worked.basis.clone_from(&last.submission_uid);
        worked.extends = Some(&root.submission_uid);
        worked.extended = Some(last);
        worked.before.clone_from(&last.lines);
        worked.asks = (Some(end), Some(extend.until));
        if extend.until <= end {
            worked.problems.push(Text::new(
                format!("extend.until: what it extends lasts until {end} already: write a later end"),
                format!("原期限已至{end}，延期须填写更晚的截止时间"),
            ));
        }
        // What cannot wait has a time of its own, and is extended by the authority's decision, however long.
        let urgent = root.change.is_none();
        if !urgent {
            long_window(root.effective_from.timestamp(), extend.until.timestamp(), rules, zone, worked);
        }
        let none = WorkCalendars::default();
        let calendars = self.registry.calendars.get(&policy.spec.calendar).unwrap_or(&none);
        let days = u32::try_from(rules.extension_work_days.value).unwrap_or(0);
        let by = window::file_by(end.timestamp(), days, calendars, zone).map_err(|unknown| {
            let Text { en, zh } = unknown.text();
            let region = &policy.spec.calendar;
            let why = Text::new(
                format!("the last day for filing the extension cannot be counted: in region {region}, {en}"),
                format!("无法计算延期申请截止日：区域{region}，{zh}"),
            );
            (unknown_year(&unknown).into(), why)
        })?;
        let own = &rules.extension_work_days.article;
        let article = policy.spec.urgent.as_ref().filter(|_| urgent).map_or(own, |rules| &rules.months.article);
        worked.refusal = late(at, end, by, (rules.extension_work_days.value, article), zone);
        Ok(())
    }

    /// The emergency expansion that a change makes good: one that was open when the change was filed.
    fn emergency(&self, filed: Timestamp, problems: &mut Vec<Text>) -> Option<&'a Grant> {
        let name = self.facts.change.settles.as_ref()?;
        let spec = self.system.spec;
        let settles = |g: &Grant, uid: &str| g.change.as_ref().and_then(|c| c.settles.as_deref()) == Some(uid);
        let open = |g: &&Grant| {
            let uid = g.submission_uid.as_str();
            g.request.kind == RequestKind::ResourceChange
                && g.request.name == *name
                && g.change.as_ref().is_some_and(|c| c.ground == ChangeGround::Emergency)
                && g.term.as_ref().is_some_and(|t| t.until.is_none())
                && !spec.closed.iter().any(|c| c.submission_uid == uid && c.at.timestamp() < filed)
                && !spec.grants.iter().any(|other| settles(other, uid))
        };
        let found = spec.grants.iter().find(open);
        if found.is_none() {
            problems.push(Text::new(
                format!("settles: there is no emergency expansion {name} of this system that waits for annex 2"),
                format!("系统没有待补办的应急扩容{name}"),
            ));
        }
        found
    }

    /// What is wrong with the proposal that it says it takes up.
    fn proposal_problem(&self) -> Option<Text> {
        let change = self.facts.change;
        let named = change.proposal_ref.as_ref()?;
        let action = if change.ground == ChangeGround::Reduction { Action::Reduce } else { Action::Expand };
        let fits = self.facts.proposal.is_some_and(|proposal| {
            let spec = proposal.spec;
            proposal.uid == named.uid && spec.action == action && spec.system_ref.name == change.system
        });
        (!fits).then(|| {
            Text::new(
                format!(
                    "proposalRef: {} has no RightsizingProposal {} of this uid to {} {}: `kubectl get rsp` shows what is proposed, and `kubectl yunguan takeup` drafts from it",
                    self.facts.organization,
                    named.name,
                    action.to_string().to_lowercase(),
                    change.system
                ),
                format!("系统{}没有该优化建议{}，请用 kubectl get rsp 核对", change.system, named.name),
            )
        })
    }

    fn missing(&self, track: &Track, applies: &[Applies]) -> Vec<Text> {
        let change = self.facts.change;
        let asked = track.documents.iter().filter(|rule| rule.when.is_none_or(|when| applies.contains(&when)));
        let lacking = asked.filter(|rule| !change.documents.iter().any(|d| d.type_ == rule.type_));
        let mut missing: Vec<Text> = lacking
            .map(|rule| {
                Text::new(
                    format!("documents: {} {} ({})", rule.type_, rule.names.zh, rule.article),
                    format!("缺少{}（{}）", rule.names.zh, rule.article),
                )
            })
            .collect();
        let unit = &self.organization.names.zh;
        if change.unit_name != *unit {
            missing.push(Text::new(
                format!("unitName: it says {}, and this unit is {unit}", change.unit_name),
                format!("单位名称应为{unit}"),
            ));
        }
        missing
    }
}

fn no_track(policy: &Named<GovernancePolicySpec>, what: &str) -> Stalled {
    let why = Text::new(
        format!(
            "GovernancePolicy {} has no track for changes of sort `{what}`: the authority publishes a version that has one",
            policy.name
        ),
        format!("管理办法{}没有该类变更（{what}）的流程，请主管部门发布含该流程的版本", policy.name),
    );
    ("NoTrackForChange", why)
}

fn no_window(case: &Case<'_>, name: &str) -> Stalled {
    let system = &case.facts.change.system;
    let windows = case.system.spec.grants.iter().filter(|g| g.term.as_ref().is_some_and(|t| t.extends.is_none()));
    let names: Vec<&str> = windows.map(|g| g.request.name.as_str()).collect();
    let why = Text::new(
        format!(
            "extend.change: {system} was granted nothing for a time by {name}; what can be extended: [{}]",
            names.join(", ")
        ),
        format!("系统{system}没有由{name}授予的临时资源，可延期的有：{}", names.join("、")),
    );
    ("NothingToExtend", why)
}

/// Whether the extension is filed in time.
fn late(at: Timestamp, end: Time, by: Date, (days, article): (i32, &str), zone: &TimeZone) -> Option<Refused> {
    if end.timestamp() <= at {
        return Some(Refused {
            type_: CONDITION_IN_TIME,
            reason: "WindowEnded",
            why: Text::new(
                format!("it ended at {end}, and what has ended is not extended ({article})"),
                format!("期限已于{end}届满，不能延期（{article}）"),
            ),
        });
    }
    (date_in(at, zone) > by).then(|| Refused {
        type_: CONDITION_IN_TIME,
        reason: "FiledTooLate",
        why: Text::new(
            format!(
                "an extension is filed at least {days} working days before the end: {by} would have been in time ({article}); it ends at {end}"
            ),
            format!("延期须提前{days}个工作日申请，最迟{by}（{article}）；期限于{end}届满"),
        ),
    })
}

fn temporary(change: &Change, rules: &ChangeRules, at: Timestamp, zone: &TimeZone, worked: &mut Worked<'_>) {
    let Some(window) = &change.window else { return };
    worked.asks = (Some(window.from), Some(window.until));
    if window.until.timestamp() <= at {
        worked.refusal = Some(Refused::over(window.until));
    }
    long_window(window.from.timestamp(), window.until.timestamp(), rules, zone, worked);
}

/// A window that is longer than the rules foresee needs a gate at which somebody says why.
fn long_window(from: Timestamp, until: Timestamp, rules: &ChangeRules, zone: &TimeZone, worked: &mut Worked<'_>) {
    let limit = &rules.window_months;
    if !window::is_longer(from, until, limit.value, zone) {
        return;
    }
    worked.applies.push(Applies::LongWindow);
    if !worked.track.gates.iter().any(|gate| gate.when == Some(Applies::LongWindow)) {
        let last = window::last_day(from, limit.value, zone).map(|day| day.to_string()).unwrap_or_default();
        worked.problems.push(Text::new(
            format!(
                "a temporary expansion lasts at most {} months, here until the end of {last} ({})",
                limit.value, limit.article
            ),
            format!("临时扩容最长{}个月，本次最迟至{last}（{}）", limit.value, limit.article),
        ));
    }
}

/// Whether the lines go the way that the ground says.
fn directions(change: &Change, worked: &mut Worked<'_>) {
    let (up, down) = worked.lines.directions();
    let problem = match change.ground {
        _ if !up && !down => Text::new(
            "lines: nothing differs from what the system has: write what it is to have afterwards",
            "变更后数量与现有相同，请填写变更后数量",
        ),
        ChangeGround::StandardExpansion | ChangeGround::Emergency | ChangeGround::ForeseeablePeak if down => Text::new(
            format!(
                "lines: ground {} is an expansion, and a line goes down: leave it out, or choose ground Adjustment",
                change.ground
            ),
            "扩容不得减少任何一行，请删除该行或改选资源调整",
        ),
        ChangeGround::Reduction | ChangeGround::Cancellation if up => Text::new(
            format!(
                "lines: ground {} takes away, and a line goes up: leave it out, or choose ground Adjustment",
                change.ground
            ),
            "核减或注销不得增加任何一行，请删除该行或改选资源调整",
        ),
        ChangeGround::Cancellation if change.lines.iter().any(|line| line.quantity > 0) => Text::new(
            "lines: a cancellation sets quantity 0 on each line that it names: leave the others out, or choose ground Adjustment",
            "注销的各行数量须为0，其余请删除或改选资源调整",
        ),
        _ => return,
    };
    worked.problems.push(problem);
}

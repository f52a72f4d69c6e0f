//! Drafts of annex 2 from a few words: well-formed, under a free name, and with what would become of them.

use super::args::{ChangeWish, Drafting, EmergencyWish, ExtendWish, LineItem, Output};
use super::evidence::{self, Report, Source};
use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::moment::Clock;
use super::page::Page;
use super::paper::Paper;
use super::session::Session;
use super::{form, leads, output, read, rules, whatif};
use crate::api::common::{Document, Time};
use crate::api::decision::{Evidence, LineAmount, TestResult};
use crate::api::resource_change::{Change, ChangeGround, ChangeLine, ChangePhase, Extend, Window};
use crate::api::{CloudResourceRequest, InformationSystem, ResourceChange, ResourceChangeSpec};
use crate::core::names::organization_of;
use kube::ResourceExt as _;
use kube::api::{ListParams, PostParams};
use std::collections::BTreeSet;

/// A change that somebody has in mind.
struct Idea {
    namespace: String,
    /// What its name begins with, where none is given.
    base: String,
    change: Change,
}

/// Drafts a change of a system.
///
/// # Errors
/// When the words make no sense, the system is not there, or it would not be taken up.
pub async fn change(session: &Session, format: Output, wish: &ChangeWish) -> Result<Exit, Failure> {
    let (lang, clock) = (session.lang, read::clock(session).await?);
    let (namespace, system) = session.target(&wish.system)?;
    let begin = |text: &String| clock.begin(text).ok_or_else(|| no_moment(lang, text));
    let change = Change {
        ground: wish.ground,
        lines: lines(lang, &wish.lines, &wish.item)?,
        window: window(lang, &clock, wish.from.as_deref(), wish.until.as_deref())?,
        settles: wish.settles.clone(),
        not_before: wish.not_before.as_ref().map(begin).transpose()?,
        documents: documents(lang, &wish.document)?,
        system: system.clone(),
        ..Change::default()
    };
    let idea = Idea { namespace, base: format!("{system}-change"), change };
    draft(session, &clock, format, idea, &wish.drafting).await
}

/// Drafts an emergency expansion.
///
/// # Errors
/// As [`change`].
pub async fn emergency(session: &Session, format: Output, wish: &EmergencyWish) -> Result<Exit, Failure> {
    let (lang, clock) = (session.lang, read::clock(session).await?);
    let (namespace, system) = session.target(&wish.system)?;
    let change = Change {
        ground: ChangeGround::Emergency,
        lines: lines(lang, &wish.lines, &wish.item)?,
        system: system.clone(),
        ..Change::default()
    };
    let idea = Idea { namespace, base: format!("{system}-emergency"), change };
    draft(session, &clock, format, idea, &wish.drafting).await
}

/// Drafts the extension of a temporary expansion, or of what an urgent request was granted (article 24).
///
/// # Errors
/// As [`change`].
pub async fn extend(session: &Session, format: Output, wish: &ExtendWish) -> Result<Exit, Failure> {
    let (lang, clock) = (session.lang, read::clock(session).await?);
    let extended = session.paper(&wish.change).await?;
    let (namespace, name) = (extended.namespace().to_owned(), extended.name().to_owned());
    let (ground, system, first) = match extended {
        Paper::Request(request) => (ChangeGround::Adjustment, request.spec.application.system.code, name),
        Paper::Departure(_) | Paper::Sanction(_) => return Err(Failure::plain(Exit::Usage, lang.not_a_grant(&name))),
        Paper::Change(change) => {
            let Change { ground, system, extend, .. } = change.spec.change;
            // An extension is extended by what it extends.
            (ground, system, extend.map_or(name, |extend| extend.change))
        }
    };
    let until = clock.over(&wish.until).ok_or_else(|| no_moment(lang, &wish.until))?;
    let base = format!("{first}-longer");
    let change = Change { ground, system, extend: Some(Extend { change: first, until }), ..Change::default() };
    draft(session, &clock, format, Idea { namespace, base, change }, &wish.drafting).await
}

/// Drafts the change that takes a proposal up: its name, unless it is only shown.
///
/// # Errors
/// As [`change`].
pub async fn taken_up(
    session: &Session,
    format: Output,
    change: Change,
    (namespace, proposal): (&str, &str),
    reason: &str,
    dry_run: bool,
) -> Result<Option<String>, Failure> {
    let (lang, clock) = (session.lang, read::clock(session).await?);
    let idea = Idea { namespace: namespace.to_owned(), base: proposal.to_owned(), change };
    let drafting = Drafting { reason: crate::core::text::shorten(reason, 2048), name: None, dry_run };
    let (wanted, forecast) = complete(session, idea, &drafting).await?;
    output::aside(&whatif::page(lang, &clock, &forecast).render());
    if dry_run {
        let format = if format == Output::Json { Output::Json } else { Output::Yaml };
        output::result(format, &wanted, |_| Page::default())?;
        return Ok(None);
    }
    // What an earlier attempt has drafted says exactly this; what somebody else has under a like name does not.
    let change = wanted.spec.change.clone();
    let same = |there: &ResourceChange| {
        let draft = there.status.as_ref().is_none_or(|s| s.phase == ChangePhase::Draft);
        there.spec.change == change && draft
    };
    let (name, new) = form::made(session, namespace, wanted, false, same).await?;
    if new {
        output::aside(&format!("{}\n", lang.drafted(&format!("{namespace}/change/{name}"))));
    }
    Ok(Some(name))
}

/// Completes the form, and looks what would become of it.
async fn complete(
    session: &Session,
    idea: Idea,
    drafting: &Drafting,
) -> Result<(ResourceChange, whatif::Forecast), Failure> {
    let lang = session.lang;
    let Idea { namespace, base, mut change } = idea;
    let system: InformationSystem = session.get(&namespace, &change.system).await?;
    // Of a system that is not live yet no more is foreseen, so that it is looked at here.
    let known: BTreeSet<&str> =
        system.spec.grants.iter().flat_map(|grant| &grant.lines).map(|line| line.name.as_str()).collect();
    if let Some(line) = change.lines.iter().find(|line| line.item.is_none() && !known.contains(line.name.as_str())) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        let unknown = lang.system_without_line(&change.system, &line.name, &known);
        return Err(Failure::new(Exit::Refused, unknown, lang.next_not_drafted()));
    }
    let rules = rules::read(session).await?;
    let organization = organization_of(&namespace).and_then(|name| rules.registry.organizations.get(name));
    change.unit_name = organization.map(|o| o.names.zh.clone()).unwrap_or_default();
    change.reason.clone_from(&drafting.reason);
    let name = match &drafting.name {
        Some(name) => name.clone(),
        None => free(&base, &taken(session, &namespace, &system).await?),
    };
    let contacts = leads::last(session, &namespace, &change.system).await?;
    let mut wanted = ResourceChange::new(&name, ResourceChangeSpec { change, contacts });
    wanted.metadata.namespace = Some(namespace);
    let forecast = read::forecast(session, &rules, &wanted, Some(&system)).await?;
    if let Some(refusal) = forecast.refusal() {
        return Err(Failure::new(Exit::Refused, refusal.message.clone(), lang.next_not_drafted()));
    }
    Ok((wanted, forecast))
}

/// Completes the form, looks what would become of it, and makes it.
async fn draft(
    session: &Session,
    clock: &Clock,
    format: Output,
    idea: Idea,
    drafting: &Drafting,
) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (wanted, forecast) = complete(session, idea, drafting).await?;
    let (namespace, name) = (wanted.namespace().unwrap_or_default(), wanted.name_any());
    if drafting.dry_run {
        output::aside(&whatif::page(lang, clock, &forecast).render());
        let format = if format == Output::Json { Output::Json } else { Output::Yaml };
        output::result(format, &wanted, |_| Page::default())?;
        return Ok(Exit::Done);
    }
    let made = match session.api::<ResourceChange>(&namespace).create(&PostParams::default(), &wanted).await {
        Ok(made) => Paper::from(made).tidy(),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            return Err(Failure::new(Exit::Usage, lang.name_taken(&name), lang.next_other_name()));
        }
        Err(error) => return Err(session.failure(&error)),
    };
    output::result(format, &made, |_| {
        let mut page = whatif::page(lang, clock, &forecast);
        page.heading(lang.drafted(&made.path()));
        page.line(lang.next(&lang.next_submit(&made.path())));
        page
    })?;
    Ok(Exit::Done)
}

fn no_moment(lang: Lang, text: &str) -> Failure {
    Failure::plain(Exit::Usage, lang.bad_moment(&text))
}

fn lines(lang: Lang, wanted: &[LineAmount], items: &[LineItem]) -> Result<Vec<ChangeLine>, Failure> {
    for (at, amount) in wanted.iter().enumerate() {
        if wanted.iter().take(at).any(|other| other.line == amount.line) {
            return Err(Failure::plain(Exit::Usage, lang.line_twice(&amount.line)));
        }
    }
    if let Some(item) = items.iter().find(|item| !wanted.iter().any(|l| l.line == item.line)) {
        return Err(Failure::plain(Exit::Usage, lang.item_without_line(&item.line)));
    }
    let line = |amount: &LineAmount| ChangeLine {
        name: amount.line.clone(),
        item: items.iter().find(|item| item.line == amount.line).map(|item| item.item.clone()),
        quantity: amount.quantity,
        ..ChangeLine::default()
    };
    Ok(wanted.iter().map(line).collect())
}

/// From when and until when: from now on where only an end is said.
fn window(lang: Lang, clock: &Clock, from: Option<&str>, until: Option<&str>) -> Result<Option<Window>, Failure> {
    let Some(until) = until else {
        return match from {
            None => Ok(None),
            Some(_) => Err(Failure::new(Exit::Usage, lang.window_without_end(), lang.next_window_end())),
        };
    };
    let start = match from {
        Some(text) => clock.begin(text).ok_or_else(|| no_moment(lang, text))?,
        None => Time::new(clock.now),
    };
    let end = clock.over(until).ok_or_else(|| no_moment(lang, until))?;
    Ok(Some(Window { from: start, until: end }))
}

/// Papers with the digests of their bytes; each is called as its file.
fn documents(lang: Lang, reports: &[Report]) -> Result<Vec<Document>, Failure> {
    let name = |report: &Report| match &report.source {
        Source::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        Source::Digest { .. } => None,
    };
    let evidence = evidence::collect(lang, reports, TestResult::Passed)?;
    let document = |(report, evidence): (&Report, Evidence)| Document {
        name: name(report).unwrap_or_else(|| report.kind.clone()),
        type_: report.kind.clone(),
        sha256: evidence.sha256,
        uri: evidence.uri,
    };
    Ok(reports.iter().zip(evidence).map(document).collect())
}

/// Names that would mean two things: those of requests and changes that are there, and of changes on record.
async fn taken(session: &Session, namespace: &str, system: &InformationSystem) -> Result<BTreeSet<String>, Failure> {
    let all = ListParams::default();
    let changes = session.list(&session.api::<ResourceChange>(namespace), &all).await;
    let requests = session.list(&session.api::<CloudResourceRequest>(namespace), &all).await;
    let changes = changes.map_err(|e| session.failure(&e))?.into_iter().map(|c| c.name_any());
    let requests = requests.map_err(|e| session.failure(&e))?.into_iter().map(|r| r.name_any());
    let granted = system.spec.grants.iter().map(|g| g.request.name.clone());
    Ok(changes.chain(requests).chain(granted).collect())
}

/// The first name that means nothing else.
fn free(base: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{base}-{n}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, clock};
    use super::*;

    fn amount(line: &str, quantity: i64) -> LineAmount {
        LineAmount { line: line.into(), quantity }
    }

    #[test]
    fn a_name_is_free() {
        let taken = ["portal-change", "portal-change-2"].map(str::to_owned).into();
        assert_eq!(free("portal-change", &taken), "portal-change-3");
        assert_eq!(free("portal-emergency", &taken), "portal-emergency");
    }

    #[test]
    fn r22_3_a_window_begins_with_its_first_day_and_ends_with_its_last() {
        let of = |from, until| window(Lang::En, &clock(), from, until);
        let days = of(Some("2027-01-04"), Some("2027-02-04")).unwrap().unwrap();
        assert_eq!((days.from, days.until), (at("2027-01-03T16:00:00Z"), at("2027-02-04T16:00:00Z")));
        let now = of(None, Some("3d")).unwrap().unwrap();
        assert_eq!((now.from, now.until), (at("2026-11-24T04:00:00Z"), at("2026-11-27T04:00:00Z")));
        assert_eq!(of(None, None), Ok(None));
        assert_eq!(of(Some("2027-01-04"), None).unwrap_err().exit, Exit::Usage);
        assert_eq!(of(None, Some("soon")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn lines_are_named_once_and_items_belong_to_lines() {
        let item = LineItem { line: "db".into(), item: "db-postgresql".into() };
        let made = lines(Lang::En, &[amount("cpu", 24), amount("db", 1)], std::slice::from_ref(&item)).unwrap();
        assert_eq!(made.iter().map(|l| l.item.as_deref()).collect::<Vec<_>>(), [None, Some("db-postgresql")]);
        assert_eq!(lines(Lang::En, &[amount("cpu", 1), amount("cpu", 2)], &[]).unwrap_err().exit, Exit::Usage);
        assert!(lines(Lang::En, &[amount("cpu", 1)], &[item]).unwrap_err().message.contains("db"));
    }

    #[test]
    fn a_paper_is_called_as_its_file() {
        let hex = "a".repeat(64);
        let report = evidence::parse(&format!("ConstructionPlan=sha256:{hex},https://oa.example/7")).unwrap();
        let made = documents(Lang::En, &[report]).unwrap();
        assert_eq!((made[0].name.as_str(), made[0].sha256.as_str()), ("ConstructionPlan", hex.as_str()));
        assert_eq!(made[0].uri.as_deref(), Some("https://oa.example/7"));
    }
}

//! A unit lets somebody into its system for a stated time and purpose, and ends that (R35.1).

use super::act::{Made, create, report};
use super::args::{Authorize, Level, Making, Output, Revoke};
use super::decision;
use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::moment::Clock;
use super::outcome::Outcome;
use super::page::{Page, short_digest};
use super::session::Session;
use super::words;
use crate::api::InformationSystem;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::common::{RequestKind, RequestRef};
use crate::api::decision::{Access, AccessLevel, Decision, DecisionSpec, Verdict};
use crate::api::names::{GATE_ACCESS, ROLE_UNIT};
use crate::core::{digest, people};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::ListParams;
use std::collections::BTreeSet;
use std::time::Duration;

/// Lets somebody in.
///
/// # Errors
/// When the end makes no sense, the system is not there, or a rule refuses it.
pub async fn authorize(session: &Session, clock: &Clock, format: Output, wish: &Authorize) -> Result<Exit, Failure> {
    let lang = session.lang;
    if let Some(why) = people::why_not(&wish.user) {
        return Err(Failure::plain(Exit::Usage, format!("--user {}: {}", wish.user, why.get(lang.chinese()))));
    }
    let until = clock.end(&wish.until).ok_or_else(|| Failure::plain(Exit::Usage, lang.bad_until(&wish.until)))?;
    if until.timestamp() <= clock.now {
        return Err(Failure::plain(Exit::Usage, lang.until_past(&clock.minute(until))));
    }
    let access = Access {
        username: wish.user.clone(),
        purpose: wish.purpose.clone(),
        until,
        level: match wish.level {
            Level::View => AccessLevel::View,
            Level::Operate => AccessLevel::Operate,
        },
    };
    let system = open(session, &wish.system, Verdict::Authorize).await?;
    let digest = digest::of_access(&system.uid().unwrap_or_default(), &access);
    let spec = DecisionSpec {
        comment: wish.making.comment.clone(),
        access: Some(access.clone()),
        ..spec(&system, Verdict::Authorize, digest)
    };
    let preview = preview(lang, clock, &system, &spec, &access);
    let person = session.me().await?.username.unwrap_or_default();
    let wanted = decision::object(spec, &system.namespace().unwrap_or_default(), &person, 0);
    let made = create(session, wanted, &preview, &wish.making).await?;
    let name = made.decision.name_any();
    let entered = move |s: &InformationSystem| guests(s).any(|decision| decision == name);
    let told = lang.let_in(&access.username, &clock.minute(until));
    finish(session, format, &system, &made, &wish.making, entered, &told).await
}

/// Ends somebody's access, however often it was granted.
///
/// # Errors
/// When they are not let in, or a rule refuses it.
pub async fn revoke(session: &Session, clock: &Clock, format: Output, wish: &Revoke) -> Result<Exit, Failure> {
    let lang = session.lang;
    let system = open(session, &wish.system, Verdict::Withdraw).await?;
    let namespace = system.namespace().unwrap_or_default();
    let uid = system.metadata.uid.clone().unwrap_or_default();
    let params = ListParams::default().fields(&format!("spec.requestRef.uid={uid},spec.gate={GATE_ACCESS}"));
    let decisions = session.list(&session.api::<Decision>(&namespace), &params).await;
    let decisions = decisions.map_err(|e| session.failure(&e))?;
    let standing = standing(&decisions, &wish.user, clock.now);
    if standing.is_empty() {
        let name = system.name_any();
        return Err(Failure::new(Exit::Nothing, lang.no_guest(&wish.user, &name), lang.next_guests(&name)));
    }
    let person = session.me().await?.username.unwrap_or_default();
    for granted in standing {
        let spec = DecisionSpec {
            comment: wish.making.comment.clone(),
            submission_uid: granted.metadata.uid.clone(),
            ..spec(&system, Verdict::Withdraw, granted.spec.digest.clone())
        };
        let Some(access) = &granted.spec.access else { continue };
        let preview = preview(lang, clock, &system, &spec, access);
        let wanted = decision::object(spec, &namespace, &person, 0);
        let made = create(session, wanted, &preview, &wish.making).await?;
        let name = granted.name_any();
        let left = move |s: &InformationSystem| guests(s).all(|decision| decision != name);
        finish(session, format, &system, &made, &wish.making, left, &lang.let_out(&wish.user)).await?;
    }
    Ok(Exit::Done)
}

/// The system, if the person may do this to it.
async fn open(session: &Session, target: &str, verdict: Verdict) -> Result<InformationSystem, Failure> {
    let lang = session.lang;
    let (namespace, name) = session.target(target)?;
    let system: InformationSystem = session.get(&namespace, &name).await?;
    let gate = OpenGate {
        gate: GATE_ACCESS.to_owned(),
        role: ROLE_UNIT.to_owned(),
        verdicts: vec![verdict],
        ..OpenGate::default()
    };
    let rights = session.rights([(namespace.as_str(), &gate)]).await?;
    if rights.wildcard(&namespace) {
        return Err(Failure::new(Exit::Refused, lang.wildcard(), lang.next_wildcard()));
    }
    if !rights.at(&namespace, &gate) {
        let role = words::role(lang, ROLE_UNIT);
        return Err(Failure::new(Exit::Refused, lang.not_your_role(&GATE_ACCESS, &role), lang.next_role(&role)));
    }
    Ok(system)
}

fn spec(system: &InformationSystem, verdict: Verdict, digest: String) -> DecisionSpec {
    DecisionSpec {
        request_ref: RequestRef {
            kind: RequestKind::InformationSystem,
            name: system.name_any(),
            uid: system.metadata.uid.clone().unwrap_or_default(),
        },
        gate: GATE_ACCESS.to_owned(),
        role: ROLE_UNIT.to_owned(),
        verdict,
        digest,
        ..DecisionSpec::default()
    }
}

fn guests(system: &InformationSystem) -> impl Iterator<Item = &str> {
    system.status.iter().flat_map(|s| &s.guests).map(|g| g.decision.as_str())
}

/// Authorizations of this user that have neither run out nor been ended.
fn standing<'a>(decisions: &'a [Decision], user: &str, now: Timestamp) -> Vec<&'a Decision> {
    let ended: BTreeSet<&str> = decisions
        .iter()
        .filter(|d| d.spec.verdict == Verdict::Withdraw)
        .filter_map(|d| d.spec.submission_uid.as_deref())
        .collect();
    let stands = |d: &&Decision| {
        let access = d.spec.access.as_ref();
        access.is_some_and(|a| a.username == user && a.until.timestamp() > now)
            && !d.metadata.uid.as_deref().is_some_and(|uid| ended.contains(uid))
    };
    decisions.iter().filter(stands).collect()
}

fn preview(lang: Lang, clock: &Clock, system: &InformationSystem, spec: &DecisionSpec, access: &Access) -> Page {
    let mut page = Page::default();
    page.line(lang.about_to(&words::verdict(lang, spec.verdict)));
    page.pairs(
        [
            (("System", "系统"), format!("{} ({})", system.spec.name, system.name_any())),
            (("Namespace", "系统命名空间"), system.spec.namespace.clone()),
            (("User", "被授权人"), access.username.clone()),
            (("May", "权限"), words::level(lang, access.level).to_owned()),
            (("Until", "截止时间"), clock.minute(access.until)),
            (("Purpose", "事由"), access.purpose.clone()),
            (("Digest", "内容摘要"), short_digest(&spec.digest).to_owned()),
            (("Comment", "意见"), spec.comment.clone().unwrap_or_default()),
        ]
        .map(|((en, zh), value)| (lang.pick(en, zh).to_owned(), value)),
    );
    page.line("");
    page
}

async fn finish(
    session: &Session,
    format: Output,
    system: &InformationSystem,
    made: &Made,
    making: &Making,
    wanted: impl Fn(&InformationSystem) -> bool,
    told: &str,
) -> Result<Exit, Failure> {
    let mut page = Page::default();
    let outcome = if let Some(known) = &made.outcome {
        page = known.page(session.lang);
        known.clone()
    } else {
        let (namespace, name) = (system.namespace().unwrap_or_default(), system.name_any());
        let limit = Duration::from_secs(making.wait);
        let seen = if making.wait == 0 {
            None
        } else {
            session.await_object::<InformationSystem>(&namespace, &name, limit, wanted).await
        };
        if seen.is_some() {
            page.line(told);
            Outcome::Counts { waiting_for: None, waiting_for_zh: None }
        } else {
            page = Outcome::Pending.page(session.lang);
            Outcome::Pending
        }
    };
    report(session, format, &made.decision, &outcome, page)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, clock};
    use super::*;

    fn decision(uid: &str, verdict: Verdict, user: Option<&str>, until: &str, ends: Option<&str>) -> Decision {
        let access = user.map(|user| Access { username: user.into(), until: at(until), ..Access::default() });
        let spec = DecisionSpec { verdict, access, submission_uid: ends.map(Into::into), ..DecisionSpec::default() };
        let mut decision = Decision::new(uid, spec);
        decision.metadata.uid = Some(uid.into());
        decision
    }

    #[test]
    fn r35_1_only_access_that_still_stands_is_ended() {
        let (later, past) = ("2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z");
        let all = [
            decision("a", Verdict::Authorize, Some("vendor"), later, None),
            decision("b", Verdict::Authorize, Some("vendor"), past, None),
            decision("c", Verdict::Authorize, Some("vendor"), later, None),
            decision("d", Verdict::Withdraw, None, later, Some("c")),
            decision("e", Verdict::Authorize, Some("other"), later, None),
        ];
        let uids: Vec<_> = standing(&all, "vendor", clock().now).iter().map(|d| d.name_any()).collect();
        assert_eq!(uids, ["a"]);
    }
}

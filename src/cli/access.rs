//! A unit lets somebody into its system for a stated time and purpose, and ends that (R35.1).

use super::act::{self, Made, report};
use super::args::{Authorize, Level, Making, Output, Revoke};
use super::failure::{Exit, Failure};
use super::foresee;
use super::lang::Lang;
use super::moment::Clock;
use super::outcome::Outcome;
use super::page::{Page, short_digest};
use super::session::Session;
use super::words;
use crate::api::cloud_resource_request::OpenGate;
use crate::api::common::{RequestKind, RequestRef, Time};
use crate::api::decision::{Access, AccessLevel, DecisionSpec, Verdict};
use crate::api::names::{GATE_ACCESS, ROLE_UNIT};
use crate::api::{GovernancePolicy, InformationSystem};
use crate::build::access::{Pass, judge, passes};
use crate::core::workflow::acts::{self, Prospect};
use crate::core::workflow::{DecisionFact, place};
use crate::core::{digest, people, stop};
use jiff::{Timestamp, ToSpan as _};
use kube::{Api, ResourceExt as _};
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
    let days = longest(session, &system).await;
    let latest = days.and_then(|days| clock.now.checked_add((i64::from(days) * 24).hours()).ok());
    if let Some(latest) = latest.filter(|latest| until.timestamp() > *latest) {
        let most = lang.until_too_late(&clock.minute(Time::new(latest)), &days.unwrap_or_default());
        return Err(Failure::plain(Exit::Usage, most));
    }
    let (namespace, uid) = (system.namespace().unwrap_or_default(), system.uid().unwrap_or_default());
    let digest = digest::of_access(&uid, &access);
    let spec = DecisionSpec {
        comment: wish.making.comment.clone(),
        access: Some(access.clone()),
        ..spec(&system, Verdict::Authorize, digest)
    };
    let preview = preview(lang, clock, &system, &spec, &access);
    let decisions = foresee::decisions(session, &namespace, &uid, Some(GATE_ACCESS)).await?;
    let passes = passes(&uid, &decisions, days.unwrap_or(1));
    let lets_in = |d: &DecisionFact| passes.iter().any(|p| p.decision.uid == d.uid && p.until > clock.now);
    let made = make(session, &system, spec, &decisions, lets_in, &preview, &wish.making).await?;
    let name = made.decision.name_any();
    let entered = move |s: &InformationSystem| guests(s).any(|decision| decision == name);
    let told = lang.let_in(&access.username, &clock.minute(until));
    finish(session, format, &system, &made, &wish.making, entered, &told).await
}

/// Makes a decision about access, unless the same person has done the same and that `stands`.
async fn make(
    session: &Session,
    system: &InformationSystem,
    spec: DecisionSpec,
    decisions: &[DecisionFact],
    stands: impl Fn(&DecisionFact) -> bool,
    preview: &Page,
    making: &Making,
) -> Result<Made, Failure> {
    let (namespace, uid) = (system.namespace().unwrap_or_default(), system.uid().unwrap_or_default());
    let mut wanted = act::stamped(session, &namespace, spec).await?;
    let by = wanted.spec.decided_by.clone().unwrap_or_default();
    let unit = OpenGate { organizations: vec![system.spec.organization.clone()], ..gate(wanted.spec.verdict) };
    wanted.entitled = foresee::is_member(session, &unit, &by).await;
    let done = |d: &&DecisionFact| acts::is_by(d, &by) && acts::say_the_same(&d.spec, &wanted.spec) && stands(d);
    let prospect = match decisions.iter().find(done) {
        Some(before) => Prospect::Done(before),
        None => judge(&uid, decisions, &wanted).map_or_else(Prospect::Void, |()| Prospect::Counts),
    };
    act::create(session, &namespace, &wanted, decisions, prospect, preview, making).await
}

/// For how many days people can be let into a system, by its rules as the operator takes them; nothing where these cannot be
/// read.
async fn longest(session: &Session, system: &InformationSystem) -> Option<i32> {
    let policies: Api<GovernancePolicy> = Api::all(session.client.clone());
    let named = system.spec.grants.first().map(|grant| &grant.policy)?;
    let policy = policies.get(&named.name).await.ok().filter(|p| p.uid().as_ref() == Some(&named.uid))?;
    Some(policy.spec.house_rules.max_access_days)
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
    let decisions = foresee::decisions(session, &namespace, &uid, Some(GATE_ACCESS)).await?;
    let days = longest(session, &system).await.unwrap_or(1);
    let standing = standing(&passes(&uid, &decisions, days), &wish.user, clock.now);
    if standing.is_empty() {
        // Said again, it is done already.
        let person = session.me().await?.username.unwrap_or_default();
        if let Some(before) = ended(&decisions, &wish.user, &person) {
            let (outcome, decision) = (Outcome::AlreadyDecided, act::object(before, &namespace));
            return report(session, format, &decision, &outcome, outcome.page(lang));
        }
        let name = system.name_any();
        return Err(Failure::new(Exit::Nothing, lang.no_guest(&wish.user, &name), lang.next_guests(&name)));
    }
    for granted in standing {
        let spec = DecisionSpec {
            comment: wish.making.comment.clone(),
            submission_uid: Some(granted.uid.clone()),
            ..spec(&system, Verdict::Withdraw, granted.spec.digest.clone())
        };
        let Some(access) = &granted.spec.access else { continue };
        let preview = preview(lang, clock, &system, &spec, access);
        // What still lets somebody in has not been ended.
        let made = make(session, &system, spec, &decisions, |_| false, &preview, &wish.making).await?;
        let name = granted.name.clone();
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
    if stop::closed(&system.spec).is_some() {
        return Err(Failure::plain(Exit::Refused, lang.has_left(&name)));
    }
    let gate = gate(verdict);
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

fn gate(verdict: Verdict) -> OpenGate {
    OpenGate {
        gate: GATE_ACCESS.to_owned(),
        role: ROLE_UNIT.to_owned(),
        verdicts: vec![verdict],
        ..OpenGate::default()
    }
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

/// Authorizations by which this user is let in now.
fn standing(passes: &[Pass], user: &str, now: Timestamp) -> Vec<DecisionFact> {
    let of_user = passes.iter().filter(|pass| pass.access.username == user && pass.until > now);
    of_user.map(|pass| pass.decision.clone()).collect()
}

/// The last decision by which this person has ended the access of that user.
fn ended<'d>(decisions: &'d [DecisionFact], user: &str, person: &str) -> Option<&'d DecisionFact> {
    let of_user = |uid: &str| {
        decisions.iter().any(|d| d.uid == uid && d.spec.access.as_ref().is_some_and(|access| access.username == user))
    };
    let ends = |d: &&DecisionFact| {
        let by = d.spec.decided_by.as_ref().is_some_and(|by| by.username == person);
        by && d.spec.verdict == Verdict::Withdraw && d.spec.submission_uid.as_deref().is_some_and(of_user)
    };
    decisions.iter().filter(ends).max_by_key(|d| place(d))
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
    use crate::api::decision::DecidedBy;

    fn decision(uid: &str, verdict: Verdict, user: Option<&str>, until: &str, ends: Option<&str>) -> DecisionFact {
        let access = user.map(|user| Access { username: user.into(), until: at(until), ..Access::default() });
        let digest = access.as_ref().map(|access| digest::of_access("sys", access)).unwrap_or_default();
        let by = DecidedBy { username: "li".into(), person: "li".into(), ..DecidedBy::default() };
        let mut system = InformationSystem::new("portal", crate::api::InformationSystemSpec::default());
        system.metadata.uid = Some("sys".into());
        DecisionFact {
            name: uid.into(),
            uid: uid.into(),
            at: at("2026-11-20T00:00:00Z"),
            order: 1,
            entitled: true,
            spec: DecisionSpec {
                access,
                submission_uid: ends.map(Into::into),
                decided_by: Some(by),
                ..spec(&system, verdict, digest)
            },
        }
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
        let standing = standing(&passes("sys", &all, 30), "vendor", clock().now);
        assert_eq!(standing.iter().map(|d| d.uid.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(ended(&all, "vendor", "li").map(|d| d.uid.as_str()), Some("d"));
        assert_eq!(ended(&all, "vendor", "wang"), None, "somebody else's word is not mine");
        assert_eq!(ended(&all, "other", "li"), None);
    }
}

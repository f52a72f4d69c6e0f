//! The commands that only read.

use super::args::{Capacity, Inbox, Output, Suggest, UsageWish, Whatif};
use super::explain::{self, Background};
use super::failure::{Exit, Failure};
use super::moment::Clock;
use super::page::Page;
use super::paper::{Paper, split_kind};
use super::rules::{self, Rules};
use super::session::{Session, forbidden};
use super::{capacity, detail, inbox, proposal, suggest, timeline, usage, whatif, whoami};
use crate::api::cloud_resource_request::Need;
use crate::api::names::ROLE_UNIT;
use crate::api::{
    CatalogItem, Decision, GovernancePolicy, InformationSystem, ResourceChange, RightsizingProposal, Sanction,
};
use crate::cli::output;
use jiff::{Timestamp, tz::TimeZone};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde::Serialize;

/// Days begin and end where the rules say; where these differ or cannot be read, where the reader is.
///
/// # Errors
/// When the API server does not answer.
pub async fn clock(session: &Session) -> Result<Clock, Failure> {
    Ok(clock_of(&policies(session).await?))
}

fn clock_of(policies: &[GovernancePolicy]) -> Clock {
    Clock { now: Timestamp::now(), zone: common_zone(policies).unwrap_or_else(TimeZone::system) }
}

/// The rules by which a request is judged.
fn policy_of<'a>(policies: &'a [GovernancePolicy], paper: &Paper) -> Option<&'a GovernancePolicy> {
    let wanted = paper.progress()?.policy?;
    policies.iter().find(|p| p.name_any() == wanted.name)
}

/// The role in which a request is filed; the unit's where the rules cannot be read.
fn filing_role<'a>(policies: &'a [GovernancePolicy], paper: &Paper) -> &'a str {
    let track = policy_of(policies, paper).and_then(|p| p.spec.track(paper.track()?));
    track.map_or(ROLE_UNIT, |t| t.submission.role.as_str())
}

async fn policies(session: &Session) -> Result<Vec<GovernancePolicy>, Failure> {
    match session.list(&Api::all(session.client.clone()), &ListParams::default()).await {
        Ok(all) => Ok(all),
        Err(error) if forbidden(&error) => Ok(Vec::new()),
        Err(error) => Err(session.failure(&error)),
    }
}

fn common_zone(policies: &[GovernancePolicy]) -> Option<TimeZone> {
    let mut names = policies.iter().map(|p| p.spec.time_zone.as_str());
    let first = names.next()?;
    if names.all(|name| name == first) { TimeZone::get(first).ok() } else { None }
}

/// What waits for me.
///
/// # Errors
/// When the API server does not answer.
pub async fn inbox(session: &Session, format: Output, wish: &Inbox) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Found {
        items: Vec<inbox::Item>,
        skipped_namespaces: usize,
    }
    let lang = session.lang;
    let policies = policies(session).await?;
    let clock = clock_of(&policies);
    let user = session.me().await?.username.unwrap_or_default();
    let (papers, skipped_namespaces) = session.papers().await?;
    let proposals = proposal::waiting(session).await?;
    let proposed: Vec<_> = proposals.iter().filter_map(|p| Some((p.namespace()?, proposal::gate(p)?, p))).collect();
    let gates = papers.iter().flat_map(|p| p.standing().open_gates.iter().map(|gate| (p.namespace(), gate)));
    let gates = gates.chain(proposed.iter().map(|(namespace, gate, _)| (namespace.as_str(), gate)));
    let rights = session.rights(gates).await?;
    let mut items = Vec::new();
    for paper in &papers {
        let role = filing_role(&policies, paper);
        items.extend(inbox::items(paper, role, &user, &clock, |gate| rights.at(paper.namespace(), gate)));
    }
    let mine = proposed.iter().filter(|(namespace, gate, _)| rights.at(namespace, gate));
    items.extend(mine.filter_map(|(.., proposal)| proposal::item(proposal)));
    inbox::sort(&mut items);
    let found = Found { items, skipped_namespaces };
    output::result(format, &found, |wide| inbox::page(lang, &clock, &user, &found.items, wide))?;
    if papers.iter().any(|paper| rights.wildcard(paper.namespace())) {
        output::aside(&format!("{}\n", lang.note(&lang.wildcard())));
    }
    if skipped_namespaces > 0 && format == Output::Wide {
        output::aside(&format!("{}\n", lang.note(&lang.inbox_skipped(&skipped_namespaces))));
    }
    Ok(if wish.exit_code && found.items.is_empty() { Exit::Nothing } else { Exit::Done })
}

/// One request in detail.
///
/// # Errors
/// When it is not there or may not be read.
pub async fn status(session: &Session, format: Output, target: &str) -> Result<Exit, Failure> {
    let paper = session.paper(target).await?.tidy();
    let clock = clock(session).await?;
    output::result(format, &paper, |wide| detail::page(session.lang, &clock, &paper, wide))?;
    Ok(Exit::Done)
}

/// Who did what when.
///
/// # Errors
/// When the request is not there or may not be read.
pub async fn timeline(session: &Session, format: Output, target: &str) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Found {
        items: Vec<timeline::Entry>,
    }
    let paper = session.paper(target).await?;
    let params = ListParams::default().fields(&format!("spec.requestRef.name={}", paper.name()));
    let decisions = session.list(&session.api::<Decision>(paper.namespace()), &params).await;
    let mut decisions = decisions.map_err(|e| session.failure(&e))?;
    // A system, or a paper of the other kind, may have the same name; that is another story.
    decisions.retain(|d| d.spec.request_ref.kind == paper.kind());
    let system = system_of(session, &paper).await;
    let clock = clock(session).await?;
    let found = Found { items: timeline::entries(&paper, &decisions, system.as_ref()) };
    output::result(format, &found, |wide| timeline::page(session.lang, &clock, &found.items, wide))?;
    Ok(Exit::Done)
}

/// The system that came of it, or that it is about, where it is there and may be read.
async fn system_of(session: &Session, paper: &Paper) -> Option<InformationSystem> {
    session.get::<InformationSystem>(paper.namespace(), paper.system()?).await.ok()
}

/// Why a request is where it is.
///
/// # Errors
/// When it is not there or may not be read.
pub async fn explain(session: &Session, format: Output, target: &str) -> Result<Exit, Failure> {
    let paper = session.paper(target).await?;
    let organizations = session.organizations().await?;
    let policies = policies(session).await?;
    let policy = policy_of(&policies, &paper);
    let clock = clock_of(policy.map_or(policies.as_slice(), std::slice::from_ref));
    let namespace = paper.namespace();
    let rights = session.rights(paper.standing().open_gates.iter().map(|gate| (namespace, gate))).await?;
    let system = system_of(session, &paper).await;
    let background =
        Background { policy: policy.map(|p| &p.spec), organizations: &organizations, system: system.as_ref() };
    let explanation = explain::explain(session.lang, &clock, &paper, background, |gate| rights.at(namespace, gate));
    output::result(format, &explanation, |_| explain::page(session.lang, &paper, &explanation))?;
    Ok(Exit::Done)
}

/// What would become of a change that is in a file, or there as a draft.
///
/// # Errors
/// When it cannot be read, or is on record already.
pub async fn whatif(session: &Session, format: Output, wish: &Whatif) -> Result<Exit, Failure> {
    let lang = session.lang;
    let change = match (&wish.file, &wish.draft) {
        (Some(file), _) => {
            let mut change = whatif::from_file(lang, file)?;
            let namespace = change.metadata.namespace.get_or_insert_with(|| session.namespace.clone());
            if session.namespace_given && *namespace != session.namespace {
                let message = lang.two_namespaces(&session.namespace, namespace);
                return Err(Failure::plain(Exit::Usage, message));
            }
            change
        }
        (None, Some(draft)) => {
            let (namespace, name) = session.target(&split_kind(draft).1)?;
            session.get::<ResourceChange>(&namespace, &name).await?
        }
        (None, None) => return Err(Failure::new(Exit::Usage, lang.whatif_nothing(), lang.next_help())),
    };
    if change.status.as_ref().is_some_and(|s| s.committed) {
        return Err(Failure::new(Exit::Refused, lang.on_record(&change.name_any()), lang.next_on_record()));
    }
    let namespace = change.namespace().unwrap_or_default();
    let system = session.get::<InformationSystem>(&namespace, &change.spec.change.system).await;
    let system = match system {
        Ok(system) => Some(system),
        Err(failure) if failure.exit == Exit::Nothing => None,
        Err(failure) => return Err(failure),
    };
    let rules = rules::read(session).await?;
    let forecast = forecast(session, &rules, &change, system.as_ref()).await?;
    let clock = clock(session).await?;
    output::result(format, &forecast, |_| whatif::page(lang, &clock, &forecast))?;
    Ok(if forecast.problems.is_empty() { Exit::Done } else { Exit::Refused })
}

/// What would become of a change, as the operator would say at this moment.
///
/// # Errors
/// When the API server does not answer.
pub async fn forecast(
    session: &Session,
    rules: &Rules,
    change: &ResourceChange,
    system: Option<&InformationSystem>,
) -> Result<whatif::Forecast, Failure> {
    let now = Timestamp::now();
    let domain = system.and_then(|s| rules.domains.iter().find(|d| d.name_any() == s.spec.domain));
    let profile = match domain {
        Some(domain) => {
            let home = change.namespace().unwrap_or_default();
            rules::profile(domain, &rules::systems_near(session, &home).await?, now)
        }
        None => None,
    };
    let registry = &rules.registry;
    let proposal = match &change.spec.change.proposal_ref {
        Some(named) => {
            session.get::<RightsizingProposal>(&change.namespace().unwrap_or_default(), &named.name).await.ok()
        }
        None => None,
    };
    let home = change.namespace().unwrap_or_default();
    // Who may not read sanctions learns of them when it is filed.
    let sanctions = session.list(&session.api::<Sanction>(&home), &ListParams::default()).await.unwrap_or_default();
    let names: Vec<String> = sanctions.iter().map(kube::ResourceExt::name_any).collect();
    let each = names.iter().zip(&sanctions).map(|(name, s)| (name.as_str(), &s.spec.order, s.status.as_ref()));
    let stopped = crate::core::sanction::grants_stopped(each);
    let background = whatif::Background {
        registry,
        system,
        proposal: proposal.as_ref(),
        domain,
        profile: profile.as_ref(),
        grants_stopped: stopped.as_ref(),
    };
    Ok(whatif::forecast(change, background, now))
}

/// What a domain has left, now and in the coming months.
///
/// # Errors
/// When there is no such domain, or the API server does not answer.
pub async fn capacity(session: &Session, format: Output, wish: &Capacity) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Found {
        items: Vec<capacity::Outlook>,
    }
    let lang = session.lang;
    let Rules { domains, .. } = rules::read(session).await?;
    let names: Vec<String> = domains.iter().map(kube::ResourceExt::name_any).collect();
    let wanted = |name: &str| wish.domain.as_ref().is_none_or(|domain| domain == name);
    if let Some(domain) = wish.domain.as_ref().filter(|domain| !names.contains(domain)) {
        return Err(Failure::new(Exit::Nothing, lang.no_domain(domain), lang.next_domain(&names.join(", "))));
    }
    let (clock, systems) = (clock(session).await?, rules::systems(session).await?);
    let outlook = |domain| {
        let profile = rules::profile(domain, &systems, clock.now);
        capacity::outlook(domain, profile.as_ref(), &clock, wish.months)
    };
    let items = domains.iter().filter(|d| wanted(&d.name_any())).map(outlook).collect();
    let found = Found { items };
    output::result(format, &found, |_| capacity::page(lang, &clock, &found.items))?;
    Ok(Exit::Done)
}

/// Who uses what, now or in a month.
///
/// # Errors
/// When there is no such system, organization or month, or the API server does not answer.
pub async fn usage(session: &Session, format: Output, wish: &UsageWish) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (mut systems, skipped) = match &wish.system {
        Some(system) => {
            let (namespace, name) = session.target(system)?;
            (vec![session.get::<InformationSystem>(&namespace, &name).await?], 0)
        }
        None => session.readable::<InformationSystem>().await?,
    };
    if let Some(organization) = &wish.organization {
        let mut names: Vec<String> = systems.iter().map(|system| system.spec.organization.clone()).collect();
        names.sort_unstable();
        names.dedup();
        if !names.contains(organization) {
            let next = lang.next_organization(&names.join(", "));
            return Err(Failure::new(Exit::Nothing, lang.no_organization(organization), next));
        }
        systems.retain(|system| system.spec.organization == *organization);
    }
    let proposals = match (&wish.system, systems.as_slice()) {
        (Some(_), [system]) => {
            let params = ListParams::default().fields(&format!("spec.systemRef.name={}", system.name_any()));
            let api = session.api::<RightsizingProposal>(&system.namespace().unwrap_or_default());
            session.list(&api, &params).await.map_err(|e| session.failure(&e))?
        }
        _ => proposal::waiting(session).await?,
    };
    let clock = clock(session).await?;
    let Some(month) = &wish.month else {
        let found = usage::overview(&systems, &proposals, skipped, &clock);
        output::result(format, &found, |wide| usage::page(lang, &found, wide))?;
        return Ok(Exit::Done);
    };
    let organizations = session.organizations().await?;
    let table = usage::month::table(lang, month, &systems, &proposals, &organizations, &clock)?;
    match format {
        Output::Csv => {
            let text = usage::month::csv(lang, &table);
            output::print(&text.map_err(|e| Failure::plain(Exit::Error, e.to_string()))?)?;
        }
        Output::Markdown => output::print(&usage::month::markdown(lang, &table))?,
        _ => output::result(format, &table, |_| usage::month::page(lang, &table))?,
    }
    Ok(Exit::Done)
}

/// The nearest catalog items.
///
/// # Errors
/// When no need is given, or nothing comes near it.
pub async fn suggest(session: &Session, format: Output, wish: &Suggest) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Found {
        items: Vec<suggest::Suggestion>,
    }
    let lang = session.lang;
    if wish.words.is_empty() && wish.function.is_empty() {
        return Err(Failure::new(Exit::Usage, lang.suggest_empty(), lang.next_help()));
    }
    let need = Need {
        description: wish.words.join(" "),
        functions: wish.function.iter().map(|f| f.to_lowercase()).collect(),
        size: wish.size.iter().cloned().collect(),
    };
    let items: Vec<CatalogItem> = session
        .list(&Api::all(session.client.clone()), &ListParams::default())
        .await
        .map_err(|e| session.failure(&e))?;
    let clock = clock(session).await?;
    let today = clock.now.to_zoned(clock.zone.clone()).date();
    let found = Found { items: suggest::nearest(lang, &need, &items, today, wish.limit) };
    if found.items.is_empty() {
        return Err(Failure::new(Exit::Nothing, lang.suggest_none(), lang.next_suggest()));
    }
    output::result(format, &found, |_| suggest::page(lang, &found.items))?;
    Ok(Exit::Done)
}

/// Who I am, and which roles I hold where.
///
/// # Errors
/// When the API server does not answer.
pub async fn whoami(session: &Session, format: Output) -> Result<Exit, Failure> {
    let rules = session.rules(session.homes().await?).await?;
    let me = whoami::whoami(session.me().await?, &rules);
    output::result(format, &me, |_| -> Page { whoami::page(session.lang, &me) })?;
    Ok(Exit::Done)
}

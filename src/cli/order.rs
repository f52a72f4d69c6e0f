//! Orders that stop systems, and their end (article 34).

use super::act::{self, submission};
use super::args::{Act, Output, Suspend};
use super::failure::{Exit, Failure};
use super::form;
use super::output;
use super::page::Page;
use super::paper::{self, Stage};
use super::rules;
use super::session::Session;
use crate::api::common::RequestKind;
use crate::api::decision::Verdict;
use crate::api::sanction::{Measure, Order, Party};
use crate::api::{InformationSystem, Organization, OrganizationSpec, Sanction, SanctionSpec};
use crate::core::names::organization_of;
use crate::core::round::in_force_at;
use crate::core::stop;
use jiff::Timestamp;
use kube::Api;

/// Makes the order that stops systems of one unit, and files it.
///
/// # Errors
/// When a system is not there, or a rule refuses it.
pub async fn suspend(session: &Session, format: Output, wish: &Suspend) -> Result<Exit, Failure> {
    let lang = session.lang;
    let mut namespace: Option<String> = None;
    let mut systems = Vec::new();
    for target in &wish.systems {
        let (home, name) = session.target(target)?;
        let system: InformationSystem = session.get(&home, &name).await?;
        if stop::closed(&system.spec).is_some() {
            return Err(Failure::plain(Exit::Refused, lang.has_left(&name)));
        }
        if namespace.get_or_insert_with(|| home.clone()) != &home {
            return Err(Failure::plain(Exit::Usage, lang.two_units()));
        }
        systems.push(name);
    }
    let namespace = namespace.unwrap_or_default();
    let organization = organization_of(&namespace).unwrap_or(&namespace);
    let units: Api<Organization> = Api::all(session.client.clone());
    let unit = units.get(organization).await.map_err(|e| session.failure(&e))?;
    let order = Order {
        unit_name: unit.spec.names.zh.clone(),
        party: Party::Unit,
        measure: Measure::Suspension,
        ground: wish.ground.clone(),
        article: match &wish.article {
            Some(article) => article.clone(),
            None => article(session, organization, &unit.spec).await?,
        },
        mend: wish.mend.clone(),
        systems,
        ..Order::default()
    };
    let base = wish.name.clone().unwrap_or_else(|| {
        let first = order.systems.first().map(String::as_str).unwrap_or_default();
        format!("{first}-suspended")
    });
    let mut sanction = Sanction::new(&base, SanctionSpec { order });
    sanction.metadata.namespace = Some(namespace.clone());
    if wish.making.dry_run {
        let format = if format == Output::Json { Output::Json } else { Output::Yaml };
        output::result(format, &sanction, |_| Page::default())?;
        return Ok(Exit::Done);
    }
    let order = sanction.spec.order.clone();
    let same = |form: &Sanction| {
        let status = form.status.as_ref();
        // One that was sent back is filed again where it is meant by its name.
        let sent_back = |phase| Stage::Sanction(phase).sent_back() && wish.name.is_none();
        let over = status.is_some_and(|s| sent_back(s.phase) || s.lifted.is_some());
        form.spec.order == order && !over
    };
    let (name, new) = form::made(session, &namespace, sanction, wish.name.is_some(), same).await?;
    if new {
        output::aside(&format!("{}\n", lang.drafted(&format!("{namespace}/sanction/{name}"))));
    }
    let act = submission(&namespace, RequestKind::Sanction, &name, &wish.making);
    act::decide(session, format, act::Order::plain(Verdict::Submit, &act)).await
}

/// The article by which the unit's own rules suspend its systems.
async fn article(session: &Session, name: &str, unit: &OrganizationSpec) -> Result<String, Failure> {
    let registry = rules::read(session).await?.registry;
    let policy = in_force_at(&registry, unit, Timestamp::now());
    let policy = policy.map_err(|why| Failure::plain(Exit::Refused, why.get(session.lang.chinese()).to_owned()))?;
    let track = policy.spec.sanctions.as_ref().and_then(|rules| rules.track(Measure::Suspension, Party::Unit));
    let track = track.and_then(|track| policy.spec.track(track));
    track
        .map(|track| track.article.clone())
        .ok_or_else(|| Failure::plain(Exit::Refused, session.lang.suspends_nobody(&policy.name, &name)))
}

/// Decides that an order is lifted, at the gate that is the person's.
///
/// # Errors
/// When it is not in force, or a rule refuses it.
pub async fn lift(session: &Session, format: Output, wish: &Act) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (kind, rest) = paper::split_kind(&wish.request);
    let (namespace, name) = session.target(&rest)?;
    let sanction: Sanction = session.get(&namespace, &name).await?;
    // One that is lifted already may have been lifted by the same person.
    let imposed = sanction.status.and_then(|s| s.imposed).map(|imposed| imposed.at);
    if kind.is_some_and(|kind| kind != RequestKind::Sanction) || imposed.is_none() {
        return Err(Failure::new(Exit::Refused, lang.not_in_force(&name), lang.next_explain()));
    }
    let request = format!("{namespace}/{}", paper::typed(RequestKind::Sanction, &name));
    let act = Act { request, ..wish.clone() };
    act::decide(session, format, act::Order { since: imposed, ..act::Order::plain(Verdict::Approve, &act) }).await
}

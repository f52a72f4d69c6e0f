//! Leaving the cloud (article 23): the form, the unit's word on the backup, the provider's on the wipe.

use super::act::{self, Order, submission};
use super::args::{Act, Attest, Leave, Making, Output, Retry};
use super::failure::{Exit, Failure};
use super::form;
use super::leads;
use super::output;
use super::page::Page;
use super::paper::{self, Stage};
use super::session::Session;
use crate::api::common::RequestKind;
use crate::api::decision::Verdict;
use crate::api::decommission::{BackupMode, DecommissionPhase, Departure};
use crate::api::names::ANNOTATION_RETRY;
use crate::api::rightsizing_proposal::ObjectRef;
use crate::api::{Decommission, DecommissionSpec, InformationSystem, Organization};
use crate::core::names::organization_of;
use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

/// Makes the form by which a system leaves, and files it.
///
/// # Errors
/// When the system is not there, or a rule refuses it.
pub async fn leave(session: &Session, format: Output, wish: &Leave) -> Result<Exit, Failure> {
    let (namespace, system) = session.target(&wish.system)?;
    let departure = Departure {
        system,
        reason: wish.reason.clone(),
        backup: wish.backup,
        items: wish.item.clone(),
        delete_namespace: wish.delete_namespace.then_some(true),
        ..Departure::default()
    };
    file(session, format, &namespace, departure, wish.name.as_deref(), &wish.making).await
}

/// The same, on the agency's proposal.
///
/// # Errors
/// As [`leave`].
pub async fn reclaim(
    session: &Session,
    format: Output,
    (namespace, system): (&str, &str),
    proposal: ObjectRef,
    reason: &str,
    making: &Making,
) -> Result<Exit, Failure> {
    let departure = Departure {
        system: system.to_owned(),
        reason: crate::core::text::shorten(reason, 2048),
        backup: BackupMode::Offline,
        proposal_ref: Some(proposal),
        ..Departure::default()
    };
    file(session, format, namespace, departure, None, making).await
}

async fn file(
    session: &Session,
    format: Output,
    namespace: &str,
    mut departure: Departure,
    name: Option<&str>,
    making: &Making,
) -> Result<Exit, Failure> {
    let lang = session.lang;
    session.get::<InformationSystem>(namespace, &departure.system).await?;
    let organization = organization_of(namespace).unwrap_or(namespace);
    let units: Api<Organization> = Api::all(session.client.clone());
    departure.unit_name = units.get(organization).await.map_err(|e| session.failure(&e))?.spec.names.zh;
    let base = name.map_or_else(|| format!("{}-leaves", departure.system), str::to_owned);
    let contacts = leads::last(session, namespace, &departure.system).await?;
    let mut wanted = Decommission::new(&base, DecommissionSpec { departure, contacts });
    wanted.metadata.namespace = Some(namespace.to_owned());
    if making.dry_run {
        let format = if format == Output::Json { Output::Json } else { Output::Yaml };
        output::result(format, &wanted, |_| Page::default())?;
        return Ok(Exit::Done);
    }
    let departure = wanted.spec.departure.clone();
    let same = |form: &Decommission| {
        let over = form
            .status
            .as_ref()
            .is_some_and(|s| Stage::Departure(s.phase).sent_back() || s.phase == DecommissionPhase::Closed);
        form.spec.departure == departure && !over
    };
    let (name, new) = form::made(session, namespace, wanted, name.is_some(), same).await?;
    if new {
        output::aside(&format!("{}\n", lang.drafted(&format!("{namespace}/decommission/{name}"))));
    }
    let act = submission(namespace, RequestKind::Decommission, &name, making);
    act::decide(session, format, Order::plain(Verdict::Submit, &act)).await
}

/// Confirms that the backup is whole, at the gate that is the unit's.
///
/// # Errors
/// When there is nothing to confirm, or a rule refuses it.
pub async fn confirm_backup(session: &Session, format: Output, wish: &Act) -> Result<Exit, Failure> {
    let act = of_decommission(session, wish)?;
    act::decide(session, format, Order::plain(Verdict::Confirm, &act)).await
}

/// Attests that nothing is left: by a report each, or one for all that none names.
///
/// # Errors
/// As [`confirm_backup`].
pub async fn attest(session: &Session, format: Output, wish: &Attest) -> Result<Exit, Failure> {
    let act = of_decommission(session, &wish.act)?;
    let order = Order { reports: &wish.report, all: wish.all.as_deref(), ..Order::plain(Verdict::File, &act) };
    act::decide(session, format, order).await
}

/// Has what failed tried again.
///
/// # Errors
/// When it is not there or may not be changed.
pub async fn retry(session: &Session, format: Output, wish: &Retry) -> Result<Exit, Failure> {
    let (_, rest) = paper::split_kind(&wish.decommission);
    let (namespace, name) = session.target(&rest)?;
    let note = json!({"metadata": {"annotations": {ANNOTATION_RETRY: Timestamp::now().to_string()}}});
    let api = session.api::<Decommission>(&namespace);
    let changed = api.patch(&name, &PatchParams::default(), &Patch::Merge(note)).await;
    let changed = changed.map_err(|e| session.failure(&e))?;
    output::result(format, &changed, |_| {
        let mut page = Page::default();
        page.line(session.lang.retried(&name));
        page
    })?;
    Ok(Exit::Done)
}

fn of_decommission(session: &Session, wish: &Act) -> Result<Act, Failure> {
    let (_, rest) = paper::split_kind(&wish.request);
    let (namespace, name) = session.target(&rest)?;
    let request = format!("{namespace}/{}", paper::typed(RequestKind::Decommission, &name));
    Ok(Act { request, ..wish.clone() })
}

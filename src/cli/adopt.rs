//! Taking over a namespace in use (R4.2): the plan for people, and the authority's word that it may be.

use super::args::{Adopt, Output};
use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::output;
use super::page::{Page, shorten};
use super::paper::split_kind;
use super::session::Session;
use crate::api::adoption::{AdoptionPlan, Finding, FindingKind};
use crate::api::names::ANNOTATION_ADOPT;
use crate::api::{CloudDomain, CloudResourceRequest};
use crate::core::adoption::{self, Outlook, Seen, Wish, mark, outlook};
use crate::core::names::pod_security;
use crate::core::quantity::Amounts;
use crate::core::quota::Countable;
use crate::core::registry::Registry;
use crate::runtime::survey;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::collections::BTreeMap;

/// Columns that a message may take where `-o wide` was not asked for.
const MESSAGE_WIDTH: usize = 100;

/// Shows what a takeover would change and break, and marks the namespace unless only the plan is asked for.
///
/// # Errors
/// When the request names no namespace, the namespace may not be looked into, or a rule refuses it.
pub async fn adopt(session: &Session, format: Output, wish: &Adopt) -> Result<Exit, Failure> {
    let lang = session.lang;
    let (namespace, name) = session.target(&split_kind(&wish.request).1)?;
    let request: CloudResourceRequest = session.get(&namespace, &name).await?;
    let Some(adopts) = &request.spec.application.adopts else {
        return Err(Failure::new(Exit::Usage, lang.adopts_nothing(&name), lang.next_adopts()));
    };
    if request.status.as_ref().is_some_and(|status| status.committed) {
        if wish.plan {
            return Err(Failure::new(Exit::Refused, lang.adopted_already(&adopts.namespace), lang.next_on_record()));
        }
        // What was asked for is done, for this very request.
        output::aside(&format!("{}\n", lang.adopted_already(&adopts.namespace)));
        return Ok(Exit::Done);
    }
    let mark = mark(&namespace, &name, &request.uid().unwrap_or_default());
    let (space, found) = look(session, &request, &adopts.namespace, &mark).await?;
    let offered = found.refusal.as_ref().is_none_or(|(reason, _)| *reason != "NotOffered");
    if wish.plan {
        let plan = found.plan.clone().unwrap_or_default();
        output::result(format, &plan, |wide| page(lang, &adopts.namespace, &found, wide))?;
        return Ok(if found.refusal.is_some() && offered { Exit::Refused } else { Exit::Done });
    }
    output::aside(&page(lang, &adopts.namespace, &found, false).render());
    // What the unit has still to mend or accept keeps nobody from saying that the namespace is its own.
    let barred = found.refusal.filter(|_| found.plan.is_none());
    let Some(space) = space.filter(|_| barred.is_none()) else {
        let why = barred.map(|(_, why)| why.get(lang.chinese()).to_owned()).unwrap_or_default();
        return Err(Failure::plain(Exit::Refused, why));
    };
    if adoption::mark_of(&space).is_some_and(|there| there != mark) {
        return Err(Failure::plain(Exit::Refused, lang.marked_otherwise(&adopts.namespace)));
    }
    if wish.dry_run {
        return Ok(Exit::Done);
    }
    if !wish.yes && output::ask(&lang.confirm_adopt(&adopts.namespace, &name)) != Some(true) {
        return Err(Failure::new(Exit::Usage, lang.not_marked(), lang.next_yes()));
    }
    let spaces: Api<Namespace> = Api::all(session.client.clone());
    let fields = json!({"metadata": {"uid": space.uid(), "annotations": {ANNOTATION_ADOPT: mark}}});
    let made = spaces.patch(&adopts.namespace, &PatchParams::default(), &Patch::Merge(fields)).await;
    let made = made.map_err(|e| session.failure(&e))?;
    output::result(format, &made, |_| {
        let mut page = Page::default();
        page.line(lang.marked(&adopts.namespace, &name));
        page.line(lang.next(&lang.next_marked(&format!("{namespace}/{name}"))));
        page
    })?;
    Ok(Exit::Done)
}

/// The namespace as this person sees it; where they may not look into it, what the operator has found of it.
async fn look(
    session: &Session,
    request: &CloudResourceRequest,
    target: &str,
    mark: &str,
) -> Result<(Option<Namespace>, Outlook), Failure> {
    let application = &request.spec.application;
    let Some(adoption) = &application.adopts else { return Ok((None, Outlook::default())) };
    let domains: Api<CloudDomain> = Api::all(session.client.clone());
    let domain = domains.get(&application.domain).await.map_err(|e| session.failure(&e))?;
    let known = BTreeMap::from([(application.domain.clone(), domain.spec.clone())]);
    let registry = Registry { domains: known, ..Registry::default() };
    let status = request.status.clone().unwrap_or_default();
    let amounts = Amounts::parse(&status.amounts).ok().filter(|amounts| !amounts.is_empty());
    let wish = Wish {
        adoption,
        mark,
        amounts: amounts.as_ref(),
        domain: &domain.spec,
        countable: &Countable::of(&registry, &application.domain),
        protection_level: application.protection_level,
        networks: &application.networks,
    };
    match survey(session, target, application.protection_level).await {
        Ok(seen) => {
            let found = outlook(&wish, &seen);
            Ok((seen.namespace, found))
        }
        Err(kube::Error::Api(answer)) if answer.code == 403 => match status.adoption {
            Some(plan) => Ok((None, Outlook { plan: Some(plan), refusal: None })),
            None => {
                Err(Failure::new(Exit::Refused, session.lang.not_let_in(&target), session.lang.next_let_in(&target)))
            }
        },
        Err(error) => Err(session.failure(&error)),
    }
}

async fn survey(session: &Session, target: &str, protection_level: i32) -> Result<Seen, kube::Error> {
    let spaces: Api<Namespace> = Api::all(session.client.clone());
    let Some(namespace) = spaces.get_opt(target).await? else { return Ok(Seen::default()) };
    let mut inside = survey::inside(&session.client, target).await?;
    let mut trial = namespace.clone();
    let labels = trial.metadata.labels.get_or_insert_default();
    labels.insert("pod-security.kubernetes.io/enforce".to_owned(), pod_security(protection_level).0.to_owned());
    inside.warnings = match survey::warnings(&session.client, &trial).await {
        Ok(warnings) => Some(warnings),
        Err(kube::Error::Api(answer)) if answer.code == 403 => None,
        Err(error) => return Err(error),
    };
    Ok(Seen { namespace: Some(namespace), inside: Some(inside) })
}

/// The plan, for people.
#[must_use]
pub fn page(lang: Lang, namespace: &str, found: &Outlook, wide: bool) -> Page {
    let mut page = Page::default();
    page.pairs([(lang.pick("Namespace", "命名空间").to_owned(), namespace.to_owned())]);
    if let Some(plan) = &found.plan {
        planned(&mut page, lang, plan, wide);
    }
    page.line("");
    match &found.refusal {
        Some((_, why)) => page.line(why.get(lang.chinese())),
        None => page.line(lang.adoptable()),
    };
    page
}

/// What would change, and what it comes upon.
pub fn planned(page: &mut Page, lang: Lang, plan: &AdoptionPlan, wide: bool) {
    let width = if wide { usize::MAX } else { MESSAGE_WIDTH };
    page.heading(lang.pick("WHAT CHANGES", "将作的更改"));
    for change in &plan.changes {
        page.line(format!("  {}", shorten(change, width)));
    }
    page.heading(lang.pick("WHAT IT COMES UPON", "影响"));
    let header = match lang {
        Lang::En => ["NAME", "WHAT", "MESSAGE"],
        Lang::Zh => ["名称", "类别", "说明"],
    };
    let row = |f: &Finding| vec![f.name.clone(), kind(lang, f).to_owned(), shorten(&f.message, width)];
    page.table(header, plan.findings.iter().map(row));
    if plan.more > 0 {
        page.line(lang.more_findings(&plan.more));
    }
    let open: Vec<&Finding> = plan.findings.iter().filter(|f| f.kind == FindingKind::Breaks && !f.accepted).collect();
    if !open.is_empty() {
        page.heading(lang.pick("TO ACCEPT THESE AS THEY ARE", "如接受上述影响"));
        page.line("  adopts:");
        page.line(format!("    namespace: {}", plan.namespace));
        page.line("    accepts:");
        for finding in plan.findings.iter().filter(|f| f.kind == FindingKind::Breaks) {
            page.line(format!("      - {}", serde_json::Value::from(finding.name.as_str())));
        }
    }
}

fn kind(lang: Lang, finding: &Finding) -> &'static str {
    match finding.kind {
        FindingKind::InTheWay => lang.pick("must go first", "须先清除"),
        FindingKind::Breaks if finding.accepted => lang.pick("breaks, accepted", "影响（已接受）"),
        FindingKind::Breaks => lang.pick("breaks", "影响（须接受）"),
        FindingKind::Stays => lang.pick("stays", "保持原状"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::text::Text;

    #[test]
    fn r4_2_the_plan_in_both_languages() {
        let finding = |name: &str, kind, accepted| Finding {
            name: name.into(),
            kind,
            accepted,
            message: "what it is (说明)".into(),
        };
        let plan = AdoptionPlan {
            namespace: "portal-prod".into(),
            uid: "u".into(),
            changes: vec!["LimitRange yunguan: defaults (默认值)".into()],
            findings: vec![
                finding("resourcequota/old", FindingKind::InTheWay, false),
                finding("networks", FindingKind::Breaks, true),
                finding("pod-security/hostPath volumes", FindingKind::Breaks, false),
                finding("rolebinding/admins", FindingKind::Stays, false),
            ],
            more: 2,
        };
        let found = Outlook { plan: Some(plan), refusal: Some(("InTheWay", Text::new("in the way", "须先清除"))) };
        insta::assert_snapshot!("adopt_en", page(Lang::En, "portal-prod", &found, false).render());
        insta::assert_snapshot!("adopt_zh", page(Lang::Zh, "portal-prod", &found, false).render());
    }
}

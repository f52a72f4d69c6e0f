//! Whether a request's material is complete, and exactly what is missing (articles 17, 18).

use super::policy::uses;
use super::text::Text;
use crate::api::cloud_resource_request::{Application, Contacts, OriginKind};
use crate::api::common::Contact;
use crate::api::governance_policy::{Applies, GovernancePolicySpec, Track};
use crate::api::{CatalogItemSpec, OrganizationSpec};

/// The circumstances of a request that switch rules on.
#[must_use]
pub fn circumstances(application: &Application, organization: &OrganizationSpec) -> Vec<Applies> {
    let migrated = application.origin.kind == OriginKind::Migrated;
    [
        (Applies::HasSupervisor, organization.supervisor.is_some()),
        (Applies::Migrated, migrated),
        (Applies::LargeMigration, migrated && application.origin.large == Some(true)),
    ]
    .into_iter()
    .filter_map(|(circumstance, holds)| holds.then_some(circumstance))
    .collect()
}

/// What the request refers to by name.
pub struct Known<'a, 'c> {
    /// The catalog item of a name.
    pub item: &'a dyn Fn(&str) -> Option<&'c CatalogItemSpec>,
    /// Whether the system of the request's code stands under an urgent grant in its domain.
    pub urgent: bool,
}

/// Everything that is missing, each with its place and its article; empty where the material is complete.
#[must_use]
pub fn missing(
    application: &Application,
    organization: &OrganizationSpec,
    policy: &GovernancePolicySpec,
    track: &Track,
    circumstances: &[Applies],
    known: &Known<'_, '_>,
) -> Vec<Text> {
    let mut missing = Vec::new();
    let kept = &policy.retention.old_system_months;
    for rule in track.documents.iter().filter(|rule| rule.when.is_none_or(|when| circumstances.contains(&when))) {
        if !application.documents.iter().any(|d| d.type_ == rule.type_) {
            missing.push(Text::new(
                format!("documents: {} {} ({})", rule.type_, rule.names.zh, rule.article),
                format!("缺少{}（{}）", rule.names.zh, rule.article),
            ));
        }
    }
    if let Some(article) = track.development_finished_by.as_ref().filter(|_| !application.development_finished) {
        missing.push(Text::new(
            format!("developmentFinished: the system is filed once its development is finished ({article})"),
            format!("系统开发完成后方可申请（{article}）"),
        ));
    }
    if application.unit_name != organization.names.zh {
        missing.push(Text::new(
            format!("unitName: it says {}, and this unit is {}", application.unit_name, organization.names.zh),
            format!("单位名称应为{}", organization.names.zh),
        ));
    }
    if application.origin.kind == OriginKind::Migrated && application.origin.cut_over_date.is_none() {
        missing.push(Text::new(
            format!("origin.cutOverDate: a migrated system states its planned day of cut-over ({})", kept.article),
            format!("迁移系统须填写计划割接日期（{}）", kept.article),
        ));
    }
    if let Some(system) = application.system_ref.as_ref().filter(|s| !known.urgent || **s != application.system.code) {
        missing.push(Text::new(
            format!(
                "systemRef: {system} does not run under an urgent grant in domain {}, or is not the system.code of this request, so there is nothing to make permanent: correct it, leave systemRef out, or ask for other resources of a running system with a ResourceChange (annex 2)",
                application.domain
            ),
            format!("系统{system}没有紧急临时资源，或与系统代码、云域不一致，请更正或勿填写systemRef"),
        ));
    }
    missing.extend(urgency(application, policy, track));
    missing.extend(service_types(application, policy, known));
    missing
}

/// Who leads and how to reach them: fields of both forms, which nothing else turns on.
#[must_use]
pub fn leads(contacts: Option<&Contacts>) -> Vec<Text> {
    // Blanks name nobody.
    let named = |lead: &&Contact| !lead.name.trim().is_empty();
    let of = |lead: fn(&Contacts) -> Option<&Contact>| contacts.and_then(lead).filter(named);
    let leads = [
        ("itLead", "信息化负责人", of(|c| c.it_lead.as_ref())),
        ("systemLead", "系统负责人", of(|c| c.system_lead.as_ref())),
    ];
    let wanting = leads.into_iter().filter(|(_, _, lead)| lead.is_none_or(|lead| !is_reachable(lead)));
    wanting
        .map(|(field, zh, lead)| match lead {
            None => Text::new(
                format!(
                    "contacts.{field}: the form names the {} with a telephone: fill in spec.contacts.{field}",
                    words(field)
                ),
                format!("缺少{zh}及联系电话（spec.contacts.{field}）"),
            ),
            Some(lead) => Text::new(
                format!("contacts.{field}.phone: the form gives the telephone of {}", lead.name),
                format!("缺少{zh}{}的联系电话（spec.contacts.{field}.phone）", lead.name),
            ),
        })
        .collect()
}

fn is_reachable(lead: &Contact) -> bool {
    lead.phone.as_ref().is_some_and(|phone| !phone.trim().is_empty())
}

fn words(field: &str) -> &'static str {
    if field == "itLead" { "unit's IT lead" } else { "system's lead" }
}

/// Ground and paper of what cannot wait, and only of that (article 24).
fn urgency(application: &Application, policy: &GovernancePolicySpec, track: &Track) -> Option<Text> {
    let rules = policy.urgent.as_ref();
    let article = rules.map(|rules| format!(" ({})", rules.months.article)).unwrap_or_default();
    let zh = rules.map(|rules| format!("（{}）", rules.months.article)).unwrap_or_default();
    match &application.urgency {
        None if uses::is_urgent(policy, &track.name) => Some(Text::new(
            format!("urgency: an urgent request names its ground and the paper that proves it{article}"),
            format!("紧急申请须填写事由和依据文件{zh}"),
        )),
        Some(urgency) if !application.documents.iter().any(|d| d.type_ == urgency.paper) => Some(Text::new(
            format!("documents: the paper {} that urgency names{article}", urgency.paper),
            format!("缺少紧急依据文件{}{zh}", urgency.paper),
        )),
        _ => None,
    }
}

/// The ticks of the form and the lines of the quantity table belong together.
fn service_types(application: &Application, policy: &GovernancePolicySpec, known: &Known<'_, '_>) -> Vec<Text> {
    let offered: Vec<&str> = policy.service_types.iter().map(|t| t.name.as_str()).collect();
    let mut wrong: Vec<Text> = application
        .service_types
        .iter()
        .filter(|ticked| !offered.contains(&ticked.as_str()))
        .map(|ticked| {
            Text::new(
                format!("serviceTypes: the policy has no type {ticked}; it has {}", offered.join(", ")),
                format!("没有服务类型{ticked}"),
            )
        })
        .collect();
    for line in &application.lines {
        let Some(item) = line.item.as_deref().and_then(known.item) else { continue };
        if !application.service_types.contains(&item.service_type) {
            wrong.push(Text::new(
                format!("serviceTypes: line {} is of type {}, which is not ticked", line.name, item.service_type),
                format!("行{}属于服务类型{}，表中未勾选", line.name, item.service_type),
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cloud_resource_request::{Line, Urgency};
    use crate::api::common::{Document, Names};
    use crate::api::governance_policy::{DocumentRule, ServiceType};

    fn document(type_: &str) -> Document {
        Document { type_: type_.into(), name: "x".into(), sha256: "0".repeat(64), uri: None }
    }

    fn rule(type_: &str, when: Option<Applies>) -> DocumentRule {
        DocumentRule {
            type_: type_.into(),
            names: Names { zh: "系统建设批复".into(), en: None },
            when,
            article: "第十七条".into(),
        }
    }

    fn policy() -> GovernancePolicySpec {
        let service_types = vec![ServiceType { name: "CloudServer".into(), names: Names::default() }];
        GovernancePolicySpec { service_types, ..GovernancePolicySpec::default() }
    }

    fn track() -> Track {
        Track {
            documents: vec![rule("ConstructionApproval", None), rule("MigrationPlan", Some(Applies::LargeMigration))],
            development_finished_by: Some("第十七条".into()),
            ..Track::default()
        }
    }

    fn unit() -> OrganizationSpec {
        OrganizationSpec { names: Names { zh: "市卫健委".into(), en: None }, ..OrganizationSpec::default() }
    }

    fn complete() -> Application {
        Application {
            unit_name: "市卫健委".into(),
            development_finished: true,
            documents: vec![document("ConstructionApproval")],
            service_types: vec!["CloudServer".into()],
            ..Application::default()
        }
    }

    fn missing_of(application: &Application) -> Vec<String> {
        let known = Known { item: &|_| None, urgent: false };
        let applies = circumstances(application, &unit());
        missing(application, &unit(), &policy(), &track(), &applies, &known).into_iter().map(|t| t.en).collect()
    }

    #[test]
    fn r17_1_complete_material_lacks_nothing() {
        assert_eq!(missing_of(&complete()), Vec::<String>::new());
    }

    #[test]
    fn r18_1_the_list_says_exactly_what_is_missing() {
        let bare = Application { documents: vec![], development_finished: false, ..complete() };
        let missing = missing_of(&bare);
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].contains("ConstructionApproval 系统建设批复 (第十七条)"));
        assert!(missing[1].contains("developmentFinished"));
    }

    #[test]
    fn r17_1_a_large_migration_needs_its_own_plan() {
        let mut large = complete();
        large.origin.kind = OriginKind::Migrated;
        large.origin.cut_over_date = Some(jiff::civil::date(2026, 12, 1));
        assert!(missing_of(&large).is_empty());
        large.origin.large = Some(true);
        assert!(missing_of(&large)[0].contains("MigrationPlan"));
    }

    #[test]
    fn r13_1_ticks_follow_the_policys_service_types() {
        let odd = Application { service_types: vec!["Teleport".into()], ..complete() };
        assert!(missing_of(&odd)[0].contains("no type Teleport"));
        let item = CatalogItemSpec { service_type: "CloudStorage".into(), ..CatalogItemSpec::default() };
        let mut unticked = complete();
        unticked.lines = vec![Line { name: "disk".into(), item: Some("x".into()), quantity: 1, ..Line::default() }];
        let known = Known { item: &|_| Some(&item), urgent: false };
        let missing = missing(&unticked, &unit(), &policy(), &track(), &[], &known);
        assert!(missing[0].en.contains("line disk is of type CloudStorage"));
    }

    #[test]
    fn r17_1_the_leads_and_their_telephones_are_fields_of_the_form() {
        let lead = |phone: Option<&str>| {
            Some(Contact { name: "张伟".into(), phone: phone.map(str::to_owned), ..Contact::default() })
        };
        let said = |contacts: Option<&Contacts>| leads(contacts).into_iter().map(|t| t.to_string()).collect::<Vec<_>>();
        let whole = Contacts { it_lead: lead(Some("0558-5550100")), system_lead: lead(Some("0558-5550101")) };
        assert_eq!(said(Some(&whole)), Vec::<String>::new());
        for none in [None, Some(&Contacts::default())] {
            let lacking = said(none);
            assert!(lacking[0].starts_with("contacts.itLead: ") && lacking[0].contains("信息化负责人"), "{lacking:?}");
            assert!(
                lacking[1].starts_with("contacts.systemLead: ") && lacking[1].contains("系统负责人"),
                "{lacking:?}"
            );
        }
        for phone in [None, Some(" "), Some("　")] {
            let silent = Contacts { system_lead: lead(phone), ..whole.clone() };
            assert!(matches!(&said(Some(&silent))[..], [one] if one.starts_with("contacts.systemLead.phone: ")));
        }
        let nobody = Contact { name: "　".into(), phone: Some("1".into()), ..Contact::default() };
        let nobody = Contacts { it_lead: Some(nobody), ..whole };
        assert!(matches!(&said(Some(&nobody))[..], [one] if one.starts_with("contacts.itLead: ")));
    }

    #[test]
    fn r24_1_only_a_system_under_an_urgent_grant_is_made_permanent() {
        let odd = Application { system_ref: Some("portal".into()), ..complete() };
        assert!(missing_of(&odd)[0].contains("systemRef: portal"));
    }

    #[test]
    fn r3_1_nobody_files_in_another_units_name() {
        let other = Application { unit_name: "市公安局".into(), ..complete() };
        assert!(missing_of(&other)[0].contains("unitName"));
    }

    #[test]
    fn r15_2_circumstances_follow_from_the_request_and_the_unit() {
        let under = OrganizationSpec { supervisor: Some("bureau".into()), ..unit() };
        let mut application = complete();
        assert_eq!(circumstances(&application, &unit()), []);
        assert_eq!(circumstances(&application, &under), [Applies::HasSupervisor]);
        // How large it was is asked of what is moved, and of nothing else.
        application.origin.large = Some(true);
        assert_eq!(circumstances(&application, &unit()), []);
        application.origin.kind = OriginKind::Migrated;
        assert_eq!(circumstances(&application, &unit()), [Applies::Migrated, Applies::LargeMigration]);
        application.origin.large = Some(false);
        assert_eq!(circumstances(&application, &unit()), [Applies::Migrated]);
    }

    #[test]
    fn r21_2_what_is_moved_states_its_day_of_cut_over() {
        let mut moved = complete();
        moved.origin.kind = OriginKind::Migrated;
        assert!(matches!(&missing_of(&moved)[..], [one] if one.contains("origin.cutOverDate")));
        moved.origin.cut_over_date = Some(jiff::civil::date(2026, 12, 1));
        assert_eq!(missing_of(&moved), Vec::<String>::new());
    }

    #[test]
    fn r24_1_the_paper_that_urgency_names_is_there() {
        let mut urgent = complete();
        urgent.urgency = Some(Urgency { paper: "UrgentNotice".into(), ..Urgency::default() });
        assert!(matches!(&missing_of(&urgent)[..], [one] if one.contains("the paper UrgentNotice")));
        urgent.documents.push(document("UrgentNotice"));
        assert_eq!(missing_of(&urgent), Vec::<String>::new());
    }

    #[test]
    fn r13_1_a_line_of_a_type_that_is_ticked_lacks_nothing() {
        let item = CatalogItemSpec { service_type: "CloudServer".into(), ..CatalogItemSpec::default() };
        let mut ticked = complete();
        ticked.lines = vec![Line { name: "cpu".into(), item: Some("x".into()), quantity: 1, ..Line::default() }];
        let known = Known { item: &|_| Some(&item), urgent: false };
        assert_eq!(missing(&ticked, &unit(), &policy(), &track(), &[], &known), []);
    }
}

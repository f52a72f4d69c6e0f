//! Test support: the shipped example as a registry, and a story in which people decide.

#![allow(clippy::missing_panics_doc, clippy::must_use_candidate, missing_docs, reason = "test support")]

use super::digest;
use super::registry::{Named, Registry};
use super::request::{Facts, Plan, Rival, Statement, SystemFact, decide};
use super::workflow::DecisionFact;
use crate::api::cloud_resource_request::{Contacts, OpenGate, Submission};
use crate::api::common::{Contact, RequestKind, RequestRef, Time};
use crate::api::decision::{DecidedBy, Evidence, LineAmount, TestResult, Verdict};
use crate::api::{
    CatalogItem, CloudDomain, CloudDomainStatus, CloudResourceRequest, DecisionSpec, GovernancePolicy,
    InformationSystemSpec, Organization, ServiceProduct, WorkCalendar,
};
use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

/// All objects in the YAML files under a folder of the project.
pub fn load<T: DeserializeOwned>(folder: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = if path.is_file() {
        vec![path]
    } else {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    files.retain(|file| file.extension().is_some_and(|e| e == "yaml") && !file.ends_with("kustomization.yaml"));
    files.sort();
    files
        .iter()
        .flat_map(|file| serde_saphyr::from_multiple::<T>(&std::fs::read_to_string(file).unwrap()).unwrap())
        .collect()
}

fn named<S>(name: Option<String>, spec: S) -> Named<S> {
    let name = name.unwrap();
    Named { uid: format!("uid-{name}"), name, created: Time::default(), spec }
}

/// The shipped example, read once.
pub fn registry() -> Registry {
    static SHIPPED: LazyLock<Registry> = LazyLock::new(read_registry);
    SHIPPED.clone()
}

fn read_registry() -> Registry {
    let calendars: Vec<_> =
        load::<WorkCalendar>("config/calendars").into_iter().map(|c| named(c.metadata.name, c.spec)).collect();
    Registry {
        organizations: load::<Organization>("config/samples/organizations.yaml")
            .into_iter()
            .map(|o| (o.metadata.name.unwrap(), o.spec))
            .collect(),
        domains: load::<CloudDomain>("config/samples/domains.yaml")
            .into_iter()
            .map(|d| (d.metadata.name.unwrap(), d.spec))
            .collect(),
        policies: load::<GovernancePolicy>("config/policies")
            .into_iter()
            .map(|p| named(p.metadata.name, p.spec))
            .collect(),
        items: load::<CatalogItem>("config/catalog/items")
            .into_iter()
            .map(|i| named(i.metadata.name, i.spec))
            .map(|i| (i.name.clone(), i))
            .collect(),
        products: load::<ServiceProduct>("config/catalog/products")
            .into_iter()
            .map(|p| named(p.metadata.name, p.spec))
            .collect(),
        calendars: Registry::calendars_of(&calendars),
        device_classes: Vec::new(),
        credit_codes: BTreeMap::new(),
    }
}

/// The schema of each kind, as the API server has it.
pub fn schemas() -> &'static BTreeMap<String, Value> {
    static ALL: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
        let schema = |definition: CustomResourceDefinition| {
            let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
            (definition.spec.names.kind, schema["openAPIV3Schema"].clone())
        };
        crate::api::definitions().into_iter().map(schema).collect()
    });
    &ALL
}

/// The API server takes this as that field of an object of a kind.
pub fn assert_fits(kind: &str, place: &str, value: &impl serde::Serialize) {
    let schema = place.split('.').fold(&schemas()[kind], |schema, field| &schema["properties"][field]);
    assert!(schema.is_object(), "{kind} has no {place}");
    let wrong = crate::check::schema::mismatches(schema, &serde_json::to_value(value).unwrap(), place);
    assert!(wrong.is_empty(), "{kind}: {}", wrong.join("\n"));
}

/// More than any text has room for, of characters of several bytes.
pub fn endless() -> String {
    letters(10_000)
}

/// So many characters, some of several bytes.
pub fn letters(n: usize) -> String {
    "数据\u{1f4be}a".chars().cycle().take(n).collect()
}

/// A person whose name is as long as the API server takes it, by one group among many.
pub fn long_name(group: &str) -> DecidedBy {
    let groups = (0..1_000).map(|n| format!("group-{n}")).chain([group.to_owned()]).collect();
    DecidedBy { username: letters(1_024), uid: letters(1_024), person: letters(1_024), groups }
}

/// As the operator writes them.
pub fn conditions(statements: &[Statement], now: Timestamp) -> Vec<Condition> {
    crate::runtime::apply::conditions(&[], statements, 1, now)
}

/// A plan for people to read; digests are named only, since prices and papers of the example go into them.
pub fn shown(status: &impl serde::Serialize, conditions: &[Statement], follows: &str) -> String {
    let status = serde_json::to_string_pretty(status).unwrap();
    let conditions: Vec<String> =
        conditions.iter().map(|c| format!("{} {:?} {}: {}", c.type_, c.holds, c.reason, c.message)).collect();
    let text = format!("{status}\n{}\n{follows}\n", conditions.join("\n"));
    let words = text.split('"').map(|word| if digest::is_sha256(word) { "DIGEST" } else { word });
    words.collect::<Vec<_>>().join("\"")
}

/// A second version of the city's rules for the same days, by a typo, made at a moment.
pub fn typo(registry: &mut Registry, created: Time) {
    let first = registry.policies.iter().find(|p| p.name == "bozhou-2024").unwrap();
    let other = Named { created, ..named(Some("bozhou-2025".into()), first.spec.clone()) };
    registry.policies.push(other);
}

/// The leads of every form.
pub fn contacts() -> Contacts {
    let lead = |name: &str| Contact { name: name.into(), phone: Some("0558-5550100".into()), email: None };
    Contacts { it_lead: Some(lead("张伟")), system_lead: Some(lead("陈敏")) }
}

/// What somebody would decide.
pub struct Drafted<'a> {
    pub who: &'a str,
    pub number: usize,
    pub now: Timestamp,
    pub request_ref: RequestRef,
    pub gate: &'a str,
    pub verdict: Verdict,
}

impl Drafted<'_> {
    /// At a gate as it is shown: under its digest, with the reports and amounts that it asks for.
    pub fn at(
        self,
        open: Option<&OpenGate>,
        submission: Option<&Submission>,
        lines: impl Iterator<Item = (String, i64)>,
    ) -> DecisionFact {
        let Self { who, number, now, request_ref, gate, verdict } = self;
        let confirms = open.is_some_and(|g| g.confirms_amounts) && verdict == Verdict::Approve;
        let report = |name: &String| Evidence {
            name: name.clone(),
            sha256: "0".repeat(64),
            uri: None,
            result: Some(TestResult::Passed),
        };
        DecisionFact {
            name: format!("d{number}"),
            uid: format!("d{number}-{who}"),
            at: Time::new(now),
            order: number as u64,
            entitled: true,
            spec: DecisionSpec {
                request_ref,
                submission_uid: submission.filter(|_| verdict != Verdict::Submit).map(|s| s.uid.clone()),
                gate: gate.to_owned(),
                role: open.map(|g| g.role.clone()).unwrap_or_default(),
                verdict,
                digest: open.map_or_else(|| digest::of(&""), |g| g.digest.clone()),
                comment: Some("为测试".to_owned()),
                evidence: open.map_or_else(Vec::new, |g| g.reports.iter().map(report).collect()),
                grant: lines.filter(|_| confirms).map(|(line, quantity)| LineAmount { line, quantity }).collect(),
                access: None,
                dismissal: None,
                decided_by: Some(DecidedBy {
                    username: who.to_owned(),
                    person: who.to_owned(),
                    ..DecidedBy::default()
                }),
            },
        }
    }
}

/// A request and what people have done about it.
pub struct Story {
    pub registry: Registry,
    pub request: CloudResourceRequest,
    pub organization: String,
    pub decisions: Vec<DecisionFact>,
    pub system: Option<(InformationSystemSpec, Option<Time>)>,
    pub domain: CloudDomainStatus,
    /// Requests for a system of the same code that are being decided: name and moment of filing.
    pub rivals: Vec<(&'static str, Time)>,
    /// Why nothing new is granted to the unit.
    pub grants_stopped: Option<super::text::Text>,
    /// What is seen of the namespace that it takes over.
    pub seen: Option<super::adoption::Seen>,
    pub now: Timestamp,
}

impl Story {
    /// A draft from the shipped samples, on 24 November 2026.
    pub fn of(sample: &str) -> Self {
        let mut request: CloudResourceRequest = load(&format!("config/samples/requests/{sample}.yaml")).remove(0);
        request.metadata.uid = Some(format!("uid-{sample}"));
        let namespace = request.metadata.namespace.clone().unwrap();
        Self {
            registry: registry(),
            request,
            organization: super::names::organization_of(&namespace).unwrap().to_owned(),
            decisions: Vec::new(),
            system: None,
            domain: CloudDomainStatus::default(),
            rivals: Vec::new(),
            grants_stopped: None,
            seen: None,
            now: "2026-11-24T02:00:00Z".parse().unwrap(),
        }
    }

    /// What follows now.
    pub fn plan(&self) -> Plan {
        let rivals: Vec<_> =
            self.rivals.iter().map(|(name, filed)| Rival { name, filed: *filed, submission_uid: name }).collect();
        let facts = Facts {
            name: self.request.metadata.name.as_deref().unwrap(),
            uid: self.request.metadata.uid.as_deref().unwrap(),
            generation: 1,
            organization: &self.organization,
            application: &self.request.spec.application,
            contacts: self.request.spec.contacts.as_ref(),
            decisions: &self.decisions,
            system: self
                .system
                .as_ref()
                .map(|(spec, provisioned_at)| SystemFact { spec, provisioned_at: *provisioned_at }),
            rivals: &rivals,
            grants_stopped: self.grants_stopped.as_ref(),
            domain: Some(&self.domain),
            seen: self.seen.as_ref(),
        };
        decide(&facts, &self.registry, self.now)
    }

    /// The decision that `who` would make at a gate now; the digest is the one shown.
    pub fn draft(&self, who: &str, gate: &str, verdict: Verdict) -> DecisionFact {
        let status = self.plan().status;
        let open = status.open_gates.iter().find(|g| g.gate == gate);
        let asked = self.request.spec.application.lines.iter().filter(|line| line.self_procured.is_none());
        let request_ref = RequestRef {
            kind: RequestKind::CloudResourceRequest,
            name: self.request.metadata.name.clone().unwrap(),
            uid: status.subject_uid.clone().unwrap(),
        };
        let decision = Drafted { who, number: self.decisions.len(), now: self.now, request_ref, gate, verdict };
        let lines = asked.map(|line| (line.name.clone(), line.quantity));
        decision.at(open, status.submission.as_ref(), lines)
    }

    /// `who` decides, a minute later than the one before.
    pub fn decides(&mut self, who: &str, gate: &str, verdict: Verdict) -> &mut Self {
        self.now = self.now.checked_add(1.minute()).unwrap();
        let decision = self.draft(who, gate, verdict);
        self.makes(decision)
    }

    /// A decision is made as it stands.
    pub fn makes(&mut self, decision: DecisionFact) -> &mut Self {
        self.decisions.push(decision);
        self
    }

    /// The operator carries out what the plan wants.
    pub fn operator_acts(&mut self) -> &mut Self {
        self.now = self.now.checked_add(1.minute()).unwrap();
        let plan = self.plan();
        if let Some(system) = plan.system {
            self.system = Some((system, Some(Time::new(self.now))));
        } else if let (Some(grant), Some((system, _))) = (plan.grant, &mut self.system) {
            system.grants.push(grant);
        }
        if let (Some(agreement), Some((system, _))) = (plan.agreement, &mut self.system) {
            system.agreements.push(agreement);
        }
        if let (Some(live), Some((system, _))) = (plan.live, &mut self.system) {
            system.live = Some(live);
        }
        self
    }

    /// The reason of a condition.
    pub fn condition(&self, type_: &str) -> (Option<bool>, String, String) {
        let plan = self.plan();
        // As in the API: the last statement about a type counts.
        let found =
            plan.conditions.iter().rfind(|c| c.type_ == type_).unwrap_or_else(|| panic!("no condition {type_}"));
        (found.holds, found.reason.clone(), found.message.clone())
    }

    /// Gates that are open.
    pub fn open(&self) -> Vec<String> {
        self.plan().status.open_gates.iter().map(|g| g.gate.clone()).collect()
    }
}

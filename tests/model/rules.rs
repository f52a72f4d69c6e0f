//! The rules that the model runs under: a small policy of three tracks, three people with overlapping roles, a domain
//! with room for one of two requests. The invariants read what must have been decided from the same tables.

use std::collections::BTreeMap;
use yunguan::api::cloud_resource_request::{Application, Contacts, Funding, Line, SystemName};
use yunguan::api::common::{Contact, Money, Names, Quantity, Time};
use yunguan::api::decision::Verdict;
use yunguan::api::governance_policy::{
    ChangeRules, ChangeTracks, Effect, EffectRule, Gate as GateRule, HouseRules, Limit, Retention, RoleOrganizations,
    Scope, ServiceType, SubmissionRule, Track as TrackRule,
};
use yunguan::api::organization::RoleMembers;
use yunguan::api::{
    CatalogItemSpec, CloudDomainSpec, GovernancePolicySpec, OrganizationSpec, ServiceProductSpec, catalog_item::Price,
};
use yunguan::core::registry::{Named, Registry};

pub const UNIT: &str = "health";
pub const DOMAIN: &str = "main";
pub const CPU: &str = "requests.cpu";
pub const POLICY_UID: &str = "policy-uid";
pub const UNIT_ZH: &str = "市卫健委";
const FAMILY: &str = "model";
const ITEM: &str = "cpu";
const LINE: &str = "cpu";

/// A role; its name is that of the API.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    Unit,
    Agency,
    Authority,
    Provider,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Unit, Self::Agency, Self::Authority, Self::Provider];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Agency => "agency",
            Self::Authority => "authority",
            Self::Provider => "provider",
        }
    }
}

/// Three people, one of the provider, and one more who could be named in their place: an exit that nobody else can take is one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Person {
    Wang,
    Li,
    Zhao,
    Sun,
    Newcomer,
}

impl Person {
    pub const ALL: [Self; 5] = [Self::Wang, Self::Li, Self::Zhao, Self::Sun, Self::Newcomer];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wang => "wang",
            Self::Li => "li",
            Self::Zhao => "zhao",
            Self::Sun => "sun",
            Self::Newcomer => "newcomer",
        }
    }

    /// What each of them may act as.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Wang => &[Role::Unit],
            Self::Li => &[Role::Agency, Role::Authority],
            Self::Zhao => &[Role::Unit, Role::Authority],
            Self::Sun => &[Role::Provider],
            Self::Newcomer => &Role::ALL,
        }
    }

    pub fn holds(self, role: Role) -> bool {
        self.roles().contains(&role)
    }
}

/// A gate, or one of the two that every track has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Gate {
    Submission,
    Completeness,
    Evaluation,
    Approval,
    TrialReport,
    SignUnit,
    SignAuthority,
    /// Of the backup, when a system leaves.
    Confirmation,
    Attestation,
    /// Of an order that stops a system.
    Lift,
    Withdrawal,
}

impl Gate {
    pub const ALL: [Self; 11] = [
        Self::Submission,
        Self::Completeness,
        Self::Evaluation,
        Self::Approval,
        Self::TrialReport,
        Self::SignUnit,
        Self::SignAuthority,
        Self::Confirmation,
        Self::Attestation,
        Self::Lift,
        Self::Withdrawal,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Completeness => "completeness",
            Self::Evaluation => "evaluation",
            Self::Approval => "approval",
            Self::TrialReport => "trial-report",
            Self::SignUnit => "sign-unit",
            Self::SignAuthority => "sign-authority",
            Self::Confirmation => "backup-confirmation",
            Self::Attestation => "attestation",
            Self::Lift => "lift-decision",
            Self::Withdrawal => "withdrawal",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.name() == name)
    }

    pub fn role(self) -> Role {
        match self {
            Self::Submission | Self::TrialReport | Self::SignUnit | Self::Confirmation | Self::Withdrawal => Role::Unit,
            Self::Evaluation => Role::Agency,
            Self::Completeness | Self::Approval | Self::SignAuthority | Self::Lift => Role::Authority,
            Self::Attestation => Role::Provider,
        }
    }

    /// The verdict that passes it.
    pub fn agreement(self) -> Verdict {
        match self {
            Self::Submission => Verdict::Submit,
            Self::Withdrawal => Verdict::Withdraw,
            Self::TrialReport | Self::Attestation => Verdict::File,
            Self::SignUnit | Self::SignAuthority => Verdict::Sign,
            Self::Confirmation => Verdict::Confirm,
            Self::Completeness | Self::Evaluation | Self::Approval | Self::Lift => Verdict::Approve,
        }
    }
}

/// A way through the rules. All but the last end with a report and two signatures.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Track {
    /// Completeness, evaluation, approval.
    Full,
    /// One approval, so that whole rounds are short enough to repeat.
    Short,
    /// One approval by two people.
    Board,
    /// One approval of a change, and nothing to sign.
    Light,
}

impl Track {
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Short => "Short",
            Self::Board => "Board",
            Self::Light => "Light",
        }
    }

    /// The gates before the resources, each with how many different people must agree.
    pub fn before_grant(self) -> &'static [(Gate, usize)] {
        match self {
            Self::Full => &[(Gate::Completeness, 1), (Gate::Evaluation, 1), (Gate::Approval, 1)],
            Self::Short | Self::Light => &[(Gate::Approval, 1)],
            Self::Board => &[(Gate::Approval, 2)],
        }
    }

    /// The gate at which the amounts are confirmed.
    pub fn confirming(self) -> Gate {
        match self {
            Self::Full => Gate::Evaluation,
            Self::Short | Self::Board | Self::Light => Gate::Approval,
        }
    }

    fn rule(self) -> TrackRule {
        let mut gates: Vec<GateRule> = Vec::new();
        for (gate, quorum) in self.before_grant() {
            let after = gates.last().map(|last| last.name.clone()).into_iter().collect();
            gates.push(GateRule {
                quorum: i32::try_from(*quorum).ok(),
                verdicts: vec![Verdict::Approve, Verdict::Return],
                requires_complete: true,
                confirms_amounts: *gate == self.confirming(),
                ..gate_rule(*gate, after)
            });
        }
        let granted =
            EffectRule { effect: Effect::Provision, after: vec![Gate::Approval.name().to_owned()], article: article() };
        let submission = SubmissionRule { role: Role::Unit.name().to_owned(), article: article() };
        let name = self.name().to_owned();
        if self == Self::Light {
            return TrackRule { name, submission, gates, effects: vec![granted], ..TrackRule::default() };
        }
        gates.push(GateRule {
            reports: vec!["TrialReport".to_owned()],
            ..gate_rule(Gate::TrialReport, vec![Effect::Provision.step().to_owned()])
        });
        let report = || vec![Gate::TrialReport.name().to_owned()];
        gates.extend(SIGNATURES.map(|gate| gate_rule(gate, report())));
        let signed = SIGNATURES.map(|gate| gate.name().to_owned()).to_vec();
        TrackRule {
            name,
            submission,
            gates,
            effects: vec![granted, EffectRule { effect: Effect::GoLive, after: signed, article: article() }],
            ..TrackRule::default()
        }
    }
}

/// Who signs before anything is charged.
pub const SIGNATURES: [Gate; 2] = [Gate::SignUnit, Gate::SignAuthority];

pub fn article() -> String {
    "第十九条".to_owned()
}

pub fn gate_rule(gate: Gate, after: Vec<String>) -> GateRule {
    GateRule {
        name: gate.name().to_owned(),
        role: gate.role().name().to_owned(),
        after,
        verdicts: vec![gate.agreement()],
        article: article(),
        ..GateRule::default()
    }
}

/// What a request may say: two texts, which differ in more than the amount.
pub const CONTENTS: [u8; 2] = [0, 1];

/// Units that a text asks for. Two of the first do not fit into the domain together, two of the second do.
pub fn asked(content: u8) -> i64 {
    if content == 0 { 3 } else { 2 }
}

/// The protection level of a text, by which a system tells from which one it was made.
pub fn level(content: u8) -> i32 {
    i32::from(content) + 1
}

/// Units that the domain can grant, before and after the authority enlarges it.
pub fn capacity(large: bool) -> i64 {
    if large { 8 } else { 4 }
}

pub fn application(track: Track, code: u8, content: u8) -> Application {
    Application {
        unit_name: UNIT_ZH.to_owned(),
        system: SystemName { code: format!("s{code}"), name: "系统".to_owned() },
        service_types: vec!["CloudServer".to_owned()],
        lines: vec![Line {
            name: LINE.to_owned(),
            item: Some(ITEM.to_owned()),
            quantity: asked(content),
            ..Line::default()
        }],
        domain: DOMAIN.to_owned(),
        protection_level: level(content),
        funding: Funding { payer: UNIT.to_owned(), ..Funding::default() },
        track: track.name().to_owned(),
        ..Application::default()
    }
}

/// The leads of every form.
pub fn contacts() -> Contacts {
    let lead = || Some(Contact { name: "张伟".to_owned(), phone: Some("0558-5550100".to_owned()), email: None });
    Contacts { it_lead: lead(), system_lead: lead() }
}

/// The line whose units are confirmed.
pub fn line() -> String {
    LINE.to_owned()
}

pub fn domain(large: bool) -> CloudDomainSpec {
    domain_of(capacity(large))
}

/// A domain with room for so many units.
pub fn domain_of(units: i64) -> CloudDomainSpec {
    CloudDomainSpec {
        provider: "cloud".to_owned(),
        capacity: BTreeMap::from([(CPU.to_owned(), Quantity(units.to_string()))]),
        ..CloudDomainSpec::default()
    }
}

/// The registry; in a lax one everybody is a member for everything.
pub fn registry(lax: bool) -> Registry {
    let members = |role: Role| RoleMembers {
        role: role.name().to_owned(),
        users: Person::ALL.iter().filter(|p| lax || p.holds(role)).map(|p| p.name().to_owned()).collect(),
        groups: Vec::new(),
    };
    let organization = |zh: &str, roles: &[Role]| OrganizationSpec {
        names: Names { zh: zh.to_owned(), en: None },
        policy_family: FAMILY.to_owned(),
        members: roles.iter().map(|role| members(*role)).collect(),
        ..OrganizationSpec::default()
    };
    let item = CatalogItemSpec {
        service_type: "CloudServer".to_owned(),
        prices: vec![Price { from: jiff::civil::date(2026, 1, 1), monthly: Money("1".to_owned()), basis: article() }],
        ..CatalogItemSpec::default()
    };
    let product = ServiceProductSpec {
        item: ITEM.to_owned(),
        domain: DOMAIN.to_owned(),
        amounts: BTreeMap::from([(CPU.to_owned(), Quantity("1".to_owned()))]),
        ..ServiceProductSpec::default()
    };
    Registry {
        organizations: BTreeMap::from([
            (UNIT.to_owned(), organization(UNIT_ZH, &[Role::Unit])),
            ("bureau".to_owned(), organization("市数据局", &[Role::Authority])),
            ("center".to_owned(), organization("市数据中心", &[Role::Agency])),
            ("cloud".to_owned(), organization("亳州云", &[Role::Provider])),
        ]),
        domains: BTreeMap::from([(DOMAIN.to_owned(), domain(false))]),
        policies: vec![Named { uid: POLICY_UID.to_owned(), ..named(FAMILY, policy()) }],
        items: BTreeMap::from([(ITEM.to_owned(), named(ITEM, item))]),
        products: vec![named("cpu-main", product)],
        calendars: BTreeMap::new(),
        device_classes: Vec::new(),
        credit_codes: BTreeMap::new(),
    }
}

fn named<S>(name: &str, spec: S) -> Named<S> {
    Named { name: name.to_owned(), uid: format!("uid-{name}"), created: Time::default(), spec }
}

fn policy() -> GovernancePolicySpec {
    let fills = |role: Role, organization: &str| RoleOrganizations {
        role: role.name().to_owned(),
        organizations: vec![organization.to_owned()],
        article: article(),
    };
    GovernancePolicySpec {
        family: FAMILY.to_owned(),
        valid_from: jiff::civil::date(2026, 1, 1),
        valid_until: jiff::civil::date(2026, 12, 31),
        time_zone: "Asia/Shanghai".to_owned(),
        roles: vec![fills(Role::Authority, "bureau"), fills(Role::Agency, "center")],
        scope: Scope { max_protection_level: Limit { value: 3, article: article() }, ..Scope::default() },
        service_types: vec![ServiceType { name: "CloudServer".to_owned(), names: Names::default() }],
        tracks: [Track::Full, Track::Short, Track::Board, Track::Light].map(Track::rule).to_vec(),
        changes: Some(changes()),
        retention: Retention { old_system_months: Limit { value: 3, article: article() } },
        house_rules: HouseRules { never_above_asked: true, max_access_days: 30 },
        ..GovernancePolicySpec::default()
    }
}

/// Changes by more than half are major ones, and take the whole track.
fn changes() -> ChangeRules {
    let limit = |value: i32| Limit { value, article: article() };
    let light = || Track::Light.name().to_owned();
    ChangeRules {
        major_above_percent: limit(50),
        fee_growth_above_percent: limit(50),
        new_resource_is_major: true,
        accumulation_months: limit(12),
        window_months: limit(3),
        extension_work_days: limit(7),
        emergency_annex_work_days: None,
        tracks: ChangeTracks {
            minor: light(),
            major: Track::Full.name().to_owned(),
            temporary: light(),
            extension: light(),
            ..ChangeTracks::default()
        },
    }
}

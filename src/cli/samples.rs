//! A request in review, for the tests of this module.

use crate::api::cloud_resource_request::{
    Application, CloudResourceRequestStatus, CountedDecision, Line, LineStatus, OpenGate, Phase, Submission,
    SystemName, VoidDecision, VoidReason,
};
use crate::api::common::{Money, Names, PolicyRef, Quantity, RequestKind, RequestRef, Time};
use crate::api::decision::{DecidedBy, DecisionSpec, Verdict};
use crate::api::governance_policy::{Applies, Effect, EffectRule, Gate, GovernancePolicySpec, Track};
use crate::api::information_system::{Grant, GrantedChange, InformationSystemSpec, InformationSystemStatus, Term};
use crate::api::organization::{OrganizationSpec, RoleMembers};
use crate::api::resource_change::{Change, ChangeGround, ChangeLine, ChangePhase, ResourceChangeStatus, Window};
use crate::api::{
    CloudResourceRequest, CloudResourceRequestSpec, Decision, InformationSystem, Organization, ResourceChange,
    ResourceChangeSpec,
};
use crate::core::fixtures::Story;
use crate::core::registry::Registry;

/// The digest that the sample's open gate shows.
pub const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A moment of the sample's story.
pub fn at(text: &str) -> Time {
    Time::new(text.parse().unwrap())
}

/// A decision that counts.
pub fn counted(name: &str, gate: &str, role: &str, verdict: Verdict, by: &str, when: &str) -> CountedDecision {
    CountedDecision {
        name: format!("portal.11111111.{name}"),
        uid: format!("uid-{name}"),
        gate: gate.into(),
        role: role.into(),
        verdict,
        by: by.into(),
        person: by.into(),
        at: at(when),
        digest: "d".repeat(64),
        ..CountedDecision::default()
    }
}

/// A request that waits for the agency's evaluation.
pub fn request() -> CloudResourceRequest {
    let line = |name: &str, item: &str, quantity| Line {
        name: name.into(),
        item: Some(item.into()),
        quantity,
        ..Line::default()
    };
    let mut request = CloudResourceRequest::new(
        "portal",
        CloudResourceRequestSpec {
            application: Application {
                system: SystemName { code: "portal".into(), name: "健康亳州门户".into() },
                lines: vec![line("web", "ecs-general-4c8g", 4), line("disk", "block-storage-ssd", 500)],
                domain: "bozhou".into(),
                track: "Standard".into(),
                protection_level: 2,
                ..Application::default()
            },
            contacts: Some(crate::core::fixtures::contacts()),
        },
    );
    request.metadata.namespace = Some("yg-bozhou-health".into());
    request.metadata.uid = Some("11111111-aaaa-4aaa-8aaa-111111111111".into());
    request.metadata.generation = Some(3);
    let filed = CountedDecision {
        uid: "22222222-bbbb-4bbb-8bbb-222222222222".into(),
        ..counted("submission", "submission", "unit", Verdict::Submit, "zhang", "2026-11-20T01:00:00Z")
    };
    request.status = Some(CloudResourceRequestStatus {
        observed_generation: Some(3),
        phase: Phase::InReview,
        round: 1,
        waiting_for: Some("agency: evaluation".into()),
        due: Some("2026-11-30".parse().unwrap()),
        policy: Some(PolicyRef { name: "bozhou-2024".into(), uid: "policy".into() }),
        submission: Some(Submission {
            name: filed.name.clone(),
            uid: filed.uid.clone(),
            by: filed.by.clone(),
            at: filed.at,
        }),
        open_gates: vec![OpenGate {
            gate: "evaluation".into(),
            title: Names { zh: "资源评估".into(), en: Some("Evaluation".into()) },
            role: "agency".into(),
            organizations: vec!["bozhou-cloud-center".into()],
            verdicts: vec![Verdict::Approve, Verdict::Return],
            quorum: 1,
            agreed: 0,
            digest: DIGEST.into(),
            since: Some(at("2026-11-23T02:00:00Z")),
            due: Some(at("2026-11-30T09:30:00Z")),
            due_unknown: None,
            reports: vec![],
            confirms_amounts: true,
            requires_complete: false,
            requires_reason: false,
            hearing: false,
            article: "第十九条".into(),
        }],
        decisions: vec![
            counted("completeness", "completeness", "authority", Verdict::Approve, "chen", "2026-11-21T02:00:00Z"),
            counted("plan", "plan", "agency", Verdict::Confirm, "li", "2026-11-23T02:00:00Z"),
        ],
        void_decisions: vec![VoidDecision {
            name: "portal.11111111.approval".into(),
            reason: VoidReason::GateNotOpen,
            message: "gate approval opens after evaluation (article 19)".into(),
        }],
        lines: vec![
            LineStatus {
                name: "web".into(),
                asked: 4,
                monthly_fee: Some(Money("1200.00".into())),
                ..LineStatus::default()
            },
            LineStatus {
                name: "disk".into(),
                asked: 500,
                monthly_fee: Some(Money("350.00".into())),
                ..LineStatus::default()
            },
        ],
        amounts: [("requests.cpu", "16"), ("requests.memory", "32Gi")]
            .map(|(k, v)| (k.to_owned(), Quantity(v.into())))
            .into(),
        monthly_fee: Some(Money("1550.00".into())),
        ..CloudResourceRequestStatus::default()
    });
    request
}

/// A temporary expansion of the portal that waits for the agency's evaluation, and for longer than the rules foresee.
pub fn change() -> ResourceChange {
    let line = |name: &str, quantity| ChangeLine { name: name.into(), quantity, ..ChangeLine::default() };
    let of = |name: &str, before, asked, fee: &str| LineStatus {
        name: name.into(),
        before: Some(before),
        asked,
        amounts: [("requests.cpu".to_owned(), Quantity(asked.to_string()))].into(),
        monthly_fee: Some(Money(fee.into())),
        ..LineStatus::default()
    };
    let amounts = |cpu: &str, memory: &str| {
        [("requests.cpu", cpu), ("requests.memory", memory)].map(|(k, v)| (k.to_owned(), Quantity(v.into()))).into()
    };
    let window = Window { from: at("2027-01-03T16:00:00Z"), until: at("2027-05-04T16:00:00Z") };
    let mut change = ResourceChange::new(
        "flu",
        ResourceChangeSpec {
            change: Change {
                unit_name: "亳州市卫生健康委员会".into(),
                system: "portal".into(),
                ground: ChangeGround::ForeseeablePeak,
                reason: "冬季流感疫苗预约高峰".into(),
                lines: vec![line("web", 6), line("disk", 500)],
                window: Some(window),
                ..Change::default()
            },
            contacts: Some(crate::core::fixtures::contacts()),
        },
    );
    let request = request().status.unwrap_or_default();
    change.metadata.namespace = Some("yg-bozhou-health".into());
    change.metadata.uid = Some("33333333-dddd-4ddd-8ddd-333333333333".into());
    change.metadata.generation = Some(1);
    change.status = Some(ResourceChangeStatus {
        observed_generation: Some(1),
        phase: ChangePhase::InReview,
        round: 1,
        track: Some("TemporaryExpansion".into()),
        waiting_for: Some("agency: evaluation".into()),
        due: Some("2026-11-30".parse().unwrap()),
        policy: Some(PolicyRef { name: "bozhou-2024".into(), uid: "policy".into() }),
        submission: Some(Submission {
            name: "flu.33333333.submission".into(),
            uid: "44444444-eeee-4eee-8eee-444444444444".into(),
            by: "zhang".into(),
            at: at("2026-11-23T01:00:00Z"),
        }),
        open_gates: request.open_gates,
        lines: vec![of("web", 4, 6, "1800.00"), of("disk", 500, 500, "350.00")],
        before: amounts("16", "32Gi"),
        after: amounts("24", "32Gi"),
        fee_before: Some(Money("1550.00".into())),
        fee_after: Some(Money("2150.00".into())),
        ..ResourceChangeStatus::default()
    });
    change
}

/// The portal, on whose record the change stands.
pub fn portal() -> InformationSystem {
    let of = |kind, name: &str, from: &str, until: Option<&str>| Grant {
        request: RequestRef { kind, name: name.into(), uid: name.into() },
        submission_uid: format!("filing-of-{name}"),
        effective_from: at(from),
        term: until.map(|until| Term { until: Some(at(until)), extends: None }),
        change: until.map(|_| GrantedChange::default()),
        ..Grant::default()
    };
    let grants = vec![
        of(RequestKind::CloudResourceRequest, "portal", "2026-06-01T00:00:00Z", None),
        of(RequestKind::ResourceChange, "flu", "2027-01-03T16:00:00Z", Some("2027-05-04T16:00:00Z")),
    ];
    let spec = InformationSystemSpec { name: "健康亳州门户".into(), grants, ..InformationSystemSpec::default() };
    InformationSystem::new("portal", spec)
}

/// The day on which the sample is looked at.
pub fn clock() -> super::moment::Clock {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    super::moment::Clock { now: "2026-11-24T04:00:00Z".parse().unwrap(), zone }
}

/// All decisions about the sample: a round that was returned, the one that stands, a void one and one not judged yet.
pub fn decisions() -> Vec<Decision> {
    let first = "00000000-cccc-4ccc-8ccc-000000000000";
    let current = "22222222-bbbb-4bbb-8bbb-222222222222";
    let made = |uid: &str, gate: &str, role: &str, verdict, by: &str, when: &str, round: Option<&str>| {
        let spec = DecisionSpec {
            gate: gate.into(),
            role: role.into(),
            verdict,
            submission_uid: round.map(Into::into),
            digest: "d".repeat(64),
            decided_by: Some(DecidedBy { username: by.into(), ..DecidedBy::default() }),
            ..DecisionSpec::default()
        };
        let mut decision = Decision::new(&format!("portal.11111111.{gate}"), spec);
        decision.metadata.uid = Some(uid.into());
        decision.metadata.creation_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(when.parse().unwrap()));
        decision
    };
    let mut returned =
        made("r", "completeness", "authority", Verdict::Return, "chen", "2026-11-19T02:00:00Z", Some(first));
    returned.spec.comment = Some("缺少主管部门批复，请补充后重新提交；另外请核对存储测算方式与附件二是否一致".into());
    let mut evaluation =
        made("e", "evaluation", "agency", Verdict::Approve, "wang", "2026-11-24T02:00:00Z", Some(current));
    evaluation.spec.comment = Some("within the plan".into());
    vec![
        evaluation,
        made("a", "approval", "authority", Verdict::Approve, "chen", "2026-11-23T03:00:00Z", Some(current)),
        made("uid-plan", "plan", "agency", Verdict::Confirm, "li", "2026-11-23T02:00:00Z", Some(current)),
        made(
            "uid-completeness",
            "completeness",
            "authority",
            Verdict::Approve,
            "chen",
            "2026-11-21T02:00:00Z",
            Some(current),
        ),
        made(current, "submission", "unit", Verdict::Submit, "zhang", "2026-11-20T01:00:00Z", None),
        returned,
        made(first, "submission", "unit", Verdict::Submit, "zhang", "2026-11-18T01:00:00Z", None),
    ]
}

/// The unit, which has a supervisor, and the agency with two people.
pub fn organizations() -> Vec<Organization> {
    let organization = |name: &str, zh: &str, supervisor: Option<&str>, role: &str, users: &[&str]| {
        Organization::new(
            name,
            OrganizationSpec {
                names: Names { zh: zh.into(), en: None },
                supervisor: supervisor.map(Into::into),
                members: vec![RoleMembers {
                    role: role.into(),
                    users: users.iter().map(ToString::to_string).collect(),
                    groups: vec![],
                }],
                ..OrganizationSpec::default()
            },
        )
    };
    vec![
        organization("bozhou-health", "亳州市卫生信息中心", Some("bozhou-whb"), "unit", &["zhang"]),
        organization("bozhou-cloud-center", "亳州市云管理中心", None, "agency", &["li", "wang"]),
    ]
}

/// Rules with a filing by the supervisor, three gates, the opening, a report and the start.
pub fn policy() -> GovernancePolicySpec {
    let gate = |name: &str, zh: &str, role: &str, after: &[&str], article: &str| Gate {
        name: name.into(),
        title: Names { zh: zh.into(), en: Some(name.into()) },
        role: role.into(),
        after: after.iter().map(ToString::to_string).collect(),
        verdicts: vec![Verdict::Approve],
        article: article.into(),
        when: (role == "supervisor").then_some(Applies::HasSupervisor),
        ..Gate::default()
    };
    let effect =
        |effect, after: &str, article: &str| EffectRule { effect, after: vec![after.into()], article: article.into() };
    GovernancePolicySpec {
        tracks: vec![Track {
            name: "Standard".into(),
            // On purpose not in the order of the way through.
            gates: vec![
                gate("trial-report", "试运行报告", "unit", &["provision"], "第二十条"),
                gate("approval", "批准", "authority", &["evaluation"], "第十九条"),
                gate("evaluation", "资源评估", "agency", &["filing"], "第十九条"),
                gate("filing", "主管部门备案", "supervisor", &[], "第十五条"),
            ],
            effects: vec![
                effect(Effect::Provision, "approval", "第十九条"),
                effect(Effect::GoLive, "trial-report", "第二十一条"),
            ],
            ..Track::default()
        }],
        ..GovernancePolicySpec::default()
    }
}

/// The shipped rules, the shipped portal as it is live by them, and a moment after that.
pub fn live_portal() -> (Registry, InformationSystem, jiff::Timestamp) {
    let (unit, agency, authority, provider) =
        ("zhang.wei@health", "chen.jing@data-center", "li.na@data-bureau", "liu.yang@bozhou-cloud");
    let mut story = Story::of("health-portal");
    for (who, gate, verdict) in [
        (unit, "submission", Verdict::Submit),
        (authority, "completeness", Verdict::Approve),
        (agency, "plan", Verdict::Confirm),
        (agency, "evaluation", Verdict::Approve),
        (authority, "approval", Verdict::Approve),
    ] {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    for (who, gate, verdict) in [
        (provider, "fulfilment", Verdict::Confirm),
        (unit, "trial-report", Verdict::File),
        (unit, "security-report", Verdict::File),
        (unit, "sign-unit", Verdict::Sign),
        (provider, "sign-provider", Verdict::Sign),
        (authority, "sign-authority", Verdict::Sign),
    ] {
        story.decides(who, gate, verdict);
    }
    story.operator_acts();
    let (spec, provisioned_at) = story.system.clone().unwrap();
    let mut system = InformationSystem::new("health-portal", spec);
    system.metadata.namespace = story.request.metadata.namespace.clone();
    system.status = Some(InformationSystemStatus { provisioned_at, ..InformationSystemStatus::default() });
    (story.registry, system, story.now)
}

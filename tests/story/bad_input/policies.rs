//! Policies: gates that could never open or be passed, versions that overlap, roles that nobody holds.

use super::*;
use jiff::civil::date;
use kube::api::{DeleteParams, Patch, PatchParams};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use yunguan::api::governance_policy::{Applies, ChangeRules, Effect, EffectRule, Gate, GovernancePolicySpec, Track};
use yunguan::api::sanction::{MeasureRule, Party};
use yunguan::api::{GovernancePolicy, Organization};
use yunguan::core::policy::check;
use yunguan_cluster::wait_until;

type Shape = fn(&mut Track);

fn gate<'t>(track: &'t mut Track, name: &str) -> &'t mut Gate {
    let at = track.gates.iter().position(|g| g.name == name).unwrap_or_default();
    &mut track.gates[at]
}

fn after(track: &mut Track, name: &str, after: &[&str]) {
    gate(track, name).after = after.iter().map(|s| (*s).to_owned()).collect();
}

fn effect_after(track: &mut Track, effect: usize, after: &[&str]) {
    track.effects[effect].after = after.iter().map(|s| (*s).to_owned()).collect();
}

async fn shipped(world: &World) -> Result<(Api<GovernancePolicy>, GovernancePolicySpec)> {
    let policies: Api<GovernancePolicy> = Api::all(world.admin().await?);
    let spec = policies.get("bozhou-2024").await?.spec;
    Ok((policies, spec))
}

#[tokio::test]
async fn r41_1_a_policy_that_cannot_work_is_refused_when_it_is_made() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-law", None).await?;
    let (policies, good) = shipped(world).await?;
    let (gates, effects) = ("spec.tracks[0].gates", "spec.tracks[0].effects");
    let table: &[(Shape, &[&str])] = &[
        (
            |t| after(t, "completeness", &["approval"]),
            &[gates, "listed behind it (a cycle of gates could never open)", "按办理顺序排列"],
        ),
        (|t| after(t, "plan", &["plan"]), &[gates, "list the gates in their order"]),
        (|t| t.gates.swap(2, 3), &[gates, "list the gates in their order", "`yunguan check -f FILE` names it"]),
        (|t| after(t, "plan", &["plam"]), &[gates, "one that this track does not have", "correct the name"]),
        (
            |t| t.gates.swap(4, 5),
            &[gates, "waits in `after` for `provision` or `go-live`, and that waits for a gate which is listed behind"],
        ),
        (|t| after(t, "completeness", &["provision"]), &[gates, "waits in `after` for `provision`"]),
        (|t| after(t, "plan", &["go-live"]), &[gates, "请按办理顺序排列"]),
        (
            |t| effect_after(t, 0, &["aproval"]),
            &[effects, "an effect waits in `after` for a gate that this track does not have"],
        ),
        (|t| effect_after(t, 0, &["approval", "go-live"]), &[effects, "Provision waits for gates only"]),
        (|t| effect_after(t, 1, &["go-live"]), &[effects, "系统动作的前置环节不存在"]),
        (|t| drop(t.effects.remove(0)), &[effects, "nothing ever comes of this track: add the effect Provision"]),
        (|t| drop(t.effects.remove(0)), &[gates, "the track has no such effect: add Provision or GoLive"]),
        (
            |t| gate(t, "evaluation").confirms_amounts = false,
            &[effects, "after a gate that confirms the amounts", "核定资源量"],
        ),
        (|t| gate(t, "evaluation").when = Some(Applies::Migrated), &[effects, "and always applies"]),
        (|t| effect_after(t, 0, &["plan"]), &[effects, "name it or a later one in the `after` of Provision"]),
        (|t| effect_after(t, 1, &["approval"]), &[effects, "GoLive must come after `provision`", "资源开通之后"]),
        (
            |t| gate(t, "plan").verdicts = vec![Verdict::Return],
            &["gates[2].verdicts", "nobody can pass this gate: add Approve", "请补充"],
        ),
        (
            |t| gate(t, "evaluation").verdicts = vec![Verdict::Sign],
            &["gates[3].verdicts", "confirmed by an Approve or a Confirm: add one"],
        ),
        (|t| gate(t, "plan").verdicts.push(Verdict::Submit), &["gates[2].verdicts", "made at no gate: leave them out"]),
        (
            |t| gate(t, "fulfilment").verdicts.push(Verdict::Reject),
            &["gates[5].verdicts", "it would end the round while the resources stand"],
        ),
        (
            |t| gate(t, "plan").name = "withdrawal".into(),
            &["gates[2].name", "not free as a gate's name: choose another"],
        ),
        (|t| gate(t, "plan").name = "编制方案".into(), &["gates[2].name"]),
        (
            |t| gate(t, "plan").role = "mayor".into(),
            &["spec.tracks", "a role that nobody fills", "name its organizations in spec.roles"],
        ),
        (|t| t.submission.role = "clerk".into(), &["spec.tracks", "the filing of a track", "请在 spec.roles 中填写"]),
        (|t| t.gates = vec![gate(t, "plan").clone(); 17], &[gates, "at most 16 items"]),
        (|t| t.gates.extend(t.gates.get(2).cloned()), &["Duplicate value", "plan"]),
        (|t| gate(t, "plan").due_work_days = Some(0), &["gates[2].dueWorkDays", "greater than or equal to 1"]),
        (|t| gate(t, "plan").quorum = Some(-1), &["gates[2].quorum", "greater than or equal to 1"]),
    ];
    for (shape, words) in table {
        let mut spec = good.clone();
        shape(&mut spec.tracks[0]);
        let refused = policies.create(&dry_run(), &GovernancePolicy::new("t-refused", spec.clone())).await;
        let message = denied(refused).with_context(|| format!("{words:?}"))?;
        // Lengths, patterns and numbers are told by the API server, which knows English alone.
        let own = ["at most", "should match", "Duplicate", "greater"].iter().any(|word| message.contains(word));
        told(&message, words, if own { Says::English } else { Says::Bilingual })?;
        ensure!(own || !check(&spec).is_empty(), "`yunguan check` lets it through: {words:?}");
    }
    let days: &[fn(&mut GovernancePolicySpec)] = &[|p| p.valid_until = p.valid_from.yesterday().unwrap_or_default()];
    for shape in days {
        let mut spec = good.clone();
        shape(&mut spec);
        let message = denied(policies.create(&dry_run(), &GovernancePolicy::new("t-refused", spec)).await)?;
        told(&message, &["validUntil", "correct one of them", "有效期止"], Says::Bilingual)?;
    }
    println!("policies refused when they are made: {}", table.len() + days.len());
    goes_on(world, "t-in-law", "ordinary").await
}

/// What the server refuses, the check refuses; what the check finds beyond, a condition tells.
#[tokio::test]
async fn r41_1_the_servers_rules_and_the_check_agree_on_tracks_made_at_random() -> Result<()> {
    let world = world().await?;
    let (policies, good) = shipped(world).await?;
    let mut runner = TestRunner::deterministic();
    let (mut refused, mut fine, mut beyond) = (0, 0, 0);
    for _ in 0..250 {
        let track = tracks().new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
        let mut spec = good.clone();
        spec.tracks[0].gates = track.gates;
        spec.tracks[0].effects = track.effects;
        let problems = check(&spec);
        match policies.create(&dry_run(), &GovernancePolicy::new("t-random", spec.clone())).await {
            Ok(_) if problems.is_empty() => fine += 1,
            Ok(_) => {
                // Only what takes following a chain of gates may be left to the check.
                let chain = |p: &str| {
                    p.contains("confirms the amounts")
                        || p.contains("GoLive must come")
                        || p.contains("no Return or Reject")
                        || p.contains("confirms the amounts of what is open")
                };
                ensure!(problems.iter().all(|p| chain(&p.message)), "{problems:?} in {:?}", spec.tracks[0].gates);
                beyond += 1;
            }
            answer => {
                let message = denied(answer)?;
                ensure!(!problems.is_empty(), "only the server refuses it: {message}");
                refused += 1;
            }
        }
    }
    println!("random tracks: {refused} refused by both, {fine} fine with both, {beyond} told by a condition");
    ensure!(refused > 50 && fine > 20 && beyond > 10, "{refused} {fine} {beyond}");
    Ok(())
}

/// Tracks that are nearly right: gates mostly wait for earlier ones, one of the first confirms, GoLive comes last.
fn tracks() -> impl Strategy<Value = Track> {
    let seeds = proptest::collection::vec((0..100_usize, 0..100_usize, 0..100_usize), 3..7);
    (seeds, 0..100_usize, 0..100_usize).prop_map(|(seeds, confirms, odd)| {
        let count = seeds.len();
        let provision = 1 + confirms % (count - 1);
        let gates = seeds.iter().enumerate().map(|(n, (first, second, flags))| {
            let after = match first {
                0..3 => Some(format!("g{}", n + first)),
                3 => Some("nowhere".to_owned()),
                4..40 => None,
                first => (n > 0).then(|| format!("g{}", first % n.max(1))),
            };
            let step = match second {
                0 => Some("go-live"),
                1 => Some("provision"),
                second => (n > provision && second % 2 == 0).then_some("provision"),
            };
            let verdicts = match flags {
                0..2 => vec![Verdict::Return],
                2..30 => vec![Verdict::Approve, Verdict::Return],
                _ => vec![Verdict::Approve],
            };
            Gate {
                name: format!("g{n}"),
                role: if *flags == 99 { "mayor" } else { "authority" }.to_owned(),
                after: after.into_iter().chain(step.map(str::to_owned)).collect(),
                verdicts,
                confirms_amounts: n == confirms % (provision + 1),
                when: (flags % 9 == 0).then_some(Applies::Migrated),
                article: "第一条".to_owned(),
                title: yunguan::api::common::Names { zh: "环节".to_owned(), en: None },
                ..Gate::default()
            }
        });
        let effect = |effect, after: Vec<String>| EffectRule { effect, after, article: "第一条".to_owned() };
        let mut live = vec![format!("g{}", count - 1)];
        live.extend((odd % 2 == 0).then(|| "provision".to_owned()));
        let mut effects = vec![effect(Effect::Provision, vec![format!("g{provision}")]), effect(Effect::GoLive, live)];
        if odd > 96 {
            effects.remove(0);
        }
        Track { gates: gates.collect(), effects, ..Track::default() }
    })
}

type Undo = fn(&mut GovernancePolicySpec);

/// Refused when it is made, or said in the condition: in both cases with the field, and `yunguan check` says so too.
#[tokio::test]
async fn r41_1_a_policy_whose_tracks_gates_or_numbers_undo_the_rules_is_refused_or_not_valid() -> Result<()> {
    let world = world().await?;
    let (policies, city) = shipped(world).await?;
    let county = policies.get("guoyang-2025").await?.spec;
    let of_county: &[(&str, Undo, &str)] = &[
        ("level-0", |p| p.scope.max_protection_level.value = 0, "spec.scope.maxProtectionLevel"),
        ("level-99", |p| p.scope.max_protection_level.value = 99, "spec.scope.maxProtectionLevel"),
        ("kept-0", |p| p.retention.old_system_months.value = 0, "spec.retention.oldSystemMonths"),
        ("window-0", |p| changes(p).window_months.value = 0, "spec.changes.windowMonths"),
        ("past", |p| (p.valid_from, p.valid_until) = (date(2020, 1, 1), date(2021, 1, 1)), "spec.validUntil"),
        ("calendar", |p| p.calendar = "mars".into(), "spec.calendar"),
        ("role", |p| p.roles[1].role = "unit".into(), "spec.roles"),
        (
            "paper",
            |p| p.tracks[0].documents[0].when = Some(Applies::Unanswered),
            "documents[ConstructionApproval].when",
        ),
        ("gate", |p| p.tracks[0].gates[2].when = Some(Applies::LongWindow), "gates[test-report].when"),
        ("confirms", |p| confirms_late(&mut p.tracks[0].gates[2]), "confirmsAmounts"),
        ("lapses-1", |p| p.tracks[0].gates[1].lapses = true, "lapses"),
        ("lapses-0", |p| p.tracks[0].gates[0].lapses = true, "lapses"),
        ("lapses-4", |p| p.tracks[0].gates[4].lapses = true, "lapses"),
        ("major", |p| changes(p).tracks.major = "Change".into(), "spec.changes.tracks.major"),
    ];
    let of_city: &[(&str, Undo, &str)] = &[
        ("urgent-0", |p| p.urgent.iter_mut().for_each(|u| u.months.value = 0), "spec.urgent.months"),
        ("urgent-leave", |p| p.urgent.iter_mut().for_each(|u| u.track = "Decommission".into()), "spec.urgent.track"),
        ("minor-leave", |p| changes(p).tracks.minor = "Decommission".into(), "spec.changes.tracks.minor"),
        ("leave", |p| p.leaving.iter_mut().for_each(|l| l.track = "Standard".into()), "spec.leaving.track"),
        ("sanction", |p| measure(p, 0).track = "Standard".into(), "spec.sanctions.measures[Correction,Unit].track"),
        ("provider", |p| measure(p, 4).party = Party::Provider, "spec.sanctions.measures"),
    ];
    let table = of_county.iter().map(|row| (&county, row)).chain(of_city.iter().map(|row| (&city, row)));
    let (mut refused, mut told_later) = (0, 0);
    for (good, (name, shape, field)) in table {
        let mut spec = good.clone();
        spec.family = format!("t-undo-{name}");
        shape(&mut spec);
        let last =
            |text: &str| text.rsplit(['.', '[', ']']).find(|part| !part.is_empty()).unwrap_or_default().to_owned();
        if !["past", "calendar"].contains(name) {
            let problems = check(&spec);
            ensure!(problems.iter().any(|p| p.at.contains(&last(field))), "{name}: {problems:?}");
        }
        let policy = GovernancePolicy::new(&format!("t-undo-{name}"), spec);
        match policies.create(&PostParams::default(), &policy).await {
            Ok(_) => {
                told_later += 1;
                wait_until(&format!("{name} not to be valid"), PATIENCE, async || {
                    let conditions =
                        policies.get(&format!("t-undo-{name}")).await?.status.unwrap_or_default().conditions;
                    let valid = conditions.into_iter().find(|c| c.type_ == "Valid").context("no condition")?;
                    ensure!(
                        valid.status == "False" && valid.message.contains(field),
                        "{}: {}",
                        valid.status,
                        valid.message
                    );
                    Ok(Some(()))
                })
                .await?;
            }
            answer => {
                let message = denied(answer)?;
                ensure!(message.contains(&last(field)), "{name}: {message}");
                refused += 1;
            }
        }
    }
    let mut odd = county.clone();
    odd.family = "../../etc 涡阳\n".into();
    let message = denied(policies.create(&dry_run(), &GovernancePolicy::new("t-undo-family", odd)).await)?;
    ensure!(message.contains("spec.family"), "{message}");
    ensure!(refused >= 9 && told_later >= 8, "{refused} refused when made, {told_later} in the condition");
    println!("policies that undo the rules: {} refused when made, {told_later} told in the condition", refused + 1);
    Ok(())
}

fn changes(policy: &mut GovernancePolicySpec) -> &mut ChangeRules {
    policy.changes.get_or_insert_default()
}

fn measure(policy: &mut GovernancePolicySpec, at: usize) -> &mut MeasureRule {
    &mut policy.sanctions.get_or_insert_default().measures[at]
}

fn confirms_late(gate: &mut Gate) {
    (gate.confirms_amounts, gate.verdicts, gate.reports) = (true, vec![Verdict::Confirm], Vec::new());
    gate.role = "authority".into();
}

#[tokio::test]
async fn r42_1_policies_that_only_the_rules_together_show_to_be_wrong_say_so() -> Result<()> {
    let world = world().await?;
    world.unit("t-in-rule", None).await?;
    let (policies, good) = shipped(world).await?;
    let make = async |name: &str, shape: &dyn Fn(&mut GovernancePolicySpec)| -> Result<()> {
        let mut spec = good.clone();
        spec.family = format!("t-{name}");
        shape(&mut spec);
        policies.create(&PostParams::default(), &GovernancePolicy::new(name, spec)).await?;
        Ok(())
    };
    let says = async |name: &str, type_: &str, status: &str, words: &[&str]| -> Result<()> {
        let message = wait_until(&format!("{type_}={status} of {name}"), PATIENCE, async || {
            let conditions = policies.get(name).await?.status.unwrap_or_default().conditions;
            let found = conditions.into_iter().find(|c| c.type_ == type_).context("no such condition")?;
            ensure!(found.status == status, "{}: {}", found.status, found.message);
            Ok(Some(found.message))
        })
        .await?;
        told(&message, words, Says::Bilingual).with_context(|| name.to_owned())
    };
    make("t-zone", &|p| p.time_zone = "Asia/Bozhou".into()).await?;
    says("t-zone", "Valid", "False", &["spec.timeZone", "such as Asia/Shanghai", "时区名称有误"]).await?;
    // The confirming gate is listed before, and Provision does not wait for it.
    make("t-aside", &|p| {
        after(&mut p.tracks[0], "approval", &["plan"]);
        after(&mut p.tracks[0], "sign-unit", &["evaluation", "trial-report"]);
    })
    .await?;
    let words = ["spec.tracks[Standard].effects", "confirms the amounts", "核定资源量"];
    says("t-aside", "Valid", "False", &words).await?;
    make("t-back", &|p| gate(&mut p.tracks[0], "sign-unit").verdicts.push(Verdict::Reject)).await?;
    says("t-back", "Valid", "False", &["spec.tracks[Standard].gates[sign-unit].verdicts", "leave them out"]).await?;
    make("t-nobody", &|p| p.roles[0].organizations = vec!["bozhou-health".into()]).await?;
    let words = ["spec.roles[authority]: nobody holds this role", "Organization bozhou-health", "spec.members", "登记"];
    says("t-nobody", "Ready", "False", &words).await?;
    make("t-few", &|p| gate(&mut p.tracks[0], "approval").quorum = Some(9)).await?;
    says("t-few", "Ready", "False", &["gate approval needs 9 different people, and this role has 2"]).await?;

    // Two versions on one day: nothing new can be filed, both say so, and what was filed before goes on.
    make("t-first", &|_| {}).await?;
    let lives_by = |spec: &mut yunguan::api::OrganizationSpec| {
        spec.policy_family = "t-t-first".into();
        spec.members.push(members("unit", &["unit@t-in-two"]));
    };
    world.organization("t-in-two", lives_by).await?;
    world.home_ready("t-in-two").await?;
    let case = world.draft("t-in-two", "between", |_| {}).await?;
    case.decide(&case.person(), "submission", Verdict::Submit).await?;
    case.phase(Phase::InReview).await?;
    make("t-second", &|p| p.family = "t-t-first".into()).await?;
    for (name, other) in [("t-first", "t-second"), ("t-second", "t-first")] {
        let words = [other, "spec.validFrom", "must not overlap", "delete one", "有效期不得重叠"];
        says(name, "Valid", "False", &words).await?;
    }
    let late = world.draft("t-in-two", "late", |_| {}).await?;
    let (reason, message) = late.condition("Stalled", "True").await?;
    ensure!(reason == "NoPolicyInForce", "{reason}");
    told(&message, &["t-first and t-second are both in force", "must remove one", "两个版本"], Says::Bilingual)?;
    case.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
    case.decide(AGENCY, "plan", Verdict::Confirm).await?;
    case.phase(Phase::InReview).await?;
    let judged = case.request().await?.status.and_then(|s| s.policy).context("no policy")?;
    ensure!(judged.name == "t-first", "{judged:?}");
    policies.delete("t-second", &DeleteParams::default()).await?;
    says("t-first", "Valid", "True", &["办法可用"]).await?;
    late.phase(Phase::Draft).await?;
    late.drafted("submission", Verdict::Submit).await?;
    // A family by which an organization lives, and none of it is left.
    let organizations: Api<Organization> = Api::all(world.admin().await?);
    let ready = |o: &Organization| {
        o.status.iter().flat_map(|s| &s.conditions).any(|c| c.type_ == "Ready" && c.status == "True")
    };
    eventually(&organizations, "t-in-two", "ready", ready).await?;
    let edit = Patch::Merge(serde_json::json!({"spec": {"houseRules": {"maxAccessDays": 1}}}));
    let message = denied(policies.patch("t-first", &PatchParams::default(), &edit).await)?;
    told(&message, &["cannot be edited", "Create the next version", "请新建下一版本"], Says::Bilingual)?;
    println!("policies that say in a condition what is wrong: 7");
    goes_on(world, "t-in-rule", "ordinary").await
}

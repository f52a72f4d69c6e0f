//! Changes by the plugin: drafted, filed and decided as requests are.

use super::{chinese, done, exits, rows};
use crate::changing::*;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;
use yunguan::api::CloudDomain;
use yunguan::api::cloud_resource_request::Phase;
use yunguan::api::common::Quantity;
use yunguan::api::resource_change::{Change, ChangeGround, ChangePhase, Window};
use yunguan_cluster::wait_until;

async fn json(who: &str, args: &[&str]) -> Result<Value> {
    let text = done(who, &[args, &["-o", "json"]].concat()).await?;
    serde_json::from_str(&text).with_context(|| format!("{args:?}: {text}"))
}

#[tokio::test]
async fn r22_3_the_plugin_walks_a_change_from_draft_to_effect() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-plugin-change", "walked").await?;
    let unit = "unit@t-plugin-change";
    let more = Change { lines: lines(&[("cpu", 22)]), ..Change::default() };
    let change = Changing::of_unit(&case, "more", more).await?;
    // Another one that has the name of a request.
    let twin = Change { lines: lines(&[("memory", 40)]), ..Change::default() };
    Changing::of_unit(&case, "walked", twin).await?;
    let home = "yg-t-plugin-change";
    let twin = exits(2, unit, &["status", "yg-t-plugin-change/walked"]).await?;
    ensure!(twin.contains("change/walked") && twin.contains("request/walked"), "{twin}");
    let twin = json(unit, &["status", "rch/walked", "-n", home]).await?;
    assert_eq!(twin["kind"], "ResourceChange");
    exits(3, unit, &["status", "change/absent", "-n", home]).await?;

    let named = "yg-t-plugin-change/more";
    change.phase(ChangePhase::Draft).await?;
    exits(4, PROVIDER, &["submit", named, "--yes"]).await?;
    done(unit, &["submit", named, "--yes"]).await?;
    done(AGENCY, &["return", named, "--yes", "--comment", "理由不充分"]).await?;
    let why = done(unit, &["explain", named]).await?;
    ensure!(why.contains("理由不充分") && why.contains("kubectl yunguan submit change/more"), "{why}");
    done(unit, &["submit", named, "--yes"]).await?;
    done(unit, &["withdraw", named, "--yes", "--comment", "再改"]).await?;
    change.phase(ChangePhase::Withdrawn).await?;
    done(unit, &["submit", named, "--yes"]).await?;

    let waits = json(AGENCY, &["inbox"]).await?;
    let mine = waits["items"].as_array().context("items")?.iter().find(|i| i["request"] == "more");
    let mine = mine.context("it waits for the agency")?;
    ensure!(mine["kind"] == "ResourceChange" && mine["gate"] == "usage-evidence" && mine["due"].is_string(), "{mine}");
    let page = done(AGENCY, &["status", named]).await?;
    ensure!(page.contains("Use when filed") && page.contains("names no metrics endpoint"), "{page}");
    done(AGENCY, &["approve", named, "--yes", "--comment", "已核对监控截图"]).await?;
    let listed = done(AGENCY, &["inbox"]).await?;
    ensure!(listed.contains("yg-t-plugin-change/change/more"), "{listed}");
    exits(2, AGENCY, &["approve", named, "--yes"]).await?;
    done(AGENCY, &["approve", "yg-t-plugin-change/change/more", "--as-asked", "--yes"]).await?;
    done(AUTHORITY, &["approve", named, "--yes"]).await?;
    change.phase(ChangePhase::InEffect).await?;
    let page = done(unit, &["status", named]).await?;
    for shown in ["16 -> 22", "MinorChange", "Adjustment", "In effect"] {
        ensure!(page.contains(shown), "{shown} is not in {page}");
    }
    let history = done(unit, &["timeline", named]).await?;
    ensure!(history.contains("the change takes effect") && history.contains("Withdraw"), "{history}");
    ensure!(history.contains("usage-evidence") && history.contains("已核对监控截图"), "{history}");
    quota(&case, "requests.cpu", "22").await
}

fn find<'v>(list: &'v Value, key: &str, name: &str) -> Result<&'v Value> {
    let found = list.as_array().into_iter().flatten().find(|item| item[key] == name);
    found.with_context(|| format!("no {key} {name} in {list}"))
}

/// Writes a file that ends with the test.
fn file(text: &str) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    Ok(file)
}

#[tokio::test]
async fn r22_2_a_unit_drafts_a_change_and_what_if_says_what_the_operator_then_says() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-plugin-draft", "drafted").await?;
    let unit = "unit@t-plugin-draft";
    let system = "yg-t-plugin-draft/drafted";
    let wish = ["change", system, "cpu=24", "memory=20", "--ground", "adjustment", "--reason", "业务增长"];
    exits(2, unit, &["change", system, "--ground", "adjustment", "--reason", "x"]).await?;
    exits(2, unit, &["change", system, "cpu=24", "--ground", "whim", "--reason", "x"]).await?;
    exits(2, unit, &[&wish[..], &["--from", "2027-01-01"]].concat()).await?;
    exits(3, unit, &["change", "yg-t-plugin-draft/absent", "cpu=24", "--ground", "adjustment", "--reason", "x"])
        .await?;

    // Only shown: the file foresees what the operator will say, and nothing is there.
    let text = done(unit, &[&wish[..], &["--dry-run"]].concat()).await?;
    let draft = file(&text)?;
    let path = draft.path().display().to_string();
    exits(3, unit, &["status", "yg-t-plugin-draft/change/drafted-change"]).await?;
    let foreseen = json(unit, &["whatif", "-f", &path]).await?;
    ensure!(foreseen["track"]["name"] == "MinorChange" && foreseen["fits"] == true, "{foreseen}");
    let gates: Vec<&str> =
        foreseen["gates"].as_array().into_iter().flatten().filter_map(|g| g["gate"].as_str()).collect();
    assert_eq!(gates, ["usage-evidence", "evaluation", "approval"]);
    assert_eq!(foreseen["evidence"]["finding"], "Unknown");
    exits(3, unit, &["status", "yg-t-plugin-draft/change/drafted-change"]).await?;

    let made = json(unit, &wish).await?;
    assert_eq!(made["metadata"]["name"], "drafted-change");
    assert_eq!(made["spec"]["change"]["unitName"], "测试单位t-plugin-draft");
    let change = Changing { case: &case, name: "drafted-change".to_owned() };
    let status = serde_json::to_value(change.phase(ChangePhase::Draft).await?.status)?;
    for field in ["before", "after", "feeBefore", "feeAfter", "lines"] {
        ensure!(foreseen[field] == status[field], "{field}: {} and {}", foreseen[field], status[field]);
    }
    assert_eq!(foreseen["track"]["name"], status["track"]);
    let again = json(unit, &["whatif", "yg-t-plugin-draft/drafted-change"]).await?;
    assert_eq!(again["after"], foreseen["after"]);

    let named = "yg-t-plugin-draft/drafted-change";
    done(unit, &["submit", named, "--yes"]).await?;
    let waits = json(AGENCY, &["inbox"]).await?;
    assert_eq!(find(&waits["items"], "request", "drafted-change")?["gate"], "usage-evidence");
    done(AGENCY, &["approve", named, "--yes", "--comment", "已核对监控截图"]).await?;
    done(AGENCY, &["approve", named, "--as-asked", "--yes"]).await?;
    done(AUTHORITY, &["approve", named, "--yes"]).await?;
    let status = serde_json::to_value(change.phase(ChangePhase::InEffect).await?.status)?;
    assert_eq!(status["after"], foreseen["after"]);
    let history = done(unit, &["timeline", named]).await?;
    ensure!(history.contains("the change takes effect"), "{history}");
    quota(&case, "requests.cpu", "24").await?;
    let over = exits(4, unit, &["whatif", named]).await?;
    ensure!(over.contains("on record"), "{over}");

    let taken = exits(2, unit, &[&wish[..], &["--name", "drafted-change"]].concat()).await?;
    ensure!(taken.contains("already") && taken.contains("--name"), "{taken}");

    // A major one is foreseen with its papers, and the next draft has a name of its own.
    let wish = ["change", system, "cpu=64", "--ground", "adjustment", "--reason", "业务翻番"];
    let text = done(unit, &wish).await?;
    ensure!(text.contains("MajorChange") && text.contains("drafted-change-2"), "{text}");
    let major = exits(4, unit, &["whatif", "yg-t-plugin-draft/drafted-change-2"]).await?;
    for shown in ["by more than 50 percent", "sign-authority", "ConstructionApproval", "24 -> 64"] {
        ensure!(major.contains(shown), "{shown} is not in {major}");
    }
    Ok(())
}

#[tokio::test]
async fn r22_3_the_plugin_extends_in_time_and_says_the_date_where_it_is_too_late() -> Result<()> {
    let world = world().await?;
    let case = live(world, "t-plugin-longer", "longer").await?;
    let unit = "unit@t-plugin-longer";
    let system = "yg-t-plugin-longer/longer";
    for (name, until) in [("soon", "3d"), ("later", "30d")] {
        let wish = ["change", system, "cpu=20", "--ground", "foreseeable-peak", "--reason", "高峰"];
        let made = done(unit, &[&wish[..], &["--until", until, "--name", name]].concat()).await?;
        ensure!(made.contains("TemporaryExpansion") && made.contains("16 -> 20"), "{made}");
        let named = format!("yg-t-plugin-longer/{name}");
        done(unit, &["submit", &named, "--yes"]).await?;
        done(AGENCY, &["approve", &named, "--as-asked", "--yes"]).await?;
        done(AUTHORITY, &["approve", &named, "--yes"]).await?;
        Changing { case: &case, name: name.to_owned() }.phase(ChangePhase::InEffect).await?;
    }
    // A line that is not there is nobody's to change: nothing is drafted.
    let nope = ["change", system, "nope=20", "--ground", "adjustment", "--reason", "x"];
    let refused = exits(4, unit, &nope).await?;
    ensure!(refused.contains("no line nope") && refused.contains("--item nope=ITEM"), "{refused}");
    exits(3, unit, &["status", "yg-t-plugin-longer/change/longer-change"]).await?;

    let extend = ["--until", "40d", "--reason", "高峰未过"];
    let late = exits(4, unit, &[&["extend", "yg-t-plugin-longer/soon"], &extend[..]].concat()).await?;
    ensure!(late.contains("would have been in time") && late.contains("nothing was drafted"), "{late}");
    exits(3, unit, &["status", "yg-t-plugin-longer/change/soon-longer"]).await?;
    let page = done(unit, &["status", "yg-t-plugin-longer/later"]).await?;
    ensure!(page.contains("Extend by"), "{page}");
    done(unit, &[&["extend", "yg-t-plugin-longer/change/later"], &extend[..]].concat()).await?;
    let longer = Changing { case: &case, name: "later-longer".to_owned() };
    let status = longer.phase(ChangePhase::Draft).await?.status.unwrap_or_default();
    assert_eq!(status.track.as_deref(), Some("Extension"));

    // The provider's emergency, and the unit's word on it.
    let wish = ["emergency", system, "cpu=32", "--reason", "出现瓶颈", "--name", "bottleneck"];
    exits(4, AUTHORITY, &wish).await?;
    let made = done(PROVIDER, &wish).await?;
    ensure!(made.contains("EmergencyExpansion") && made.contains("until the authority has decided"), "{made}");
    let named = "yg-t-plugin-longer/bottleneck";
    done(PROVIDER, &["submit", named, "--yes"]).await?;
    done(AGENCY, &["approve", named, "--as-asked", "--yes"]).await?;
    done(unit, &["approve", named, "--yes"]).await?;
    let why = {
        Changing { case: &case, name: "bottleneck".to_owned() }.says("Settled", "AnnexMissing").await?;
        done(unit, &["explain", named]).await?
    };
    ensure!(why.contains("AnnexMissing"), "{why}");
    Ok(())
}

#[tokio::test]
async fn r26_2_the_plugin_draws_the_coming_months_and_says_from_when_a_domain_is_full() -> Result<()> {
    let world = world().await?;
    let admin = world.admin().await?;
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut spec = domains.get("bozhou-main").await?.spec;
    for resource in ["requests.cpu", "limits.cpu"] {
        spec.capacity.insert(resource.into(), Quantity("60".into()));
    }
    spec.overcommit_percent.clear();
    domains.create(&PostParams::default(), &CloudDomain::new("t-months", spec)).await?;
    products_for(&admin, "t-months").await?;
    world.unit("t-plugin-months", None).await?;
    let case = world.draft("t-plugin-months", "months", |spec| spec.application.domain = "t-months".into()).await?;
    case.to_live().await?;
    let ground = ChangeGround::ForeseeablePeak;
    let window = Some(Window { from: in_seconds(40 * 86400), until: in_seconds(60 * 86400) });
    let peak = Change { ground, lines: lines(&[("cpu", 40)]), window, ..Change::default() };
    let peak = Changing::of_unit(&case, "peak", peak).await?;
    peak.approved().await?;
    peak.phase(ChangePhase::Scheduled).await?;

    world.unit("t-plugin-city", None).await?;
    world.draft("t-plugin-city", "elsewhere", |_| {}).await?.to_trial().await?;
    // The unit may read all that is in this domain, its own system; and not all that is in the city's.
    let unit = "unit@t-plugin-months";
    let drawn = wait_until("the window to be counted", PATIENCE, async || {
        let drawn = json(unit, &["capacity", "t-months", "--months", "4"]).await?;
        let cpu = find(&drawn["items"][0]["resources"], "name", "requests.cpu")?.clone();
        Ok((cpu["peak"] == "40").then_some(drawn))
    })
    .await?;
    assert_eq!(drawn["items"][0]["complete"], true);
    let cpu = find(&drawn["items"][0]["resources"], "name", "requests.cpu")?;
    ensure!(cpu["granted"] == "16" && cpu["free"] == "44" && cpu["grantable"] == "60", "{cpu}");
    let months = cpu["months"].as_array().context("months")?;
    assert_eq!(months.len(), 4);
    ensure!(months[0]["granted"] == "16" && months.iter().any(|m| m["granted"] == "40"), "{cpu}");
    let page = done(unit, &["capacity", "t-months"]).await?;
    ensure!(page.contains("requests.cpu / 60") && page.contains("####"), "{page}");
    // The domain counts its systems some seconds later.
    wait_until("the city's domain to count its systems", PATIENCE, async || {
        let city = done(unit, &["capacity"]).await?;
        ensure!(city.contains("DOMAIN  bozhou-main") && city.contains("you may not read every system"), "{city}");
        Ok(Some(()))
    })
    .await?;
    exits(3, unit, &["capacity", "nowhere"]).await?;
    let page = chinese(unit, &["capacity", "t-months"]).await?;
    ensure!(rows(&page, "资源")? > 0, "{page}");

    // Another peak of 24 more is too much while the first one lasts, and not before.
    let system = "yg-t-plugin-months/months";
    let wish = ["change", system, "cpu=40", "--ground", "foreseeable-peak", "--reason", "高峰", "--name", "second"];
    done(unit, &[&wish[..], &["--until", "50d"]].concat()).await?;
    let short = json_whatever(unit, &["whatif", "yg-t-plugin-months/second"]).await?;
    assert_eq!(short["fits"], false);
    let message = find(&short["problems"], "reason", "Short")?["message"].as_str().unwrap_or_default();
    ensure!(message.starts_with("from ") && message.contains("24 wanted, 20 free"), "{message}");
    let page = super::plugin_in("zh_CN.UTF-8", unit, &["whatif", "yg-t-plugin-months/second"]).await?.stdout;
    for header in ["环节", "资源", "行"] {
        ensure!(rows(&page, header)? > 0, "{header}: {page}");
    }
    Ok(())
}

#[tokio::test]
async fn r24_1_an_urgent_grant_is_shown_with_its_end_and_extended_by_the_name_of_its_request() -> Result<()> {
    let world = world().await?;
    world.unit("t-plugin-flood", None).await?;
    let case = urgent_draft(world, "t-plugin-flood", "flood", "bozhou-main").await?;
    let unit = "unit@t-plugin-flood";
    let named = "yg-t-plugin-flood/flood";
    done(unit, &["submit", named, "--yes"]).await?;
    done(AGENCY, &["approve", named, "--as-asked", "--yes"]).await?;
    done(AUTHORITY, &["approve", named, "--yes"]).await?;
    case.phase(Phase::Trial).await?;
    let page = done(unit, &["status", named]).await?;
    ensure!(page.contains("Until:"), "{page}");
    let history = done(unit, &["timeline", named]).await?;
    ensure!(history.contains("namespace opened"), "{history}");
    // Nothing changes for good under it, and it can last longer.
    let wish = ["change", named, "cpu=24", "--ground", "adjustment", "--reason", "x"];
    let refused = done(unit, &wish).await?;
    ensure!(refused.contains("UrgentSystem") && refused.contains("systemRef"), "{refused}");
    let made = json(unit, &["extend", named, "--until", "300d", "--reason", "汛期延长"]).await?;
    assert_eq!(made["metadata"]["name"], "flood-longer");
    assert_eq!(made["spec"]["change"]["extend"]["change"], "flood");
    Ok(())
}

/// As [`json`], of a command that ends with 4.
async fn json_whatever(who: &str, args: &[&str]) -> Result<Value> {
    let output = super::plugin(who, &[args, &["-o", "json"]].concat()).await?;
    ensure!(output.status == 4, "{}{}", output.stdout, output.stderr);
    Ok(serde_json::from_str(&output.stdout)?)
}

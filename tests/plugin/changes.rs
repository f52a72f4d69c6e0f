//! Changes by the plugin: drafted, filed and decided as requests are.

use super::{done, exits};
use crate::changing::*;
use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use yunguan::api::resource_change::{Change, ChangePhase};

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
    ensure!(mine["kind"] == "ResourceChange" && mine["gate"] == "evaluation" && mine["due"].is_string(), "{mine}");
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
    quota(&case, "requests.cpu", "22").await
}

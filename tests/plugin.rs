//! The plugin as people use it: kubectl finds it on PATH, everybody has an own kubeconfig, scripts read exit codes.

use crate::world::*;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::Path;
use unicode_width::UnicodeWidthStr as _;
use yunguan::api::cloud_resource_request::Phase;
use yunguan_cluster::{Output, Person};

/// Runs `kubectl yunguan` as a person, in English.
async fn plugin(who: &str, args: &[&str]) -> Result<Output> {
    plugin_in("C.UTF-8", who, args).await
}

async fn plugin_in(locale: &str, who: &str, args: &[&str]) -> Result<Output> {
    let world = world().await?;
    let folder = Path::new(env!("CARGO_BIN_EXE_kubectl-yunguan")).parent().context("a folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = world.cluster.kubectl_command(&Person::new(who))?;
    command
        .arg("yunguan")
        .args(args)
        .env("PATH", path)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", locale);
    yunguan_cluster::output(command, "").await
}

async fn done(who: &str, args: &[&str]) -> Result<String> {
    let output = plugin(who, args).await?;
    ensure!(output.status == 0, "{who}: {args:?}: {}\n{}{}", output.status, output.stdout, output.stderr);
    Ok(output.stdout)
}

async fn exits(code: i32, who: &str, args: &[&str]) -> Result<String> {
    let output = plugin(who, args).await?;
    ensure!(output.status == code, "{who}: {args:?}: {}\n{}{}", output.status, output.stdout, output.stderr);
    Ok(output.stdout + &output.stderr)
}

#[tokio::test]
async fn r15_1_the_plugin_walks_a_request_from_draft_to_live() -> Result<()> {
    let world = world().await?;
    world.unit("t-plugin", None).await?;
    let unit = "unit@t-plugin";
    let case = world.draft("t-plugin", "walked", |_| {}).await?;
    case.phase(Phase::Draft).await?;
    let named = "yg-t-plugin/walked";
    // Nobody else files it, and a wrong word is told before anything happens.
    exits(4, PROVIDER, &["submit", named, "--yes"]).await?;
    exits(2, unit, &["submit"]).await?;
    exits(3, unit, &["status", "yg-t-plugin/absent"]).await?;
    done(unit, &["submit", named, "--yes"]).await?;
    ensure!(done(unit, &["submit", named, "--yes", "-o", "json"]).await.is_err(), "it is filed already");

    // Returned with the reason, which everybody reads, and filed again.
    exits(2, AUTHORITY, &["return", named, "--yes"]).await?;
    done(AUTHORITY, &["return", named, "--yes", "--comment", "附件不清晰"]).await?;
    let why = done(unit, &["explain", named]).await?;
    ensure!(why.contains("附件不清晰") && why.contains("submit"), "{why}");
    done(unit, &["submit", named, "--yes"]).await?;

    // What waits for whom: with rights in homes only, never in the whole cluster.
    let waits: Value = serde_json::from_str(&done(AUTHORITY, &["inbox", "-o", "json"]).await?)?;
    let items = waits["items"].as_array().context("items")?;
    ensure!(items.iter().any(|i| i["request"] == "walked" && i["gate"] == "completeness"), "{waits}");
    done(AUTHORITY, &["approve", named, "--gate", "completeness", "--yes"]).await?;
    done(AGENCY, &["confirm", named, "--gate", "plan", "--yes"]).await?;
    exits(2, AGENCY, &["approve", named, "--gate", "evaluation", "--yes"]).await?;
    done(AGENCY, &["approve", named, "--gate", "evaluation", "--as-asked", "--grant", "cpu=12", "--yes"]).await?;
    exits(4, AUTHORITY, &["approve", named, "--gate", "approval", "--digest", "00000000", "--yes"]).await?;
    done(AUTHORITY, &["approve", named, "--gate", "approval", "--yes"]).await?;
    case.phase(Phase::Trial).await?;
    let status: Value = serde_json::from_str(&done(unit, &["status", named, "-o", "json"]).await?)?;
    assert_eq!(status["status"]["amounts"]["requests.cpu"], "12");
    let digest = format!("sha256:{},https://example.org/report", "a".repeat(64));
    for report in ["TrialReport", "SecurityReport"] {
        let report = format!("{report}={digest}");
        done(unit, &["file", named, "--report", &report, "--result", "Passed", "--yes"]).await?;
    }
    for signer in [unit, PROVIDER, AUTHORITY] {
        done(signer, &["sign", named, "--yes"]).await?;
    }
    case.phase(Phase::Live).await?;
    let history = done(unit, &["timeline", named]).await?;
    ensure!(history.contains("charging starts") && history.contains("Return"), "{history}");
    Ok(())
}

#[tokio::test]
async fn r16_1_the_plugin_suggests_lets_in_and_speaks_chinese() -> Result<()> {
    let world = world().await?;
    world.unit("t-talk", None).await?;
    let unit = "unit@t-talk";
    let case = world.draft("t-talk", "talk", |_| {}).await?;
    case.to_trial().await?;
    let named = "yg-t-talk/talk";
    let near = done(unit, &["catalog", "suggest", "database", "--function", "postgresql"]).await?;
    ensure!(near.contains("db-postgresql"), "{near}");
    exits(3, unit, &["catalog", "suggest", "teleporter"]).await?;
    let who = done(unit, &["whoami"]).await?;
    ensure!(who.contains("unit@t-talk") && who.contains("yg-t-talk"), "{who}");
    let let_in = ["authorize", named, "--user", "vendor", "--until", "2h", "--purpose", "升级", "--yes"];
    done(unit, &let_in).await?;
    done(unit, &["revoke", named, "--user", "vendor", "--yes"]).await?;

    for (locale, args) in
        [("zh_CN.UTF-8", vec!["timeline", named]), ("C.UTF-8", vec!["timeline", named, "--lang", "zh"])]
    {
        let output = plugin_in(locale, unit, &args).await?;
        let lines: Vec<&str> = output.stdout.lines().collect();
        ensure!(lines.first().is_some_and(|head| head.contains("时间")), "{}", output.stdout);
        // The digest, in the same column of every line, whatever stands before it.
        let places: std::collections::BTreeSet<usize> = lines
            .iter()
            .skip(1)
            .filter_map(|line| {
                let digest =
                    line.split_whitespace().find(|w| w.len() == 12 && w.bytes().all(|b| b.is_ascii_hexdigit()))?;
                line.find(digest).map(|at| line[..at].width())
            })
            .collect();
        assert_eq!(places.len(), 1, "{}", output.stdout);
    }
    Ok(())
}

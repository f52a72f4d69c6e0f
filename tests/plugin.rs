//! The plugin as people use it: kubectl finds it on PATH, everybody has an own kubeconfig, scripts read exit codes.

mod acts;
mod changes;
mod rules;

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

pub async fn done(who: &str, args: &[&str]) -> Result<String> {
    let output = plugin(who, args).await?;
    ensure!(output.status == 0, "{who}: {args:?}: {}\n{}{}", output.status, output.stdout, output.stderr);
    Ok(output.stdout)
}

pub async fn exits(code: i32, who: &str, args: &[&str]) -> Result<String> {
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
    let again: Value = serde_json::from_str(&done(unit, &["submit", named, "--yes", "-o", "json"]).await?)?;
    ensure!(again["outcome"] == "alreadyDecided", "filed twice, it is filed once: {again}");

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
    let nobody = ["authorize", named, "--user", "system:x", "--until", "2h", "--purpose", "升级", "--yes"];
    ensure!(exits(2, unit, &nobody).await?.contains("system:x: names that begin with system:"));

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

async fn chinese(who: &str, args: &[&str]) -> Result<String> {
    let output = plugin_in("zh_CN.UTF-8", who, args).await?;
    ensure!(output.status == 0, "{who}: {args:?}: {}\n{}{}", output.status, output.stdout, output.stderr);
    Ok(output.stdout)
}

/// Where the columns of a line begin, by the width of a terminal. They stand two blanks apart or more.
fn columns(line: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut blanks = 2;
    for (at, letter) in line.char_indices() {
        if letter == ' ' {
            blanks += 1;
        } else {
            if blanks >= 2 {
                starts.push(line[..at].width());
            }
            blanks = 0;
        }
    }
    starts
}

/// The rows under the header that begins with this word; each has its columns where the header has them.
fn rows(text: &str, header: &str) -> Result<usize> {
    let mut lines = text.lines().skip_while(|line| line.split("  ").next() != Some(header));
    let head = columns(lines.next().with_context(|| format!("no table {header} in {text}"))?);
    ensure!(head.len() >= 2, "{head:?}");
    let mut found = 0;
    for line in lines.take_while(|line| columns(line).len() > 1) {
        ensure!(columns(line) == head, "{line} does not line up with {head:?} in\n{text}");
        found += 1;
    }
    Ok(found)
}

#[tokio::test]
async fn r15_1_every_table_lines_up_and_every_result_can_be_read_by_a_script() -> Result<()> {
    let world = world().await?;
    world.unit("t-print", None).await?;
    let unit = "unit@t-print";
    let case = world.draft("t-print", "printed", |_| {}).await?;
    case.phase(Phase::Draft).await?;
    let named = "yg-t-print/printed";
    let json = async |who: &str, args: &[&str]| -> Result<Value> {
        let text = done(who, &[args, &["-o", "json"]].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("{args:?}: {text}"))
    };

    // Shown, and not made; then made, and said to count; made again, and said to be there.
    let shown = json(unit, &["submit", named, "--dry-run"]).await?;
    ensure!(shown.to_string().contains("Submit"), "{shown}");
    ensure!(case.request().await?.status.is_some_and(|s| s.submission.is_none()), "only shown");
    let made = json(unit, &["submit", named, "--yes"]).await?;
    ensure!(made["outcome"] == "counts" && made["gate"] == "submission" && made["verdict"] == "Submit", "{made}");
    let approve = ["approve", named, "--gate", "completeness", "--yes"];
    let made = json(AUTHORITY, &approve).await?;
    ensure!(made["outcome"] == "counts" && made["digest"].as_str().is_some_and(|d| d.len() == 64), "{made}");
    done(AGENCY, &["confirm", named, "--gate", "plan", "--yes"]).await?;
    let evaluate = ["approve", named, "--gate", "evaluation", "--as-asked", "--yes"];
    json(AGENCY, &evaluate).await?;

    // Who may read some homes and not all of the cluster finds there what waits.
    let everywhere = world.cluster.kubectl(&Person::new(AUTHORITY), &["get", "crr", "-A"]).await?;
    ensure!(everywhere.status != 0 && everywhere.stderr.contains("Forbidden"), "{}", everywhere.stderr);
    let waits = json(AUTHORITY, &["inbox"]).await?;
    let mine = waits["items"].as_array().context("items")?.iter().find(|i| i["request"] == "printed");
    let mine = mine.context("it waits for the authority")?;
    ensure!(mine["gate"] == "approval" && mine["overdue"] == false && mine["due"].is_string(), "{mine}");
    let nothing = exits(3, "nobody@nowhere", &["inbox", "--exit-code"]).await?;
    ensure!(nothing.contains("Nothing waits for you"), "{nothing}");
    exits(0, "nobody@nowhere", &["inbox"]).await?;

    for (who, args, kind) in [
        (unit, &["status", named][..], "kind"),
        (unit, &["timeline", named], "items"),
        (unit, &["explain", named], "phase"),
        (unit, &["whoami"], "roles"),
        (unit, &["catalog", "suggest", "服务器", "--size", "cores=8"], "items"),
    ] {
        let read = json(who, args).await?;
        ensure!(!read[kind].is_null(), "{args:?} has no {kind}: {read}");
        let yaml = done(who, &[args, &["-o", "yaml"]].concat()).await?;
        ensure!(serde_saphyr::from_str::<Value>(&yaml)? == read, "{args:?}: yaml and json differ: {yaml}");
    }

    // Chinese by locale and by flag; every table in columns, Chinese and Latin letters mixed.
    let mut read = 0;
    for (who, args, header) in [
        (AUTHORITY, &["inbox"][..], "到期日"),
        (AUTHORITY, &["inbox", "-o", "wide"], "到期日"),
        (unit, &["status", named], "环节"),
        (unit, &["status", named], "行"),
        (unit, &["timeline", named], "时间"),
        (unit, &["timeline", named, "-o", "wide"], "时间"),
        (AUTHORITY, &["explain", named], "环节"),
        (unit, &["whoami"], "命名空间"),
        (unit, &["catalog", "suggest", "云服务器", "--function", "server"], "目录项"),
    ] {
        let text = chinese(who, args).await?;
        let there = rows(&text, header).with_context(|| format!("{args:?}"))?;
        ensure!(there > 0, "{args:?}: an empty table in {text}");
        ensure!(
            done(who, &[args, &["--lang", "zh"]].concat()).await?.contains(header),
            "{args:?}: the flag as the locale"
        );
        read += there;
    }
    println!("rows of tables that line up: {read}");
    Ok(())
}

#[tokio::test]
async fn r7_1_what_a_rule_refuses_ends_with_4_and_says_why_in_the_readers_language() -> Result<()> {
    let world = world().await?;
    world.organization("t-no", |spec| spec.members.push(members("unit", &["unit@t-no", AUTHORITY_2]))).await?;
    world.home_ready("t-no").await?;
    let case = world.draft("t-no", "no", |_| {}).await?;
    case.phase(Phase::Draft).await?;
    let named = "yg-t-no/no";
    let told = async |code: i32, who: &str, args: &[&str], words: &[&str]| -> Result<()> {
        let output = plugin_in("zh_CN.UTF-8", who, args).await?;
        let all = format!("{}{}", output.stdout, output.stderr);
        ensure!(output.status == code, "{who}: {args:?}: {}\n{all}", output.status);
        let missing = words.iter().find(|word| !all.contains(**word));
        ensure!(missing.is_none(), "{args:?}: {missing:?} is not in {all}");
        Ok(())
    };
    let wrong = ["错误：", "下一步："];
    let with = |words: &[&'static str]| [&wrong[..], words].concat();
    // 1: no way to the cluster.
    told(1, "unit@t-no", &["inbox", "--kubeconfig", "/nowhere"], &wrong).await?;
    // 2: the command line.
    told(2, "unit@t-no", &["approve", named, "--grant", "cpu=many"], &["错误："]).await?;
    told(2, "unit@t-no", &["dance"], &["错误："]).await?;
    told(2, "unit@t-no", &["status", "a/b/c"], &["命名空间/名称"]).await?;
    // 3: nothing there.
    told(3, "unit@t-no", &["explain", "yg-t-no/ghost"], &wrong).await?;
    told(3, "unit@t-no", &["catalog", "suggest", "量子计算机"], &with(&["没有相近的服务"])).await?;
    // 4: a rule. Another's role, a gate that is not open, a home that is not one's own, a filing that is not there.
    told(4, AUTHORITY, &["approve", named, "--yes"], &with(&["kubectl yunguan explain"])).await?;
    told(4, "unit@t-no", &["withdraw", named, "--yes"], &with(&["没有可以撤回的提交"])).await?;
    told(4, "nobody@nowhere", &["status", named], &wrong).await?;
    told(0, AUTHORITY_2, &["submit", named, "--yes"], &["办理有效"]).await?;
    told(2, AUTHORITY, &["return", named, "--yes"], &with(&["须说明理由", "--comment"])).await?;
    told(4, PROVIDER, &["approve", named, "--yes"], &with(&["云主管部门"])).await?;
    told(4, AUTHORITY, &["approve", named, "--gate", "approval", "--yes"], &with(&["approval 未开启"])).await?;
    // The API server would let it be made, since the person holds both roles; the operator would not count it.
    let approve = ["approve", named, "--gate", "completeness", "--yes"];
    told(4, AUTHORITY_2, &approve, &with(&["未作办理", "一人不得兼任两个角色"])).await?;
    let there: Value = serde_json::from_str(&done("unit@t-no", &["timeline", named, "-o", "json"]).await?)?;
    assert_eq!(there["items"].as_array().map(Vec::len), Some(1), "what would be void is not made: {there}");
    told(0, AUTHORITY, &approve, &["办理有效", "下一步等待"]).await?;
    told(0, AUTHORITY, &["explain", named], &["原因", "由谁办理", "后续环节"]).await?;
    // Taken back and filed again.
    told(0, "unit@t-no", &["withdraw", named, "--yes", "--comment", "误填"], &["办理有效"]).await?;
    case.phase(Phase::Withdrawn).await?;
    told(0, "unit@t-no", &["submit", named, "--yes"], &["办理有效"]).await?;
    case.phase(Phase::InReview).await?;
    // Help is in Chinese too, and a question without a terminal is no consent.
    told(0, "unit@t-no", &["--help"], &["用法"]).await?;
    told(2, AUTHORITY, &approve[..4], &["--yes"]).await?;
    Ok(())
}

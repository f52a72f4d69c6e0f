//! The recorded rules and alerts: promtool judges them, and nothing in them is untested or undocumented.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use yunguan_cluster::{output, programs};

use super::{kustomized, markdown};
use crate::support::{repository, succeeded};

const SOURCES: [&str; 2] = ["usage", "alerts"];

fn source(name: &str) -> PathBuf {
    repository(&format!("config/prometheus/{name}.yaml")).into()
}

fn cases() -> Result<Vec<PathBuf>> {
    markdown::files_below(repository("config/prometheus/tests").as_ref(), "yaml")
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| path.display().to_string())
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    value[field].as_array().into_iter().flatten()
}

/// The names of what is recorded, or of alerts.
fn names(field: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for file in SOURCES {
        let rules = read(&source(file))?;
        let named = list(&rules, "groups").flat_map(|group| list(group, "rules")).filter_map(|r| r[field].as_str());
        found.extend(named.map(str::to_owned));
    }
    Ok(found)
}

async fn promtool(args: &[&str], files: &[PathBuf]) -> Result<String> {
    let [promtool] = programs::paths(["promtool"]).await?;
    let mut command = Command::new(promtool);
    command.args(args).args(files).kill_on_drop(true);
    succeeded(output(command, "").await?)
}

#[tokio::test]
async fn r26_2_r26_5_r26_6_recorded_rules_and_alerts_stand_all_their_cases() -> Result<()> {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &SOURCES.map(source)).await?;
    let files = cases()?;
    promtool(&["test", "rules"], &files).await?;
    let (mut histories, mut questions) = (0, 0);
    for file in &files {
        let file = read(file)?;
        for test in list(&file, "tests") {
            histories += 1;
            questions += list(test, "promql_expr_test").count() + list(test, "alert_rule_test").count();
        }
    }
    let (series, alerts) = (names("record")?.len(), names("alert")?.len());
    println!("promtool: {series} recorded series and {alerts} alerts, {questions} answers over {histories} histories");
    ensure!(questions > 100, "where are the cases?");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_found_by_promtool() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = std::fs::read_to_string(source("usage"))?;
    let wrong = rules.replace("vector(0.80)", "vector(0.85)");
    ensure!(wrong != rules, "where is the threshold?");
    std::fs::write(folder.path().join("usage.yaml"), wrong)?;
    std::fs::create_dir(folder.path().join("tests"))?;
    let peaks = folder.path().join("tests/peaks.yaml");
    std::fs::copy(repository("config/prometheus/tests/peaks.yaml"), &peaks)?;
    let answer = promtool(&["test", "rules"], &[peaks]).await;
    ensure!(answer.is_err(), "a peak at 81% counts, and was not missed");
    Ok(())
}

#[tokio::test]
async fn the_prometheus_operators_objects_hold_the_same_rules() -> Result<()> {
    let objects = kustomized(repository("config/prometheus/objects").as_ref()).await?;
    assert_eq!(objects.len(), SOURCES.len());
    for name in SOURCES {
        let object = &objects[&format!("PrometheusRule yunguan-system/yunguan-{name}")];
        // Both by one reader of YAML.
        let object_file = read(repository(&format!("config/prometheus/objects/{name}.yaml")).as_ref())?;
        assert_eq!(object_file["spec"]["groups"], read(&source(name))?["groups"], "{name}: run make rules");
        assert_eq!(super::lost(&object_file["spec"], &object["spec"]), Vec::<String>::new(), "{name}");
    }
    Ok(())
}

#[test]
fn every_recorded_series_and_alert_is_asked_for_by_a_case_and_every_series_is_documented() -> Result<()> {
    let mut asked = String::new();
    for file in cases()? {
        for test in list(&read(&file)?, "tests") {
            for question in list(test, "promql_expr_test") {
                asked.push_str(&question["expr"].to_string());
                asked.push_str(&question["exp_samples"].to_string());
            }
        }
    }
    // A name ends where no letter, digit or colon follows.
    let holds = |text: &str, name: &str| {
        let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || "_:".contains(c));
        text.match_indices(name).any(|(at, _)| !goes_on(&text[at + name.len()..]))
    };
    let documents = ["docs/usage.md", "docs/usage.zh.md"].map(|path| std::fs::read_to_string(repository(path)));
    let mut problems = Vec::new();
    for name in names("record")?.iter().chain(&names("alert")?) {
        if !holds(&asked, name) {
            problems.push(format!("no case asks for {name}"));
        }
        for text in documents.iter().flatten().filter(|text| !holds(text, name)) {
            problems.push(format!("{name} is not in {}", text.lines().next().unwrap_or_default()));
        }
    }
    ensure!(documents.iter().all(Result::is_ok) && problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// The dashboard shows what there is: every series in it is recorded by our rules or told by the operator, Prometheus can
/// read every expression, and Grafana can tell its panels apart.
#[tokio::test]
async fn r27_1_the_dashboard_shows_what_is_recorded_or_told_and_nothing_else() -> Result<()> {
    let text = std::fs::read_to_string(repository("config/grafana/yunguan.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels: Vec<&Value> = list(&dashboard, "panels").collect();
    let ids: BTreeSet<i64> = panels.iter().filter_map(|panel| panel["id"].as_i64()).collect();
    ensure!(ids.len() == panels.len(), "two panels have one id");
    let targets: Vec<&Value> = panels.iter().flat_map(|panel| list(panel, "targets")).collect();
    ensure!(targets.iter().all(|target| target["datasource"]["uid"] == "${datasource}"), "a panel asks another source");
    let expressions: Vec<String> =
        targets.iter().filter_map(|target| Some(target["expr"].as_str()?.replace("$namespace", ".*"))).collect();
    ensure!(expressions.len() == targets.len() && expressions.len() > 20, "{expressions:?}");

    let recorded = names("record")?;
    let operator = include_str!("../../src/runtime/metrics.rs");
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = expressions.iter().flat_map(|e| e.split(|c| !name(c))).filter(|word| word.starts_with("yunguan"));
    let mut shown = BTreeSet::new();
    for word in words {
        let told = operator.contains(&format!("\"{}\"", word.trim_end_matches("_bucket")));
        ensure!(recorded.contains(word) || told, "{word} is neither recorded nor told by the operator");
        shown.insert(word);
    }

    let rule = |(n, expr): (usize, &String)| serde_json::json!({"record": format!("panel:{n}"), "expr": expr});
    let rules: Vec<Value> = expressions.iter().enumerate().map(rule).collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("panels.yaml");
    let groups = serde_json::json!({"groups": [{"name": "panels", "rules": rules}]});
    std::fs::write(&file, groups.to_string())?;
    promtool(&["check", "rules"], &[file]).await?;

    let objects = kustomized(repository("config/grafana").as_ref()).await?;
    let map = objects.values().find(|object| object["kind"] == "ConfigMap").context("no ConfigMap")?;
    ensure!(map["metadata"]["labels"]["grafana_dashboard"] == "1" && map["data"]["yunguan.json"] == text);
    println!("dashboard: {} panels, {} series", panels.len(), shown.len());
    Ok(())
}

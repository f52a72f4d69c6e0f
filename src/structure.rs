//! What the tree itself must satisfy.

use crate::api;
use kube::ResourceExt as _;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(folder)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_crds_in_the_tree_are_those_of_the_types() {
    for definition in api::definitions() {
        let name = definition.name_any();
        let (plural, group) = name.split_once('.').unwrap();
        let path = root().join(format!("crds/{group}_{plural}.yaml"));
        let there = std::fs::read_to_string(&path).unwrap();
        let made = crate::check::definition_yaml(&definition).unwrap();
        assert!(there == made, "{} is not up to date: run `make crds`", path.display());
    }
}

/// What the documentation exports before an uninstall, and shows as a whole, is every kind.
#[test]
fn every_kind_is_in_one_of_two_categories() {
    for definition in api::definitions() {
        let categories = definition.spec.names.categories.unwrap_or_default();
        let known = ["yunguan", "yunguan-catalog"].iter().any(|known| categories == [*known]);
        assert!(known, "{}: {categories:?}", definition.spec.names.kind);
    }
    let install = std::fs::read_to_string(root().join("docs/install.md")).unwrap();
    assert!(install.contains("kubectl get yunguan,yunguan-catalog -A -o yaml"));
}

/// Rules are pure: the same facts give the same answer, today and in a trial ten years from now.
#[test]
fn the_core_knows_no_client_no_clock_and_no_chance() {
    let forbidden = [
        "kube::",
        "tokio::",
        "hyper::",
        "std::net",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "rand::",
        "RandomState",
        "std::env",
    ];
    let mut read = 0;
    for path in ["src/core", "src/build"].into_iter().flat_map(sources) {
        let text = std::fs::read_to_string(&path).unwrap();
        // What tests need besides stands after this line.
        let rules = text.split("#[cfg(test)]").next().unwrap();
        let is_test = path.ends_with("fixtures.rs") || path.components().any(|c| c.as_os_str() == "tests");
        for word in forbidden.into_iter().filter(|_| !is_test && !path.ends_with("tests.rs")) {
            assert!(!rules.contains(word), "{} mentions {word}", path.display());
        }
        read += 1;
    }
    assert!(read > 20, "{read} files");
}

/// A test shifts the clock, and nothing may go by another one. The lease is a matter between machines.
#[test]
fn the_operator_asks_one_clock() {
    let mut asked = 0;
    for path in ["src/controllers", "src/runtime", "src/operator.rs"].into_iter().flat_map(sources) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let own = path.ends_with("runtime/clock.rs") || path.ends_with("runtime/lease.rs");
        for word in ["Timestamp::now", "Zoned::now", "SystemTime"].into_iter().filter(|_| !own) {
            assert!(!code.contains(word), "{} mentions {word}: ask runtime::clock", path.display());
        }
        asked += code.matches("clock::now()").count();
    }
    assert!(asked > 10, "{asked} places");
}

/// Every kind explains each of its fields, with the Chinese term where the measures have one.
#[test]
fn every_field_of_a_spec_is_explained() {
    fn unexplained(schema: &serde_json::Value, at: &str, found: &mut Vec<String>) {
        if let Some(fields) = schema["properties"].as_object() {
            for (name, field) in fields {
                let place = format!("{at}.{name}");
                if field["description"].as_str().is_none_or(str::is_empty) {
                    found.push(place.clone());
                }
                unexplained(field, &place, found);
            }
        }
        for inner in [&schema["items"], &schema["additionalProperties"]].into_iter().filter(|inner| inner.is_object()) {
            unexplained(inner, at, found);
        }
    }
    for definition in api::definitions() {
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
        let mut found = Vec::new();
        unexplained(&schema["openAPIV3Schema"]["properties"]["spec"], "spec", &mut found);
        assert!(found.is_empty(), "{}: {found:?}", definition.name_any());
    }
}

/// etcd takes 1.5 MB, and what people write comes from everywhere: nothing is unbounded.
#[test]
fn r19_2_every_string_list_and_map_is_bounded() {
    fn unbounded(schema: &serde_json::Value, at: &str, found: &mut Vec<String>) {
        let has = |key: &str| !schema[key].is_null();
        match schema["type"].as_str() {
            Some("string") if !has("maxLength") && !has("enum") && !has("format") => found.push(at.to_owned()),
            Some("array") if !has("maxItems") => found.push(at.to_owned()),
            Some("object") if has("additionalProperties") && !has("maxProperties") => found.push(at.to_owned()),
            _ => {}
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            unbounded(field, &format!("{at}.{name}"), found);
        }
        for inner in ["items", "additionalProperties"].into_iter().filter(|inner| schema[inner].is_object()) {
            unbounded(&schema[inner], &format!("{at}[]"), found);
        }
    }
    for definition in api::definitions() {
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
        let mut found = Vec::new();
        unbounded(&schema["openAPIV3Schema"]["properties"]["spec"], "spec", &mut found);
        assert!(found.is_empty(), "{}: {found:?}", definition.name_any());
    }
}

/// Text files under these folders, with their paths.
fn texts(folders: &[&str], extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut todo: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| extensions.iter().any(|one| e == *one)) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(found.len() > 20, "{} files", found.len());
    found
}

/// Terms are those of the measures and of the forms in their annexes.
#[test]
fn terms_are_those_of_the_measures() {
    // Each wrong one is put together here, so that this file has none itself.
    let wrong =
        [["标准", "扩容"], ["缩", "减"], ["资源变更", "申请表"], ["变更（注销）", "申请表"]].map(|word| word.concat());
    let shipped = ["src", "config", "docs", "crds", "charts"];
    let mut kept = 0;
    for (path, text) in texts(&shipped, &["rs", "yaml", "md", "snap"]) {
        for line in text.lines() {
            // A policy that is in a cluster cannot be edited, so its next version brings the term.
            if path.ends_with("config/policies/bozhou-2024.yaml") && line.trim_start().starts_with("title: ") {
                kept += usize::from(line.contains(&wrong[1]));
                continue;
            }
            let found = wrong.iter().find(|word| line.contains(word.as_str()));
            assert!(found.is_none(), "{}: {line}", path.display());
        }
    }
    assert!(kept <= 1, "{kept} titles");
}

/// An article is one of the rules by which something is judged: a city's articles stand in its policy, and nowhere in what the
/// software says of another city's.
#[test]
fn no_article_of_a_city_is_written_into_what_is_said() {
    let is_said = |line: &&str| !line.trim_start().starts_with("//") && !line.contains("doc = \"");
    for path in sources("src") {
        let is_test = path.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "snapshots");
        let support = ["tests.rs", "fixtures.rs", "samples.rs", "structure.rs"].iter().any(|name| path.ends_with(name));
        if is_test || support {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for line in code.lines().filter(is_said) {
            let mut parts = line.split('第').skip(1);
            let chinese = parts.any(|part| {
                let digits = part.chars().take_while(|c| "一二三四五六七八九十百".contains(*c)).count();
                digits > 0 && part.chars().nth(digits) == Some('条')
            });
            let english = ["(article ", "(articles "].iter().any(|word| line.contains(word));
            assert!(!chinese && !english, "{}: {line}", path.display());
        }
    }
}

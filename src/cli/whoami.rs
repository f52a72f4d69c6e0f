//! Which roles a person holds where.

use super::choose;
use super::lang::Lang;
use super::page::Page;
use super::words;
use crate::api::names::GROUP;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::authorization::v1::{ResourceRule, SubjectRulesReviewStatus};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The verbs by which roles are granted; `get` and the like on `decisions` make nobody a decider.
const VERBS: [&str; 9] = ["submit", "approve", "reject", "return", "sign", "file", "confirm", "withdraw", "authorize"];

/// A person and their roles.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whoami {
    /// User name as the API server knows it.
    pub username: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Roles per namespace.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Namespaces in which the person holds wildcard rights, and so decides nothing.
    pub wildcard: Vec<String>,
}

/// Reads roles out of the rules of each namespace.
#[must_use]
pub fn whoami(user: UserInfo, allowed: &BTreeMap<String, SubjectRulesReviewStatus>) -> Whoami {
    let mut roles = BTreeMap::new();
    let mut wildcard = Vec::new();
    for (namespace, status) in allowed {
        let deciding: Vec<&ResourceRule> = status.resource_rules.iter().filter(|r| decides(r)).collect();
        if deciding.iter().any(|r| r.resource_names.as_ref().is_none_or(Vec::is_empty)) {
            wildcard.push(namespace.clone());
            continue;
        }
        let named: BTreeSet<&String> = deciding.iter().filter_map(|r| r.resource_names.as_ref()).flatten().collect();
        if !named.is_empty() {
            roles.insert(namespace.clone(), named.into_iter().cloned().collect());
        }
    }
    Whoami { username: user.username.unwrap_or_default(), groups: user.groups.unwrap_or_default(), roles, wildcard }
}

fn decides(rule: &ResourceRule) -> bool {
    let has = |list: &Option<Vec<String>>, word: &str| {
        list.as_ref().is_some_and(|all| all.iter().any(|entry| entry == "*" || entry == word))
    };
    let verbs = rule.verbs.iter().any(|v| v == "*" || VERBS.contains(&v.as_str()));
    verbs && has(&rule.api_groups, GROUP) && has(&rule.resources, "decisions")
}

/// As a table.
#[must_use]
pub fn page(lang: Lang, whoami: &Whoami) -> Page {
    let mut page = Page::default();
    page.line(lang.whoami_user(&whoami.username));
    if !whoami.roles.is_empty() {
        let header = lang.pick("NAMESPACE|ROLES", "命名空间|角色").split('|');
        let rows = whoami.roles.iter().map(|(namespace, roles)| {
            let words: Vec<&str> = roles.iter().map(|r| words::role(lang, r)).collect();
            vec![namespace.clone(), choose::listed(words.into_iter(), lang)]
        });
        page.table(header, rows);
    }
    if !whoami.wildcard.is_empty() {
        page.line(lang.note(&lang.wildcard()));
        page.line(lang.next(&lang.next_wildcard()));
    } else if whoami.roles.is_empty() {
        page.line(lang.whoami_none());
        page.line(lang.next(&lang.next_whoami()));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], resources: &[&str], names: &[&str]) -> ResourceRule {
        let own = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        ResourceRule {
            api_groups: Some(vec![GROUP.into()]),
            resources: Some(own(resources)),
            resource_names: Some(own(names)),
            verbs: own(verbs),
        }
    }

    fn of(rules: Vec<ResourceRule>) -> Whoami {
        let status = SubjectRulesReviewStatus { resource_rules: rules, ..SubjectRulesReviewStatus::default() };
        whoami(UserInfo { username: Some("li".into()), ..UserInfo::default() }, &[("yg-a".to_owned(), status)].into())
    }

    #[test]
    fn a_role_is_the_name_on_which_a_verb_is_granted() {
        let me = of(vec![
            rule(&["create", "get", "list"], &["decisions"], &[]),
            rule(&["approve", "return"], &["decisions"], &["agency"]),
            rule(&["confirm"], &["decisions"], &["agency", "authority"]),
        ]);
        assert_eq!(me.roles["yg-a"], ["agency", "authority"]);
        assert!(me.wildcard.is_empty());
        assert!(page(Lang::Zh, &me).render().contains("云管理机构、云主管部门"));
    }

    #[test]
    fn to_read_decisions_is_no_role() {
        assert!(of(vec![rule(&["get", "list", "watch", "create"], &["decisions"], &[])]).roles.is_empty());
        assert!(of(vec![rule(&["approve"], &["certificates"], &["agency"])]).roles.is_empty());
    }

    #[test]
    fn wildcard_rights_are_no_role() {
        let me = of(vec![rule(&["*"], &["*"], &[]), rule(&["approve"], &["decisions"], &["agency"])]);
        assert!(me.roles.is_empty());
        assert_eq!(me.wildcard, ["yg-a"]);
    }
}

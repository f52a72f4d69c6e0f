//! Names that are worked out from others, so that a second attempt makes the same one.

use super::digest;
use serde_json::json;

/// The namespace in which an organization's papers live. Organizations' names have at most 40 characters.
#[must_use]
pub fn home_namespace(organization: &str) -> String {
    format!("yg-{organization}")
}

/// The organization whose home this is.
#[must_use]
pub fn organization_of(home_namespace: &str) -> Option<&str> {
    home_namespace.strip_prefix("yg-")
}

/// The namespace in which a system runs: readable, at most 63 characters, and never the same for two systems.
#[must_use]
pub fn system_namespace(organization: &str, code: &str) -> String {
    let readable: String = format!("ygs-{organization}-{code}").chars().take(54).collect();
    let hash = digest::of(&json!({"organization": organization, "system": code}));
    format!("{}-{}", readable.trim_end_matches('-'), hash.get(..8).unwrap_or_default())
}

/// The name of a Decision: a second vote of one person on the same thing collides in the API server. A request with a very long
/// name gives it only the beginning, so that there is room for the rest.
#[must_use]
pub fn decision_name(request: &str, uid: &str, gate: &str, digest_: &str, person: &str) -> String {
    const LONGEST: usize = 160;
    let who = digest::of(&person);
    let start = |text: &str, n: usize| text.chars().take(n).collect::<String>();
    let (request, uid) = (start(request, LONGEST), start(uid, 8));
    let (request, uid) = (request.trim_end_matches(['-', '.']), uid.trim_end_matches('-'));
    format!("{request}.{uid}.{gate}.{}.{}", start(digest_, 12), start(&who, 8))
}

/// The name of a ledger entry: only one can have a place in a chain.
#[must_use]
pub fn ledger_entry(system: &str, seq: i64) -> String {
    format!("{system}.{seq}")
}

/// The Pod Security standards that a system's namespace enforces and warns of: level 3 takes the strictest, lower ones the
/// baseline.
#[must_use]
pub fn pod_security(protection_level: i32) -> (&'static str, &'static str) {
    if protection_level >= 3 { ("restricted", "restricted") } else { ("baseline", "restricted") }
}

/// How the RoleBindings of guests begin.
pub const GUEST_BINDING: &str = "yunguan-guest-";

/// The name of the RoleBinding by which somebody is let in.
#[must_use]
pub fn guest_binding(decision_uid: &str) -> String {
    format!("{GUEST_BINDING}{decision_uid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_parts_cannot_be_confused() {
        assert_ne!(system_namespace("a-b", "c"), system_namespace("a", "b-c"));
    }

    /// Names are part of what stands in clusters: a change of one would make everything of that kind a second time.
    #[test]
    fn names_stay_as_they_are() {
        assert_eq!(home_namespace("bozhou-health"), "yg-bozhou-health");
        assert_eq!(organization_of("yg-bozhou-health"), Some("bozhou-health"));
        assert_eq!(organization_of("ygs-bozhou-health-portal-00000000"), None);
        assert_eq!(system_namespace("bozhou-health", "portal"), "ygs-bozhou-health-portal-87be63a2");
        let long = system_namespace(&"a".repeat(40), &"b".repeat(40));
        assert!(long.starts_with(&format!("ygs-{}-{}-", "a".repeat(40), "b".repeat(9))), "{long}");
        let decision = decision_name("portal", "12345678-90ab", "approval", &"f".repeat(64), "zhang.san");
        assert_eq!(decision, "portal.12345678.approval.ffffffffffff.5c34b9cf");
        let long = decision_name(&"p-".repeat(126), "12345678-90ab", &"g".repeat(40), &"f".repeat(64), "zhang.san");
        assert!(long.len() <= 253 - ".12345678".len() && !long.contains("-."), "{long}");
        assert_eq!(ledger_entry("portal", 7), "portal.7");
        assert_eq!(guest_binding("0a1b"), "yunguan-guest-0a1b");
    }

    proptest! {
        #[test]
        fn namespaces_are_valid_labels(org in "[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", code in "[a-z]([-a-z0-9]{0,38}[a-z0-9])?") {
            for name in [system_namespace(&org, &code), home_namespace(&org)] {
                prop_assert!(name.len() <= 63, "{}", name);
                prop_assert!(name.ends_with(|c: char| c.is_ascii_alphanumeric()), "{}", name);
                prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            }
        }
    }
}

//! Policies as files: what is read is printed the same, and a track that is found sound can be walked to its end.

use std::collections::BTreeSet;
use yunguan::api::governance_policy::Track;
use yunguan::api::{GovernancePolicy, GovernancePolicySpec};
use yunguan::core::policy::check as problems;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(policy) = serde_saphyr::from_str::<GovernancePolicy>(text).map(|object| object.spec) else { return };
    let printed = serde_json::to_string(&policy).unwrap();
    let again: GovernancePolicySpec = serde_json::from_str(&printed).unwrap();
    assert_eq!(again, policy, "{printed}");
    let found = problems(&policy);
    assert_eq!(problems(&again), found);
    if found.is_empty() {
        assert!(policy.valid_from <= policy.valid_until);
        for track in &policy.tracks {
            assert_eq!(stuck(track), Vec::<&str>::new(), "{} has no end", track.name);
        }
    }
}

/// The steps that can never be passed: of those that remain, the ones of which all before are passed go, until none can.
fn stuck(track: &Track) -> Vec<&str> {
    let gates = track.gates.iter().map(|gate| (gate.name.as_str(), &gate.after));
    let effects = track.effects.iter().map(|rule| (rule.effect.step(), &rule.after));
    let mut left: Vec<_> = gates.chain(effects).collect();
    let mut passed: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = left.len();
        left.retain(|(name, after)| {
            let ready = after.iter().all(|step| passed.contains(step.as_str()));
            if ready {
                passed.insert(name);
            }
            !ready
        });
        if left.len() == before {
            return left.into_iter().map(|(name, _)| name).collect();
        }
    }
}

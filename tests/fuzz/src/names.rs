//! Names that are worked out: valid, readable back, and never the same for two systems.

use arbitrary::{Result, Unstructured};
use yunguan::core::names::{decision_name, home_namespace, organization_of, system_namespace};

pub fn check(data: &[u8]) {
    try_check(&mut Unstructured::new(data)).unwrap_or_default();
}

fn try_check(bytes: &mut Unstructured<'_>) -> Result<()> {
    let [one, other] = [(name(bytes, 40)?, name(bytes, 40)?), (name(bytes, 40)?, name(bytes, 40)?)];
    let namespaces = [&one, &other].map(|(organization, code)| system_namespace(organization, code));
    for namespace in &namespaces {
        assert!(namespace.len() <= 63 && is_label(namespace), "{namespace}");
        // No home is a system's namespace.
        assert_eq!(organization_of(namespace), None);
    }
    assert_eq!(namespaces[0] == namespaces[1], one == other, "{one:?} {other:?}");
    let home = home_namespace(&one.0);
    assert!(home.len() <= 63 && is_label(&home), "{home}");
    assert_eq!(organization_of(&home), Some(one.0.as_str()));

    // Whoever decides, and whatever their name is made of.
    let (request, gate) = (name(bytes, 40)?, name(bytes, 32)?);
    let (uid, digest) = (name(bytes, 36)?, "0123456789abcdef".repeat(4));
    let (person, second): (String, String) = bytes.arbitrary()?;
    let decision = |person: &str| decision_name(&request, &uid, &gate, &digest, person);
    let made = decision(&person);
    assert!(made.len() <= 253 && made.split('.').all(is_label), "{made}");
    assert_eq!(made == decision(&second), person == second, "{person:?} {second:?}");
    Ok(())
}

/// A name as the CRDs let it be: small letters, digits, and dashes inside.
fn name(bytes: &mut Unstructured<'_>, longest: usize) -> Result<String> {
    const CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-----";
    let length = bytes.int_in_range(1..=longest)?;
    let text = (0..length).map(|_| bytes.choose(CHARACTERS).map(|b| char::from(*b))).collect::<Result<String>>()?;
    let trimmed = text.trim_matches('-');
    Ok(if trimmed.is_empty() { "a".to_owned() } else { trimmed.to_owned() })
}

fn is_label(text: &str) -> bool {
    let inside = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    inside && !text.is_empty() && !text.starts_with('-') && !text.ends_with('-')
}

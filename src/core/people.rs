//! Under which names people and groups can be given rights.

use super::text::Text;
use crate::api::common::SYSTEM_PREFIX;
use crate::api::organization::RoleMembers;

/// Why nobody can be let in under this name; nothing where somebody can be. The CRDs say the same in CEL.
#[must_use]
pub fn why_not(name: &str) -> Option<Text> {
    if name.starts_with(SYSTEM_PREFIX) {
        return Some(Text::new(
            "names that begin with system: are those of the cluster's own parts, of service accounts, and of groups of everybody: name a person or a group of people",
            "以 system: 开头的名称属于集群组件、服务账号或全体用户，请填写个人或其所在组",
        ));
    }
    let is_cut = name.trim() != name || name.chars().any(char::is_control);
    (name.is_empty() || is_cut).then(|| {
        Text::new(
            "it is empty, begins or ends with a space, or holds a control character, and so is nobody's name: write it as `kubectl auth whoami` shows it",
            "名称为空、首尾有空格或含控制字符，请按 kubectl auth whoami 显示的名称填写",
        )
    })
}

/// The members under whose names nobody can be let in: where it stands in `spec.members`, whose name, and why.
#[must_use]
pub fn left_out(members: &[RoleMembers]) -> Vec<(String, String, Text)> {
    let of = |place: String, names: &[String]| {
        let wrong = names.iter().enumerate().filter_map(|(n, name)| Some((n, name.clone(), why_not(name)?)));
        wrong.map(|(n, name, why)| (format!("{place}[{n}]"), name, why)).collect::<Vec<_>>()
    };
    let places = members.iter().enumerate().flat_map(|(n, members)| {
        let place = |kind: &str| format!("spec.members[{n}].{kind}");
        [of(place("users"), &members.users), of(place("groups"), &members.groups)].concat()
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r35_1_rights_are_given_to_people_and_groups_of_people_alone() {
        for good in ["li.na@data-bureau", "Zhang San", "亳州:运维", "oidc:system:x", "System:x", "systems"] {
            assert_eq!(why_not(good), None, "{good}");
        }
        let bad = [
            "system:masters",
            "system:authenticated",
            "system:unauthenticated",
            "system:anonymous",
            "system:",
            "system:serviceaccount:ci:deployer",
            "system:node:a",
            "",
            " ",
            " a",
            "a\n",
            "a\u{3000}",
            "a\tb",
            "\u{7f}a",
        ];
        for bad in bad {
            assert!(why_not(bad).is_some(), "{bad:?}");
        }
        let members = [RoleMembers {
            role: "unit".into(),
            users: vec!["a".into(), "system:x".into()],
            groups: vec!["system:authenticated".into(), "b".into()],
        }];
        let found: Vec<_> = left_out(&members).into_iter().map(|(place, name, _)| (place, name)).collect();
        let expected =
            [("spec.members[0].users[1]", "system:x"), ("spec.members[0].groups[0]", "system:authenticated")];
        assert_eq!(found, expected.map(|(place, name)| (place.to_owned(), name.to_owned())));
    }
}

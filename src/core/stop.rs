//! Whether anything of a system may run (article 34), and whether it is charged meanwhile.

use crate::api::InformationSystemSpec;
use crate::api::information_system::Suspension;
use crate::api::sanction::Lifted;

/// The oldest order that stops the system now.
#[must_use]
pub fn standing(spec: &InformationSystemSpec) -> Option<&Suspension> {
    spec.suspensions.iter().find(|suspension| suspension.lifted.is_none())
}

/// When the system was let run again for the last time.
#[must_use]
pub fn lifted(spec: &InformationSystemSpec) -> Option<&Lifted> {
    spec.suspensions.iter().filter_map(|suspension| suspension.lifted.as_ref()).max_by_key(|lifted| lifted.at)
}

/// Whether what the system has is charged now: it is live, and no order that stops it says otherwise.
#[must_use]
pub fn is_charged(spec: &InformationSystemSpec) -> bool {
    let free = |suspension: &Suspension| suspension.lifted.is_none() && !suspension.charged;
    spec.live.is_some() && !spec.suspensions.iter().any(free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::common::Time;
    use crate::api::information_system::Live;

    fn suspension(charged: bool, lifted: Option<i64>) -> Suspension {
        let at = |second| Time::new(jiff::Timestamp::from_second(second).unwrap());
        let lifted = lifted.map(|second| Lifted { at: at(second), decisions: Vec::new() });
        Suspension { charged, lifted, ..Suspension::default() }
    }

    #[test]
    fn r34_1_a_system_is_stopped_until_the_last_order_is_lifted() {
        let mut spec = InformationSystemSpec { live: Some(Live::default()), ..InformationSystemSpec::default() };
        assert!(standing(&spec).is_none() && lifted(&spec).is_none() && is_charged(&spec));
        spec.suspensions = vec![suspension(true, Some(5)), suspension(true, None), suspension(false, Some(3))];
        assert_eq!(standing(&spec), Some(&spec.suspensions[1]));
        assert_eq!(lifted(&spec).unwrap().at.timestamp().as_second(), 5);
        assert!(is_charged(&spec), "the order that was free is lifted");
        spec.suspensions.push(suspension(false, None));
        assert!(!is_charged(&spec));
        spec.live = None;
        spec.suspensions.clear();
        assert!(!is_charged(&spec), "what is not live is never charged");
    }
}

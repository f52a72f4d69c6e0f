//! A pass over an object as a list of steps, in order of what is urgent: what stops, ends or takes away comes first. Each is
//! tried whatever became of the others, unless it rests on one of them, and has an outcome of its own.

use super::controller::{Error, Refusal};
use super::metrics::Metrics;

/// The steps that were not done.
pub struct Steps {
    controller: &'static str,
    metrics: Metrics,
    open: Vec<(&'static str, Error)>,
}

impl Steps {
    /// A pass of this controller begins.
    #[must_use]
    pub fn new(controller: &'static str, metrics: &Metrics) -> Self {
        Self { controller, metrics: metrics.clone(), open: Vec::new() }
    }

    /// Takes note of what became of a step; what it brought, where it was done.
    pub fn note<T>(&mut self, step: &'static str, outcome: Result<T, Error>) -> Option<T> {
        outcome.map_err(|error| self.add(step, error)).ok()
    }

    /// Takes note of a step that was not done.
    pub fn add(&mut self, step: &'static str, error: Error) {
        if let Error::Refused(_) = &error {
            self.metrics.step_refused(self.controller, step);
        }
        self.open.push((step, error));
    }

    /// Takes note of a part of a step that is not tried, since the API server would refuse it.
    pub fn leave_out(&mut self, step: &'static str, object: String, why: &impl std::fmt::Display) {
        self.add(step, Error::Refused(Refusal { object, code: 422, text: why.to_string() }));
    }

    /// Whether each of these steps was done, as far as it was tried.
    #[must_use]
    pub fn are_done(&self, steps: &[&str]) -> bool {
        !self.open.iter().any(|(step, _)| steps.contains(step))
    }

    /// What the API server has refused, by step.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, &Refusal)> {
        self.open.iter().filter_map(|(step, error)| match error {
            Error::Refused(refusal) => Some((*step, refusal)),
            _ => None,
        })
    }

    /// What all came to: nothing where all was done. What may go better by itself goes before what may not.
    #[must_use]
    pub fn outcome(self) -> Option<Error> {
        let weight = |error: &Error| match error {
            Error::Transient(_) => 0,
            Error::Conflict(_) => 1,
            Error::Refused(refusal) if refusal.is_for_rights() => 2,
            Error::Refused(_) => 3,
        };
        let all = self.open.into_iter().map(|(step, error)| match error {
            Error::Transient(why) => Error::Transient(format!("{step}: {why}")),
            Error::Conflict(why) => Error::Conflict(format!("{step}: {why}")),
            Error::Refused(refusal) => {
                Error::Refused(Refusal { object: format!("{step}: {}", refusal.object), ..refusal })
            }
        });
        all.min_by_key(weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_an_outcome_and_what_may_go_better_is_tried_sooner() {
        let metrics = Metrics::new().unwrap();
        let steps = || Steps::new("test", &metrics);
        let refusal = Refusal { object: "pods a".into(), code: 422, text: "no".into() };
        let refused = || Error::Refused(refusal.clone());
        assert_eq!(steps().outcome(), None);
        let mut some = steps();
        assert_eq!(some.note("a", Ok(1)), Some(1));
        assert_eq!(some.note::<()>("b", Err(refused())), None);
        assert_eq!(some.note::<()>("b", Err(refused())), None);
        assert!(some.are_done(&["a", "c"]) && !some.are_done(&["a", "b"]));
        assert_eq!(some.refused().collect::<Vec<_>>(), [("b", &refusal); 2]);
        some.add("c", Error::Conflict("newer".into()));
        some.add("d", Error::Transient("503".into()));
        assert_eq!(some.outcome(), Some(Error::Transient("d: 503".into())));
        let mut one = steps();
        one.add("b", refused());
        assert!(matches!(one.outcome(), Some(Error::Refused(refusal)) if refusal.object == "b: pods a"));
        let told = "yunguan_steps_refused_total{controller=\"test\",step=\"b\"} 3";
        assert!(metrics.text().contains(told), "{}", metrics.text());
    }
}

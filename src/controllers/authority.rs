//! Whether a person holds a role now, by the API server's own word.

use crate::api::Decision;
use crate::api::common::Time;
use crate::api::names::GROUP;
use crate::core::workflow::DecisionFact;
use crate::runtime::apply::params;
use crate::runtime::controller::Error;
use crate::runtime::metrics::Metrics;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{Api, Client, ResourceExt as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long an answer is good enough to show. What costs something is asked anew.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// Asks the API server, and remembers its answers for a while.
pub struct Authority {
    client: Client,
    metrics: Metrics,
    answers: Mutex<HashMap<String, (Instant, bool)>>,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// Good enough to show.
    Recent,
    /// Asked now, because something depends on it that costs.
    Now,
}

impl Authority {
    /// Asks through this client.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        Self { client, metrics, answers: Mutex::default() }
    }

    /// Forgets all answers: bindings have changed.
    pub fn forget(&self) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The decisions as facts, each with whether its person holds the verb on the role.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn facts(&self, decisions: &[Arc<Decision>], freshness: Freshness) -> Result<Vec<DecisionFact>, Error> {
        let facts = decisions.iter().filter_map(|decision| {
            let fact = fact(decision)?;
            Some(async move { Ok(DecisionFact { entitled: self.holds_verb(decision, freshness).await?, ..fact }) })
        });
        futures::future::try_join_all(facts).await
    }

    /// The decisions as if each person held the verb, for what errs on the safe side by that.
    #[must_use]
    pub fn unasked(decisions: &[Arc<Decision>]) -> Vec<DecisionFact> {
        decisions.iter().filter_map(|decision| fact(decision)).collect()
    }

    async fn holds_verb(&self, decision: &Decision, freshness: Freshness) -> Result<bool, Error> {
        let Some(by) = &decision.spec.decided_by else { return Ok(false) };
        let review = SubjectAccessReviewSpec {
            user: Some(by.username.clone()),
            uid: (!by.uid.is_empty()).then(|| by.uid.clone()),
            groups: Some(by.groups.clone()),
            resource_attributes: Some(ResourceAttributes {
                group: Some(GROUP.to_owned()),
                version: Some("v1alpha1".to_owned()),
                resource: Some("decisions".to_owned()),
                namespace: decision.namespace(),
                name: Some(decision.spec.role.clone()),
                verb: Some(decision.spec.verdict.verb()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        };
        let question = crate::core::digest::of(&review);
        if freshness == Freshness::Recent
            && let Some(answer) = self.remembered(&question)
        {
            return Ok(answer);
        }
        let review = SubjectAccessReview { spec: review, ..SubjectAccessReview::default() };
        self.metrics.wrote("SubjectAccessReview", "create");
        let answer = Api::<SubjectAccessReview>::all(self.client.clone()).create(&params(), &review).await?;
        let allowed = answer.status.is_some_and(|status| status.allowed);
        self.remember(question, allowed);
        Ok(allowed)
    }

    fn remembered(&self, question: &str) -> Option<bool> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(question).filter(|(at, _)| at.elapsed() < GOOD_FOR).map(|(_, allowed)| *allowed)
    }

    fn remember(&self, question: String, allowed: bool) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() > 20_000 {
            answers.retain(|_, (at, _)| at.elapsed() < GOOD_FOR);
        }
        answers.insert(question, (Instant::now(), allowed));
    }
}

fn fact(decision: &Decision) -> Option<DecisionFact> {
    Some(DecisionFact {
        name: decision.name_any(),
        uid: decision.uid().unwrap_or_default(),
        at: Time::new(decision.metadata.creation_timestamp.as_ref()?.0),
        order: decision.resource_version().and_then(|v| v.parse().ok()).unwrap_or(u64::MAX),
        entitled: true,
        spec: decision.spec.clone(),
    })
}

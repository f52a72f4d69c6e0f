//! What a system has at each moment: what it was granted for good, and every window that contains that moment (articles
//! 22, 24 and 26). It is computed from the record, so that a start or an end needs no event.

use super::catalog;
use super::quantity::{Amounts, QuantityError};
use crate::api::InformationSystemSpec;
use crate::api::bounds;
use crate::api::common::Money;
use crate::api::information_system::{Grant, GrantedLine};
use jiff::Timestamp;

/// From a moment on, and before another one; without an end where there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// First moment.
    pub from: Timestamp,
    /// The moment from which it is over.
    pub until: Option<Timestamp>,
}

impl Span {
    /// At all times.
    pub const ALWAYS: Self = Self { from: Timestamp::MIN, until: None };

    /// Whether it contains a moment.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether it contains no moment at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.until.is_some_and(|until| until <= self.from)
    }
}

/// Whether a grant is permanent: what it names is all that the system has from then on, windows apart.
#[must_use]
pub fn is_permanent(grant: &Grant) -> bool {
    grant.term.is_none()
}

/// The newest permanent grant: what the next change is worked out against.
#[must_use]
pub fn newest(spec: &InformationSystemSpec) -> Option<&Grant> {
    spec.grants.iter().rfind(|g| is_permanent(g))
}

/// Bytes beyond which a record takes no more grants: etcd takes 1.5 MB an object, and orders and a departure must fit still.
const FULL: usize = 800_000;

/// Whether the record has room for one more grant. None gives way: each says what held when.
#[must_use]
pub fn has_room(spec: &InformationSystemSpec) -> bool {
    let bytes = || serde_json::to_vec(spec).map_or(usize::MAX, |bytes| bytes.len());
    spec.grants.len() < bounds::GRANTS && bytes() < FULL
}

/// When each grant holds, in their order. The first one holds from the beginning: the clocks of the API server and of
/// whoever asks may differ.
#[must_use]
pub fn spans(spec: &InformationSystemSpec) -> Vec<Span> {
    (0..spec.grants.len()).map(|index| span(spec, index)).collect()
}

fn span(spec: &InformationSystemSpec, index: usize) -> Span {
    let span = granted(spec, index);
    // Nothing holds once the system has left (article 23).
    let closed = super::stop::closed(spec).map(crate::api::common::Time::timestamp);
    Span { until: [span.until, closed].into_iter().flatten().min(), ..span }
}

fn granted(spec: &InformationSystemSpec, index: usize) -> Span {
    let Some(grant) = spec.grants.get(index) else { return Span { from: Timestamp::MAX, until: Some(Timestamp::MIN) } };
    let from = if index == 0 { Timestamp::MIN } else { grant.effective_from.timestamp() };
    let mut later = spec.grants.iter().skip(index + 1);
    let until = match &grant.term {
        // The next one says all that the system has.
        None => later.find(|g| is_permanent(g)).map(|next| next.effective_from.timestamp()),
        Some(term) => {
            let urgent = is_urgent(spec, grant);
            let settled = later.find(|g| {
                is_permanent(g)
                    && (urgent
                        || g.change.as_ref().and_then(|c| c.settles.as_deref()) == Some(grant.submission_uid.as_str()))
            });
            let closed = spec.closed.iter().find(|c| c.submission_uid == grant.submission_uid).map(|c| c.at);
            let ends = [term.until, settled.map(|g| g.effective_from), closed];
            ends.into_iter().flatten().map(crate::api::common::Time::timestamp).min()
        }
    };
    Span { from, until }
}

/// Whether a grant is what an urgent system stands on, or goes on from that: once something is permanent, it is over.
fn is_urgent(spec: &InformationSystemSpec, grant: &Grant) -> bool {
    let root = grant.term.as_ref().and_then(|term| term.extends.as_deref());
    let root = root.and_then(|uid| spec.grants.iter().find(|g| g.submission_uid == uid)).unwrap_or(grant);
    root.change.is_none() && !is_permanent(root)
}

/// When a system that has nothing for good ends: its urgent grant, or the last extension of that (article 24). Nothing where
/// something is permanent.
#[must_use]
pub fn urgent_until(spec: &InformationSystemSpec) -> Option<Timestamp> {
    let ends = spec.grants.iter().filter(|g| is_urgent(spec, g)).filter_map(|g| g.term.as_ref()?.until);
    ends.max().map(crate::api::common::Time::timestamp).filter(|_| newest(spec).is_none())
}

/// What time it is at least: no earlier than the newest decision on record, since the operator's clock may be behind the
/// API server's, and what has begun by that does not end again.
#[must_use]
pub fn at_least(spec: &InformationSystemSpec, now: Timestamp) -> Timestamp {
    let decided = spec.grants.iter().flat_map(|grant| &grant.decisions).chain(spec.closed.iter().map(|c| &c.decision));
    decided.map(|decision| decision.at.timestamp()).chain([now]).max().unwrap_or(now)
}

/// The urgent grants that are over once something is permanent, by their filings.
pub fn urgent_filings(spec: &InformationSystemSpec) -> impl Iterator<Item = &str> {
    spec.grants.iter().filter(|g| is_urgent(spec, g)).map(|g| g.submission_uid.as_str())
}

/// Since when a system that has nothing for good has nothing at all any more.
#[must_use]
pub fn urgent_ended(spec: &InformationSystemSpec, now: Timestamp) -> Option<Timestamp> {
    urgent_until(spec).filter(|end| *end <= now)
}

/// The grants that hold at a moment.
pub fn holding(spec: &InformationSystemSpec, at: Timestamp) -> impl Iterator<Item = &Grant> {
    spans(spec).into_iter().zip(&spec.grants).filter(move |(span, _)| span.contains(at)).map(|(_, grant)| grant)
}

/// What the system has at a moment.
///
/// # Errors
/// Names the resource whose amount cannot be read or added up: nothing is taken from a system for that.
pub fn amounts_at(spec: &InformationSystemSpec, at: Timestamp) -> Result<Amounts, (String, QuantityError)> {
    holding(spec, at).try_fold(Amounts::default(), |sum, grant| {
        let too_large = || ("its grants together".to_owned(), QuantityError::TooLarge(grant.submission_uid.clone()));
        sum.checked_add(&Amounts::parse(&grant.amounts)?).ok_or_else(too_large)
    })
}

/// The most of each resource that the system has had up to a moment.
///
/// # Errors
/// As [`amounts_at`].
pub fn most_until(spec: &InformationSystemSpec, at: Timestamp) -> Result<Amounts, (String, QuantityError)> {
    let passed = moments(spec).into_iter().filter(|moment| *moment <= at).chain([Timestamp::MIN, at]);
    passed.map(|moment| amounts_at(spec, moment)).try_fold(Amounts::default(), |most, had| Ok(most.highest(&had?)))
}

/// CNY a month for what the system has at a moment.
#[must_use]
pub fn fee_at(spec: &InformationSystemSpec, at: Timestamp) -> Option<Money> {
    let lines: Vec<GrantedLine> = holding(spec, at).flat_map(|grant| grant.lines.clone()).collect();
    catalog::monthly_fee(&lines)
}

/// The moments at which what the system has changes by itself, in order.
#[must_use]
pub fn moments(spec: &InformationSystemSpec) -> Vec<Timestamp> {
    let spans = spans(spec).into_iter().filter(|span| !span.is_empty());
    let mut all: Vec<_> =
        spans.flat_map(|span| [Some(span.from), span.until]).flatten().filter(|at| *at > Timestamp::MIN).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The next moment after this one at which what the system has changes by itself.
#[must_use]
pub fn next_moment(spec: &InformationSystemSpec, after: Timestamp) -> Option<Timestamp> {
    moments(spec).into_iter().find(|at| *at > after)
}

#[cfg(test)]
mod tests;

//! Which object is looked at next: one of what is due, each at most once at a time.

use super::id::Id;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// When each object is to be looked at, and which are being looked at now.
pub(super) struct Agenda<K> {
    by_time: BTreeSet<(Instant, Id<K>)>,
    due: HashMap<Id<K>, Instant>,
    /// With when they are to be looked at again, where somebody has asked meanwhile.
    busy: HashMap<Id<K>, Option<Instant>>,
    newest_is_next: bool,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), due: HashMap::new(), busy: HashMap::new(), newest_is_next: false }
    }
}

impl<K> Agenda<K> {
    /// An object is to be looked at then, if not sooner.
    pub(super) fn add(&mut self, id: Id<K>, at: Instant) {
        if let Some(again) = self.busy.get_mut(&id) {
            *again = Some(again.map_or(at, |before| before.min(at)));
            return;
        }
        match self.due.get_mut(&id) {
            Some(before) if *before <= at => return,
            Some(before) => {
                self.by_time.remove(&(*before, id.clone()));
                *before = at;
            }
            None => drop(self.due.insert(id.clone(), at)),
        }
        self.by_time.insert((at, id));
    }

    /// One that is due, to be looked at now: the newest and the oldest in turns. Behind thousands that a start or a new
    /// rule brings, somebody's new request does not wait, and none of the thousands waits for ever.
    pub(super) fn take(&mut self, now: Instant) -> Option<Id<K>> {
        self.newest_is_next = !self.newest_is_next;
        // No name is empty, so this is before everything that is due later.
        let later = (now + Duration::from_nanos(1), Id::new(""));
        let mut due = self.by_time.range(..later);
        let next = if self.newest_is_next { due.next_back() } else { due.next() }.cloned()?;
        self.by_time.remove(&next);
        let (_, id) = next;
        self.due.remove(&id);
        self.busy.insert(id.clone(), None);
        Some(id)
    }

    /// An object has been looked at, and is to be looked at again then; never where it is gone.
    pub(super) fn done(&mut self, id: Id<K>, again: Option<Instant>) {
        let asked = self.busy.remove(&id).flatten();
        if let Some(at) = asked.into_iter().chain(again).min() {
            self.add(id, at);
        }
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn id(name: &str) -> Id<ConfigMap> {
        Id::new(name)
    }

    #[test]
    fn the_newest_and_the_oldest_are_taken_in_turns() {
        let (mut agenda, start) = (Agenda::default(), Instant::now());
        for n in 0..6 {
            agenda.add(id(&n.to_string()), start + Duration::from_secs(n));
        }
        let now = start + Duration::from_secs(4);
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take(now)).map(|id| id.name().to_owned()).collect();
        assert_eq!(taken, ["4", "0", "3", "1", "2"]);
        assert_eq!(agenda.next(), Some(start + Duration::from_secs(5)));
    }

    #[test]
    fn what_is_asked_for_twice_is_looked_at_once_and_at_the_earlier_time() {
        let (mut agenda, start) = (Agenda::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        agenda.add(id("a"), after(9));
        agenda.add(id("a"), after(5));
        agenda.add(id("a"), after(7));
        assert_eq!((agenda.next(), agenda.take(after(4))), (Some(after(5)), None));
        assert_eq!((agenda.take(after(9)), agenda.take(after(9))), (Some(id("a")), None));
    }

    #[test]
    fn nothing_is_looked_at_twice_at_once_and_no_change_is_missed() {
        let (mut agenda, start) = (Agenda::default(), Instant::now());
        let hour = start + Duration::from_hours(1);
        agenda.add(id("a"), start);
        assert_eq!(agenda.take(start), Some(id("a")));
        agenda.add(id("a"), start);
        assert_eq!((agenda.take(start), agenda.next()), (None, None));
        agenda.done(id("a"), Some(hour));
        assert_eq!(agenda.take(start), Some(id("a")), "it has changed meanwhile");
        agenda.done(id("a"), Some(hour));
        assert_eq!((agenda.take(start), agenda.next()), (None, Some(hour)));
        assert_eq!(agenda.take(hour), Some(id("a")));
        agenda.done(id("a"), None);
        assert_eq!(agenda.next(), None, "it is gone");
    }
}

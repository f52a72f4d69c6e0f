//! Values and lists of decisions by number, each once.

use super::world::{Id, Vote};
use std::collections::HashMap;

/// Values by number, each once.
pub struct Register<T> {
    values: Vec<T>,
    numbers: HashMap<String, Id>,
}

impl<T> Register<T> {
    pub fn new() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }

    pub fn note(&mut self, key: String, value: impl FnOnce() -> T) -> Id {
        let next = Id(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        *self.numbers.entry(key).or_insert_with(|| {
            self.values.push(value());
            next
        })
    }

    pub fn get(&self, id: Id) -> &T {
        &self.values[usize::try_from(id.0).unwrap_or(usize::MAX)]
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Node {
    before: Id,
    vote: Vote,
}

/// Lists of decisions.
pub struct Lists {
    lists: Vec<Option<(Node, u8)>>,
    numbers: HashMap<Node, Id>,
}

/// The empty list.
pub const NOTHING: Id = Id(0);

impl Lists {
    pub fn new() -> Self {
        Self { lists: vec![None], numbers: HashMap::new() }
    }

    /// A list with one decision more.
    pub fn append(&mut self, before: Id, vote: Vote) -> Id {
        let node = Node { before, vote };
        if let Some(known) = self.numbers.get(&node) {
            return *known;
        }
        let id = Id(u32::try_from(self.lists.len()).unwrap_or(u32::MAX));
        let length = self.length(before) + 1;
        self.lists.push(Some((node, length)));
        self.numbers.insert(node, id);
        id
    }

    pub fn length(&self, list: Id) -> u8 {
        self.lists[list.0 as usize].map_or(0, |(_, length)| length)
    }

    /// The decisions of a list, oldest first.
    pub fn votes(&self, list: Id) -> Vec<Vote> {
        let mut votes = Vec::new();
        let mut at = list;
        while let Some((node, _)) = self.lists[at.0 as usize] {
            votes.push(node.vote);
            at = node.before;
        }
        votes.reverse();
        votes
    }

    /// The list as it was before each of its decisions, and as it is; the longest first.
    pub fn earlier(&self, list: Id) -> Vec<Id> {
        let mut lists = vec![list];
        let mut at = list;
        while let Some((node, _)) = self.lists[at.0 as usize] {
            at = node.before;
            lists.push(at);
        }
        lists
    }
}

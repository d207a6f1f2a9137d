//! The posts under way, by task: what each is about, and when it begins to take long.

use std::collections::{HashMap, VecDeque};

use tokio::task::Id;
use tokio::time::Instant;

use super::limits::SLOW;
use crate::model::Claim;

/// A post under way.
pub(super) struct Post {
    /// What it carries, without the bodies; one subscription's, at least one.
    pub(super) claims: Vec<Claim>,
    /// What the scheduler knows it by.
    pub(super) number: u64,
    /// What its subscription may have at a time.
    pub(super) concurrency: usize,
    pub(super) begun: Instant,
}

/// All of them, so that one that is aborted or panics still gets an outcome.
#[derive(Default)]
pub(super) struct Underway {
    posts: HashMap<Id, Post>,
    /// When those take long that do not yet, in this order; some have ended.
    long: VecDeque<(Instant, Id)>,
}

impl Underway {
    pub(super) fn insert(&mut self, id: Id, post: Post) {
        self.long.push_back((post.begun + SLOW, id));
        self.posts.insert(id, post);
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Post> {
        self.posts.remove(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.posts.len()
    }

    /// When the next begins to take long.
    pub(super) fn next_long(&mut self) -> Option<Instant> {
        while let Some((at, id)) = self.long.front() {
            if self.posts.contains_key(id) {
                return Some(*at);
            }
            self.long.pop_front();
        }
        None
    }

    /// The subscription of one that has begun to take long; each is told once.
    pub(super) fn take_long(&mut self, now: Instant) -> Option<i64> {
        self.next_long().filter(|at| *at <= now)?;
        let (_, id) = self.long.pop_front()?;
        self.posts.get(&id).map(|post| post.claims[0].subscription)
    }
}

//! Subscriptions made ready to send to, kept as long as their version is current.

use std::collections::HashMap;
use std::sync::Arc;

use crate::delivery::{Endpoint, EndpointError};
use crate::identity::Identities;
use crate::model::{Claim, Subscription};

/// A subscription as last read, with its endpoint or what is wrong with it.
pub(super) struct Known {
    pub(super) subscription: Subscription,
    pub(super) endpoint: Result<Endpoint, EndpointError>,
}

/// What is known of subscriptions, by id.
#[derive(Default)]
pub(super) struct Endpoints(HashMap<i64, Arc<Known>>);

/// Beyond so many the whole memory is dropped and built anew from what is used.
const KEPT_MAX: usize = 10_000;

impl Endpoints {
    /// Subscriptions of which a claim shows a newer version than is known.
    pub(super) fn outdated(&self, claims: &[Claim]) -> Vec<i64> {
        let mut ids: Vec<i64> = claims
            .iter()
            .filter(|claim| {
                self.0.get(&claim.subscription).is_none_or(|known| known.subscription.version < claim.version)
            })
            .map(|claim| claim.subscription)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Takes note of what was read.
    pub(super) fn learn(&mut self, subscriptions: Vec<Subscription>, identities: &Identities) {
        if self.0.len() + subscriptions.len() > KEPT_MAX {
            self.0.clear();
        }
        for subscription in subscriptions {
            let endpoint = Endpoint::new(&subscription, identities);
            self.0.insert(subscription.id, Arc::new(Known { subscription, endpoint }));
        }
    }

    /// What is known of a claim's subscription, unless that is older than the claim: the next attempt must not go
    /// where the subscription no longer points.
    pub(super) fn of(&self, claim: &Claim) -> Option<Arc<Known>> {
        self.0.get(&claim.subscription).filter(|known| known.subscription.version >= claim.version).cloned()
    }
}

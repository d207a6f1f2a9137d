//! Subscriptions made ready to send to, kept as long as their version is current.

use std::collections::HashMap;
use std::sync::Arc;

use tracing::warn;

use crate::delivery::{Endpoint, EndpointError, Named};
use crate::identity::Identities;
use crate::model::{Claim, Subscription};
use crate::secrets::Secrets;

/// A subscription as last read, with its endpoint or what is wrong with it.
pub(super) struct Known {
    pub(super) subscription: Subscription,
    pub(super) endpoint: Result<Endpoint, EndpointError>,
}

impl Known {
    fn may_be_mended(&self) -> bool {
        self.endpoint.as_ref().is_err_and(EndpointError::depends_on_settings)
    }
}

/// What is known of subscriptions, by id.
#[derive(Default)]
pub(super) struct Endpoints {
    known: HashMap<i64, Arc<Known>>,
    /// Which readings of identities, secrets and named endpoints they were made with.
    generation: (u64, u64, u64),
}

/// Beyond so many the whole memory is dropped and built anew from what is used.
const KEPT_MAX: usize = 10_000;

impl Endpoints {
    /// Makes all endpoints anew when certificates, secrets or named endpoints were read again; says whether they were. A POST
    /// under way keeps its own.
    pub(super) fn follow(&mut self, identities: &Identities, secrets: &Secrets, named: &Named) -> bool {
        let generation = (identities.generation(), secrets.generation(), named.generation());
        if generation == self.generation {
            return false;
        }
        self.generation = generation;
        for known in self.known.values_mut() {
            let subscription = known.subscription.clone();
            let endpoint = Endpoint::new(&subscription, identities, secrets, named);
            *known = Arc::new(Known { subscription, endpoint });
        }
        true
    }

    /// Subscriptions of which a claim shows a newer version than is known, and those that a setting may have mended.
    pub(super) fn outdated(&self, claims: &[Claim]) -> Vec<i64> {
        let mut ids: Vec<i64> = claims
            .iter()
            .filter(|claim| {
                self.known
                    .get(&claim.subscription)
                    .is_none_or(|known| known.subscription.version < claim.version || known.may_be_mended())
            })
            .map(|claim| claim.subscription)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Takes note of what was read; a subscription without a signing secret is told.
    pub(super) fn learn(
        &mut self,
        subscriptions: Vec<Subscription>,
        identities: &Identities,
        secrets: &Secrets,
        named: &Named,
    ) {
        if self.known.len() + subscriptions.len() > KEPT_MAX {
            self.known.clear();
        }
        for subscription in subscriptions {
            if subscription.secrets.is_empty() {
                warn!(
                    subscription = subscription.id,
                    "it has no signing secret, and its POSTs go out without a signature: select \
                     outbox.rotate_signing_secret({})",
                    subscription.id
                );
            }
            let endpoint = Endpoint::new(&subscription, identities, secrets, named);
            self.known.insert(subscription.id, Arc::new(Known { subscription, endpoint }));
        }
    }

    /// What is known of a claim's subscription, unless that is older than the claim: the next attempt must not go
    /// where the subscription no longer points.
    pub(super) fn of(&self, claim: &Claim) -> Option<Arc<Known>> {
        self.known
            .get(&claim.subscription)
            .filter(|known| known.subscription.version >= claim.version)
            .cloned()
    }
}

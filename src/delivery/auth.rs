//! How requests prove who we are, besides by certificate and signature: made ready once per version of a subscription.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::endpoint::EndpointError;
use super::oauth::Grant;
use super::scrub::Scrubber;
use super::signature::{Key, Keys};
use crate::identity::Identities;
use crate::model::{Auth, SigningKey, Subscription};
use crate::secrets::{Secret, Secrets};

/// What goes into a request.
pub(super) enum Authorization {
    /// Nothing.
    None,
    /// A header that is the same each time.
    Header(HeaderName, HeaderValue),
    /// A token that has to be fetched now and then.
    Token(Box<Grant>),
}

/// What a subscription's `auth` comes to with what the relay knows.
pub(super) fn authorization(
    subscription: &Subscription,
    identities: &Identities,
    secrets: &Secrets,
    scrubber: &mut Scrubber,
) -> Result<Authorization, EndpointError> {
    let mut known = |name: &str| {
        let secret = find(name, secrets)?;
        scrubber.add(secret.reveal());
        Ok::<_, EndpointError>(secret)
    };
    Ok(match &subscription.auth {
        None => Authorization::None,
        Some(Auth::Bearer { secret }) => {
            Authorization::Header(AUTHORIZATION, hidden(&bearer(known(secret)?.reveal()), secret)?)
        }
        Some(Auth::Basic { username, secret }) => {
            let value = basic(username, known(secret)?.reveal());
            scrubber.add(value.trim_start_matches("Basic "));
            Authorization::Header(AUTHORIZATION, hidden(&value, secret)?)
        }
        Some(Auth::Header { name, secret }) => {
            let header =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| EndpointError::Header(name.clone()))?;
            Authorization::Header(header, hidden(known(secret)?.reveal(), secret)?)
        }
        Some(Auth::OAuth2 { token_url, client_id, secret, scope }) => {
            let client = (client_id.as_str(), known(secret)?);
            let identity = subscription.identity.as_deref();
            let grant = Grant::new(token_url, client, scope.as_deref(), identity, identities)?;
            scrubber.add(grant.credentials());
            Authorization::Token(Box::new(grant))
        }
        Some(Auth::Unknown) => return Err(EndpointError::Auth),
    })
}

/// What signs, references resolved. A referenced secret may be several, with blanks between them.
pub(super) fn keys(
    subscription: &Subscription,
    secrets: &Secrets,
    scrubber: &mut Scrubber,
) -> Result<Keys, EndpointError> {
    let mut keys = Keys::default();
    let broken =
        || EndpointError::SigningSecret("the one in the database is neither whsec_ nor whsk_".into());
    for secret in &subscription.secrets {
        match &secret.key {
            SigningKey::Hmac(bytes) => keys.add(Key::Hmac(bytes.clone()), secret.ends),
            SigningKey::Ed25519(bytes) => keys.add(Key::ed25519(bytes).ok_or_else(broken)?, secret.ends),
            SigningKey::Reference(name) => {
                for text in find(name, secrets)?.reveal().split_ascii_whitespace() {
                    let what = || {
                        format!("secret {name:?} of this relay is not whsec_ or whsk_ and a key in base64")
                    };
                    let key = Key::parse(text).ok_or_else(|| EndpointError::SigningSecret(what()))?;
                    keys.add(key, secret.ends);
                }
            }
        }
    }
    keys.all().flat_map(Key::written).for_each(|written| scrubber.add(&written));
    Ok(keys)
}

fn find(name: &str, secrets: &Secrets) -> Result<Secret, EndpointError> {
    secrets.get(name).ok_or_else(|| EndpointError::unknown_secret(name))
}

pub(super) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(super) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// A value that does not show itself, nor is kept by a compressor. `what` names it where it cannot be sent.
fn hidden(value: &str, what: &str) -> Result<HeaderValue, EndpointError> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| EndpointError::Header(format!("with secret {what}")))?;
    value.set_sensitive(true);
    Ok(value)
}

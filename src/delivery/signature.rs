//! Standard Webhooks signatures over `{id}.{timestamp}.{body}`, in base64: v1 is HMAC-SHA256, v1a ed25519.
//! Source: standard-webhooks specification 1.0.0, "Signature scheme".

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use sha2::Sha256;

/// Bytes of an ed25519 seed, and of a public key.
const HALF: usize = 32;

/// A key that signs, made ready to.
#[derive(Clone)]
pub enum Key {
    /// Scheme v1.
    Hmac(Vec<u8>),
    /// Scheme v1a.
    Ed25519(PKey<Private>),
}

/// Keys, each with its end, if it has one.
#[derive(Clone, Default)]
pub struct Keys(Vec<(Key, Option<Instant>)>);

impl Key {
    /// A key as it is written: `whsec_` and base64, where the prefix may be missing, or `whsk_` and base64. `None` when it is
    /// neither, or empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(base64) = text.strip_prefix("whsk_") {
            return Self::ed25519(&STANDARD.decode(base64).ok()?);
        }
        let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
        (!bytes.is_empty()).then_some(Self::Hmac(bytes))
    }

    /// An ed25519 key from its seed, or from seed and public key; `None` when it is of another length, or the two do not
    /// belong together.
    #[must_use]
    pub fn ed25519(bytes: &[u8]) -> Option<Self> {
        let (seed, public) = bytes.split_at_checked(HALF)?;
        let key = PKey::private_key_from_raw_bytes(seed, Id::ED25519).ok()?;
        let belongs = public.is_empty() || key.raw_public_key().ok()? == public;
        belongs.then_some(Self::Ed25519(key))
    }

    /// A new ed25519 key, as it is written: the secret `whsk_…`.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<String, openssl::error::ErrorStack> {
        let key = PKey::generate_ed25519()?;
        let bytes = [key.raw_private_key()?, key.raw_public_key()?].concat();
        Ok(format!("whsk_{}", STANDARD.encode(bytes)))
    }

    /// What receivers verify with, as it is written: `whpk_…`; `None` for a key of scheme v1, where it is the key itself.
    #[must_use]
    pub fn public(&self) -> Option<String> {
        match self {
            Self::Hmac(_) => None,
            Self::Ed25519(key) => Some(format!("whpk_{}", STANDARD.encode(key.raw_public_key().ok()?))),
        }
    }

    /// As it might be written where somebody repeats it: what must not get into a ledger.
    pub(super) fn written(&self) -> Vec<String> {
        match self {
            Self::Hmac(bytes) => vec![STANDARD.encode(bytes)],
            Self::Ed25519(key) => {
                let halves = key.raw_private_key().and_then(|seed| Ok((seed, key.raw_public_key()?)));
                let Ok((seed, public)) = halves else { return Vec::new() };
                vec![STANDARD.encode([seed.clone(), public].concat()), STANDARD.encode(seed)]
            }
        }
    }

    fn sign(&self, content: &[&[u8]]) -> Option<String> {
        match self {
            Self::Hmac(secret) => {
                // HMAC takes keys of every length; the error is there for other algorithms.
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
                for part in content {
                    mac.update(part);
                }
                Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
            }
            Self::Ed25519(key) => {
                let mut signer = Signer::new_without_digest(key).ok()?;
                let signature = signer.sign_oneshot_to_vec(&content.concat()).ok()?;
                Some(format!("v1a,{}", STANDARD.encode(signature)))
            }
        }
    }
}

impl Keys {
    /// A key, and when it ends.
    pub fn add(&mut self, key: Key, ends: Option<Instant>) {
        self.0.push((key, ends));
    }

    /// All of them, also those that have ended.
    pub(super) fn all(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The value of `webhook-signature`: one token per key that has not ended, separated by blanks, so that a receiver
    /// holding any one of them accepts the message. Empty when there is no key.
    #[must_use]
    pub fn sign(&self, webhook_id: &str, timestamp: i64, body: &[u8]) -> String {
        let (now, between) = (Instant::now(), format!(".{timestamp}."));
        let content = [webhook_id.as_bytes(), between.as_bytes(), body];
        let holds = self.0.iter().filter(|(_, ends)| ends.is_none_or(|ends| now < ends));
        holds.filter_map(|(key, _)| key.sign(&content)).collect::<Vec<_>>().join(" ")
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (key, None)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const V1: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const V1A: &str =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED_V1: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SIGNED_V1A: &str =
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

    fn keys(texts: &[&str]) -> Keys {
        texts.iter().map(|text| Key::parse(text).expect("a key")).collect()
    }

    /// The vectors of the reference libraries and of the specification's example messages.
    #[test]
    fn published_vectors() {
        let contact = concat!(
            r#"{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","#,
            r#""data":{"id":"1f81eb52-5198-4599-803e-771906343485"}}"#
        );
        let ping = r#"{"event_type":"ping","data":{"success":true}}"#;
        for (key, id, timestamp, body, expected) in [
            (V1, ID, TIMESTAMP, BODY, SIGNED_V1),
            (&V1["whsec_".len()..], ID, TIMESTAMP, BODY, SIGNED_V1),
            (V1A, ID, TIMESTAMP, BODY, SIGNED_V1A),
            (
                "whsec_plJ3nmyCDGBKInavdOK15jsl",
                "msg_loFOjxBNrRLzqYUf",
                1_731_705_121,
                ping.as_bytes(),
                "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
            ),
            (
                V1,
                "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
                1_674_087_231,
                contact.as_bytes(),
                "v1,ARw42xaAApl/nxRo+iPGYwSaMQaOwMo2eyH5JBRA+bQ=",
            ),
        ] {
            assert_eq!(keys(&[key]).sign(id, timestamp, body), expected);
        }
    }

    #[test]
    fn every_key_signs_until_it_ends() {
        assert_eq!(keys(&[V1A, V1]).sign(ID, TIMESTAMP, BODY), format!("{SIGNED_V1A} {SIGNED_V1}"));
        let mut rotated = keys(&[V1A]);
        let key = || Key::parse(V1).expect("a key");
        rotated.add(key(), Some(Instant::now() + Duration::from_hours(1)));
        assert_eq!(rotated.sign(ID, TIMESTAMP, BODY), format!("{SIGNED_V1A} {SIGNED_V1}"));
        let mut ended = keys(&[V1A]);
        ended.add(key(), Some(Instant::now()));
        assert_eq!(ended.sign(ID, TIMESTAMP, BODY), SIGNED_V1A);
        assert_eq!(Keys::default().sign(ID, TIMESTAMP, BODY), "");
    }

    #[test]
    fn an_ed25519_key_is_its_seed_and_what_does_not_belong_to_it_is_refused() {
        let bytes = STANDARD.decode(&V1A["whsk_".len()..]).expect("base64");
        let seed = Key::ed25519(&bytes[..HALF]).expect("a seed");
        assert_eq!(seed.public().as_deref(), Some(PUBLIC));
        assert_eq!([seed].into_iter().collect::<Keys>().sign(ID, TIMESTAMP, BODY), SIGNED_V1A);
        let mut wrong = bytes.clone();
        wrong[HALF] ^= 1;
        assert!(Key::ed25519(&wrong).is_none(), "the halves do not belong together");
        for length in [0, 31, 33, 63] {
            assert!(Key::ed25519(&bytes[..length]).is_none(), "{length}");
        }
        let made = Key::generate().expect("randomness");
        let public = Key::parse(&made).and_then(|key| key.public()).expect("a key");
        assert!(public.starts_with("whpk_") && Key::generate().ok() != Some(made));
        for text in ["whsec_", "whsec_%", "whsk_AAAA", "whpk_AAAA"] {
            assert!(Key::parse(text).is_none(), "{text}");
        }
    }
}

//! The keys a connection string may hold, the variable that fills each, and what becomes of its value.

/// What becomes of a setting.
pub(super) enum Support {
    Used,
    /// Changes nothing for us, whatever its value.
    Ignored,
    /// Accepted with a value that states what we do anyway; any other would be a promise not kept.
    Only(&'static [&'static str], &'static str),
    /// Refused, with what to use instead.
    Refused(&'static str),
}

use Support::{Ignored, Only, Refused, Used};

/// Every setting with the variable that fills it. The lists of allowed values are libpq's spelling.
pub(super) const KEYS: &[(&str, Option<&str>, Support)] = &[
    ("host", Some("PGHOST"), Used),
    ("hostaddr", Some("PGHOSTADDR"), Used),
    ("port", Some("PGPORT"), Used),
    ("user", Some("PGUSER"), Used),
    ("password", Some("PGPASSWORD"), Used),
    ("passfile", Some("PGPASSFILE"), Used),
    ("dbname", Some("PGDATABASE"), Used),
    ("sslmode", Some("PGSSLMODE"), Used),
    ("sslrootcert", Some("PGSSLROOTCERT"), Used),
    ("sslcert", Some("PGSSLCERT"), Used),
    ("sslkey", Some("PGSSLKEY"), Used),
    ("sslnegotiation", Some("PGSSLNEGOTIATION"), Used),
    ("channel_binding", Some("PGCHANNELBINDING"), Used),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT"), Used),
    // PGAPPNAME is usually left over from a shell; the relay's own names tell its sessions apart.
    ("application_name", None, Used),
    ("options", Some("PGOPTIONS"), Used),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Used),
    ("keepalives", None, Used),
    ("keepalives_idle", None, Used),
    ("keepalives_interval", None, Used),
    ("keepalives_count", None, Used),
    ("tcp_user_timeout", None, Used),
    ("client_encoding", None, Ignored),
    ("fallback_application_name", None, Ignored),
    ("sslcompression", None, Ignored),
    ("krbsrvname", None, Ignored),
    ("gsslib", None, Ignored),
    ("gssencmode", Some("PGGSSENCMODE"), Only(&["disable", "prefer"], "use sslmode=verify-full to encrypt")),
    ("sslsni", Some("PGSSLSNI"), Only(&["1"], "leave it out, or give hostaddr alone to send no name")),
    ("sslcertmode", Some("PGSSLCERTMODE"), Only(&["allow"], "give or leave out sslcert and sslkey")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), Only(&["disable"], "hosts are tried in order")),
    (
        "ssl_min_protocol_version",
        Some("PGSSLMINPROTOCOLVERSION"),
        Only(&["TLSv1", "TLSv1.1", "TLSv1.2"], "set ssl_min_protocol_version in the server"),
    ),
    (
        "ssl_max_protocol_version",
        Some("PGSSLMAXPROTOCOLVERSION"),
        Refused("set ssl_max_protocol_version in the server"),
    ),
    ("service", Some("PGSERVICE"), Refused("write the settings of the service into the connection string")),
    ("sslcrl", Some("PGSSLCRL"), Refused("replace the certificate authority in sslrootcert to revoke")),
    ("sslcrldir", Some("PGSSLCRLDIR"), Refused("replace the certificate authority in sslrootcert to revoke")),
    ("sslpassword", None, Refused("decrypt the key with `openssl pkcs8 -topk8 -nocrypt` and guard the file")),
    ("requiressl", Some("PGREQUIRESSL"), Refused("use sslmode=require")),
    (
        "requirepeer",
        Some("PGREQUIREPEER"),
        Refused("use sslmode=verify-full over TCP to identify the server"),
    ),
    ("require_auth", Some("PGREQUIREAUTH"), Refused("use channel_binding=require and sslmode=verify-full")),
    ("replication", None, Refused("leave it out: only ordinary sessions are opened")),
];

/// Whether there is such a key, used or not.
pub(super) fn is_known(name: &str) -> bool {
    KEYS.iter().any(|(key, ..)| *key == name)
}

/// The key that looks most like a misspelt one.
pub(super) fn nearest(name: &str) -> &'static str {
    KEYS.iter().map(|(key, ..)| *key).min_by_key(|key| distance(key, name)).unwrap_or_default()
}

/// How many letters must be added, dropped or exchanged to turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.bytes().enumerate() {
            let exchanged = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use crate::conninfo::tests::good;

    #[test]
    fn harmless_settings_pass() {
        let given = "host=h client_encoding=UTF8 gssencmode=disable sslcompression=0 krbsrvname=x sslsni=1 \
                     fallback_application_name=x sslcrl='' ssl_min_protocol_version=TLSv1.2";
        assert_eq!(good(given, &[("PGGSSENCMODE", "prefer"), ("PGSERVICE", "")]).describe(), "me@h:5432/me");
    }
}

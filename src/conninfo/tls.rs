//! How TLS is used with each server, what its certificate is checked against, and the client's own one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio_postgres::config::SslNegotiation;

use super::settings::Settings;
use super::{Host, IdentityFiles, Roots, SslMode, Target};

const SSLMODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Prefer),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Whether TLS is asked for first or spoken at once.
pub(super) fn negotiation(settings: &mut Settings) -> SslNegotiation {
    let choices = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
    settings.choice("sslnegotiation", &choices).unwrap_or_default()
}

/// Settles the TLS mode of each server and returns what certificates are checked against.
pub(super) fn settle(
    settings: &mut Settings,
    targets: &mut [Target],
    negotiation: SslNegotiation,
) -> Option<Roots> {
    let explicit = settings.choice("sslmode", &SSLMODES);
    let named = settings.path("sslrootcert");
    let system = named.as_deref() == Some(Path::new("system"));
    let direct = negotiation == SslNegotiation::Direct;
    for target in targets.iter_mut() {
        target.sslmode = match (&target.host, explicit) {
            // Postgres does not speak TLS over Unix sockets.
            (Host::Unix(_), _) => SslMode::Disable,
            (_, Some(mode)) => mode,
            _ if system => SslMode::VerifyFull,
            // Whoever names a root or asks for TLS at once does not mean "plaintext will do".
            _ if named.is_some() || direct => SslMode::Require,
            // libpq's default is `prefer`, which anyone sitting on the link can turn into plaintext by
            // answering "no TLS here" in the server's name. Inside one machine nobody sits there.
            _ if is_loopback(target) => SslMode::Prefer,
            _ => SslMode::Require,
        };
    }
    let networked = |targets: &[Target], below: SslMode| {
        targets.iter().any(|t| matches!(t.host, Host::Tcp(_)) && t.sslmode < below)
    };
    if system && networked(targets, SslMode::VerifyFull) {
        settings.complain("sslrootcert", "is `system`, which proves nothing without sslmode=verify-full");
    }
    if direct && networked(targets, SslMode::Require) {
        settings.complain("sslnegotiation", "is `direct`, which needs sslmode=require or stronger");
    }
    roots(settings, targets, named)
}

fn roots(settings: &mut Settings, targets: &mut [Target], named: Option<PathBuf>) -> Option<Roots> {
    let strongest = targets.iter().map(|target| target.sslmode).max()?;
    if strongest < SslMode::Require {
        return None;
    }
    if named.as_deref() == Some(Path::new("system")) {
        return Some(Roots::System);
    }
    // libpq carries on unverified when a root given for `require` is missing; a typo must not do that.
    if named.as_ref().is_some_and(|path| !path.exists()) {
        settings.complain("sslrootcert", "names a file that does not exist or cannot be reached");
    }
    let file = named.or_else(|| settings.home(".postgresql/root.crt").filter(|path| path.is_file()));
    if file.is_none() && strongest > SslMode::Require {
        settings.complain(
            "sslmode",
            "asks for verification, but there is nothing to verify against: give sslrootcert=FILE (the \
             certificate authority of the server) or sslrootcert=system (publicly trusted ones)",
        );
    }
    // As in libpq: with a root at hand `require` means verify-ca.
    for target in targets.iter_mut().filter(|t| file.is_some() && t.sslmode == SslMode::Require) {
        target.sslmode = SslMode::VerifyCa;
    }
    file.map(Roots::File)
}

fn is_loopback(target: &Target) -> bool {
    match (&target.hostaddr, &target.host) {
        (Some(addr), _) => addr.is_loopback(),
        (None, Host::Unix(_)) => true,
        (None, Host::Tcp(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || IpAddr::from_str(name).is_ok_and(|addr| addr.is_loopback())
        }
    }
}

/// The client certificate: what was given, each half falling back to libpq's usual file.
pub(super) fn identity(settings: &mut Settings) -> Option<IdentityFiles> {
    let usual = |name| settings.home(name).filter(|path| path.is_file());
    let (usual_cert, usual_key) = (usual(".postgresql/postgresql.crt"), usual(".postgresql/postgresql.key"));
    let (cert, key) = (settings.path("sslcert"), settings.path("sslkey"));
    let named = cert.is_some() || key.is_some();
    match (cert.or(usual_cert), key.or(usual_key)) {
        (Some(cert), Some(key)) => Some(IdentityFiles { cert, key }),
        (Some(_), None) if named => {
            settings.complain("sslcert", "needs its private key: give sslkey as well");
            None
        }
        (None, Some(_)) if named => {
            settings.complain("sslkey", "needs its certificate: give sslcert as well");
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conninfo::tests::{Env, good, home, problems, utf8};

    #[test]
    fn tls_follows_the_mode_and_the_place() {
        use SslMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        let cases = [
            ("host=h", Require),
            ("host=10.0.0.1", Require),
            ("host=localhost", Prefer),
            ("host=127.8.9.1", Prefer),
            ("host=::1", Prefer),
            ("host=localhost hostaddr=10.0.0.1", Require),
            ("host=h hostaddr=127.0.0.1", Prefer),
            ("host=localhost.example.com", Require),
            ("host=/run/pg", Disable),
            ("host=h sslmode=disable", Disable),
            ("host=h sslmode=allow", Prefer),
            ("host=h sslmode=prefer", Prefer),
            ("host=h sslmode=require", Require),
            ("host=localhost sslmode=require", Require),
            ("host=h sslmode=verify-ca sslrootcert=/dev/null", VerifyCa),
            ("host=h sslmode=verify-full sslrootcert=/dev/null", VerifyFull),
            ("host=h sslmode=require sslrootcert=/dev/null", VerifyCa),
            ("host=h sslrootcert=/dev/null", VerifyCa),
            ("host=localhost sslrootcert=/dev/null", VerifyCa),
            ("host=h sslrootcert=system", VerifyFull),
            ("host=h sslmode=verify-full sslrootcert=system", VerifyFull),
            ("host=localhost sslnegotiation=direct", Require),
            ("host=/run/pg sslmode=verify-full sslnegotiation=direct", Disable),
            ("postgres://h/d?ssl=true", Require),
        ];
        for (given, expected) in cases {
            assert_eq!(good(given, &[]).targets[0].sslmode, expected, "{given}");
        }
        let mixed = good("host=/run/pg,localhost,h", &[]);
        let modes: Vec<SslMode> = mixed.targets.iter().map(|target| target.sslmode).collect();
        assert_eq!(modes, [Disable, Prefer, Require]);
        assert_eq!(good("host=h", &[("PGSSLMODE", "disable")]).targets[0].sslmode, Disable);
    }

    #[test]
    fn the_usual_certificate_files_are_found() {
        let full =
            home(&[".postgresql/root.crt", ".postgresql/postgresql.crt", ".postgresql/postgresql.key"]);
        let root = full.path().join(".postgresql/root.crt");
        for (given, mode) in [
            ("host=h", SslMode::VerifyCa),
            ("host=h sslmode=require", SslMode::VerifyCa),
            ("host=h sslmode=verify-full", SslMode::VerifyFull),
        ] {
            let info = good(given, &[("HOME", utf8(&full))]);
            assert_eq!(info.roots, Some(Roots::File(root.clone())), "{given}");
            assert_eq!(info.targets[0].sslmode, mode, "{given}");
            assert!(info.identity.is_some_and(|files| files.key.ends_with(".postgresql/postgresql.key")));
        }
        let info = good("host=h sslmode=verify-full sslrootcert=system", &[("HOME", utf8(&full))]);
        assert_eq!(info.roots, Some(Roots::System));
        assert_eq!(good("host=localhost", &[("HOME", utf8(&full))]).roots, None);
        let info = good("host=h sslcert=/c sslkey=/k", &[("HOME", utf8(&full))]);
        assert_eq!(info.identity, Some(IdentityFiles { cert: "/c".into(), key: "/k".into() }));

        let half = home(&[".postgresql/postgresql.crt"]);
        let env: Env = &[("HOME", utf8(&half))];
        assert_eq!(good("host=h", env).identity, None);
        assert_eq!(problems("host=h sslcert=/c", env), "sslcert needs its private key: give sslkey as well");
        assert_eq!(good("host=h sslkey=/k", env).identity.map(|files| files.key), Some("/k".into()));
        assert_eq!(problems("host=h sslkey=/k", &[]), "sslkey needs its certificate: give sslcert as well");
    }
}

//! Where the database is and how to reach it, read the way libpq users expect.
//!
//! A connection string (URL or `key=value`), the `PG*` variables and `~/.pgpass` go in; plain data comes
//! out. Nothing here opens a connection: the only file that is read is the password file.
//!
//! Three differences from libpq are deliberate. An unset `sslmode` never means a silent plaintext fallback
//! to another machine, no setting that guards the connection is dropped in silence, and waits are bounded.
//!
//! Messages name settings, never their values: a connection string usually holds a password, and a slip of
//! the pen can move a piece of it into any other field.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslNegotiation, TargetSessionAttrs};

const PORT: u16 = 5432;
const CONNECT_TIMEOUT_S: u32 = 10;
const CONNECT_TIMEOUT_S_RANGE: RangeInclusive<u32> = 1..=600;
const TCP_USER_TIMEOUT_MS: u32 = 30_000;
const KEEPALIVES_IDLE_S: u32 = 30;
const KEEPALIVES_INTERVAL_S: u32 = 10;
const KEEPALIVES_COUNT: u32 = 3;
/// Linux refuses larger keepalive times than this many seconds, and larger counts than 127.
const KEEPALIVES_S_RANGE: RangeInclusive<u32> = 0..=32_767;

/// Everything needed to open a session, with every default already applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conninfo {
    /// The role to log in as.
    pub user: String,
    /// The database; libpq's default is the name of the role.
    pub dbname: String,
    /// The servers to try, in this order; never empty.
    pub targets: Vec<Target>,
    /// The name to show in `pg_stat_activity`; `None` leaves the choice to whoever connects.
    pub application_name: Option<String>,
    /// Server settings for the session, as in `-c statement_timeout=5s`.
    pub options: Option<String>,
    /// How long one server may take from the first packet to a usable session.
    pub connect_timeout: Duration,
    /// Probes that find a dead path while nothing is sent; `None` when the user turned them off.
    pub keepalives: Option<Keepalives>,
    /// How long sent data may stay unacknowledged; `None` leaves it to the kernel (many minutes).
    pub tcp_user_timeout: Option<Duration>,
    /// Whether a server that is a standby (or is not one) is acceptable.
    pub target_session_attrs: TargetSessionAttrs,
    /// Whether the password exchange must be tied to the TLS session.
    pub channel_binding: ChannelBinding,
    /// Whether TLS is asked for first or spoken at once (Postgres 17 and later).
    pub sslnegotiation: SslNegotiation,
    /// What a server's certificate is checked against; always there for the two verifying modes.
    pub roots: Option<Roots>,
    /// The client certificate, for servers that ask for one.
    pub identity: Option<IdentityFiles>,
}

/// One server of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it listens, and the name its certificate must carry under [`SslMode::VerifyFull`].
    pub host: Host,
    /// Dial this address instead of looking the name up.
    pub hostaddr: Option<IpAddr>,
    /// The port; for a socket directory, the number at the end of the socket's name.
    pub port: u16,
    /// The password for this server: password files can hold one for each.
    pub password: Option<Password>,
    /// How TLS is used with this server; settled for each, as one list may mix sockets and networks.
    pub sslmode: SslMode,
}

/// A host name (or address), or the directory of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or address to reach over TCP.
    Tcp(String),
    /// The directory that holds `.s.PGSQL.<port>`.
    Unix(PathBuf),
}

/// How TLS is used. libpq's `allow` is read as [`SslMode::Prefer`]: TLS first is never the weaker order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS without verification if the server has it, plaintext otherwise.
    Prefer,
    /// TLS without verification.
    Require,
    /// TLS, and the certificate must come from a trusted root.
    VerifyCa,
    /// TLS, a trusted root, and the certificate must carry the host's name.
    VerifyFull,
}

/// The certificate authorities a server may be vouched for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those of the operating system (`sslrootcert=system`).
    System,
    /// Those of one PEM file, and no others.
    File(PathBuf),
}

/// The two PEM files of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate, followed by its intermediates if there are any.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Times of the TCP keepalive probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalives {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes after which the connection counts as lost.
    pub count: u32,
}

/// A password: `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself, for the login and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl Target {
    /// `host:port`, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.host {
            Host::Tcp(host) if host.contains(':') => format!("[{host}]:{}", self.port),
            Host::Tcp(host) => format!("{host}:{}", self.port),
            Host::Unix(dir) => format!("{}:{}", dir.display(), self.port),
        }
    }
}

/// Everything that is wrong with the settings, found in one go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConninfoError {
    /// One sentence for each problem; none of them quotes a value.
    pub problems: Vec<String>,
}

impl Conninfo {
    /// Puts the settings together: `given` (the value of `--database-url`) or else `DATABASE_URL`, then the
    /// `PG*` variables for what is left out, then the password file, then the defaults.
    ///
    /// # Errors
    ///
    /// [`ConninfoError`] lists every setting that is malformed, unknown or not supported.
    pub fn resolve(
        given: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Conninfo, ConninfoError> {
        let mut settings = Settings::gather(given, env);
        let info = settings.conninfo();
        if settings.problems.is_empty() {
            Ok(info)
        } else {
            Err(ConninfoError { problems: settings.problems })
        }
    }

    /// `user@host:port/dbname`, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let hosts: Vec<String> = self.targets.iter().map(Target::describe).collect();
        format!("{}@{}/{}", self.user, hosts.join(","), self.dbname)
    }
}

/// What becomes of a setting.
enum Support {
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
const KEYS: &[(&str, Option<&str>, Support)] = &[
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

/// One value and the name its problems are reported under: the setting's or the variable's.
struct Setting {
    origin: String,
    text: String,
}

/// The raw settings while they are turned into a [`Conninfo`].
struct Settings<'a> {
    values: BTreeMap<&'static str, Setting>,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Settings<'a> {
    fn gather(given: Option<&str>, env: &'a dyn Fn(&str) -> Option<String>) -> Settings<'a> {
        let mut settings = Settings { values: BTreeMap::new(), env, problems: Vec::new() };
        let named =
            given.filter(|text| !text.trim().is_empty()).map(|text| ("--database-url", text.to_owned()));
        let string = named.or_else(|| Some(("DATABASE_URL", env("DATABASE_URL")?)));
        if let Some((origin, text)) = string {
            let pairs = parse(text.trim(), origin, &mut settings.problems);
            for pair in pairs {
                settings.accept(pair);
            }
        }
        for (key, variable, support) in KEYS {
            if settings.values.contains_key(key) {
                continue;
            }
            let Some(variable) = *variable else { continue };
            if let Some(text) = env(variable).filter(|text| !text.is_empty()) {
                settings.store(key, support, Setting { origin: variable.to_owned(), text });
            }
        }
        // Kept until here because an empty value in the string hides the variable, as in libpq.
        settings.values.retain(|_, setting| !setting.text.is_empty());
        settings
    }

    fn accept(&mut self, pair: Pair) {
        // JDBC's spelling, which libpq understands in URLs as well.
        let jdbc = pair.key == "ssl" && pair.value == "true";
        let (name, value) = if jdbc { ("sslmode", "require".to_owned()) } else { (&*pair.key, pair.value) };
        if let Some((key, _, support)) = KEYS.iter().find(|(key, ..)| *key == name) {
            self.store(key, support, Setting { origin: name.to_owned(), text: value });
        } else if pair.nameable {
            let nearest = KEYS.iter().map(|(key, ..)| *key).min_by_key(|key| distance(key, name));
            let nearest = nearest.unwrap_or_default();
            self.problems.push(format!("unknown setting `{name}`; the nearest known one is `{nearest}`"));
        } else {
            self.problems.push(
                "unknown setting (not named here, as it may be a piece of a password): quote a password with \
                 spaces, percent-encode it in a URL"
                    .to_owned(),
            );
        }
    }

    fn store(&mut self, key: &'static str, support: &Support, setting: Setting) {
        let origin = &setting.origin;
        match support {
            Used => {
                self.values.insert(key, setting);
            }
            Ignored => {}
            Only(allowed, _) if setting.text.is_empty() || allowed.contains(&&*setting.text) => {}
            Only(allowed, instead) => {
                let allowed = allowed.join(", ");
                self.problems.push(format!("{origin}: only {allowed} can be honoured; {instead}"));
            }
            Refused(_) if setting.text.is_empty() => {}
            Refused(instead) => self.problems.push(format!("{origin} is not supported: {instead}")),
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.values.get(key).map(|setting| setting.text.clone())
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// `$HOME/name`.
    fn home(&self, name: &str) -> Option<PathBuf> {
        let home = (self.env)("HOME").filter(|home| !home.is_empty())?;
        Some(Path::new(&home).join(name))
    }

    fn complain(&mut self, key: &str, sentence: &str) {
        let origin = self.values.get(key).map_or(key, |setting| &setting.origin);
        self.problems.push(format!("{origin} {sentence}"));
    }

    fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.complain(key, &format!("must be one of {}", names.join(", ")));
        }
        found
    }

    fn number(&mut self, key: &str, range: &RangeInclusive<u32>) -> Option<u32> {
        let number = self.text(key)?.trim().parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let sentence = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.complain(key, &sentence);
        }
        number
    }

    /// A number for which libpq's 0 means "the default".
    fn number_or(&mut self, key: &str, range: &RangeInclusive<u32>, default: u32) -> u32 {
        self.number(key, range).filter(|number| *number != 0).unwrap_or(default)
    }

    fn seconds(&mut self, key: &str, default: u32) -> Duration {
        Duration::from_secs(self.number_or(key, &KEEPALIVES_S_RANGE, default).into())
    }

    fn conninfo(&mut self) -> Conninfo {
        let user = self.user();
        let dbname = self.text("dbname").unwrap_or_else(|| user.clone());
        let mut endpoints = self.endpoints();
        let sslnegotiation = self
            .choice(
                "sslnegotiation",
                &[("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)],
            )
            .unwrap_or_default();
        let roots = self.encryption(&mut endpoints, sslnegotiation);
        self.passwords(&mut endpoints, &user, &dbname);
        let timeout = self.number("connect_timeout", &CONNECT_TIMEOUT_S_RANGE).unwrap_or(CONNECT_TIMEOUT_S);
        let user_timeout_ms = self.number("tcp_user_timeout", &(0..=u32::MAX)).unwrap_or(TCP_USER_TIMEOUT_MS);
        Conninfo {
            targets: endpoints,
            application_name: self.text("application_name"),
            options: self.text("options"),
            connect_timeout: Duration::from_secs(timeout.into()),
            keepalives: self.keepalives(),
            tcp_user_timeout: (user_timeout_ms > 0).then(|| Duration::from_millis(user_timeout_ms.into())),
            target_session_attrs: self.session_attrs(),
            channel_binding: self.channel_binding(),
            sslnegotiation,
            roots,
            identity: self.identity(),
            user,
            dbname,
        }
    }

    fn user(&mut self) -> String {
        // Not asking the system for the owner of the process: a container's user often has no name there.
        let account =
            || ["USER", "LOGNAME"].iter().find_map(|name| (self.env)(name).filter(|n| !n.is_empty()));
        self.text("user").or_else(account).unwrap_or_else(|| {
            self.problems.push("user is missing: put it into the connection string or set PGUSER".to_owned());
            String::new()
        })
    }

    fn keepalives(&mut self) -> Option<Keepalives> {
        let times = Keepalives {
            idle: self.seconds("keepalives_idle", KEEPALIVES_IDLE_S),
            interval: self.seconds("keepalives_interval", KEEPALIVES_INTERVAL_S),
            count: self.number_or("keepalives_count", &(0..=127), KEEPALIVES_COUNT),
        };
        let wanted = self.choice("keepalives", &[("0", false), ("1", true)]).unwrap_or(true);
        wanted.then_some(times)
    }

    fn session_attrs(&mut self) -> TargetSessionAttrs {
        let choices = [
            ("any", TargetSessionAttrs::Any),
            ("read-write", TargetSessionAttrs::ReadWrite),
            ("read-only", TargetSessionAttrs::ReadOnly),
        ];
        self.choice("target_session_attrs", &choices).unwrap_or(TargetSessionAttrs::Any)
    }

    fn channel_binding(&mut self) -> ChannelBinding {
        let choices = [
            ("disable", ChannelBinding::Disable),
            ("prefer", ChannelBinding::Prefer),
            ("require", ChannelBinding::Require),
        ];
        self.choice("channel_binding", &choices).unwrap_or(ChannelBinding::Prefer)
    }

    /// The client certificate: what was given, each half falling back to libpq's usual file.
    fn identity(&mut self) -> Option<IdentityFiles> {
        let usual = |name| self.home(name).filter(|path| path.is_file());
        let (usual_cert, usual_key) =
            (usual(".postgresql/postgresql.crt"), usual(".postgresql/postgresql.key"));
        let (cert, key) = (self.path("sslcert"), self.path("sslkey"));
        let named = cert.is_some() || key.is_some();
        match (cert.or(usual_cert), key.or(usual_key)) {
            (Some(cert), Some(key)) => Some(IdentityFiles { cert, key }),
            (Some(_), None) if named => {
                self.complain("sslcert", "needs its private key: give sslkey as well");
                None
            }
            (None, Some(_)) if named => {
                self.complain("sslkey", "needs its certificate: give sslcert as well");
                None
            }
            _ => None,
        }
    }

    /// Pairs up hosts, addresses and ports. Passwords and TLS modes are settled afterwards.
    fn endpoints(&mut self) -> Vec<Target> {
        let hosts = self.list("host");
        let addrs = self.list("hostaddr");
        let ports = self.list("port");
        let count = hosts.len().max(addrs.len()).max(1);
        if !hosts.is_empty() && !addrs.is_empty() && hosts.len() != addrs.len() {
            self.complain("hostaddr", "must list as many addresses as there are hosts");
        }
        if ports.len() > 1 && ports.len() != count {
            self.complain("port", "must be one port for all hosts, or one for each");
        }
        let both = |(host, addr): (&String, &String)| host.starts_with('/') && !addr.is_empty();
        if hosts.iter().zip(&addrs).any(both) {
            self.complain("hostaddr", "cannot be combined with a socket directory as the host");
        }
        let ports: Vec<u16> = ports.iter().map(|text| self.port(text)).collect();
        let addrs: Vec<Option<IpAddr>> = addrs.iter().map(|text| self.address(text)).collect();
        let endpoint = |i: usize| {
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(PORT);
            let hostaddr = addrs.get(i).copied().flatten();
            let host = hosts.get(i).filter(|host| !host.is_empty());
            let host = match (host, hostaddr) {
                (Some(dir), _) if dir.starts_with('/') => Host::Unix(PathBuf::from(dir)),
                (Some(name), _) => Host::Tcp(name.clone()),
                (None, Some(addr)) => Host::Tcp(addr.to_string()),
                (None, None) => default_host(port, &|path| path.exists()),
            };
            Target { host, hostaddr, port, password: None, sslmode: SslMode::Disable }
        };
        (0..count).map(endpoint).collect()
    }

    fn list(&self, key: &str) -> Vec<String> {
        let text = self.text(key).unwrap_or_default();
        if text.is_empty() {
            Vec::new()
        } else {
            text.split(',').map(|item| item.trim().to_owned()).collect()
        }
    }

    fn port(&mut self, text: &str) -> u16 {
        match text.parse() {
            Ok(port) if port > 0 => port,
            _ if text.is_empty() => PORT,
            _ => {
                self.complain("port", "must be a number from 1 to 65535");
                PORT
            }
        }
    }

    fn address(&mut self, text: &str) -> Option<IpAddr> {
        let addr = IpAddr::from_str(text).ok();
        if addr.is_none() && !text.is_empty() {
            self.complain("hostaddr", "must be an IP address; use host for names");
        }
        addr
    }

    /// Settles the TLS mode of each server and returns what certificates are checked against.
    fn encryption(&mut self, targets: &mut [Target], negotiation: SslNegotiation) -> Option<Roots> {
        let explicit = self.choice("sslmode", &SSLMODES);
        let named = self.path("sslrootcert");
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
            self.complain("sslrootcert", "is `system`, which proves nothing without sslmode=verify-full");
        }
        if direct && networked(targets, SslMode::Require) {
            self.complain("sslnegotiation", "is `direct`, which needs sslmode=require or stronger");
        }
        self.roots(targets, named)
    }

    fn roots(&mut self, targets: &mut [Target], named: Option<PathBuf>) -> Option<Roots> {
        let strongest = targets.iter().map(|target| target.sslmode).max()?;
        if strongest < SslMode::Require {
            return None;
        }
        if named.as_deref() == Some(Path::new("system")) {
            return Some(Roots::System);
        }
        // libpq carries on unverified when a root given for `require` is missing; a typo must not do that.
        if named.as_ref().is_some_and(|path| !path.exists()) {
            self.complain("sslrootcert", "names a file that does not exist or cannot be reached");
        }
        let file = named.or_else(|| self.home(".postgresql/root.crt").filter(|path| path.is_file()));
        if file.is_none() && strongest > SslMode::Require {
            self.complain(
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

    fn passwords(&self, targets: &mut [Target], user: &str, dbname: &str) {
        let given = self.text("password").map(Password);
        let lines = if given.is_some() { String::new() } else { self.password_file() };
        for target in targets {
            let found = || password_for(&lines, target, dbname, user);
            target.password = given.clone().or_else(found);
        }
    }

    /// The text of the password file, or nothing when there is none that may be used.
    fn password_file(&self) -> String {
        let Some(path) = self.path("passfile").or_else(|| self.home(".pgpass")) else {
            return String::new();
        };
        let Ok(meta) = fs::metadata(&path) else {
            return String::new();
        };
        let file = path.display();
        if !meta.is_file() {
            tracing::warn!("password file {file} is ignored: it is not a plain file");
            return String::new();
        }
        if meta.mode() & 0o077 != 0 {
            tracing::warn!("password file {file} is ignored: others can read it; run `chmod 600 {file}`");
            return String::new();
        }
        fs::read_to_string(&path).unwrap_or_else(|error| {
            tracing::warn!("password file {file} is ignored: {error}");
            String::new()
        })
    }
}

const SSLMODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Prefer),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// The usual socket directory if the machine has it, even before the server is up; `/tmp` exists everywhere,
/// so there the socket itself must be present.
fn default_host(port: u16, exists: &dyn Fn(&Path) -> bool) -> Host {
    let debian = Path::new("/var/run/postgresql");
    if exists(debian) {
        Host::Unix(debian.to_owned())
    } else if exists(&PathBuf::from(format!("/tmp/.s.PGSQL.{port}"))) {
        Host::Unix(PathBuf::from("/tmp"))
    } else {
        Host::Tcp("localhost".to_owned())
    }
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

/// The first line of a password file that fits, read by libpq's rules.
fn password_for(lines: &str, target: &Target, dbname: &str, user: &str) -> Option<Password> {
    let port = target.port.to_string();
    let host_fits = |field: &Field| match &target.host {
        Host::Tcp(name) => field.fits(name),
        Host::Unix(dir) => field.fits("localhost") || field.fits(&dir.to_string_lossy()),
    };
    lines.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = split_fields(line);
        let [host, at_port, database, role, password, ..] = fields.as_slice() else {
            return None;
        };
        let fits = host_fits(host) && at_port.fits(&port) && database.fits(dbname) && role.fits(user);
        (fits && !password.text.is_empty()).then(|| Password(password.text.clone()))
    })
}

/// One field of a password file's line, its backslashes removed.
#[derive(Default)]
struct Field {
    text: String,
    /// `\*` is a literal star.
    escaped: bool,
}

impl Field {
    fn fits(&self, wanted: &str) -> bool {
        (self.text == "*" && !self.escaped) || self.text == wanted
    }
}

fn split_fields(line: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut field = Field::default();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => fields.push(std::mem::take(&mut field)),
            '\\' => {
                field.escaped = true;
                field.text.push(chars.next().unwrap_or('\\'));
            }
            _ => field.text.push(c),
        }
    }
    fields.push(field);
    fields
}

/// One `key=value` of a connection string.
struct Pair {
    key: String,
    value: String,
    /// False when the key could be a piece of a password that was not quoted or encoded.
    nameable: bool,
}

impl Pair {
    fn new(key: &str, value: String) -> Pair {
        Pair { key: key.to_owned(), value, nameable: true }
    }
}

fn is_identifier(key: &str) -> bool {
    key.len() <= 40 && key.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

fn parse(text: &str, origin: &str, problems: &mut Vec<String>) -> Vec<Pair> {
    let schemes = ["postgres://", "postgresql://"];
    if let Some(rest) = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return parse_url(rest, problems);
    }
    let before_value = text.split('=').next().unwrap_or_default();
    if before_value.contains("://") {
        problems
            .push(format!("{origin} must start with postgres:// or postgresql://, or hold key=value pairs"));
        return Vec::new();
    }
    parse_pairs(text, origin, problems)
}

/// `[user[:password]@][host[:port],...][/dbname][?key=value&...]`
fn parse_url(rest: &str, problems: &mut Vec<String>) -> Vec<Pair> {
    let authority_end = rest.find('/').unwrap_or(rest.len());
    // The last @ before the path, where libpq takes the first: a password with a bare @ then still works
    // and, above all, no piece of it turns up as the host in a message.
    let (userinfo, after) = match rest[..authority_end].rfind('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (location, query) = after.split_once('?').unwrap_or((after, ""));
    let (hosts, dbname) = location.split_once('/').unwrap_or((location, ""));
    if location.contains('@') {
        problems.push(
            "the user, password or dbname in the URL holds a bare `/`, `?` or `@`: write %2F, %3F or %40"
                .to_owned(),
        );
        return Vec::new();
    }
    let mut pairs = Vec::new();
    if let Some(userinfo) = userinfo {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        pairs.push(("user", user.to_owned()));
        pairs.push(("password", password.to_owned()));
    }
    let (hosts, ports) = split_hosts(hosts, problems);
    pairs.push(("host", hosts));
    pairs.push(("port", ports));
    pairs.push(("dbname", dbname.to_owned()));
    pairs.retain(|(_, value)| !value.is_empty());
    let mut pairs: Vec<Pair> =
        pairs.into_iter().map(|(key, value)| Pair::new(key, decode(&value, key, problems))).collect();
    parse_query(query, &mut pairs, problems);
    pairs
}

fn parse_query(query: &str, pairs: &mut Vec<Pair>, problems: &mut Vec<String>) {
    // An @ this late may be the end of a password with a bare ? in it.
    let stray = query.contains('@');
    let mut after_password = false;
    for item in query.split('&').filter(|item| !item.is_empty()) {
        let Some((key, value)) = item.split_once('=') else {
            problems.push("a parameter after the ? of the URL lacks its =".to_owned());
            continue;
        };
        let key = decode(key, "a parameter's name", problems);
        let nameable = !stray && !after_password && is_identifier(&key);
        after_password =
            key == "password" || (after_password && !KEYS.iter().any(|(known, ..)| *known == key));
        let field = if nameable { key.as_str() } else { "a parameter" };
        let value = decode(value, field, problems);
        pairs.push(Pair { key, value, nameable });
    }
}

/// Splits `a:1,[::1]:2,c` into the lists `a,::1,c` and `1,2,`; the second is empty if no port is given.
fn split_hosts(text: &str, problems: &mut Vec<String>) -> (String, String) {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for item in text.split(',') {
        let (host, port) = match item.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((host, ""))) => (host, ""),
            Some(Some((host, rest))) if rest.starts_with(':') => (host, &rest[1..]),
            Some(_) => {
                problems
                    .push("host in the URL: an IPv6 address must look like [::1] or [::1]:5432".to_owned());
                ("", "")
            }
            None => item.split_once(':').unwrap_or((item, "")),
        };
        hosts.push(host);
        ports.push(port);
    }
    let ports = if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") };
    (hosts.join(","), ports)
}

/// Removes percent-encoding; `+` stays a plus, as in libpq.
fn decode(text: &str, field: &str, problems: &mut Vec<String>) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        // from_str_radix takes a sign, which is no hexadecimal digit.
        let code =
            code.filter(|pair| !pair.starts_with('+')).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match code {
            Some(byte) if byte != 0 => bytes.push(byte),
            _ => {
                problems.push(format!("{field} in the URL: write %25 for a bare %, and never %00"));
                return String::new();
            }
        }
        rest = &tail[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| {
        problems.push(format!("{field} in the URL: the percent-encoded bytes are not UTF-8"));
        String::new()
    })
}

/// `key = value key='quoted \' value'`, by libpq's rules.
fn parse_pairs(text: &str, origin: &str, problems: &mut Vec<String>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut rest = text.trim_start();
    let mut after_password = false;
    while !rest.is_empty() {
        let key_end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (key, tail) = rest.split_at(key_end);
        let Some(tail) = tail.trim_start().strip_prefix('=') else {
            problems
                .push(format!("{origin}: a setting lacks its =, or a value with spaces lacks its quotes"));
            return pairs;
        };
        let tail = tail.trim_start();
        let quoted = tail.starts_with('\'');
        let Some((value, tail)) = take_value(tail) else {
            problems.push(format!("{origin}: a quote is opened and never closed"));
            return pairs;
        };
        let nameable = !after_password && is_identifier(key);
        let known = KEYS.iter().any(|(known, ..)| *known == key);
        after_password = (key == "password" && !quoted) || (after_password && !known);
        pairs.push(Pair { key: key.to_owned(), value, nameable });
        rest = tail.trim_start();
    }
    pairs
}

/// Takes one value off the front; `None` if its quote is never closed.
fn take_value(text: &str) -> Option<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            _ if !quoted && c.is_ascii_whitespace() => return Some((value, &text[at..])),
            _ => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
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
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    type Env<'a> = &'a [(&'a str, &'a str)];

    fn resolve(given: &str, env: Env) -> Result<Conninfo, ConninfoError> {
        let env: BTreeMap<&str, &str> = env.iter().copied().collect();
        let lookup = |name: &str| match (name, env.get(name)) {
            ("USER", None) => Some("me".to_owned()),
            (_, value) => value.map(|value| (*value).to_owned()),
        };
        Conninfo::resolve(Some(given).filter(|given| !given.is_empty()), &lookup)
    }

    fn good(given: &str, env: Env) -> Conninfo {
        resolve(given, env).unwrap_or_else(|error| panic!("{given}: {error}"))
    }

    fn problems(given: &str, env: Env) -> String {
        resolve(given, env).map(|info| info.describe()).expect_err(given).to_string()
    }

    fn password(info: &Conninfo) -> &str {
        info.targets[0].password.as_ref().map_or("", Password::reveal)
    }

    #[test]
    fn both_notations_name_the_same_places() {
        let cases = [
            ("postgres://u@h/d", "u@h:5432/d"),
            ("postgresql://u@h:5433/d?sslmode=require", "u@h:5433/d"),
            ("postgres://h", "me@h:5432/me"),
            ("postgres://u@h", "u@h:5432/u"),
            ("postgres://u@h/", "u@h:5432/u"),
            ("postgres://u@h?dbname=d", "u@h:5432/d"),
            ("postgres://u@h/d%2Fe", "u@h:5432/d/e"),
            ("postgres://u@[::1]/d", "u@[::1]:5432/d"),
            ("postgres://u@[2001:db8::1]:5433/d", "u@[2001:db8::1]:5433/d"),
            ("postgres://u@a:1,b:2/d", "u@a:1,b:2/d"),
            ("postgres://u@a:1,[::1]:2,c/d", "u@a:1,[::1]:2,c:5432/d"),
            ("postgres://u@a,b:2/d", "u@a:5432,b:2/d"),
            ("postgres://u@%2Frun%2Fpg/d", "u@/run/pg:5432/d"),
            ("postgres://u@%2Frun%2Fpg:5433/d", "u@/run/pg:5433/d"),
            ("postgres:///d?host=/run/pg&user=u&port=7", "u@/run/pg:7/d"),
            ("postgres://%75ser+x@h/d", "user+x@h:5432/d"),
            ("postgres://h/d?user=me@tenant", "me@tenant@h:5432/d"),
            ("postgres://u@h/d?", "u@h:5432/d"),
            ("host=h user=u dbname=d", "u@h:5432/d"),
            ("  host = h\tport\n=\n5433 user=u dbname='d' ", "u@h:5433/d"),
            ("host=a,b port=1,2 user=u dbname=d", "u@a:1,b:2/d"),
            ("host=a,b port=7 user=u dbname=d", "u@a:7,b:7/d"),
            ("host=::1 user=u dbname=d", "u@[::1]:5432/d"),
            ("host=/run/pg user=u dbname=d", "u@/run/pg:5432/d"),
            ("host=h user='a b' dbname='it\\'s \\\\'", "a b@h:5432/it's \\"),
            ("host=h user=a\\ b dbname=d", "a b@h:5432/d"),
            ("hostaddr=10.0.0.1 user=u dbname=d", "u@10.0.0.1:5432/d"),
            ("host=h hostaddr=10.0.0.1 user=u dbname=d", "u@h:5432/d"),
            ("user=u user=v host=h", "v@h:5432/v"),
        ];
        for (given, expected) in cases {
            assert_eq!(good(given, &[]).describe(), expected, "{given}");
        }
    }

    #[test]
    fn passwords_survive_every_notation() {
        let cases = [
            ("postgres://u:p%40%3A%2F%25@h/d", "p@:/%"),
            ("postgres://u:p:q@h/d", "p:q"),
            ("postgres://u:p@ss@h/d", "p@ss"),
            ("postgres://u:p?s#s@h/d", "p?s#s"),
            ("postgres://u:1?p=q@h/d", "1?p=q"),
            ("postgres://u:p+%2B@h/d", "p++"),
            ("postgres://u:%C3%A9@h/d", "\u{e9}"),
            ("postgres://u:old@h/d?password=new%26", "new&"),
            ("host=h password=p@:/%", "p@:/%"),
            ("host=h password='p \\' q'", "p ' q"),
            ("host=h password=p\\ q", "p q"),
            ("host=h password = 'p=q'", "p=q"),
        ];
        for (given, expected) in cases {
            let info = good(given, &[("PGPASSWORD", "unused")]);
            assert_eq!(password(&info), expected, "{given}");
            assert_eq!(info.targets[0].host, Host::Tcp("h".to_owned()), "{given}");
            assert!(!info.describe().contains(expected), "{given}");
        }
        assert_eq!(password(&good("host=h", &[("PGPASSWORD", "from env")])), "from env");
    }

    #[test]
    fn the_string_comes_first_then_the_variables_then_the_defaults() {
        let all: Env = &[
            ("DATABASE_URL", "postgres://eve@elsewhere/e"),
            ("PGHOST", "h"),
            ("PGPORT", "7"),
            ("PGUSER", "u"),
            ("PGDATABASE", "d"),
            ("PGAPPNAME", "ignored"),
        ];
        assert_eq!(good("", &all[1..]).describe(), "u@h:7/d");
        assert_eq!(good("", all).describe(), "eve@elsewhere:7/e");
        assert_eq!(good("host=x", all).describe(), "u@x:7/d");
        assert_eq!(good("host=x port='' user=''", all).describe(), "me@x:5432/d", "empty hides the variable");
        assert_eq!(good("host=x", all).application_name, None);
        assert_eq!(good("host=x", &[("LOGNAME", "l"), ("USER", "")]).user, "l");
        let addr = good("host=x", &[("PGHOSTADDR", "10.0.0.1")]).targets[0].hostaddr;
        assert_eq!(addr, Some(IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn without_a_host_the_usual_socket_is_taken() {
        let host = |present: &'static [&'static str]| {
            default_host(7, &|path: &Path| present.iter().any(|other| Path::new(other) == path))
        };
        assert_eq!(
            host(&["/var/run/postgresql", "/tmp/.s.PGSQL.7"]),
            Host::Unix("/var/run/postgresql".into())
        );
        assert_eq!(host(&["/tmp", "/tmp/.s.PGSQL.7"]), Host::Unix("/tmp".into()));
        assert_eq!(host(&["/tmp", "/tmp/.s.PGSQL.5432"]), Host::Tcp("localhost".to_owned()));
    }

    #[test]
    fn times_have_bounds_and_defaults() {
        let info = good("host=h", &[]);
        let seconds = Duration::from_secs;
        assert_eq!(info.connect_timeout, seconds(10));
        assert_eq!(info.tcp_user_timeout, Some(seconds(30)));
        assert_eq!(info.keepalives, Some(Keepalives { idle: seconds(30), interval: seconds(10), count: 3 }));
        let given = "host=h connect_timeout=3 tcp_user_timeout=1500 keepalives_idle=5 keepalives_interval=0 \
                     keepalives_count=9 application_name=app options='-c a=b' channel_binding=require \
                     target_session_attrs=read-write";
        let info = good(given, &[("PGCONNECT_TIMEOUT", "9")]);
        assert_eq!(info.connect_timeout, seconds(3));
        assert_eq!(info.tcp_user_timeout, Some(Duration::from_millis(1500)));
        assert_eq!(info.keepalives, Some(Keepalives { idle: seconds(5), interval: seconds(10), count: 9 }));
        assert_eq!(info.application_name.as_deref(), Some("app"));
        assert_eq!(info.options.as_deref(), Some("-c a=b"));
        assert_eq!(info.target_session_attrs, TargetSessionAttrs::ReadWrite);
        assert_eq!(info.channel_binding, ChannelBinding::Require);
        let info = good("host=h keepalives=0 tcp_user_timeout=0", &[]);
        assert_eq!((info.keepalives, info.tcp_user_timeout), (None, None));
        assert_eq!(good("host=h", &[("PGCONNECT_TIMEOUT", "9")]).connect_timeout, seconds(9));
    }

    /// A home directory with the files named, empty.
    fn home(files: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a directory");
        fs::create_dir(home.path().join(".postgresql")).expect("created");
        for file in files {
            fs::write(home.path().join(file), "").expect("written");
        }
        home
    }

    fn utf8(dir: &tempfile::TempDir) -> &str {
        dir.path().to_str().expect("UTF-8")
    }

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

    #[test]
    fn a_password_file_is_read_like_libpq_reads_it() {
        let lines = "# h:5432:d:u:comment\nshort:line\n\nh:5433:d:u:port\nh:*:d:other:role\r\n\
                     h:5432:d:u:first\\:pass\\\\word:rest\nh:*:*:*:second\nlocalhost:*:*:*:socket\n\
                     /run/pg:*:x:*:never reached\n\\*:*:*:*:star\n\\:\\:1:5432:*:*:six\n\
                     *:*:z:*:\n*:*:last:*:last\n";
        let cases = [
            ("host=h dbname=d user=u", Some("first:pass\\word")),
            ("host=h dbname=d user=u port=5433", Some("port")),
            ("host=h dbname=d user=other", Some("role")),
            ("host=h dbname=e user=u", Some("second")),
            ("host=localhost", Some("socket")),
            ("host=/run/pg dbname=x", Some("socket")),
            ("host=::1", Some("six")),
            ("host=other", None),
            ("host=other dbname=z", None),
            ("host=other dbname=last", Some("last")),
            ("host=h hostaddr=10.0.0.1", Some("second")),
        ];
        for (given, expected) in cases {
            let info = good(given, &[]);
            let found = password_for(lines, &info.targets[0], &info.dbname, &info.user);
            assert_eq!(found.as_ref().map(Password::reveal), expected, "{given}");
        }
    }

    #[test]
    fn the_password_file_must_be_private_and_serves_each_host() {
        let dir = home(&[]);
        let file = dir.path().join(".pgpass");
        fs::write(&file, "a:*:*:*:for a\nb:*:*:*:for b\n").expect("written");
        let env: Env = &[("HOME", utf8(&dir))];
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("chmod");
        mode(0o600);
        let info = good("host=a,b,c", env);
        let found: Vec<&str> =
            info.targets.iter().map(|t| t.password.as_ref().map_or("", Password::reveal)).collect();
        assert_eq!(found, ["for a", "for b", ""]);
        assert_eq!(password(&good("host=a password=given", env)), "given");
        let named = file.to_str().expect("UTF-8");
        assert_eq!(password(&good("host=a", &[("PGPASSFILE", named)])), "for a");
        assert_eq!(password(&good(&format!("host=b passfile={named}"), &[])), "for b");
        for readable in [0o640, 0o604, 0o660] {
            mode(readable);
            assert_eq!(password(&good("host=a", env)), "", "{readable:o}");
        }
    }

    #[test]
    fn problems_are_sentences_about_settings() {
        let cases = [
            ("host=h hots=x", "unknown setting `hots`; the nearest known one is `host`"),
            ("postgres://h/d?ssl_mode=x", "unknown setting `ssl_mode`; the nearest known one is `sslmode`"),
            (
                "host=h sslmode=on",
                "sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full",
            ),
            ("host=h port=x", "port must be a number from 1 to 65535"),
            ("host=a,b port=1,2,3", "port must be one port for all hosts, or one for each"),
            ("host=h port=0", "port must be a number from 1 to 65535"),
            ("host=h hostaddr=h", "hostaddr must be an IP address; use host for names"),
            ("host=a,b hostaddr=::1", "hostaddr must list as many addresses as there are hosts"),
            ("host=/a hostaddr=::1", "hostaddr cannot be combined with a socket directory as the host"),
            ("host=h connect_timeout=0", "connect_timeout must be a whole number from 1 to 600"),
            ("host=h keepalives_idle=-1", "keepalives_idle must be a whole number from 0 to 32767"),
            (
                "host=h target_session_attrs=primary",
                "target_session_attrs must be one of any, read-write, read-only",
            ),
            (
                "host=h sslcrl=x",
                "sslcrl is not supported: replace the certificate authority in sslrootcert to revoke",
            ),
            (
                "host=h gssencmode=require",
                "gssencmode: only disable, prefer can be honoured; use sslmode=verify-full \
              to encrypt",
            ),
            (
                "host=h sslrootcert=/nonexistent",
                "sslrootcert names a file that does not exist or cannot be reached",
            ),
            (
                "host=h sslmode=require sslrootcert=system",
                "sslrootcert is `system`, which proves nothing without sslmode=verify-full",
            ),
            (
                "host=h sslmode=prefer sslnegotiation=direct",
                "sslnegotiation is `direct`, which needs sslmode=require or stronger",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(problems(given, &[]), expected, "{given}");
        }
    }

    #[test]
    fn malformed_strings_are_explained() {
        let cases = [
            ("postgres://u@[::1/d", "host in the URL: an IPv6 address must look like [::1] or [::1]:5432"),
            ("postgres://u:%zz@h/d", "password in the URL: write %25 for a bare %, and never %00"),
            ("postgres://u:%+1@h/d", "password in the URL: write %25 for a bare %, and never %00"),
            ("postgres://u:%00@h/d", "password in the URL: write %25 for a bare %, and never %00"),
            ("postgres://u:%ff@h/d", "password in the URL: the percent-encoded bytes are not UTF-8"),
            ("postgres://h/d?user", "a parameter after the ? of the URL lacks its ="),
            (
                "mysql://u:p@h/d",
                "--database-url must start with postgres:// or postgresql://, or hold key=value pairs",
            ),
            ("host", "--database-url: a setting lacks its =, or a value with spaces lacks its quotes"),
            ("host='h", "--database-url: a quote is opened and never closed"),
        ];
        for (given, expected) in cases {
            assert_eq!(problems(given, &[]), expected, "{given}");
        }
    }

    #[test]
    fn what_cannot_be_honoured_says_what_to_do_instead() {
        for mode in ["verify-ca", "verify-full"] {
            let text = problems(&format!("host=h sslmode={mode}"), &[]);
            assert!(text.contains("sslrootcert=FILE") && text.contains("sslrootcert=system"), "{text}");
        }
        for (variable, value) in [("PGSERVICE", "s"), ("PGSSLCRL", "f"), ("PGREQUIREAUTH", "scram-sha-256")] {
            let text = problems("host=h", &[(variable, value)]);
            assert!(text.starts_with(&format!("{variable} is not supported: ")), "{text}");
        }
        assert!(problems("host=h", &[("USER", "")]).starts_with("user is missing: "));
        assert!(problems("", &[("DATABASE_URL", "nonsense")]).starts_with("DATABASE_URL: "));
    }

    #[test]
    fn harmless_settings_pass() {
        let given = "host=h client_encoding=UTF8 gssencmode=disable sslcompression=0 krbsrvname=x sslsni=1 \
                     fallback_application_name=x sslcrl='' ssl_min_protocol_version=TLSv1.2";
        assert_eq!(good(given, &[("PGGSSENCMODE", "prefer"), ("PGSERVICE", "")]).describe(), "me@h:5432/me");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let given = "host=h prot=1 sslmode=on sslcrl=x keepalives=yes service=prod";
        let env = [("PGPORT", "none"), ("PGCONNECT_TIMEOUT", "soon"), ("PGCHANNELBINDING", "maybe")];
        let error = resolve(given, &env).expect_err("eight problems");
        assert_eq!(error.problems.len(), 8, "{error}");
        assert_eq!(error.to_string().lines().count(), 8);
        for field in ["prot", "sslmode", "sslcrl", "keepalives", "service", "PGPORT", "PGCONNECT_TIMEOUT"] {
            assert!(error.to_string().contains(field), "{field}");
        }
    }

    #[test]
    fn no_message_holds_a_piece_of_the_password() {
        let cases = [
            "postgres://u:se/cret@h/d",
            "postgres://u:se?cret=x/@h/d?x=y",
            "postgres://u:se/cr?et=x@h/d",
            "postgres://u:x@se/cret@h/d",
            "postgres://u:se%cret@h/d",
            "postgres://h/d?password=x&secret=y",
            "postgres://h/d?password=x&y=z&secret=y",
            "postgres://u:p@h/d?se%20cret=y",
            "host=h password=x secret=y",
            "host=h password=x y=z secret=w",
            "host=h password=x secret",
            "host=h password='secret",
            "host=h se/cret=y",
            "mysql://u:secret@h/d?x=y",
            "secret",
        ];
        for given in cases {
            let text = problems(given, &[]);
            for piece in ["secret", "cret", "se/", "se?"] {
                assert!(!text.contains(piece), "{given} gives {text}");
            }
        }
        let values = "password=secret hostaddr=secret port=secret sslmode=secret connect_timeout=secret \
                      keepalives=secret channel_binding=secret sslrootcert=/secret service=secret \
                      sslcrl=secret";
        assert!(!problems(values, &[]).contains("secret"));
    }

    #[test]
    fn debug_hides_the_password() {
        for given in ["postgres://u:secret@a,b/d", "host=h password=secret"] {
            let text = format!("{:?}", good(given, &[]));
            assert!(text.contains("<hidden>") && !text.contains("secret"), "{text}");
        }
    }
}

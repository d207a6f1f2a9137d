//! `outboxd run`.
#![allow(clippy::doc_markdown, reason = "these comments are the help text, printed as they stand")]

use std::path::PathBuf;

use clap::Args;

use super::Database;

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Which database.
    #[command(flatten)]
    pub database: Database,
    /// Deliver what is due, empty what retention says, print how much was delivered, and exit.
    #[arg(long)]
    pub once: bool,
    /// Folder with one folder per TLS identity: NAME/tls.crt and NAME/tls.key (PEM, PKCS#8) to show, NAME/ca.crt to
    /// trust; NAME/next/tls.crt and NAME/next/tls.key for whoever takes the successor already. Subscriptions name theirs;
    /// those that name none use the one called default.
    #[arg(long, value_name = "FOLDER", env = "OUTBOXD_IDENTITIES")]
    pub identities: Option<PathBuf>,
    /// File with lines NAME=URL, for subscriptions whose url is endpoint:NAME. OUTBOXD_ENDPOINT_NAME=URL in the environment
    /// does the same, and overrules it.
    #[arg(long, value_name = "FILE", env = "OUTBOXD_ENDPOINTS")]
    pub endpoints: Option<PathBuf>,
    /// Connect to these addresses too, although they are not public: networks such as 10.1.0.0/16, with ports if need be
    /// (10.1.2.3:8443, [fd00::/8]:443-8443), as often as you like, or with commas between them. Loopback, private and
    /// link-local addresses are refused otherwise; the relay's own database and listener always are.
    #[arg(long, value_name = "CIDR[:PORT[-PORT]]", env = "OUTBOXD_ALLOW_ADDRESS", value_delimiter = ',')]
    pub allow_address: Vec<String>,
    /// Folder of secrets that subscriptions name in auth, or as ref:NAME for signing: each is the one line of the file NAME. A
    /// secret may also be in the environment, as OUTBOXD_SECRET_NAME, in capitals and with _ for . and -.
    #[arg(long, value_name = "FOLDER", env = "OUTBOXD_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// How often to look whether files of certificates, secrets or endpoints have changed, in milliseconds, up to 3600000;
    /// 0: read them again after SIGHUP alone.
    #[arg(long, value_name = "MS", env = "OUTBOXD_RELOAD_MS", default_value = "10000")]
    pub reload_ms: String,
    /// Name of this relay in the tables; default: host name and process id.
    #[arg(long, value_name = "NAME", env = "OUTBOXD_NAME")]
    pub name: Option<String>,
    /// Where to listen for commits, when --database-url leads through a transaction pooler, which loses
    /// notifications: a direct connection to the same database.
    #[arg(long, value_name = "URL", env = "OUTBOXD_LISTEN_URL", hide_env_values = true)]
    pub listen_url: Option<String>,
    /// Do not listen: look for work every 10 to 500 milliseconds instead. Nothing then depends on the session.
    #[arg(long, env = "OUTBOXD_NO_LISTEN", conflicts_with = "listen_url")]
    pub no_listen: bool,
    /// Longest pause between two looks for work, in milliseconds, 10 to 60000; commits ring, so this is for what
    /// nobody rings for.
    #[arg(long, value_name = "MS", env = "OUTBOXD_POLL_MS", default_value = "5000")]
    pub poll_ms: String,
    /// POSTs at a time in all, 1 to 10000; each subscription has a limit of its own besides.
    #[arg(long, value_name = "N", env = "OUTBOXD_IN_FLIGHT_MAX", default_value = "256")]
    pub in_flight_max: String,
    /// How long POSTs under way may go on after the first signal, in seconds, 0 to 3600.
    #[arg(long, value_name = "S", env = "OUTBOXD_GRACE_S", default_value = "25")]
    pub grace_s: String,
    /// Answer /livez, /readyz and /metrics over HTTP: a port, which is then one of 127.0.0.1, or an address and a port
    /// such as 0.0.0.0:9464. Not given: nothing listens.
    #[arg(long, value_name = "ADDRESS", env = "OUTBOXD_OPS_LISTEN")]
    pub ops_listen: Option<String>,
}

//! What is written into the server's configuration.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// How a throw-away server differs from the ordinary one.
#[derive(Debug, Clone)]
pub struct Options {
    /// How its directory's name begins.
    pub prefix: String,
    /// Its port of 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// Who may log in.
    pub login: Login,
    /// Further lines for `postgresql.conf`; the last one wins.
    pub conf: Vec<String>,
    /// Lines for `pg_hba.conf` that come before those of `initdb`.
    pub hba: Vec<String>,
    /// Offers TLS.
    pub tls: Option<Tls>,
}

/// Who may log in, over the socket or over TCP.
#[derive(Debug, Clone)]
pub enum Login {
    /// Anybody on this machine, as anybody: for tests, which are alone.
    Trust,
    /// The superuser `postgres` and whoever it makes, with a password. A superuser may run programs as the account of the
    /// server, so this must not be anybody who has an account on this machine.
    Password(String),
}

/// PEM files for TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The server's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// Who signs client certificates, if they are asked for.
    pub client_ca: Option<String>,
}

impl Login {
    /// A password that nobody can guess, fit for a URL as it is.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random_password() -> std::io::Result<String> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
    }
}

impl Options {
    /// What stands at the end of `postgresql.conf`.
    pub(super) fn conf(&self, socket_directory: &Path) -> String {
        let socket = socket_directory.display().to_string().replace('\'', "''");
        let mut lines = format!("listen_addresses = '127.0.0.1'\nunix_socket_directories = '{socket}'\n");
        if let Some(tls) = &self.tls {
            lines += "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n";
            if tls.client_ca.is_some() {
                lines += "ssl_ca_file = 'client_ca.crt'\n";
            }
        }
        lines + &self.conf.join("\n") + "\n"
    }

    /// The files that only the server may read, as it demands of keys, by their names in the data directory.
    pub(super) fn private_files(&self) -> Vec<(&'static str, &str)> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let ca = tls.client_ca.as_deref().map(|ca| ("client_ca.crt", ca));
        [("server.crt", tls.certificate.as_str()), ("server.key", tls.key.as_str())]
            .into_iter()
            .chain(ca)
            .collect()
    }
}

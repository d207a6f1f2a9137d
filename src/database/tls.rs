//! The TLS side of a connection: which certificates are trusted, and how strictly they are checked.

use native_tls::TlsConnector;
use postgres_native_tls::{MakeTlsConnector, set_postgresql_alpn};
use tokio::task::spawn_blocking;
use tokio_postgres::config::SslNegotiation;

use super::ConnectError;
use crate::conninfo::{Conninfo, Roots, SslMode, Target};
use crate::pem;

/// Reads the certificates anew for every connection, so that renewed files are picked up, and off the
/// runtime's threads: setting up one connector costs tens of milliseconds of CPU.
pub(super) async fn connector(info: &Conninfo, target: &Target) -> Result<MakeTlsConnector, ConnectError> {
    let (info, target, at) = (info.clone(), target.clone(), target.describe());
    match spawn_blocking(move || build_connector(&info, &target)).await {
        Ok(built) => built.map(MakeTlsConnector::new),
        Err(source) => Err(ConnectError::Interrupted { at, source }),
    }
}

fn build_connector(info: &Conninfo, target: &Target) -> Result<TlsConnector, ConnectError> {
    let files = |source| ConnectError::Files { at: target.describe(), source };
    let mut builder = TlsConnector::builder();
    builder.danger_accept_invalid_certs(target.sslmode < SslMode::VerifyCa);
    builder.danger_accept_invalid_hostnames(target.sslmode < SslMode::VerifyFull);
    // A private root stands alone: the public authorities have no say about the database's name. Without
    // any root nothing can be verified, and a verifying mode then fails instead of trusting too much.
    builder.disable_built_in_roots(info.roots != Some(Roots::System));
    if let Some(Roots::File(path)) = &info.roots {
        for root in pem::read_roots(path).map_err(files)? {
            builder.add_root_certificate(root);
        }
    }
    if let Some(identity) = &info.identity {
        builder.identity(pem::read_identity(&identity.cert, &identity.key).map_err(files)?);
    }
    if info.sslnegotiation == SslNegotiation::Direct {
        set_postgresql_alpn(&mut builder);
    }
    builder.build().map_err(|source| ConnectError::Tls { at: target.describe(), source })
}

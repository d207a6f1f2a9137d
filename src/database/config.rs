//! From our settings to those of the client library.

use tokio_postgres::Config;

use crate::conninfo::{Conninfo, Host, SslMode, Target};

/// The settings for one server, in the client library's terms.
pub(super) fn config(info: &Conninfo, target: &Target, purpose: &str) -> Config {
    let mut config = Config::new();
    config.user(&info.user).dbname(&info.dbname).port(target.port);
    match (&target.host, target.hostaddr) {
        (Host::Unix(dir), _) => config.host_path(dir),
        (Host::Tcp(name), Some(addr)) => config.host(name).hostaddr(addr),
        (Host::Tcp(name), None) => config.host(name),
    };
    if let Some(password) = &target.password {
        config.password(password.reveal());
    }
    if let Some(options) = &info.options {
        config.options(options);
    }
    let name = info.application_name.as_deref().unwrap_or("outboxd");
    config.application_name(format!("{name} {purpose}"));
    config.ssl_mode(match target.sslmode {
        SslMode::Disable => tokio_postgres::config::SslMode::Disable,
        SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
            tokio_postgres::config::SslMode::Require
        }
    });
    config.ssl_negotiation(info.sslnegotiation);
    config.channel_binding(info.channel_binding);
    config.target_session_attrs(info.target_session_attrs);
    // Half the deadline for each address, so that a name's second address gets its turn.
    config.connect_timeout(info.connect_timeout / 2);
    if let Some(user_timeout) = info.tcp_user_timeout {
        config.tcp_user_timeout(user_timeout);
    }
    config.keepalives(info.keepalives.is_some());
    if let Some(keepalives) = info.keepalives {
        config.keepalives_idle(keepalives.idle).keepalives_interval(keepalives.interval);
        config.keepalives_retries(keepalives.count);
    }
    config
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_postgres::config::SslNegotiation;

    use super::*;

    fn settings(given: &str) -> Config {
        let info = Conninfo::resolve(Some(given), &|_| None).expect(given);
        config(&info, &info.targets[0], "relay")
    }

    #[test]
    fn the_client_library_is_told_everything() {
        let config = settings(
            "host=h hostaddr=10.0.0.1 port=7 user=u password=p dbname=d options='-c a=b' \
             tcp_user_timeout=1500 target_session_attrs=read-only channel_binding=require \
             sslnegotiation=direct sslmode=require keepalives_idle=5 keepalives_interval=6 \
             keepalives_count=7",
        );
        assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Tcp("h".to_owned())]);
        assert_eq!(config.get_hostaddrs(), [std::net::IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(
            (config.get_ports(), config.get_user(), config.get_dbname()),
            (&[7][..], Some("u"), Some("d"))
        );
        assert_eq!(config.get_password(), Some(&b"p"[..]));
        assert_eq!(config.get_options(), Some("-c a=b"));
        assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_millis(1500)));
        assert_eq!(config.get_target_session_attrs(), tokio_postgres::config::TargetSessionAttrs::ReadOnly);
        assert_eq!(config.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
        assert_eq!(config.get_ssl_negotiation(), SslNegotiation::Direct);
        assert_eq!(config.get_ssl_mode(), tokio_postgres::config::SslMode::Require);
        assert_eq!(config.get_keepalives_idle(), Duration::from_secs(5));
        assert_eq!(config.get_keepalives_interval(), Some(Duration::from_secs(6)));
        assert_eq!(config.get_keepalives_retries(), Some(7));
    }

    #[test]
    fn sessions_are_named_after_their_purpose() {
        for (given, name) in [("", "outboxd relay"), ("application_name=shop", "shop relay")] {
            assert_eq!(settings(&format!("host=h user=u {given}")).get_application_name(), Some(name));
        }
    }
}

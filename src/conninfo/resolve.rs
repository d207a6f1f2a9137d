//! From the settings to a [`Conninfo`]: the order in which they are read, and the ones that need no rules.

use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use super::settings::Settings;
use super::{Conninfo, ConninfoError, password_file, servers, timeouts, tls};

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
        let info = conninfo(&mut settings);
        if settings.problems.is_empty() {
            Ok(info)
        } else {
            Err(ConninfoError { problems: settings.problems })
        }
    }
}

/// Reads every setting, noting problems on the way; with problems the result is of no use.
fn conninfo(settings: &mut Settings) -> Conninfo {
    let user = user(settings);
    let dbname = settings.text("dbname").unwrap_or_else(|| user.clone());
    let mut targets = servers::targets(settings);
    let sslnegotiation = tls::negotiation(settings);
    let roots = tls::settle(settings, &mut targets, sslnegotiation);
    password_file::settle(settings, &mut targets, &user, &dbname);
    let connect_timeout = timeouts::connect(settings);
    let tcp_user_timeout = timeouts::tcp_user(settings);
    Conninfo {
        targets,
        application_name: settings.text("application_name"),
        options: settings.text("options"),
        connect_timeout,
        keepalives: timeouts::keepalives(settings),
        tcp_user_timeout,
        target_session_attrs: session_attrs(settings),
        channel_binding: channel_binding(settings),
        sslnegotiation,
        roots,
        identity: tls::identity(settings),
        user,
        dbname,
    }
}

fn user(settings: &mut Settings) -> String {
    // Not asking the system for the owner of the process: a container's user often has no name there.
    let account = || ["USER", "LOGNAME"].iter().find_map(|name| settings.variable(name));
    settings.text("user").or_else(account).unwrap_or_else(|| {
        // Of a string that cannot be read, nobody knows what it lacks.
        if settings.problems.is_empty() {
            settings.problems.push(
                "user is missing: give --database-url or DATABASE_URL, postgres://user@host/database, or set PGUSER".to_owned(),
            );
        }
        String::new()
    })
}

fn session_attrs(settings: &mut Settings) -> TargetSessionAttrs {
    let choices = [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("read-only", TargetSessionAttrs::ReadOnly),
    ];
    settings.choice("target_session_attrs", &choices).unwrap_or(TargetSessionAttrs::Any)
}

fn channel_binding(settings: &mut Settings) -> ChannelBinding {
    let choices = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    settings.choice("channel_binding", &choices).unwrap_or(ChannelBinding::Prefer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conninfo::tests::good;

    #[test]
    fn settings_of_the_session_are_taken_over() {
        let given = "host=h application_name=app options='-c a=b' channel_binding=require \
                     target_session_attrs=read-write";
        let info = good(given, &[]);
        assert_eq!(info.application_name.as_deref(), Some("app"));
        assert_eq!(info.options.as_deref(), Some("-c a=b"));
        assert_eq!(info.target_session_attrs, TargetSessionAttrs::ReadWrite);
        assert_eq!(info.channel_binding, ChannelBinding::Require);
    }
}

//! The way to the database, where there is none.

use super::{Finding, shell};

/// Where a connection was to lead; the first of several servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A name, an address, or the directory of a socket.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The role.
    pub user: String,
    /// The database.
    pub dbname: String,
}

/// Settings of a connection that cannot be used.
#[must_use]
pub fn settings(problem: &str) -> Finding {
    let remedy = match problem.split(' ').next() {
        Some("user") => "export PGUSER=USER",
        _ => "export DATABASE_URL=postgres://USER@HOST:5432/DATABASE",
    };
    Finding::problem("connection", problem).remedy(remedy)
}

/// No session: `problem` in words, the server's SQLSTATE if one answered, and whether it may pass by itself.
#[must_use]
pub fn unreachable(problem: &str, code: Option<&str>, may_pass: bool, place: &Place) -> Finding {
    let Place { host, port, user, dbname } = place;
    let (host, user, dbname) = (shell(host), shell(user), shell(dbname));
    let at = format!("-h {host} -p {port}");
    let remedy = match code {
        Some("3D000") => format!("createdb {at} -U {user} {dbname}  # or name another one"),
        Some("28P01") => {
            format!(
                "psql {at} -U {user} -d {dbname}  # asks for the password that belongs into PGPASSWORD or ~/.pgpass"
            )
        }
        Some("28000") => format!(
            "psql {at} -U {user} -d {dbname}  # is refused likewise until the server's pg_hba.conf lets this role in from here"
        ),
        Some("53300") => "close idle sessions, put a pooler in between, or raise max_connections".to_owned(),
        _ if may_pass => {
            format!("pg_isready {at}  # start the server that is to answer there, or name another place")
        }
        _ => format!(
            "psql {at} -U {user} -d {dbname}  # fails likewise until the settings of the connection are right"
        ),
    };
    Finding::problem("connection", problem).why("nothing in the database was checked").remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_that_is_closed_has_a_line_to_run() {
        let place = Place { host: "/run/pg sql".into(), port: 5432, user: "u".into(), dbname: "it's".into() };
        for (code, may_pass, line) in [
            (Some("3D000"), false, r"createdb -h '/run/pg sql' -p 5432 -U u 'it'\''s'"),
            (Some("28P01"), false, "psql -h '/run/pg sql' -p 5432 -U u"),
            (Some("28000"), false, "psql -h '/run/pg sql' -p 5432 -U u"),
            (Some("53300"), true, "close idle sessions"),
            (Some("57P03"), true, "pg_isready -h '/run/pg sql' -p 5432"),
            (None, true, "pg_isready -h '/run/pg sql' -p 5432"),
            (None, false, "psql -h '/run/pg sql' -p 5432 -U u"),
        ] {
            let remedy = unreachable("no", code, may_pass, &place).remedy.unwrap_or_default();
            assert!(remedy.starts_with(line), "{code:?}: {remedy}");
        }
    }
}

//! The password of each server, read from `~/.pgpass` or its like when the settings hold none.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::settings::Settings;
use super::{Host, Password, Target};

/// Gives each server its password: the one of the settings, or else what the file has for that server.
pub(super) fn settle(settings: &Settings, targets: &mut [Target], user: &str, dbname: &str) {
    let given = settings.text("password").map(Password);
    let lines = if given.is_some() { String::new() } else { read(settings) };
    for target in targets {
        let found = || password_for(&lines, target, dbname, user);
        target.password = given.clone().or_else(found);
    }
}

/// The text of the password file, or nothing when there is none that may be used.
fn read(settings: &Settings) -> String {
    let Some(path) = settings.path("passfile").or_else(|| settings.home(".pgpass")) else {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::conninfo::tests::{Env, good, home, password, utf8};

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
}

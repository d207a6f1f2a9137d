//! A connection string in either notation, cut into keys and values that nobody has looked at yet.

use super::{pairs, url};

/// One `key=value` of a connection string.
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: String,
    /// False when the key could be a piece of a password that was not quoted or encoded.
    pub(super) nameable: bool,
}

impl Pair {
    pub(super) fn new(key: &str, value: String) -> Pair {
        Pair { key: key.to_owned(), value, nameable: true }
    }
}

/// Whether a key looks like one, misspelt or not.
pub(super) fn is_identifier(key: &str) -> bool {
    key.len() <= 40 && key.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Cuts `text` up; `origin` is where it comes from, for messages.
pub(super) fn parse(text: &str, origin: &str, problems: &mut Vec<String>) -> Vec<Pair> {
    let schemes = ["postgres://", "postgresql://"];
    if let Some(rest) = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return url::parse(rest, problems);
    }
    let before_value = text.split('=').next().unwrap_or_default();
    if before_value.contains("://") {
        problems
            .push(format!("{origin} must start with postgres:// or postgresql://, or hold key=value pairs"));
        return Vec::new();
    }
    pairs::parse(text, origin, problems)
}

#[cfg(test)]
mod tests {
    use crate::conninfo::Host;
    use crate::conninfo::tests::{good, password, problems};

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
}

//! The settings as they were given: the connection string first, the `PG*` variables for what it leaves out.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::connection_string::{Pair, parse};
use super::keys::Support::{self, Ignored, Only, Refused, Used};
use super::keys::{KEYS, nearest};

/// One value and the name its problems are reported under: the setting's or the variable's.
struct Setting {
    origin: String,
    text: String,
}

/// The raw settings while they are turned into a [`Conninfo`](super::Conninfo).
pub(super) struct Settings<'a> {
    values: BTreeMap<&'static str, Setting>,
    env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<String>,
}

impl<'a> Settings<'a> {
    /// Takes `given`, or else `DATABASE_URL`, and then the variables.
    pub(super) fn gather(given: Option<&str>, env: &'a dyn Fn(&str) -> Option<String>) -> Settings<'a> {
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
            if let Some(text) = settings.variable(variable) {
                settings.store(key, support, Setting { origin: variable.to_owned(), text });
            }
        }
        // Kept until here because an empty value in the string hides the variable, as in libpq.
        settings.values.retain(|_, setting| !setting.text.is_empty());
        settings
    }

    /// Finds the key of a pair, or says what is wrong with it.
    fn accept(&mut self, pair: Pair) {
        // JDBC's spelling, which libpq understands in URLs as well.
        let jdbc = pair.key == "ssl" && pair.value == "true";
        let (name, value) = if jdbc { ("sslmode", "require".to_owned()) } else { (&*pair.key, pair.value) };
        if let Some((key, _, support)) = KEYS.iter().find(|(key, ..)| *key == name) {
            self.store(key, support, Setting { origin: name.to_owned(), text: value });
        } else if pair.nameable {
            let nearest = nearest(name);
            self.problems.push(format!("unknown setting `{name}`; the nearest known one is `{nearest}`"));
        } else {
            self.problems.push(
                "unknown setting (not named here, as it may be a piece of a password): quote a password with \
                 spaces, percent-encode it in a URL"
                    .to_owned(),
            );
        }
    }

    /// Keeps a value, or says why it cannot be honoured.
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

    /// The value as it was given.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.values.get(key).map(|setting| setting.text.clone())
    }

    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// The variable, unless it is empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|text| !text.is_empty())
    }

    /// `$HOME/name`.
    pub(super) fn home(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(&self.variable("HOME")?).join(name))
    }

    /// Notes a problem with the value of `key`, under the name by which it was given.
    pub(super) fn complain(&mut self, key: &str, sentence: &str) {
        let origin = self.values.get(key).map_or(key, |setting| &setting.origin);
        self.problems.push(format!("{origin} {sentence}"));
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.complain(key, &format!("must be one of {}", names.join(", ")));
        }
        found
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, range: &RangeInclusive<u32>) -> Option<u32> {
        let number = self.text(key)?.trim().parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let sentence = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.complain(key, &sentence);
        }
        number
    }

    /// A number for which libpq's 0 means "the default".
    pub(super) fn number_or(&mut self, key: &str, range: &RangeInclusive<u32>, default: u32) -> u32 {
        self.number(key, range).filter(|number| *number != 0).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::conninfo::tests::{Env, good};

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
}

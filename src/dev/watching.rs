//! Which tables are watched as what, which are left out and why.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::naming::object_of;
use crate::model::Table;

/// A table to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// As it is written in SQL: `orders`, `shop."Odd name"`.
    pub table: String,
    /// `None`: after the table.
    pub object: Option<String>,
}

/// A table that is not watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// As it is written in SQL.
    pub table: String,
    /// Why, as the rest of a sentence.
    pub why: String,
}

impl FromStr for Watch {
    type Err = String;

    /// Reads `TABLE` or `TABLE=OBJECT`; an equals sign within quotes belongs to the table.
    fn from_str(text: &str) -> Result<Self, String> {
        let after_quotes = text.rfind('"').map_or(0, |at| at + 1);
        let split = text[after_quotes..].find('=').map(|at| text.split_at(after_quotes + at));
        let (table, object) =
            split.map_or((text, None), |(table, rest)| (table, Some(rest[1..].trim().to_owned())));
        let table = table.trim().to_owned();
        if table.is_empty() || object.as_ref().is_some_and(String::is_empty) {
            return Err(format!(
                "--watch is {text:?}: it must be a table, or a table and an object: orders=Order"
            ));
        }
        Ok(Self { table, object })
    }
}

/// What to watch when all is to be watched. `taken` are the objects that have a table already.
#[must_use]
pub fn everything(tables: &[Table], taken: &[(String, String)]) -> (Vec<Watch>, Vec<LeftOut>) {
    let mut owners: BTreeMap<String, String> =
        taken.iter().map(|(object, table)| (object.clone(), table.clone())).collect();
    let (mut wanted, mut left_out) = (Vec::new(), Vec::new());
    for table in tables {
        let sql = table.sql.clone();
        let object = object_of(&table.name);
        let other = object.as_ref().and_then(|object| owners.get(object));
        let why = match (&table.obstacle, &object, other) {
            (Some(obstacle), _, _) => Some(obstacle.clone()),
            (None, None, _) => Some(format!("its name makes no object: --watch '{sql}=Name' does")),
            (None, Some(object), Some(other)) => Some(format!(
                "{object} is what {other} is called: --watch '{sql}=Name' gives it a name of its own"
            )),
            _ => None,
        };
        match (why, object) {
            (Some(why), _) => left_out.push(LeftOut { table: sql, why }),
            (None, object) => {
                owners.extend(object.clone().map(|object| (object, sql.clone())));
                wanted.push(Watch { table: sql, object });
            }
        }
    }
    (wanted, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sql: &str, name: &str, obstacle: Option<&str>) -> Table {
        Table { sql: sql.to_owned(), name: name.to_owned(), obstacle: obstacle.map(str::to_owned) }
    }

    #[test]
    fn a_table_and_perhaps_an_object() {
        let watch = |table: &str, object: Option<&str>| Watch {
            table: table.to_owned(),
            object: object.map(str::to_owned),
        };
        for (text, expected) in [
            ("orders", watch("orders", None)),
            ("shop.orders=Order", watch("shop.orders", Some("Order"))),
            ("\"a=b\"", watch("\"a=b\"", None)),
            (" \"a=b\" = X ", watch("\"a=b\"", Some("X"))),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "=X", "orders=", "  "] {
            assert!(text.parse::<Watch>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn no_two_tables_become_one_object() {
        let tables = [
            table("audit.orders", "orders", None),
            table("public.\"order\"", "order", None),
            table("public.people", "people", None),
            table("public.parts", "parts", Some("it is partitioned")),
            table("public.\"日本\"", "日本", None),
        ];
        let (wanted, left_out) = everything(&tables, &[("People".to_owned(), "hr.people".to_owned())]);
        assert_eq!(wanted, [Watch { table: "audit.orders".to_owned(), object: Some("Order".to_owned()) }]);
        let why: Vec<_> = left_out.iter().map(|out| format!("{}: {}", out.table, out.why)).collect();
        assert_eq!(
            why,
            [
                "public.\"order\": Order is what audit.orders is called: --watch 'public.\"order\"=Name' gives it a \
                 name of its own",
                "public.people: People is what hr.people is called: --watch 'public.people=Name' gives it a name of \
                 its own",
                "public.parts: it is partitioned",
                "public.\"日本\": its name makes no object: --watch 'public.\"日本\"=Name' does",
            ]
        );
    }
}

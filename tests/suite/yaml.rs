//! YAML files as JSON values, read strictly: a key that is there twice is an error, `<<` is merged.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

use crate::source::text_of;

/// The documents of a file of the package.
#[track_caller]
pub(super) fn documents(path: &str) -> Vec<Value> {
    parse(&text_of(path)).unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

/// The only document of a file of the package.
#[track_caller]
pub(super) fn document(path: &str) -> Value {
    let mut all = documents(path);
    assert_eq!(all.len(), 1, "{path} is one document");
    all.remove(0)
}

/// The strings of a list; nothing where there is no list.
pub(super) fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().expect("a string")).collect()
}

/// The items of a list; nothing where there is no list.
pub(super) fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn parse(text: &str) -> Result<Vec<Value>, String> {
    let read = YamlLoader::load_from_str(text).map_err(|problem| problem.to_string())?;
    read.into_iter().map(value).collect()
}

fn value(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(flag) => flag.into(),
        Yaml::Integer(number) => number.into(),
        Yaml::Real(number) => number.parse::<f64>().map_err(|problem| problem.to_string())?.into(),
        Yaml::String(text) => text.into(),
        Yaml::Array(list) => list.into_iter().map(value).collect::<Result<Vec<_>, _>>()?.into(),
        Yaml::Hash(pairs) => {
            let (mut merged, mut own) = (Map::new(), Map::new());
            for (key, inner) in pairs {
                match (value(key)?, value(inner)?) {
                    (Value::String(key), Value::Object(others)) if key == "<<" => merged.extend(others),
                    (Value::String(key), inner) => drop(own.insert(key, inner)),
                    (key, _) => return Err(format!("the key {key} is no string")),
                }
            }
            merged.extend(own);
            merged.into()
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err("an alias to nothing".to_owned()),
    })
}

#[test]
fn what_is_there_twice_is_noticed_and_what_is_merged_is_overruled() {
    assert!(parse("a: 1\na: 2\n").is_err());
    assert!(parse("a: *nothing\n").is_err());
    let read = parse("a: &a { x: 1, y: two }\nb: { <<: *a, x: [true, ~] }\n").unwrap();
    assert_eq!(read[0]["b"], serde_json::json!({"x": [true, null], "y": "two"}));
}

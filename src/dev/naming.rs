//! What the rows of a table are called as an object.

/// `order_lines` to `OrderLine`: words joined, each with a capital, the last in the singular as far as letters tell. `None`
/// when there is no letter or digit in it.
#[must_use]
pub fn object_of(table: &str) -> Option<String> {
    let words = table.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(calm).collect();
    let last = words.pop()?;
    words.push(singular(&last));
    let name: String = words.iter().map(|word| capital(word)).collect();
    Some(name).filter(|name| name.len() <= 100)
}

/// A word that shouts is written small; one with capitals inside keeps them.
fn calm(word: &str) -> String {
    let shouts = !word.chars().any(|c| c.is_ascii_lowercase());
    if shouts { word.to_ascii_lowercase() } else { word.to_owned() }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// Endings of a plural and what they come from; the first that fits. A guess: whoever minds says `--watch table=Name`.
const ENDINGS: [(&str, &str); 11] = [
    ("ss", "ss"),
    ("us", "us"),
    ("is", "is"),
    ("news", "news"),
    ("series", "series"),
    ("ies", "y"),
    ("sses", "ss"),
    ("uses", "us"),
    ("xes", "x"),
    ("ches", "ch"),
    ("shes", "sh"),
];

fn singular(word: &str) -> String {
    // Short ones are abbreviations: sms, ids, pos.
    if word.len() <= 3 {
        return word.to_owned();
    }
    for (plural, single) in ENDINGS {
        if let Some(stem) = word.strip_suffix(plural) {
            return format!("{stem}{single}");
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_objects() {
        for (table, object) in [
            ("orders", "Order"),
            ("order_lines", "OrderLine"),
            ("OrderLines", "OrderLine"),
            ("MTOShipments", "MTOShipment"),
            ("ORDER_LINES", "OrderLine"),
            ("categories", "Category"),
            ("addresses", "Address"),
            ("address", "Address"),
            ("boxes", "Box"),
            ("batches", "Batch"),
            ("statuses", "Status"),
            ("status", "Status"),
            ("news", "News"),
            ("people", "People"),
            ("sms", "Sms"),
            ("2024-orders", "2024Order"),
            ("odd name; drop", "OddNameDrop"),
            ("größen", "GrEn"),
        ] {
            assert_eq!(object_of(table).as_deref(), Some(object), "{table}");
        }
        assert_eq!(object_of("日本"), None);
        assert_eq!(object_of(""), None);
    }
}

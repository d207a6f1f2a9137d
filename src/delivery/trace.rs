//! `traceparent`, as W3C Trace Context level 1 has it.
//!
//! It is passed on as the writer has set it, the same over all attempts. An attempt is no span of its own: a relay exports
//! none, and a parent that nobody has recorded would cut the subscriber's spans off from the writer's.

/// A value that may be sent: version 00, made of a later one where need be. `None` when it is not valid.
pub(super) fn traceparent(value: &str) -> Option<String> {
    let value = value.trim_matches([' ', '\t']);
    let (version, trace, parent, flags) =
        (value.get(..2)?, value.get(3..35)?, value.get(36..52)?, value.get(53..55)?);
    let dashes = [2, 35, 52].iter().all(|at| value.as_bytes()[*at] == b'-');
    let hex = [version, trace, parent, flags].iter().all(|part| part.bytes().all(is_hex));
    let zero = [trace, parent].iter().any(|part| part.bytes().all(|byte| byte == b'0'));
    let ends = match version {
        "00" => value.len() == 55,
        "ff" => false,
        _ => value.len() == 55 || value.as_bytes()[55] == b'-',
    };
    if !dashes || !hex || zero || !ends {
        return None;
    }
    if version == "00" {
        return Some(value.to_owned());
    }
    // What the other bits of a later version mean is not known to those who read 00.
    let flags = u8::from_str_radix(flags, 16).ok()? & 0x03;
    Some(format!("00-{trace}-{parent}-{flags:02x}"))
}

/// Lower case alone is valid.
fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test suite of w3c/trace-context.
    #[test]
    fn what_is_valid_and_what_is_not() {
        let (trace, parent) = ("12345678901234567890123456789012", "1234567890123456");
        let valid = format!("00-{trace}-{parent}-01");
        for (given, sent) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(), None),
            (valid.clone(), None),
            (format!("00-{trace}-{parent}-ff"), None),
            (format!(" {valid}\t"), Some(valid.clone())),
            (format!("cc-{trace}-{parent}-01"), Some(valid.clone())),
            (format!("cc-{trace}-{parent}-05-what-the-future"), Some(valid.clone())),
            (format!("cc-{trace}-{parent}-fe-"), Some(format!("00-{trace}-{parent}-02"))),
        ] {
            assert_eq!(traceparent(&given), Some(sent.unwrap_or_else(|| given.clone())), "{given}");
        }
        for invalid in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("cc-{trace}-{parent}-01.what"),
            format!("{valid}."),
            format!("{valid}-x"),
            format!("000-{trace}-{parent}-01"),
            format!("0-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-{parent}-1"),
            format!("00-{trace}-{parent}-001"),
            format!("00-{}A-{parent}-01", &trace[..31]),
            format!("00-{}.-{parent}-01", &trace[..31]),
            format!("00-{trace}-{}é-01", &parent[..14]),
            format!("00_{trace}-{parent}-01"),
        ] {
            assert_eq!(traceparent(&invalid), None, "{invalid}");
        }
    }
}

//! Numbers and spans of time as people say them.

/// `7`, `1,204`, `1,000,000`.
#[must_use]
pub fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}

/// `1 delivery`, `2 deliveries`, `1 relay`.
#[must_use]
pub fn count(value: i64, one: &str) -> String {
    let plural = match one.strip_suffix('y') {
        _ if value == 1 => one.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ if one.ends_with("ch") => format!("{one}es"),
        _ => format!("{one}s"),
    };
    format!("{} {plural}", number(value))
}

/// Seconds as `0.4 s`, `42 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`: two units at most, rounded down.
#[must_use]
pub fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "0 s".to_owned();
    }
    if seconds < 10.0 {
        let tenths = (seconds * 10.0).floor() / 10.0;
        return format!("{tenths} s");
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and `as` saturates"
    )]
    let whole = seconds as u64;
    let two = |first: u64, unit: &str, second: u64, smaller: &str| match second {
        0 => format!("{} {unit}", number(i64::try_from(first).unwrap_or(i64::MAX))),
        _ => format!("{} {unit} {second} {smaller}", number(i64::try_from(first).unwrap_or(i64::MAX))),
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => two(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// The day of a moment given in seconds since 1970, in UTC: `2026-01-31`.
#[must_use]
pub fn date(unix: i64) -> String {
    // Days are counted from March 1st of the year 0, so that the leap day is the last of its year.
    let days = unix.div_euclid(86_400) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + 400 * era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, text) in [
            (-1.0, "0 s"),
            (0.0, "0 s"),
            (0.449, "0.4 s"),
            (9.99, "9.9 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (200.0, "3 min 20 s"),
            (3599.0, "59 min 59 s"),
            (18_720.0, "5 h 12 min"),
            (86_400.0, "1 d"),
            (273_600.0, "3 d 4 h"),
            (86_400_000.0, "1,000 d"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_things_counted() {
        for (value, text) in [(0, "0"), (999, "999"), (1204, "1,204"), (-1_000_000, "-1,000,000")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (count(1, "delivery"), count(2, "delivery")),
            ("1 delivery".into(), "2 deliveries".into())
        );
        assert_eq!((count(0, "relay"), count(2, "watch")), ("0 relays".into(), "2 watches".into()));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (unix, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_225_599, "2025-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(unix), text, "{unix}");
        }
    }
}

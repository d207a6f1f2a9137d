//! Moments as RFC 3339 writes them, UTC.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// Reads a moment, `2026-01-31T12:00:00.123456Z` or with an offset; milliseconds since 1970.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|c| c.is_ascii_digit()))?;
        digits.parse().ok()
    };
    let separators = [(4, b"-"), (7, b"-"), (10, b"T"), (13, b":"), (16, b":")];
    if separators.iter().any(|(at, byte)| bytes.get(*at) != Some(&byte[0])) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let rest = &text[19..];
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("", rest),
    };
    let milliseconds: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some(seconds * 1000 + milliseconds)
}

/// `Z` or `±hh:mm`, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('+') { 1 } else { -1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let two = |text: &str| -> Option<i64> {
        Some(text).filter(|text| text.len() == 2 && text.bytes().all(|c| c.is_ascii_digit()))?.parse().ok()
    };
    Some(sign * (two(hours)? * 3600 + two(minutes)? * 60))
}

/// A moment, `2026-01-31T12:00:00.123Z`.
pub(super) fn format(moment: SystemTime) -> String {
    let milliseconds = milliseconds(moment);
    let seconds = milliseconds.div_euclid(1000);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let (second, fraction) = (seconds.rem_euclid(DAY), milliseconds.rem_euclid(1000));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// Milliseconds since 1970.
pub(super) fn milliseconds(moment: SystemTime) -> i64 {
    let since = match moment.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_millis()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_millis()).unwrap_or(i128::MAX),
    };
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// Days since 1970-01-01. Years begin in March, so that the day that comes and goes is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719468 days from March 1st of the year 0 to 1970-01-01.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The other way: year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years have the same number of days, whichever they are.
    let since = days + 719_468;
    let (era, in_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let (year, day) = (era * 400 + year, in_year - (153 * month + 2) / 5 + 1);
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.001Z", 1),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-01-31T12:00:00.123456Z", 1_769_860_800_123),
            ("2026-01-31T12:00:00.1Z", 1_769_860_800_100),
            ("2026-01-31T14:30:00.123+02:30", 1_769_860_800_123),
            ("2026-01-31T07:00:00.123-05:00", 1_769_860_800_123),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in
            ["", "now", "2026-01-31", "2026-01-31 12:00:00Z", "2026-13-01T00:00:00Z", "2026-01-31T12:00:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in [
            "2026-01-31T12:00:00.Zé",
            "2026-01-31T12:00:0é",
            "2026-01-31T12:00:00+1:00",
            "é026-01-31T12:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_written_as_it_is_read() {
        for day in 0..146_097 {
            let moment = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 86_399);
            let text = format(moment);
            assert_eq!(parse(&text), Some(milliseconds(moment)), "{text}");
        }
        assert_eq!(format(UNIX_EPOCH + Duration::from_millis(1_769_860_800_123)), "2026-01-31T12:00:00.123Z");
        assert_eq!(format(UNIX_EPOCH - Duration::from_millis(1)), "1969-12-31T23:59:59.999Z");
    }
}

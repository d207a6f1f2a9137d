//! What a subscriber says about further attempts: `Retry-After`, and `outbox-retry: no`.

use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, RETRY_AFTER};

/// A subscriber cannot put off a delivery for longer than this.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// The header by which a subscriber ends the attempts of one delivery.
const RETRY: &str = "outbox-retry";

/// How long the subscriber wants to be left alone, at most [`RETRY_AFTER_MAX`]: seconds, or a date in any of the three forms
/// of RFC 9110 (section 5.6.7), which is compared with the answer's own `Date` where there is one, so that only one clock counts.
/// A date that is past means now. `None` when it says nothing, or nothing that makes sense. Of several the longest.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let date =
        |name| headers.get(name).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    let now = date(DATE).unwrap_or(now);
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| span(value.trim(), now)).max().map(|span| span.min(RETRY_AFTER_MAX))
}

fn span(value: &str, now: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are longer than the limit in any case.
        return Some(value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Whether the subscriber wants no other attempt of this delivery.
pub(super) fn declines(headers: &HeaderMap) -> bool {
    let says_no =
        |value: &hyper::header::HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"no");
    headers.get_all(RETRY).iter().any(says_no)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn said(values: &[&'static str], date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_static(value));
        }
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now).map(|span| span.as_secs())
    }

    #[test]
    fn seconds_and_all_three_dates_are_read_and_nonsense_is_ignored() {
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("86400", Some(86_400)),
            ("86401", Some(86_400)),
            ("1000000000000", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("120.1", None),
            ("-5", None),
            ("+5", None),
            ("", None),
            ("NaN", None),
            ("soon", None),
            ("1e3", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:37", None),
        ] {
            assert_eq!(said(&[value], None), expected, "{value:?}");
        }
        assert_eq!(said(&[], None), None);
    }

    #[test]
    fn a_date_is_compared_with_the_subscribers_own_clock_and_the_longest_counts() {
        let an_hour_ahead = Some("Sun, 06 Nov 1994 09:49:37 GMT");
        assert_eq!(said(&["Sun, 06 Nov 1994 09:50:37 GMT"], an_hour_ahead), Some(60));
        assert_eq!(said(&["7", "soon", "30"], None), Some(30));
    }

    #[test]
    fn no_means_no() {
        for (value, expected) in
            [("no", true), (" NO ", true), ("yes", false), ("", false), ("no, thanks", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY, HeaderValue::from_static(value));
            assert_eq!(declines(&headers), expected, "{value:?}");
        }
    }
}

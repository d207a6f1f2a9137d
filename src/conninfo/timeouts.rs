//! How long to wait for a server, and how a dead path is noticed. Every wait is bounded unless told otherwise.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Keepalives;
use super::settings::Settings;

const CONNECT_TIMEOUT_S: u32 = 10;
const CONNECT_TIMEOUT_S_RANGE: RangeInclusive<u32> = 1..=600;
const TCP_USER_TIMEOUT_MS: u32 = 30_000;
const KEEPALIVES_IDLE_S: u32 = 30;
const KEEPALIVES_INTERVAL_S: u32 = 10;
const KEEPALIVES_COUNT: u32 = 3;
/// Linux refuses larger keepalive times than this many seconds, and larger counts than 127.
const KEEPALIVES_S_RANGE: RangeInclusive<u32> = 0..=32_767;

/// How long one server may take to a usable session.
pub(super) fn connect(settings: &mut Settings) -> Duration {
    let seconds = settings.number("connect_timeout", &CONNECT_TIMEOUT_S_RANGE).unwrap_or(CONNECT_TIMEOUT_S);
    Duration::from_secs(seconds.into())
}

/// How long sent data may stay unacknowledged; 0 leaves it to the kernel.
pub(super) fn tcp_user(settings: &mut Settings) -> Option<Duration> {
    let ms = settings.number("tcp_user_timeout", &(0..=u32::MAX)).unwrap_or(TCP_USER_TIMEOUT_MS);
    (ms > 0).then(|| Duration::from_millis(ms.into()))
}

/// The keepalive probes, whose times are checked even when they are turned off.
pub(super) fn keepalives(settings: &mut Settings) -> Option<Keepalives> {
    let times = Keepalives {
        idle: seconds(settings, "keepalives_idle", KEEPALIVES_IDLE_S),
        interval: seconds(settings, "keepalives_interval", KEEPALIVES_INTERVAL_S),
        count: settings.number_or("keepalives_count", &(0..=127), KEEPALIVES_COUNT),
    };
    let wanted = settings.choice("keepalives", &[("0", false), ("1", true)]).unwrap_or(true);
    wanted.then_some(times)
}

fn seconds(settings: &mut Settings, key: &str, default: u32) -> Duration {
    Duration::from_secs(settings.number_or(key, &KEEPALIVES_S_RANGE, default).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conninfo::tests::good;

    #[test]
    fn times_have_bounds_and_defaults() {
        let info = good("host=h", &[]);
        let seconds = Duration::from_secs;
        assert_eq!(info.connect_timeout, seconds(10));
        assert_eq!(info.tcp_user_timeout, Some(seconds(30)));
        assert_eq!(info.keepalives, Some(Keepalives { idle: seconds(30), interval: seconds(10), count: 3 }));
        let given = "host=h connect_timeout=3 tcp_user_timeout=1500 keepalives_idle=5 keepalives_interval=0 \
                     keepalives_count=9";
        let info = good(given, &[("PGCONNECT_TIMEOUT", "9")]);
        assert_eq!(info.connect_timeout, seconds(3));
        assert_eq!(info.tcp_user_timeout, Some(Duration::from_millis(1500)));
        assert_eq!(info.keepalives, Some(Keepalives { idle: seconds(5), interval: seconds(10), count: 9 }));
        let info = good("host=h keepalives=0 tcp_user_timeout=0", &[]);
        assert_eq!((info.keepalives, info.tcp_user_timeout), (None, None));
        assert_eq!(good("host=h", &[("PGCONNECT_TIMEOUT", "9")]).connect_timeout, seconds(9));
    }
}

//! Dates and times as text.

use time::{Date, Month};

/// The first day of 1970 as `time` counts days.
const EPOCH: i32 = 2_440_588;

/// The microseconds of the years 1 to 9999.
const YEARS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

const SECOND: i64 = 1_000_000;

/// A date such as `2026-11-23`, as days since the Unix epoch.
pub(super) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = bytes else { return None };
    let (year, month, day) = (number(&[*y0, *y1, *y2, *y3])?, number(&[*m0, *m1])?, number(&[*d0, *d1])?);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    (year > 0).then(|| date.to_julian_day() - EPOCH)
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTime {
    /// It is one but for its zone.
    Zone,
    /// It is something else.
    Other,
}

/// A time such as `2026-11-23T14:05:00.25+01:00`, in microseconds since the Unix epoch; finer digits are cut off. Beside RFC 3339 it takes
/// what ISO 8601, databases and loggers write: a comma before the fraction, a space before the zone, a zone of hours alone or without its
/// colon. A leap second is the one after it. A time beyond the years 1 to 9999 is [`in_years`]' affair.
pub(super) fn timestamp(text: &str) -> Result<i64, NoTime> {
    let (micros, zone) = clock(text).ok_or(NoTime::Other)?;
    if zone.is_empty() {
        return Err(NoTime::Zone);
    }
    Ok(micros - offset(zone).ok_or(NoTime::Other)? * SECOND)
}

/// The time that a text says, as if it were UTC, and what stands behind it.
fn clock(text: &str) -> Option<(i64, &[u8])> {
    let (day, rest) = text.split_at_checked(10)?;
    let days = date(day)?;
    let [b'T' | b't' | b' ', h0, h1, b':', m0, m1, b':', s0, s1, rest @ ..] = rest.as_bytes() else { return None };
    let (hour, minute, second) = (number(&[*h0, *h1])?, number(&[*m0, *m1])?, number(&[*s0, *s1])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (micros, zone) = match rest {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let seconds = i64::from(days) * 86_400 + (hour * 60 + minute) * 60 + second;
    Some((seconds * SECOND + micros, zone))
}

/// The time, if it lies in the years 1 to 9999.
pub(super) fn in_years(micros: i128) -> Option<i64> {
    i64::try_from(micros).ok().filter(|micros| YEARS.contains(micros))
}

/// The microseconds, and what stands behind them.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let places = text.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(places)?;
    let micros = (0..6).fold(0, |micros, place| {
        micros * 10 + digits.get(place).map_or(0, |digit| i64::from(digit.wrapping_sub(b'0')))
    });
    (places > 0).then_some((micros, rest))
}

/// How many seconds a zone's clocks are ahead.
fn offset(zone: &[u8]) -> Option<i64> {
    let zone = match zone {
        [b' ', zone @ ..] => zone,
        _ => zone,
    };
    let (ahead, clock) = match zone {
        [b'Z' | b'z'] => return Some(0),
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return None,
    };
    let (hour, minute) = match clock {
        [h0, h1, b':', m0, m1] | [h0, h1, m0, m1] => (number(&[*h0, *h1])?, number(&[*m0, *m1])?),
        [h0, h1] => (number(&[*h0, *h1])?, 0),
        _ => return None,
    };
    (hour <= 23 && minute <= 59).then_some(ahead * (hour * 60 + minute) * 60)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit.wrapping_sub(b'0'))))
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    /// Held against the parser of the crate `time`.
    #[test]
    fn times_are_those_of_rfc_3339() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59.999999999+00:00",
            "2026-11-23T14:05:00.25+01:30",
            "1969-12-31T23:59:59.9999999-23:59",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.1Z",
        ] {
            let expected = OffsetDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp_nanos().div_euclid(1000);
            assert_eq!(timestamp(text).map(i128::from), Ok(expected), "{text}");
        }
        let with = |t: &str| timestamp(&format!("2016-12-31{t}"));
        assert_eq!(with("T23:59:60Z"), timestamp("2017-01-01T00:00:00Z"), "a leap second");
        assert_eq!(with(" 01:02:03z"), with("t01:02:03-00:00"));
    }

    /// What databases, loggers and other languages write, beside the same time of RFC 3339.
    #[test]
    fn times_that_are_plain_to_everyone() {
        for (text, plain) in [
            ("2026-11-23T15:05:00.000+0100", "2026-11-23T15:05:00+01:00"),
            ("2026-11-23 15:05:00+01", "2026-11-23T15:05:00+01:00"),
            ("2026-11-23 15:05:00.25 -0330", "2026-11-23T15:05:00.25-03:30"),
            ("2026-11-23T15:05:00,25Z", "2026-11-23T15:05:00.25Z"),
            ("2026-11-23 15:05:00 Z", "2026-11-23T15:05:00Z"),
        ] {
            assert_eq!(timestamp(text), timestamp(plain), "{text}");
            assert!(timestamp(text).is_ok(), "{text}");
        }
        for text in ["2026-11-23T14:05:00", "2026-11-23 14:05:00.25"] {
            assert_eq!(timestamp(text), Err(NoTime::Zone), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "2026",
            "2026-11-23",
            "2026-11-23T14:05Z",
            "2026-02-29T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T14:60:00Z",
            "2026-11-23T14:05:61Z",
            "2026-11-23T14:05:00.Z",
            "2026-11-23T14:05:00+1:00",
            "2026-11-23T14:05:00+1",
            "2026-11-23T14:05:00+010",
            "2026-11-23T14:05:00+",
            "2026-11-23T14:05:00 ",
            "2026-11-23T14:05:00  Z",
            "2026-11-23T14:05:00+24:00",
            "2026-11-23T14:05:00ZZ",
            "2026-11-23T14:05:00é",
            "+026-11-23T14:05:00Z",
            "0000-01-01T00:00:00Z",
            "äöüßä2026-11-23",
        ] {
            assert_eq!(timestamp(text), Err(NoTime::Other), "{text}");
        }
        for text in
            ["", "2026-13-01", "2026-00-01", "2026-1-1", "2026-11-31", "0000-01-01", "2026-11-23 ", "-026-11-23"]
        {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("0001-01-01"), Some(-719_162));
        assert_eq!(date("9999-12-31"), Some(2_932_896));
    }

    #[test]
    fn the_years_1_to_9999() {
        let least = i128::from(timestamp("0001-01-01T00:00:00Z").unwrap());
        let most = i128::from(timestamp("9999-12-31T23:59:59.999999Z").unwrap());
        assert_eq!(
            [least - 1, least, most, most + 1].map(|micros| in_years(micros).is_some()),
            [false, true, true, false]
        );
    }
}

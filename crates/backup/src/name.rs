//! The names of backups: when each was begun, in UTC, with a number if several were begun in the same second.

use std::time::{SystemTime, UNIX_EPOCH};

use dataset::calendar::Date;
use values::text;

/// The name of a backup that begins now, if it is the first one of this second: `20260131T235959Z`.
pub(crate) fn of_now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let mut name = String::new();
    text::date(Date::from_days((seconds / 86_400) as i32), &mut name);
    name.push('T');
    text::time(seconds % 86_400 * 1_000_000, &mut name);
    name.retain(|c| !matches!(c, '-' | ':'));
    name.push('Z');
    name
}

/// The name of the backup with this number, from 1, among those of this second.
pub(crate) fn numbered(second: &str, number: u32) -> String {
    match number {
        1 => second.to_owned(),
        number => format!("{second}-{number:02}"),
    }
}

/// The number of the next backup of this second: one more than the highest among `names`, since one in between may be gone.
pub(crate) fn next_number(second: &str, names: &[String]) -> u32 {
    let numbers = names.iter().filter_map(|name| {
        let of_second = name.strip_prefix(second)?;
        match of_second.strip_prefix('-') {
            Some(number) => number.parse::<u32>().ok(),
            None => of_second.is_empty().then_some(1),
        }
    });
    numbers.max().map_or(1, |last| last.saturating_add(1))
}

/// Whether a backup may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let (time, number) = name.split_at_checked(16).unwrap_or((name, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    time.len() == 16
        && digits(&time[..8])
        && &time[8..9] == "T"
        && digits(&time[9..15])
        && time.ends_with('Z')
        && (number.is_empty() || number.strip_prefix('-').is_some_and(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_times() {
        assert!(is_name("20260131T235959Z") && is_name("20260131T235959Z-02"));
        for other in [
            "",
            "latest",
            "20260131T235959",
            "20260131T235959Z-",
            "é260131T235959Z",
            "2026013_T235959Z",
        ] {
            assert!(!is_name(other), "{other}");
        }
        assert!(is_name(&of_now()));
    }

    #[test]
    fn a_name_is_behind_those_of_its_second() {
        let second = "20260131T235959Z";
        let next = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            numbered(second, next_number(second, &names))
        };
        assert_eq!(next(&["20260131T235958Z"]), second);
        assert_eq!(next(&[second]), "20260131T235959Z-02");
        assert_eq!(next(&["20260131T235959Z-09"]), "20260131T235959Z-10");
    }
}

//! Which form of an answer a client accepts.

use axum::http::{HeaderMap, header};

/// The place of the media type that a request accepts most among `offered`, the earlier of equal ones; `None` if it accepts
/// none. A request without the header accepts all.
pub(crate) fn preferred(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let given = headers.get_all(header::ACCEPT);
    let given = given.iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = given
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty())
        .map(range)
        .collect();
    if ranges.is_empty() {
        return Some(0);
    }
    let wanted = |offered: &str| {
        let (group, _) = offered.split_once('/').unwrap_or((offered, ""));
        let fits = ranges.iter().filter_map(|(range, quality)| {
            let is_whole = range.eq_ignore_ascii_case(offered);
            let is_group = range
                .strip_suffix("/*")
                .is_some_and(|of| of.eq_ignore_ascii_case(group));
            let exactness = match (is_whole, is_group, *range) {
                (true, ..) => 2,
                (_, true, _) => 1,
                (.., "*/*") => 0,
                _ => return None,
            };
            Some((exactness, *quality))
        });
        // What is said of the type itself goes before what is said of all types.
        let most_exact = fits.max_by(|(left, _), (right, _)| left.cmp(right));
        most_exact.map_or(0.0, |(_, quality)| quality)
    };
    let mut best = (None, 0.0);
    for (place, offered) in offered.iter().enumerate() {
        let quality = wanted(offered);
        if quality > best.1 {
            best = (Some(place), quality);
        }
    }
    best.0
}

/// A media range without its parameters, and how much it is wanted.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| {
        let value = part.strip_prefix("q=").or(part.strip_prefix("Q="))?;
        value.parse().ok()
    });
    (name, quality.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_type_that_is_wanted_most_is_chosen() {
        let offered = ["application/json", "text/csv"];
        for (accept, expected) in [
            ("", Some(0)),
            ("*/*", Some(0)),
            ("text/csv", Some(1)),
            ("Text/CSV; charset=utf-8", Some(1)),
            ("text/*", Some(1)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(0)),
            ("application/json;q=0.5, text/csv;q=0.6", Some(1)),
            ("*/*, application/json;q=0", Some(1)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(preferred(&headers, &offered), expected, "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &offered), Some(0));
    }
}

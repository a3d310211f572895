//! Chooses, among the forms that an answer can have, the one that a request accepts.

use axum::http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// The index of the offered media type to which the request's `Accept` gives the highest weight; of several, the first. A request
/// without `Accept` takes any type.
///
/// # Errors
/// 406 with the types that are offered.
pub(crate) fn chosen(headers: &HeaderMap, offered: &[&str]) -> Result<usize, Problem> {
    let given: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    let mut best: Option<(u32, usize)> = given.is_empty().then_some((1, 0));
    for (index, name) in offered.iter().enumerate() {
        // The range that names a type most closely counts, wherever in the header it is.
        let ranges = given.iter().filter_map(|range| weight(range, name));
        let Some((_, weight)) = ranges.max() else {
            continue;
        };
        if weight > 0 && best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, index));
        }
    }
    best.map(|(_, index)| index).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            format!("Accept names none of {}", offered.join(", ")),
        )
    })
}

/// How closely a range of `Accept` names a media type, and the weight that the range gives it, in thousandths; `None` if the range
/// is about other types.
fn weight(range: &str, name: &str) -> Option<(u8, u32)> {
    let mut parts = range.split(';').map(str::trim);
    let range = parts.next()?.to_ascii_lowercase();
    let closely = match range.strip_suffix("/*") {
        _ if range == name => 2,
        Some("*") => 0,
        Some(kind) if name.starts_with(&format!("{kind}/")) => 1,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    let weight: f32 = weight.map_or(Some(1.0), |weight| weight.trim().parse().ok())?;
    Some((closely, (weight.clamp(0.0, 1.0) * 1000.0) as u32))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::chosen;

    #[test]
    fn the_form_of_the_highest_weight_is_chosen() {
        for (accept, expected) in [
            ("*/*", Some(0)),
            ("text/html, application/json;q=0.9", Some(0)),
            ("application/json;q=0.1, text/csv", Some(1)),
            ("text/*", Some(1)),
            ("*/*, application/json;q=0", Some(1)),
            ("TEXT/CSV;charset=utf-8", Some(1)),
            ("image/png", None),
            ("*/*;q=0", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let found = chosen(&headers, &["application/json", "text/csv"]).ok();
            assert_eq!(found, expected, "{accept}");
        }
        assert_eq!(chosen(&HeaderMap::new(), &["text/csv"]).ok(), Some(0));
    }
}

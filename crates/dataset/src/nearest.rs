//! Which name was meant by one that there isn't.

/// The alikeness from which two names are taken for one, mistyped: what clap takes for its arguments.
const ALIKE: f64 = 0.7;

/// The name among `known` that is most like `name`, if one is like it at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let alike = known.into_iter().map(|known| {
        let score = strsim::jaro(&lower, &known.to_lowercase());
        (score, known)
    });
    let alike = alike.filter(|(score, _)| *score > ALIKE);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, known)| known)
}

/// `; did you mean …?` for a name that there isn't; nothing if none of `known` is like it.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_mistyped_is_told_from_one_that_is_another() {
        let known = ["orders", "order_items", "customers"];
        assert_eq!(nearest("order", known), Some("orders"));
        assert_eq!(nearest("Custmers", known), Some("customers"));
        assert_eq!(nearest("zz", known), None);
        assert_eq!(did_you_mean("oders", known), "; did you mean `orders`?");
        assert_eq!(did_you_mean("zz", known), "");
    }
}

//! Finds the name that was probably meant by an unknown one.

/// The similarity from which on a name is taken for a misspelling of another; clap uses the same for its arguments.
const ALIKE: f64 = 0.7;

/// The name among `known` that is most similar to `name`, if any is similar enough.
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

/// The text `; did you mean …?` for an unknown name; empty if none of `known` is similar.
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

//! The file of results, with a section for each comparison that is replaced when the comparison is run again.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;

const TITLE: &str = "\
# Results of the comparisons

`just bench` followed by the name of a section measures it anew and replaces it. Seconds are those of one
machine on one day; what carries over are the ratios.
";

/// Writes a section into the file, in place of an earlier one with the same name.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn write(path: &Path, name: &str, body: &str) -> anyhow::Result<()> {
    let document = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => TITLE.to_owned(),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    fs::write(path, with_section(&document, name, body))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The document with the section `## name` replaced, or appended if there is none. Everything else stays.
fn with_section(document: &str, name: &str, body: &str) -> String {
    let heading = format!("## {name}");
    let (mut before, mut after) = (String::new(), String::new());
    let (mut found, mut inside) = (false, false);
    for line in document.lines() {
        if line.starts_with("## ") {
            inside = line.trim_end() == heading;
            found |= inside;
        }
        if !inside {
            let part = if found { &mut after } else { &mut before };
            part.push_str(line);
            part.push('\n');
        }
    }
    [before.as_str(), &format!("{heading}\n\n{body}"), &after]
        .into_iter()
        .map(|part| part.trim_matches('\n'))
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
        + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_section_goes_to_the_end() {
        assert_eq!(with_section("", "a", "1\n"), "## a\n\n1\n");
        assert_eq!(with_section("# T\n", "a", "1"), "# T\n\n## a\n\n1\n");
        let both = with_section("# T\n\n## a\n\n1\n", "b", "2\n");
        assert_eq!(both, "# T\n\n## a\n\n1\n\n## b\n\n2\n");
    }

    #[test]
    fn a_section_is_replaced_where_it_stands_and_nothing_else_changes() {
        let document = "# T\n\ntext\n\n## a\n\nold\n### sub\nold\n\n## ab\n\n2\n";
        let replaced = with_section(document, "a", "new\n");
        assert_eq!(replaced, "# T\n\ntext\n\n## a\n\nnew\n\n## ab\n\n2\n");
        assert_eq!(with_section(&replaced, "a", "new\n"), replaced);
        let last = with_section(&replaced, "ab", "3\n");
        assert_eq!(last, "# T\n\ntext\n\n## a\n\nnew\n\n## ab\n\n3\n");
    }
}

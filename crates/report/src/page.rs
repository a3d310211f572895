//! The page: one HTML file with its style, scripts and rows in it. It asks no server for anything, and its policy forbids it to.

use std::sync::LazyLock;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use database::catalogue::inventory::KnownTable;
use sha2::{Digest, Sha256};

use crate::diagram;
use crate::rows::Shown;

const TEMPLATE: &str = include_str!("../page/page.html");
/// The chart library, bundled by `page/echarts/bundle`.
const CHARTS: &str = include_str!("../page/echarts/echarts.min.js");

static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{}{}", include_str!("../page/page.css"), diagram::STYLE));

/// The page's own script: its files in the order in which they know each other.
static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let files = [
        include_str!("../page/exact.js"),
        include_str!("../page/chart.js"),
        include_str!("../page/card.js"),
        include_str!("../page/page.js"),
    ];
    format!("(() => {{\n'use strict';\n{}}})();\n", files.concat())
});

static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src {} {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hashed(CHARTS),
        hashed(&SCRIPT),
        hashed(&STYLE)
    )
});

/// The Content-Security-Policy of every page: nothing but its own scripts and style, named by their hashes, and no network. A
/// service that sends the page sends this as a header too.
pub fn policy() -> &'static str {
    &POLICY
}

/// A report as a page.
#[derive(Debug)]
pub struct Page<'a> {
    /// What it shows.
    pub shown: &'a Shown,
    /// The tables that its diagram shows; none for no diagram.
    pub tables: &'a [KnownTable],
}

impl Page<'_> {
    /// The text of the file.
    ///
    /// # Errors
    /// None that a caller can mend.
    pub fn html(&self) -> anyhow::Result<String> {
        let dataset = &self.shown.dataset;
        let data = serde_json::to_string(self.shown).context("the rows as JSON")?;
        let drawn = match self.tables {
            [] => String::new(),
            tables => diagram::part(tables, dataset),
        };
        let title = escaped(&format!("{dataset}: extrato report"));
        // Each mark stands once, in this order: what is put in is not looked through again.
        let parts = [
            ("{{policy}}", policy()),
            ("{{title}}", &title),
            ("{{style}}", &STYLE),
            ("{{diagram}}", &drawn),
            ("{{data}}", &in_script(&data)),
            ("{{charts}}", CHARTS),
            ("{{script}}", &SCRIPT),
        ];
        let mut html = String::with_capacity(TEMPLATE.len() + data.len() + CHARTS.len());
        let mut rest = TEMPLATE;
        for (mark, part) in parts {
            let (before, behind) = rest
                .split_once(mark)
                .with_context(|| format!("no {mark}"))?;
            html += before;
            html += part;
            rest = behind;
        }
        Ok(html + rest)
    }
}

/// The hash by which a policy names a text.
fn hashed(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// JSON that no HTML ends: `<` stands in texts alone, where it may be written so.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_page_ends_the_element_that_holds_it() {
        for script in [CHARTS, &SCRIPT] {
            let script = script.to_lowercase();
            assert!(!script.contains("</script") && !script.contains("<!--"));
        }
        assert!(!STYLE.contains('<'));
        assert_eq!(
            in_script("[\"</script><!--\"]"),
            "[\"\\u003c/script>\\u003c!--\"]"
        );
    }

    #[test]
    fn the_policy_names_scripts_and_style_by_hash_and_lets_nothing_out() {
        assert!(policy().starts_with("default-src 'none'; script-src 'sha256-"));
        assert_eq!(policy().matches("'sha256-").count(), 3);
        assert!(!policy().contains("unsafe") && !policy().contains("http"));
    }
}

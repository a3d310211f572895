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

/// The page's own script: its files, each after those that it uses.
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

/// The Content-Security-Policy of every page: only its own scripts and style, named by their hashes, and no network. A service that
/// sends the page also sends this as a header.
pub fn policy() -> &'static str {
    &POLICY
}

/// A report as a page.
#[derive(Debug)]
pub struct Page<'a> {
    /// The rows and facts that the page shows.
    pub shown: &'a Shown,
    /// The tables that the diagram shows; if empty, there is no diagram.
    pub tables: &'a [KnownTable],
}

impl Page<'_> {
    /// The contents of the HTML file.
    ///
    /// # Errors
    /// Only errors that a caller cannot mend.
    pub fn html(&self) -> anyhow::Result<String> {
        let dataset = &self.shown.dataset;
        let data = serde_json::to_string(self.shown).context("the rows as JSON")?;
        let drawn = match self.tables {
            [] => String::new(),
            tables => diagram::part(tables, dataset),
        };
        let title = escaped(&format!("{dataset}: extrato report"));
        // Each mark stands in the template once, in this order. What replaces a mark is not searched for others.
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

/// JSON that cannot end the script around it. In JSON, `<` stands only inside strings, where it may be written as an escape.
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

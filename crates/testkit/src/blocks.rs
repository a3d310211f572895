//! The blocks of code of a page in Markdown.

/// A block of code between two fences.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// The word behind the fence, such as `sh`; empty where there is none.
    pub language: &'a str,
    /// What follows that word; neither GitHub nor mdbook shows it.
    pub needs: &'a str,
    /// The lines between the fences.
    pub text: &'a str,
}

/// The blocks of code of a page, in its order.
pub fn blocks(page: &str) -> impl Iterator<Item = Block<'_>> {
    page.split("\n```").skip(1).step_by(2).map(|block| {
        let (fence, text) = block.split_once('\n').unwrap_or((block, ""));
        let (language, needs) = fence.split_once(' ').unwrap_or((fence, ""));
        Block {
            language,
            needs,
            text,
        }
    })
}

//! The code blocks of a page, section by section.

use crate::source::text_of;

/// A fenced block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// What stands behind the fence: `sh`, `sql`.
    pub language: String,
    /// Its lines.
    pub text: String,
}

impl Block {
    /// The same with another word in place of one.
    pub(super) fn replacing(self, word: &str, other: &str) -> Self {
        Self { text: self.text.replace(word, other), ..self }
    }
}

/// A section of the second level, which has at least one block.
#[derive(Debug)]
pub(super) struct Section {
    /// Its heading.
    pub title: String,
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
}

/// The sections of a page that have code; what stands above the first heading is one without title.
pub(super) fn sections(page: &str) -> Vec<Section> {
    let text = text_of(page);
    let sections = text.split("\n## ").enumerate().map(|(at, section)| Section {
        title: if at == 0 { String::new() } else { section.lines().next().unwrap_or_default().to_owned() },
        blocks: blocks(section),
    });
    sections.filter(|section| !section.blocks.is_empty()).collect()
}

/// The blocks of one section.
#[track_caller]
pub(super) fn blocks_of(page: &str, title: &str) -> Vec<Block> {
    let found = sections(page).into_iter().find(|section| section.title == title);
    found.unwrap_or_else(|| panic!("{page} has no section {title:?} with code")).blocks
}

fn blocks(text: &str) -> Vec<Block> {
    let fenced = text.split("\n```").skip(1).step_by(2);
    let block = |block: &str| {
        let (language, text) = block.split_once('\n').expect("a fence ends its line");
        Block { language: language.trim().to_owned(), text: format!("{text}\n") }
    };
    fenced.map(block).collect()
}

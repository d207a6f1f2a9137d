//! Reads Rust sources as far as the architecture tests need it: code apart from comments and strings, line by line.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust source file.
pub(super) struct Source {
    /// Below the package's folder, with slashes.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The file with every comment and the inside of every literal blanked, line for line.
    pub code: String,
    /// Every string literal as it is written, with the number of the line it begins in.
    pub strings: Vec<(usize, String)>,
}

impl Source {
    /// The top module a file of `src/` belongs to: `relay` for `src/relay/mod.rs` and for `src/relay.rs`.
    pub(super) fn module(&self) -> &str {
        let below = self.path.trim_start_matches("src/");
        below.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The words after a prefix wherever it occurs in the code as a path of its own: `crate::` gives modules.
    pub(super) fn words_after(&self, prefix: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (at, _) in self.code.match_indices(prefix) {
            if !self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                let rest = &self.code[at + prefix.len()..];
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                words.push(rest[..end].to_owned());
            }
        }
        words
    }

    /// Every function: its name, the number of its first line, how many lines it has.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize)> {
        let starts = self.code.match_indices("fn ").filter(|(at, _)| {
            let before = self.code[..*at].chars().next_back();
            before.is_none_or(|c| c.is_whitespace() || c == '(')
        });
        starts.filter_map(|(at, _)| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<(String, usize, usize)> {
        let rest = &self.code[at + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let open = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{'))?;
        let mut depth = 0;
        for (index, c) in rest.char_indices().skip_while(|(index, _)| *index < open) {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth == 0 {
                let first = self.code[..at].matches('\n').count() + 1;
                return Some((name, first, rest[..index].matches('\n').count() + 1));
            }
        }
        panic!("{}: function {name} does not end", self.path)
    }
}

/// Every `.rs` file below a folder of the package, in order.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let files =
        files_below(folder).into_iter().filter(|path| Path::new(path).extension().is_some_and(|e| e == "rs"));
    let found: Vec<_> = files.map(read).collect();
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// Every file below a folder of the package, in order.
pub(super) fn files_below(folder: &str) -> Vec<String> {
    let mut open = vec![PathBuf::from(folder)];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(package().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if package().join(&path).is_dir() {
                open.push(path);
            } else {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file of the package.
pub(super) fn text_of(path: &str) -> String {
    fs::read_to_string(package().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: String) -> Source {
    let text = text_of(&path);
    let (code, strings) = split(&text);
    Source { path, text, code, strings }
}

/// Blanks comments and literals, and collects the string literals.
fn split(text: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut strings, mut rest) = (String::new(), Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let in_a_word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (length, is_string) = literal(rest, in_a_word);
        let taken = &rest[..length.max(first.len_utf8())];
        if length == 0 {
            code.push(first);
        } else {
            if is_string {
                strings.push((code.matches('\n').count() + 1, taken.to_owned()));
            }
            code.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = &rest[taken.len()..];
    }
    (code, strings)
}

/// The length of the comment or literal that a text begins with, or 0, and whether it is a string.
fn literal(text: &str, in_a_word: bool) -> (usize, bool) {
    let until =
        |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), false);
    }
    if text.starts_with("/*") {
        return (until(2, "*/"), false);
    }
    if let Some(raw) = text.strip_prefix('r').filter(|_| !in_a_word) {
        let hashes = raw.bytes().take_while(|byte| *byte == b'#').count();
        if raw[hashes..].starts_with('"') {
            return (until(hashes + 2, &format!("\"{}", "#".repeat(hashes))), true);
        }
    }
    match text.as_bytes() {
        [b'"', ..] => (quoted(text, '"'), true),
        [b'\'', b'\\', ..] => (quoted(text, '\''), false),
        // Anything else behind an apostrophe that is not closed after one character is a lifetime.
        [b'\'', ..] => {
            let mut inside = text[1..].chars();
            let length = inside.next().map_or(0, char::len_utf8);
            (if inside.next() == Some('\'') { length + 2 } else { 0 }, false)
        }
        _ => (0, false),
    }
}

/// The length of a literal with backslashes, both quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn code_comments_and_strings_are_told_apart() {
    let text = "let a = \"x // \\\" y\"; // \"no\nlet b: &'a str = r#\"raw \"x\" {\"#; let c = '\"'; let d = '\\'';\n/* { */ e";
    let (code, strings) = split(text);
    let strings: Vec<_> = strings.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(strings, [(1, "\"x // \\\" y\""), (2, "r#\"raw \"x\" {\"#")]);
    assert_eq!(code.replace(' ', ""), "leta=;\nletb:&'astr=;letc=;letd=;\ne");
}

#[test]
fn functions_are_measured() {
    let (text, path) = ("trait T {\n    fn a();\n}\n\nfn b() {\n    {\n    }\n}\n".to_owned(), String::new());
    let (code, strings) = split(&text);
    let source = Source { path, text, code, strings };
    assert_eq!(source.functions(), [("b".to_owned(), 5, 4)]);
}

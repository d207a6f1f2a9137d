//! A strict reader of the Prometheus text format, version 0.0.4, that is not the client library's.

use std::collections::{BTreeMap, BTreeSet};

/// All samples of an answer of `/metrics`, by name and labels as they are written.
pub(super) struct Exposition {
    /// Kind by family.
    pub(super) families: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Exposition {
    /// Reads a text, and panics at whatever the format does not allow.
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends too");
        let (mut families, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let mut helped = BTreeSet::new();
        let mut current: Option<(String, String)> = None;
        for line in text.split_terminator('\n') {
            assert!(!line.contains('\r'), "{line:?}");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                assert!(help.len() > 5 && help.ends_with('.'), "{line}");
                assert!(helped.insert(name.to_owned()), "helped twice: {line}");
                current = None;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                assert!(helped.contains(name), "HELP comes before TYPE: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "typed twice: {line}");
                current = Some((name.to_owned(), kind.to_owned()));
            } else {
                let (family, kind) =
                    current.as_ref().unwrap_or_else(|| panic!("a sample without a type: {line}"));
                let (series, value) = sample(line, family, kind);
                assert!(samples.insert(series, value).is_none(), "twice: {line}");
            }
        }
        assert_eq!(helped, families.keys().cloned().collect(), "every family has both");
        let exposition = Self { families, samples };
        exposition.check_histograms();
        exposition
    }

    /// The value of a series, written as in the text: `name` or `name{label="value"}`.
    #[track_caller]
    pub(super) fn value(&self, series: &str) -> f64 {
        self.get(series)
            .unwrap_or_else(|| panic!("no {series} in {:?}", self.samples.keys().collect::<Vec<_>>()))
    }

    /// The value of a series that counts something.
    #[track_caller]
    pub(super) fn count(&self, series: &str) -> usize {
        let value = self.value(series).to_string();
        value.parse().unwrap_or_else(|_| panic!("{series} is {value}"))
    }

    pub(super) fn get(&self, series: &str) -> Option<f64> {
        self.samples.get(series).copied()
    }

    /// All series of one name.
    pub(super) fn series(&self, name: &str) -> Vec<&str> {
        let own = |series: &&String| series.split('{').next() == Some(name);
        self.samples.keys().filter(own).map(String::as_str).collect()
    }

    /// Buckets rise to `+Inf`, which is the count.
    fn check_histograms(&self) {
        for (family, _) in self.families.iter().filter(|(_, kind)| *kind == "histogram") {
            let mut last: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
            for series in self.series(&format!("{family}_bucket")) {
                let labels = series.split_once('{').unwrap().1.trim_end_matches('}');
                let (le, others) = labels.strip_prefix("le=\"").unwrap().split_once('"').unwrap();
                let bound = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
                let others = others.trim_start_matches(',').to_owned();
                last.entry(others).or_default().push((bound, self.value(series)));
            }
            for (others, mut buckets) in last {
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.windows(2).all(|two| two[0].1 <= two[1].1), "{family}: {buckets:?}");
                let braces = if others.is_empty() { String::new() } else { format!("{{{others}}}") };
                let count = self.value(&format!("{family}_count{braces}"));
                assert_eq!(buckets.last().copied(), Some((f64::INFINITY, count)), "{family}{braces}");
                self.value(&format!("{family}_sum{braces}"));
            }
        }
    }
}

/// One line: a name of the current family, labels with their three escapes, one space, a number.
fn sample(line: &str, family: &str, kind: &str) -> (String, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let name = &line[..end];
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(name.starts_with("outboxd_") && name.chars().all(plain), "{line}");
    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("not of {family}: {line}"));
    let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    assert!(suffixes.contains(&suffix), "{line}");
    assert_eq!(kind == "counter", family.ends_with("_total"), "counters alone end in _total: {line}");
    let rest = &line[end..];
    let length = if rest.starts_with('{') { labels(rest) } else { 0 };
    let value = rest[length..].strip_prefix(' ').unwrap_or_else(|| panic!("no space: {line}"));
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    assert!(value >= 0.0 && value.is_finite(), "{line}");
    (line[..end + length].to_owned(), value)
}

/// The length of a label set, which must be well formed.
fn labels(text: &str) -> usize {
    let mut names = BTreeSet::new();
    let mut at = 1;
    loop {
        let name_end = at + text[at..].find("=\"").unwrap_or_else(|| panic!("no label: {text}"));
        let name = &text[at..name_end];
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{text}");
        assert!(names.insert(name.to_owned()), "a label twice: {text}");
        at = name_end + 2;
        loop {
            let c = text[at..].chars().next().unwrap_or_else(|| panic!("not closed: {text}"));
            assert!(!c.is_control(), "{text:?}");
            at += c.len_utf8();
            match c {
                '"' => break,
                '\\' => {
                    assert!(text[at..].starts_with(['\\', '"', 'n']), "{text}");
                    at += 1;
                }
                _ => {}
            }
        }
        match text.as_bytes().get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return at + 1,
            _ => panic!("neither comma nor brace: {text}"),
        }
    }
}

#[test]
fn what_the_format_forbids_is_noticed() {
    let good = "# HELP outboxd_a A thing.\n# TYPE outboxd_a gauge\noutboxd_a{x=\"a\\\"b\"} 1\n";
    assert_eq!(Exposition::parse(good).get("outboxd_a{x=\"a\\\"b\"}"), Some(1.0));
    for (from, to) in [
        ("# HELP outboxd_a A thing.\n", ""),
        ("# TYPE outboxd_a gauge\n", ""),
        ("} 1\n", "} 1\noutboxd_a{x=\"a\\\"b\"} 2\n"),
        ("a\\\"b", "a\"b"),
        (" 1\n", " one\n"),
        ("outboxd_a{", "outboxd_b{"),
        ("gauge", "counter"),
    ] {
        let bad = good.replace(from, to);
        let read = std::panic::catch_unwind(|| drop(Exposition::parse(&bad)));
        assert!(read.is_err(), "{bad}");
    }
}

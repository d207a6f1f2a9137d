//! The Prometheus text format, version 0.0.4, which everybody reads.
//!
//! The client library writes `OpenMetrics`, where a counter is announced as `x` and its sample named `x_total`. In the text
//! format both have the same name, or the counter has no type; there are no units and no end mark.

use std::fmt::{Error, Write as _};

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

pub(super) fn encode(registry: &Registry) -> Result<String, Error> {
    let mut open_metrics = String::new();
    encode_registry(&mut open_metrics, registry)?;
    classic(&open_metrics)
}

fn classic(open_metrics: &str) -> Result<String, Error> {
    let mut text = String::with_capacity(open_metrics.len() + 1024);
    let mut help = "";
    for line in open_metrics.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            let words = help.strip_prefix(name).unwrap_or_default();
            writeln!(text, "# HELP {name}{suffix}{words}\n# TYPE {name}{suffix} {kind}")?;
        } else if !line.starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_announced_by_the_name_of_its_samples() {
        let open = "# HELP a Help.\n# TYPE a counter\na_total{x=\"# TYPE\"} 1\n# HELP b_seconds More.\n\
             # TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 2.5\n# EOF\n";
        assert_eq!(
            classic(open).expect("text"),
            "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"# TYPE\"} 1\n# HELP b_seconds More.\n\
             # TYPE b_seconds gauge\nb_seconds 2.5\n"
        );
    }
}

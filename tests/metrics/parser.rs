//! The parser that judges the pages is strict itself.

use crate::harness::Exposition;

const RIGHT: &str = "# HELP a_b One.\n# TYPE a_b counter\na_b_total{x=\"1\",y=\"q\\\"\"} 3\na_b_total{x=\"2\",y=\"\"} 4\n\
                     # HELP g Two.\n# TYPE g gauge\ng -1.5\n# EOF\n";

fn refused(text: &str) -> String {
    Exposition::parse(text).unwrap_err()
}

#[test]
fn a_page_is_read() {
    let page = Exposition::parse(RIGHT).unwrap();
    assert_eq!(page.sum("a_b_total", &[]), 7.0);
    assert_eq!(page.sum("a_b_total", &[("x", "1")]), 3.0);
    assert_eq!(page.sum("a_b_total", &[("y", "q\"")]), 3.0);
    assert_eq!(page.value("g"), Some(-1.5));
    assert_eq!(page.value("a_b_total"), None);
}

#[test]
fn what_breaks_a_rule_is_refused() {
    for (wrong, instead) in [
        ("# EOF\n", ""),
        ("# EOF\n", "# EOF"),
        ("# EOF\n", "\n# EOF\n"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b{x=\"2\",y=\"\"} 4"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{x=\"1\",y=\"q\\\"\"} 4"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{x=\"2\",x=\"\"} 4"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{x=\"2\"y=\"\"} 4"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{2x=\"2\"} 4"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{x=\"2\",y=\"\"} -4"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{x=\"2\",y=\"\"} NaN"),
        ("a_b_total{x=\"2\",y=\"\"} 4", "a_b_total{x=\"2\",y=\"\\t\"} 4"),
        ("# TYPE g gauge\n", ""),
        ("# TYPE g gauge\n", "# TYPE g summery\n"),
        ("# HELP g Two.\n", ""),
        ("g -1.5", "g"),
        ("g -1.5", "a_b_total{x=\"3\"} 1"),
        ("g -1.5", "g minus"),
        ("# HELP g Two.\n# TYPE g gauge\n", "# HELP a_b Two.\n# TYPE a_b gauge\n"),
    ] {
        assert!(RIGHT.contains(wrong));
        let text = RIGHT.replacen(wrong, instead, 1);
        assert!(Exposition::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn histograms_are_cumulative_and_complete() {
    let page = |buckets: &str| format!("# HELP h H.\n# TYPE h histogram\n{buckets}# EOF\n");
    let right = "h_sum 2.5\nh_count 3\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 3\n";
    Exposition::parse(&page(right)).unwrap();
    assert!(refused(&page(&right.replace("} 1", "} 4"))).contains("no histogram"));
    assert!(refused(&page(&right.replace("count 3", "count 4"))).contains("no histogram"));
    assert!(refused(&page(&right.replace("+Inf", "9"))).contains("no histogram"));
    assert!(refused(&page(&right.replace("h_sum 2.5\n", ""))).contains("no histogram"));
}

//! How a finding is laid out: what is too long is cut in its middle, what is too wide at its end.

use std::fmt::Write;

/// Lines that a report has at the most.
pub(crate) const MAX_LINES: usize = 150;
/// Columns that a line of a report has at the most.
pub(crate) const MAX_COLUMNS: usize = 120;
/// Lines of a plan that are shown at the most.
const MAX_PLAN: usize = 50;
/// What stands where lines were left out.
pub(super) const LEFT_OUT: &str = "lines left out";

/// A report: what comes first, the plan, its trace, and what comes last, with an empty line between them. `place` says
/// where all of it is, if not all of it is here.
pub(super) fn page(head: &[String], plan: &[String], trace: &[String], tail: &[String], place: Option<&str>) -> String {
    let plan = middle_cut(plan, MAX_PLAN);
    let used = head.len() + plan.len() + tail.len() + 4 + usize::from(place.is_some());
    let trace = middle_cut(trace, MAX_LINES.saturating_sub(used));
    let tail: Vec<String> = place.map(str::to_owned).into_iter().chain(tail.iter().cloned()).collect();
    let mut text = String::new();
    // What comes last, and comments, are commands: they are there to be run.
    let parts = [(head, false), (&plan, false), (&trace, false), (&tail, true)];
    for (number, (part, is_last)) in parts.into_iter().filter(|(part, _)| !part.is_empty()).enumerate() {
        if number > 0 {
            text.push('\n');
        }
        for line in part {
            let is_whole = is_last || line.starts_with("# ");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", if is_whole { line.clone() } else { end_cut(line) });
        }
    }
    text
}

/// A text in lines of at most [`MAX_COLUMNS`] columns: what is too wide goes on in the next line, from a space on.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > MAX_COLUMNS {
            let space = rest[..=MAX_COLUMNS].iter().rposition(|char| *char == ' ').filter(|at| *at > 0);
            let next = rest.split_off(space.unwrap_or(MAX_COLUMNS));
            lines.push(rest.iter().collect());
            rest = next.into_iter().skip_while(|char| *char == ' ').collect();
        }
        lines.push(rest.iter().collect());
    }
    lines
}

/// A text of at most `most` lines of 120 columns: what is more is cut out of its middle.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    middle_cut(&lines, most).iter().map(|line| end_cut(line)).collect::<Vec<_>>().join("\n")
}

/// At most so many of these lines: two thirds from the begin, and the end.
fn middle_cut(lines: &[String], most: usize) -> Vec<String> {
    // The line that says what was left out is one of them.
    let (Some(out), Some(shown)) = (lines.len().checked_sub(most).filter(|out| *out > 0), most.checked_sub(1)) else {
        return lines.to_vec();
    };
    let first = shown * 2 / 3;
    let (head, tail) = (&lines[..first], &lines[lines.len() - (shown - first)..]);
    let between = format!("      … {} {LEFT_OUT} …", out + 1);
    head.iter().cloned().chain([between]).chain(tail.iter().cloned()).collect()
}

fn end_cut(line: &str) -> String {
    if line.chars().count() <= MAX_COLUMNS {
        return line.to_owned();
    }
    line.chars().take(MAX_COLUMNS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn a_short_page_is_whole() {
        let page = page(&numbered(2), &numbered(3), &[], &numbered(1), None);
        assert_eq!(page, "line 0\nline 1\n\nline 0\nline 1\nline 2\n\nline 0\n");
        assert_eq!(shortened("a\nb\n", 2), "a\nb");
    }

    #[test]
    fn a_wide_text_goes_on_in_the_next_line() {
        assert_eq!(wrapped("in memory: a\nrestored: b"), ["in memory: a", "restored: b"]);
        let words = "seven7 ".repeat(40);
        let lines = wrapped(words.trim());
        assert_eq!(lines.join(" "), words.trim());
        assert!(lines.len() == 3 && lines.iter().all(|line| line.chars().count() <= MAX_COLUMNS), "{lines:?}");
        assert_eq!(wrapped(&"x".repeat(MAX_COLUMNS + 1)), ["x".repeat(MAX_COLUMNS), "x".into()]);
    }

    #[test]
    fn a_long_page_keeps_begin_and_end_within_the_bounds() {
        let long = "é".repeat(MAX_COLUMNS + 1);
        let page = page(&[long], &numbered(400), &numbered(10_000), &numbered(2), Some("all of it: there"));
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines.len() <= MAX_LINES && lines.len() >= MAX_LINES - 2, "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() <= MAX_COLUMNS));
        assert!(lines.contains(&"line 399") && lines.contains(&"line 9999") && lines.contains(&"all of it: there"));
        assert_eq!(lines.iter().filter(|line| line.contains(LEFT_OUT)).count(), 2);
        assert!(page.contains(&format!("… {} {LEFT_OUT} …", 400 - MAX_PLAN + 1)));
    }
}

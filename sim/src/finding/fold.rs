//! A trace as people read it: what repeats is shown once, with how often and until when.

use crate::engine::Line;

/// The longest pattern, in lines.
const LONGEST: usize = 12;
/// A pattern is folded if it comes so often, and takes at least so many lines.
const OFTEN: usize = 4;
const LINES: usize = 8;

/// The lines, repeated patterns folded. Lines are the same if they differ in numbers alone.
pub fn folded(lines: &[Line]) -> Vec<String> {
    let shapes: Vec<String> = lines.iter().map(shape).collect();
    let mut shown = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let times = |length: usize| {
            let pattern = &shapes[at..at + length];
            shapes[at..].chunks_exact(length).take_while(|chunk| *chunk == pattern).count()
        };
        let patterns = (1..=LONGEST.min(lines.len() - at)).map(|length| (length, times(length)));
        let long = patterns.filter(|(length, times)| *times >= OFTEN && length * times >= LINES);
        // Of those that cover as much, the shortest.
        match long.max_by_key(|(length, times)| (length * times, usize::MAX - length)) {
            Some((length, times)) => {
                shown.extend(lines[at..at + length].iter().map(Line::to_string));
                let last = &lines[at + length * times - 1];
                let what = if length == 1 { "this line".to_owned() } else { format!("these {length} lines") };
                let until = last.at as f64 / 1e6;
                shown.push(format!("      … {what} {} times more, but for numbers, until {until:.3} s", times - 1));
                at += length * times;
            }
            None => {
                shown.push(lines[at].to_string());
                at += 1;
            }
        }
    }
    shown
}

/// A line without its numbers.
fn shape(line: &Line) -> String {
    let mut shape = String::with_capacity(line.who.len() + line.what.len() + 1);
    let mut in_number = false;
    for letter in line.who.chars().chain([':']).chain(line.what.chars()) {
        if letter.is_ascii_digit() {
            if !in_number {
                shape.push('0');
            }
            in_number = true;
        } else {
            in_number = false;
            shape.push(letter);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, what: &str) -> Line {
        Line { step, at: step * 1_000_000, who: "it".into(), what: what.into() }
    }

    #[test]
    fn what_repeats_is_shown_once() {
        let mut lines = vec![line(1, "begins")];
        for tick in 0..100 {
            lines.extend([line(2 + 2 * tick, &format!("tick {tick}")), line(3 + 2 * tick, "commit")]);
        }
        lines.push(line(300, "ends"));
        let shown = folded(&lines);
        assert_eq!(shown.len(), 5, "{shown:?}");
        assert_eq!(shown[3], "      … these 2 lines 99 times more, but for numbers, until 201.000 s");
        assert_eq!((shown[0].clone(), shown[4].clone()), (lines[0].to_string(), line(300, "ends").to_string()));
    }

    #[test]
    fn what_comes_now_and_then_is_shown_each_time() {
        let lines: Vec<Line> = ["a", "a", "a", "b", "a", "b", "a", "b"].iter().map(|what| line(1, what)).collect();
        assert_eq!(folded(&lines).len(), 8);
        assert_eq!(folded(&[]), Vec::<String>::new());
    }
}

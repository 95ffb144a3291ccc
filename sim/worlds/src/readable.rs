//! Lines of a trace as a stranger reads them.

/// A line of a trace, with times since the run began in the place of dates, and without ULIDs after the names that they
/// stand for.
#[must_use]
pub fn readable(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (kept, skipped) = if let Some(ms) = since_start(rest) {
            shown.push_str(&format!("{}.{:03}s", ms / 1_000, ms % 1_000));
            ("", DATE_CHARS)
        } else if let Some(skipped) = name_again(&shown, rest) {
            ("", skipped)
        } else {
            (&rest[..first.len_utf8()], first.len_utf8())
        };
        shown.push_str(kept);
        rest = &rest[skipped..];
    }
    shown
}

const DATE_CHARS: usize = "2026-01-01T00:00:00.000Z".len();
const ULID_CHARS: usize = 26;

/// The text begins with a date of the month in which runs begin: ms since its first.
fn since_start(text: &str) -> Option<u64> {
    let date = text.get(..DATE_CHARS)?.strip_prefix("2026-01-")?.strip_suffix('Z')?;
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (days, hours, minutes) = (number(0, 2)? - 1, number(3, 5)?, number(6, 8)?);
    let (seconds, ms) = (number(9, 11)?, number(12, 15)?);
    Some((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 + ms)
}

/// The text begins with the ULID or once more the name of what was named right before it, in brackets: its length.
fn name_again(before: &str, text: &str) -> Option<usize> {
    let end = text.strip_prefix(" (")?.find(')')?;
    let inner = &text[2..2 + end];
    let named = before.rsplit(' ').next().unwrap_or_default();
    let is_ulid = inner.len() == ULID_CHARS && inner.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    (is_ulid || inner == named).then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_times_and_names_stand_alone() {
        for (line, shown) in [
            ("due at 2026-01-01T00:00:06.100Z, or 2026-01-02T01:00:00.000Z", "due at 6.100s, or 90000.000s"),
            ("mark 1970-01-01T00:00:00.000Z", "mark 1970-01-01T00:00:00.000Z"),
            ("r1 (01KDVDQ8G00000000000000000) never ended", "r1 never ended"),
            ("attempt 1 of r7 (r7) has left (so it is)", "attempt 1 of r7 has left (so it is)"),
            ("a \u{1F552} of 2026-01-0", "a \u{1F552} of 2026-01-0"),
        ] {
            assert_eq!(readable(line), shown);
        }
    }
}

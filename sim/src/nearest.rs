//! The existing name that an unknown one was probably meant to be.

/// `; is … meant?`, if one of the known names is near enough.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    const NEAR: f64 = 0.7;
    let known: Vec<&str> = known.collect();
    // Two letters that changed places at the beginning are far away for the first of the two.
    let slip = |known: &str| if strsim::damerau_levenshtein(name, known) == 1 { 0.9 } else { 0.0 };
    let scored = known.iter().map(|known| (strsim::jaro_winkler(name, known).max(slip(known)), known));
    let best = scored.filter(|(score, _)| *score > NEAR).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match best {
        Some((_, best)) => format!("; is `{best}` meant?"),
        // A short list says it all.
        None if known.len() == 1 => format!("; there is only {}", known.join("")),
        None if !known.is_empty() && known.len() <= 5 => format!("; there are {}", known.join(", ")),
        None => String::new(),
    }
}

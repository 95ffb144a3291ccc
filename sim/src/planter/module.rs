//! The module that the planter adds to the root of each crate with mistakes in it: which of them is on.

use super::{VARIABLE, table::Mutant};
use std::fmt::Write;

/// The condition under which the mistake of this number is on.
pub(super) fn condition(number: usize) -> String {
    format!("crate::__mutants::is_on({number})")
}

/// The module. It reads the environment once, so one process has one mistake for all its life and in all its threads; to
/// ask costs a load and a compare.
pub(super) fn text(mutants: &[Mutant]) -> String {
    let mut names = String::new();
    for Mutant { name, .. } in mutants {
        // Writing to a String cannot fail.
        let _ = write!(names, "{name:?},");
    }
    format!(
        r#"
#[doc(hidden)]
pub(crate) mod __mutants {{
    // For a crate that has not got it by itself.
    extern crate std;
    use core::sync::atomic::{{AtomicUsize, Ordering}};

    const NAMES: &[&str] = &[{names}];
    const UNREAD: usize = usize::MAX;
    static ON: AtomicUsize = AtomicUsize::new(UNREAD);

    #[inline(always)]
    pub(crate) fn is_on(number: usize) -> bool {{
        let on = ON.load(Ordering::Relaxed);
        on == number || on == UNREAD && read() == number
    }}

    #[cold]
    #[inline(never)]
    fn read() -> usize {{
        let on = match std::env::var("{VARIABLE}") {{
            Ok(name) => NAMES.iter().position(|known| *known == name).unwrap_or_else(|| {{
                std::eprintln!("error: {VARIABLE}={{name}} names nothing that is planted here");
                std::process::exit(2)
            }}),
            Err(_) => NAMES.len(),
        }};
        ON.store(on, Ordering::Relaxed);
        on
    }}
}}
"#
    )
}

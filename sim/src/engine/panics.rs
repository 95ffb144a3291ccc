//! Panics of what is simulated: findings, with the place in the code, and quiet.

use super::panic_text;
use crate::decide::MISUSE;
use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind},
    sync::Once,
};

thread_local! {
    /// Whether this thread runs what is simulated, and where its last panic was.
    static WATCHED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does it; `Err`: it panicked, with these words at this place. A mistake in how a world is put together goes through: it is
/// no finding about an object.
pub(crate) fn caught<R>(done: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_noted(info) {
                others(info);
            }
        }));
    });
    let before = WATCHED.replace(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(done));
    let place = WATCHED.replace(before).filter(|place| !place.is_empty());
    result.map_err(|panic| {
        let text = panic_text(&*panic);
        if text.starts_with(MISUSE) {
            resume_unwind(panic);
        }
        place.map_or_else(|| text.clone(), |place| format!("{text} ({place})"))
    })
}

/// Notes where it is, if it is one of what is simulated: nobody need be told before the run says so.
fn is_noted(info: &PanicHookInfo<'_>) -> bool {
    if panic_text(info.payload()).starts_with(MISUSE) {
        return false;
    }
    WATCHED.with_borrow_mut(|watched| {
        let Some(place) = watched else { return false };
        if let Some(location) = info.location() {
            *place = format!("{}:{}", location.file(), location.line());
        }
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_words_and_its_place() {
        assert_eq!(caught(|| 1), Ok(1));
        let line = line!() + 1;
        let panicked = caught(|| panic!("no {}", "more"));
        let place = format!("{}:{line}", file!());
        assert_eq!(panicked, Err::<(), _>(format!("no more ({place})")));
        let misuse = catch_unwind(|| caught(|| panic!("{MISUSE}a point that is not")));
        assert!(misuse.is_err());
    }
}

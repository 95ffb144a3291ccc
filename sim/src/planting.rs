//! The planted bug of a thread, by its name, in builds with and without the feature `planted`.

#[cfg(feature = "planted")]
use proxy_fetch::planted;

/// The name of the bug that is planted in this thread.
#[must_use]
pub fn planted_name() -> Option<&'static str> {
    #[cfg(feature = "planted")]
    return planted::planted().map(planted::Bug::name);
    #[cfg(not(feature = "planted"))]
    None
}

/// Plants the bug of this name in this thread, in the place of any other; `None` removes it.
///
/// # Errors
/// In words: there is no such bug, or none at all in this build.
pub fn plant_by_name(name: Option<&str>) -> Result<(), String> {
    #[cfg(feature = "planted")]
    {
        let bug = name.map(|name| name.parse().map_err(|error| format!("bug: {name:?}: {error}"))).transpose()?;
        planted::plant(bug);
        Ok(())
    }
    #[cfg(not(feature = "planted"))]
    match name {
        Some(name) => {
            Err(format!("bug: {name:?} cannot be planted: this build was made without the feature \"planted\""))
        }
        None => Ok(()),
    }
}

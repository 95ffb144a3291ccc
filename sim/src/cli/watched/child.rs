//! The process that runs worlds: it notes what it runs, sees what takes too long, and heeds the process that watches it.

use super::{INTERRUPTED, Noted, Runs, VARIABLE, noted::FILE};
use crate::{
    cli::output::say,
    watch::{Steps, Watcher, stop, watched_by},
};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    fs::{self, File},
    io::{self, Seek, Write},
    path::Path,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Locked for as long as the parent lives.
pub(super) const LIVES: &str = "parent";
/// Locked until what runs is to end.
pub(super) const GOES_ON: &str = "goes-on";

#[expect(clippy::disallowed_methods, reason = "a run that never ends is seen by the wall's clock alone")]
fn now() -> Instant {
    Instant::now()
}

/// What this process runs.
#[derive(Debug)]
struct Guard {
    noted: Noted,
    /// Where the run is noted.
    file: File,
    began: Instant,
    /// Whether the first run is still to begin: what comes before it belongs to it.
    prepares: AtomicBool,
    /// Runs that are under way.
    under_way: AtomicUsize,
    /// When that changed last, in ms since it began.
    since: AtomicU64,
}

impl Guard {
    fn changed(&self) {
        self.since.store(self.age(), Ordering::Relaxed);
    }

    fn age(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Looks for as long as the process lives.
    fn watch(&self, slow: Duration, folder: &Path) {
        let every = (slow / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        loop {
            #[expect(clippy::disallowed_methods, reason = "a run that never ends is seen by the wall's clock alone")]
            thread::sleep(every);
            let since = Duration::from_millis(self.age().saturating_sub(self.since.load(Ordering::Relaxed)));
            if self.under_way.load(Ordering::Relaxed) > 0 && since > slow {
                say(&format!("a run takes longer than {} s, and may have no end", slow.as_secs()));
                say(&self.noted.left_in(folder).unwrap_or_default());
                process::exit(1);
            }
        }
    }

    /// If the disk is full what is run is worth more than its notes.
    fn note(&self, text: &str) {
        let mut file = &self.file;
        let _ = file.rewind().and_then(|()| self.file.set_len(0)).and_then(|()| file.write_all(text.as_bytes()));
    }
}

impl Steps for Guard {
    fn step(&self, step: u64) {
        match &self.noted {
            Noted::Step { .. } => {
                // Always as long as the last one, so it need not be cut.
                let mut file = &self.file;
                let _ = file.rewind().and_then(|()| file.write_all(format!("{step:020}").as_bytes()));
            }
            Noted::Document { .. } | Noted::Nothing { .. } => {}
        }
    }
}

impl Watcher for Guard {
    fn begins(&self, text: &dyn Fn() -> String) {
        self.step(0);
        if !self.prepares.swap(false, Ordering::Relaxed) {
            self.under_way.fetch_add(1, Ordering::Relaxed);
        }
        self.changed();
        match &self.noted {
            Noted::Document { head, .. } => self.note(&format!("{head}{}", text())),
            Noted::Step { .. } | Noted::Nothing { .. } => {}
        }
    }

    fn ends(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        self.changed();
    }
}

/// From now on this process is one that its parent watches.
pub(super) fn watched_by_parent(folder: &Path, runs: &Runs<'_>) -> Result<(), String> {
    let cannot = |error: io::Error| format!("{VARIABLE}={}: {error}", folder.display());
    let parents = folder.to_owned();
    let parent_ends = move || {
        // Whoever ended it meant this too.
        let _ = fs::remove_dir_all(parents);
        process::exit(INTERRUPTED.into());
    };
    when_released(folder, LIVES, parent_ends).map_err(cannot)?;
    if runs.stops() {
        // A terminal tells all its processes.
        for number in [SIGINT, SIGTERM] {
            flag::register(number, stop()).map_err(cannot)?;
        }
        when_released(folder, GOES_ON, || stop().store(true, Ordering::Relaxed)).map_err(cannot)?;
    }
    // A campaign has its own watch, and its own notes.
    if runs.seeds.is_some() { Ok(()) } else { note(folder, runs) }
}

/// From now on each run of this process is noted, and seen if it has no end.
pub(super) fn note(folder: &Path, runs: &Runs<'_>) -> Result<(), String> {
    let cannot = |error: io::Error| format!("{}: {error}", folder.display());
    let (noted, slow) = (runs.noted.clone(), runs.slow);
    let prepares = match noted {
        Noted::Step { .. } | Noted::Document { .. } => true,
        // It may take its time.
        Noted::Nothing { .. } => false,
    };
    let guard = Guard {
        noted,
        file: File::create(folder.join(FILE)).map_err(cannot)?,
        began: now(),
        prepares: AtomicBool::new(prepares),
        under_way: AtomicUsize::new(prepares.into()),
        since: AtomicU64::new(0),
    };
    let (guard, folder) = (Arc::new(guard), folder.to_owned());
    watched_by(guard.clone());
    thread::spawn(move || guard.watch(slow, &folder));
    Ok(())
}

/// Does it when the process that has locked this file has let it go.
fn when_released(folder: &Path, file: &str, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let file = File::open(folder.join(file))?;
    thread::spawn(move || {
        loop {
            match file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(()) => break task(),
                // Then it ends by the signal alone.
                Err(_) => break,
            }
        }
    });
    Ok(())
}

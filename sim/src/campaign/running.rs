//! Which seeds run, in files: a stack that overflows or an abort ends the process without a word, and whoever comes next
//! reads there which seeds it was busy with.

use std::{
    fs::{self, File},
    io::{Seek, Write},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, PoisonError},
};

/// The extension of the files.
const EXTENSION: &str = "running";

/// The files of a campaign's threads. They are removed when it is over, and locked for as long as its process lives.
pub(super) struct Running(Vec<(PathBuf, Mutex<File>)>);

fn about(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

impl Running {
    pub(super) fn new(folder: &Path, jobs: usize) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| about(folder, &error))?;
        let file = |job| {
            let path = folder.join(format!("{}-{job}.{EXTENSION}", process::id()));
            let made = File::create(&path).and_then(|file| file.lock().map(|()| file));
            let file = made.map_err(|error| about(&path, &error))?;
            Ok((path, Mutex::new(file)))
        };
        Ok(Self((0..jobs).map(file).collect::<Result<_, String>>()?))
    }

    pub(super) fn begin(&self, job: usize, seed: u64) {
        let mut file = self.0[job].1.lock().unwrap_or_else(PoisonError::into_inner);
        // If the disk is full the campaign is worth more than its notes.
        let _ = file.rewind().and_then(|()| file.write_all(format!("{seed:020}\n").as_bytes()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (path, _) in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// What a process left that ended while seeds ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Those seeds, in order. One of them ended it, unless it was killed.
    pub seeds: Vec<u64>,
}

/// What processes left in this folder that are no more. It is told once: the files are removed.
#[must_use]
pub fn left_running(folder: &Path) -> Left {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
    let mut seeds: Vec<u64> = files.filter_map(|path| seed_of(&path)).collect();
    seeds.sort_unstable();
    seeds.dedup();
    Left { seeds }
}

fn seed_of(path: &Path) -> Option<u64> {
    // The lock is its process's for as long as that lives.
    File::open(path).ok()?.try_lock().ok()?;
    let seed = fs::read_to_string(path).ok()?.trim().parse().ok();
    let _ = fs::remove_file(path);
    seed
}

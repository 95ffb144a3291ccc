//! The database: what is committed is there after a restart, all or nothing, and foreign files are left alone.

use proxy_fetch::{
    Alarm, Caller, Config, Event, Key, Machine, Output, Payload, Request, Store, Table, Timestamp, Ulid, turn,
};
use proxy_fetch_native::{
    adapters::{Sqlite, StoreError},
    shell::Database,
};
use std::{fs, path::Path};

const NOW: Timestamp = Timestamp(1_767_225_600_000);

fn enqueue(number: u64) -> Event {
    let request = Request {
        request_id: number.to_string(),
        method: "POST".into(),
        url: "https://example.com/".into(),
        body: vec![7; 100_000],
        ..Request::default()
    };
    Event::Enqueue { caller: Caller(number), request: Box::new(request), entropy: number.into() }
}

fn restore(database: &mut Sqlite) -> Machine {
    Machine::restore(Config::default(), database.rows().unwrap()).unwrap()
}

fn step(machine: &mut Machine, database: &mut Sqlite, events: Vec<Event>) -> Result<(), StoreError> {
    let mut alarm = Alarm::UNKNOWN;
    turn(machine, &mut alarm, database, NOW, events, &mut Output::default())
}

#[test]
fn what_is_committed_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut database = Sqlite::open(&path).unwrap();
    let mut machine = restore(&mut database);
    step(&mut machine, &mut database, (0..20).map(enqueue).collect()).unwrap();
    let cancel = Event::Cancel { caller: Caller(0), request_id: "3".into() };
    step(&mut machine, &mut database, vec![cancel]).unwrap();
    drop(database);

    let mut database = Sqlite::open(&path).unwrap();
    assert!(restore(&mut database).same_rows(&machine), "S25");
    assert_eq!(machine.live_len(), 19);
    for (id, row) in machine.live() {
        let bytes = database.payload(id).unwrap().expect("a live request has its payload");
        let payload = Payload::decode(&bytes).unwrap();
        assert_eq!((&payload.request_id, payload.body.len()), (&row.request_id, 100_000));
    }
    assert_eq!(database.payload(Ulid(1)).unwrap(), None);
}

#[test]
fn a_failed_commit_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    drop(Sqlite::open(&path).unwrap());
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON payloads WHEN (SELECT count(*) FROM payloads) > 2
                   BEGIN SELECT RAISE(ABORT, 'no more room'); END";
    rusqlite::Connection::open(&path).unwrap().execute_batch(trigger).unwrap();

    let mut database = Sqlite::open(&path).unwrap();
    let mut machine = restore(&mut database);
    step(&mut machine, &mut database, vec![enqueue(0)]).unwrap();
    let before = machine.clone();
    let error = step(&mut machine, &mut database, (1..9).map(enqueue).collect()).unwrap_err();
    assert!(error.to_string().contains("no more room"), "{error}");
    let restored = restore(&mut database);
    assert!(restored.same_rows(&before));
    assert_eq!(restored.live_len(), 1);
}

#[test]
fn a_row_that_cannot_be_read_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut database = Sqlite::open(&path).unwrap();
    let mut machine = restore(&mut database);
    step(&mut machine, &mut database, (0..3).map(enqueue).collect()).unwrap();
    let (broken, _) = machine.live().nth(1).unwrap();
    drop(database);
    let sql = "UPDATE requests SET value = x'01ff' WHERE id = ?1";
    assert_eq!(rusqlite::Connection::open(&path).unwrap().execute(sql, (broken.to_bytes(),)).unwrap(), 1);

    let mut database = Sqlite::open(&path).unwrap();
    let mut machine = restore(&mut database);
    step(&mut machine, &mut database, vec![Event::Start]).unwrap();
    let rows = database.rows().unwrap();
    let kept = rows.iter().find(|row| row.key == Key { table: Table::Quarantine, id: broken }).unwrap();
    assert_eq!(kept.value, [1, 255]);
}

#[test]
fn nobody_else_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut first = Sqlite::open(&path).unwrap();
    assert!(matches!(Sqlite::open(&path), Err(StoreError::InUse(_))));
    first.commit(&[], None).unwrap();
    drop(first);
    Sqlite::open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn the_data_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let mut database = Sqlite::open(&path).unwrap();
    let mut machine = restore(&mut database);
    step(&mut machine, &mut database, vec![enqueue(0)]).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

/// What is written to a file that has no name any more is lost with the process.
#[cfg(unix)]
#[test]
fn a_file_that_is_removed_or_replaced_takes_nothing_more() {
    for (name, is_replaced) in [("data.db", false), ("data.db", true), ("data.db-wal", false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Sqlite::open(&folder.path().join("data.db")).unwrap();
        let mut machine = restore(&mut database);
        step(&mut machine, &mut database, vec![enqueue(0)]).unwrap();
        let file = folder.path().join(name);
        let copy = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        if is_replaced {
            fs::write(&file, copy).unwrap();
        }
        let error = step(&mut machine, &mut database, vec![enqueue(1)]).unwrap_err();
        assert!(matches!(&error, StoreError::Replaced(path) if *path == file), "{error}");
    }
}

/// Opening it fails, and leaves every byte as it was.
fn refused(path: &Path) -> StoreError {
    let before = fs::read(path).unwrap();
    let error = Sqlite::open(path).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before);
    error
}

#[test]
fn files_of_others_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");

    fs::write(&path, "no database").unwrap();
    assert!(matches!(refused(&path), StoreError::NotOurs(_)));

    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(matches!(refused(&path), StoreError::NotOurs(_)));

    fs::remove_file(&path).unwrap();
    drop(Sqlite::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(refused(&path), StoreError::Newer { version: 2, .. }));

    let no_folder = Sqlite::open(&folder.path().join("none/data.db"));
    assert!(matches!(no_folder, Err(StoreError::CannotOpen(_))));
}

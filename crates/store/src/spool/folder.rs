//! The files of one writer: a folder of segments, owned by a lock for as long as its process lives.
//!
//! A process writes into a folder of its own, under a random writer's number, so that its sequence numbers begin anew
//! without being mistaken for others. What a process that was killed left behind is adopted by whoever starts next: the
//! lock went with it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::record;

const LOCK: &str = "lock";
const SEGMENT: &str = "spool";

/// A writer's folder, with this process as its owner.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    pub(super) writer: i64,
    /// By sequence number.
    segments: Vec<Segment>,
    /// Open for the last of `segments`.
    active: Option<File>,
    /// Held locked.
    _lock: File,
}

/// One file, of which only whole records count.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    path: PathBuf,
    first: i64,
    last: i64,
    bytes: u64,
}

/// Measurements of a file that were dropped with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) bytes: u64,
}

impl Folder {
    /// Makes a folder for a new writer. `name` sorts by time.
    pub(super) fn create(spool: &Path, name: &str, writer: i64) -> io::Result<Self> {
        make_private(spool)?;
        let path = spool.join(format!("{name}-{:016x}", writer.cast_unsigned()));
        make_private(&path)?;
        let lock = lock_file(&path)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::from(io::ErrorKind::WouldBlock),
        })?;
        sync_folder(spool)?;
        Ok(Self { path, writer, segments: Vec::new(), active: None, _lock: lock })
    }

    /// The folders that nobody owns any more, oldest first, each with its torn end cut off.
    pub(super) fn adopt_all(spool: &Path) -> io::Result<Vec<Self>> {
        let mut names: Vec<PathBuf> = match fs::read_dir(spool) {
            Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        names.sort();
        let mut adopted = Vec::new();
        for path in names {
            match Self::adopt(&path) {
                Ok(folder) => adopted.extend(folder),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "measurements that wait for the database cannot be read");
                }
            }
        }
        Ok(adopted)
    }

    fn adopt(path: &Path) -> io::Result<Option<Self>> {
        let Some(writer) = writer_of(path) else { return Ok(None) };
        let lock = lock_file(path)?;
        match lock.try_lock() {
            Ok(()) => {}
            // Its dashboard runs.
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut segments = Vec::new();
        for entry in fs::read_dir(path)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == SEGMENT) {
                segments.extend(repaired(&file)?);
            }
        }
        segments.sort_by_key(|segment: &Segment| segment.first);
        Ok(Some(Self { path: path.to_owned(), writer, segments, active: None, _lock: lock }))
    }

    /// Writes records with consecutive numbers, and answers when they are safe. On an error none of them is there.
    pub(super) fn append(&mut self, first: i64, payloads: &[&[u8]], segment_bytes: u64) -> io::Result<()> {
        let mut written = Vec::with_capacity(payloads.iter().map(|payload| payload.len() + 16).sum());
        let mut last = first;
        for (seq, payload) in (first..).zip(payloads) {
            record::write(&mut written, seq, payload);
            last = seq;
        }
        let outcome = self.write(first, last, &written, segment_bytes);
        if outcome.is_err() {
            self.cut_active();
        }
        outcome
    }

    fn write(&mut self, first: i64, last: i64, written: &[u8], segment_bytes: u64) -> io::Result<()> {
        if self.segments.last().is_some_and(|segment| segment.bytes >= segment_bytes) {
            self.active = None;
        }
        let mut file = match self.active.take() {
            Some(file) => file,
            None => self.begin_segment(first)?,
        };
        let outcome = file.write_all(written).and_then(|()| file.sync_data());
        self.active = Some(file);
        outcome?;
        if let Some(segment) = self.segments.last_mut() {
            segment.last = last;
            segment.bytes += written.len() as u64;
        }
        Ok(())
    }

    fn begin_segment(&mut self, first: i64) -> io::Result<File> {
        let path = self.path.join(format!("{first:020}.{SEGMENT}"));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
        file.write_all(record::MAGIC)?;
        sync_folder(&self.path)?;
        let bytes = record::MAGIC.len() as u64;
        self.segments.push(Segment { path, first, last: first - 1, bytes });
        Ok(file)
    }

    /// After a write that failed: nobody knows what of it is on the disk, so what was not acknowledged is cut off, and the
    /// next write begins another file.
    fn cut_active(&mut self) {
        let Some(file) = self.active.take() else { return };
        let Some(segment) = self.segments.last() else { return };
        let cut = file.set_len(segment.bytes).and_then(|()| file.sync_data());
        if segment.last < segment.first {
            let _ = fs::remove_file(&segment.path);
            self.segments.pop();
        } else if let Err(error) = cut {
            tracing::warn!(%error, "the end of a spool file could not be cut off");
        }
    }

    /// Removes the files whose every record is at or below `recorded`; the one that is being written stays.
    pub(super) fn forget_up_to(&mut self, recorded: i64) {
        let active = self.active.as_ref().and(self.segments.last()).map(|segment| segment.first);
        self.segments.retain(|segment| {
            let keep = segment.last > recorded || Some(segment.first) == active;
            if !keep && let Err(error) = fs::remove_file(&segment.path) {
                tracing::warn!(%error, "a spool file that is done with could not be removed");
            }
            keep
        });
    }

    /// Closes the file that is being written, so that it can be forgotten as well.
    pub(super) fn end_segment(&mut self) {
        self.active = None;
    }

    /// Drops the oldest file to make room, but never the one that is being written.
    pub(super) fn drop_oldest(&mut self) -> Option<Lost> {
        let is_active = self.active.is_some() && self.segments.len() == 1;
        if self.segments.is_empty() || is_active {
            return None;
        }
        let oldest = self.segments.remove(0);
        let _ = fs::remove_file(&oldest.path);
        Some(Lost { first: oldest.first, last: oldest.last, bytes: oldest.bytes })
    }

    /// The files that hold something beyond `seq`, oldest first.
    pub(super) fn files_after(&self, seq: i64) -> Vec<PathBuf> {
        self.segments
            .iter()
            .filter(|segment| segment.last > seq)
            .map(|segment| segment.path.clone())
            .collect()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many records there are.
    pub(super) fn rows(&self) -> i64 {
        self.segments.iter().map(|segment| segment.last - segment.first + 1).sum()
    }

    /// Removes the folder with all that is in it.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a folder of the spool could not be removed");
        }
    }
}

/// A file with its torn end cut off; without one whole record it is removed.
fn repaired(path: &Path) -> io::Result<Option<Segment>> {
    let content = fs::read(path)?;
    let (records, good) = record::read(&content);
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        fs::remove_file(path)?;
        return Ok(None);
    };
    if good < content.len() as u64 {
        tracing::info!(path = %path.display(), bytes = content.len() as u64 - good, "cut off what a crash left of a measurement");
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(good)?;
        file.sync_data()?;
    }
    Ok(Some(Segment { path: path.to_owned(), first: first.seq, last: last.seq, bytes: good }))
}

fn writer_of(path: &Path) -> Option<i64> {
    let (_, writer) = path.file_name()?.to_str()?.rsplit_once('-')?;
    u64::from_str_radix(writer, 16).ok().map(u64::cast_signed)
}

fn lock_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))
}

/// A folder of ours alone.
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// So that the entry of a new file outlives a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: u64 = 64;

    fn folder(spool: &Path) -> Folder {
        Folder::create(spool, "1", 7).unwrap()
    }

    fn all(folder: &Folder) -> Vec<(i64, Vec<u8>)> {
        let files = folder.files_after(0);
        let mut found = Vec::new();
        for file in files {
            let content = fs::read(file).unwrap();
            found.extend(record::read(&content).0.iter().map(|record| (record.seq, record.payload.to_vec())));
        }
        found
    }

    #[test]
    fn a_folder_has_one_owner_and_is_adopted_when_that_is_gone() {
        let spool = tempfile::tempdir().unwrap();
        let mut owned = folder(spool.path());
        owned.append(1, &[b"one", b"two"], SMALL).unwrap();
        assert!(Folder::adopt_all(spool.path()).unwrap().is_empty(), "its owner is still there");
        drop(owned);
        let adopted = Folder::adopt_all(spool.path()).unwrap();
        assert_eq!(adopted.iter().map(|folder| (folder.writer, folder.rows())).collect::<Vec<_>>(), [(7, 2)]);
        assert_eq!(all(&adopted[0]), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_inside() {
        use std::os::unix::fs::PermissionsExt;
        let spool = tempfile::tempdir().unwrap();
        let folder = folder(&spool.path().join("spool"));
        for path in [folder.path.as_path(), folder.path.parent().unwrap()] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_torn_end_is_cut_off_and_the_rest_stays() {
        let spool = tempfile::tempdir().unwrap();
        let mut torn = folder(spool.path());
        torn.append(1, &[b"whole"], SMALL).unwrap();
        let file = torn.files_after(0).remove(0);
        let whole = fs::metadata(&file).unwrap().len();
        torn.append(2, &[b"torn"], SMALL).unwrap();
        drop(torn);
        let cut = OpenOptions::new().write(true).open(&file).unwrap();
        cut.set_len(whole + 9).unwrap();
        let adopted = Folder::adopt_all(spool.path()).unwrap().remove(0);
        assert_eq!(all(&adopted), [(1, b"whole".to_vec())]);
        assert_eq!(fs::metadata(&file).unwrap().len(), whole);
    }

    #[test]
    fn files_are_of_bounded_size_and_go_when_all_in_them_is_recorded() {
        let spool = tempfile::tempdir().unwrap();
        let mut folder = folder(spool.path());
        for seq in 1..=9 {
            folder.append(seq, &[&[0; 30]], SMALL).unwrap();
        }
        assert!(folder.segments.len() > 3, "{folder:?}");
        let before = folder.bytes();
        folder.forget_up_to(4);
        assert!(folder.bytes() < before);
        assert!(all(&folder).iter().map(|(seq, _)| *seq).filter(|seq| *seq > 4).eq(5..=9));
        folder.forget_up_to(9);
        assert_eq!(folder.segments.len(), 1, "the one that is being written stays");
        folder.end_segment();
        folder.forget_up_to(9);
        assert_eq!((folder.segments.len(), folder.bytes()), (0, 0));
        folder.append(10, &[b"on"], SMALL).unwrap();
        assert_eq!(all(&folder), [(10, b"on".to_vec())]);
    }

    #[test]
    fn the_oldest_file_makes_room_but_not_the_one_being_written() {
        let spool = tempfile::tempdir().unwrap();
        let mut folder = folder(spool.path());
        for seq in 1..=3 {
            folder.append(seq, &[&[0; 60]], SMALL).unwrap();
        }
        let lost = [folder.drop_oldest(), folder.drop_oldest(), folder.drop_oldest()];
        assert_eq!(
            lost.map(|lost| lost.map(|lost| (lost.first, lost.last))),
            [Some((1, 1)), Some((2, 2)), None]
        );
        assert_eq!(folder.files_after(0).len(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_acknowledged_and_the_next_may_succeed() {
        let spool = tempfile::tempdir().unwrap();
        let mut folder = folder(spool.path());
        folder.append(1, &[&[1; 60]], SMALL).unwrap();
        let aside = spool.path().join("aside");
        fs::rename(&folder.path, &aside).unwrap();
        assert!(folder.append(2, &[b"nowhere"], SMALL).is_err(), "the next file cannot be made");
        fs::rename(&aside, &folder.path).unwrap();
        folder.append(3, &[b"again"], SMALL).unwrap();
        assert_eq!(all(&folder), [(1, vec![1; 60]), (3, b"again".to_vec())]);
    }
}

//! What a workload does to a disk, and what a loss of power may leave of it.
//!
//! A [`Recorder`] writes down every change. [`Storage`] adds them up in two ways: what the running system
//! sees, and what is durable. A crash keeps the durable part and, of the rest, whatever chance decides:
//! single sectors of what was written, single names of what was made, removed or renamed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use brokerage_broker::trace::{Change, Watch};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Expectation;

/// A disk writes so many bytes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// One thing that happened; paths are relative to the data directory.
#[derive(Debug, Clone)]
pub(super) enum Event {
    CreateDir(PathBuf),
    RemoveDir(PathBuf),
    CreateFile(PathBuf),
    RemoveFile(PathBuf),
    Rename(PathBuf, PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Truncate(PathBuf, u64),
    SyncFile(PathBuf),
    /// The disk could not: what was written is forgotten, though it can be read as long as power is there.
    SyncFileRefused(PathBuf),
    SyncDir(PathBuf),
    /// What clients have requested and what was acknowledged, up to here.
    Expect(Arc<Expectation>),
}

/// Writes down what is done in one directory.
pub(super) struct Recorder {
    root: PathBuf,
    events: Mutex<Vec<Event>>,
    /// How many changes are made before one is refused.
    until_refusal: Mutex<Option<usize>>,
}

impl Recorder {
    pub(super) fn new(root: &Path) -> Arc<Self> {
        Arc::new(Self {
            root: root.to_owned(),
            events: Mutex::default(),
            until_refusal: Mutex::default(),
        })
    }

    /// Has one change refused, after `changes` more were made.
    pub(super) fn refuse_after(&self, changes: usize) {
        *self.until_refusal.lock() = Some(changes);
    }

    /// Whether the change to be refused has come.
    pub(super) fn has_refused(&self) -> bool {
        self.until_refusal.lock().is_none()
    }

    fn is_refused(&self) -> bool {
        let mut until = self.until_refusal.lock();
        match &mut *until {
            None => false,
            Some(0) => {
                *until = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    pub(super) fn expect(&self, expectation: &Expectation) {
        let event = Event::Expect(Arc::new(expectation.clone()));
        self.events.lock().push(event);
    }

    pub(super) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock())
    }
}

impl Watch for Recorder {
    fn before(&self, change: &Change<'_>) -> io::Result<()> {
        let local = |path: &Path| path.strip_prefix(&self.root).unwrap().to_owned();
        let event = match *change {
            Change::CreateDir(path) => Event::CreateDir(local(path)),
            Change::RemoveDir(path) => Event::RemoveDir(local(path)),
            Change::CreateFile(path) => Event::CreateFile(local(path)),
            Change::RemoveFile(path) => Event::RemoveFile(local(path)),
            Change::Rename { from, to } => Event::Rename(local(from), local(to)),
            Change::Write {
                path,
                position,
                parts,
            } => Event::Write(local(path), position, parts.concat()),
            Change::Truncate { path, size_bytes } => Event::Truncate(local(path), size_bytes),
            Change::SyncFile(path) => Event::SyncFile(local(path)),
            Change::SyncDir(path) => Event::SyncDir(local(path)),
        };
        if !self.is_refused() {
            self.events.lock().push(event);
            return Ok(());
        }
        if let Event::SyncFile(path) = event {
            self.events.lock().push(Event::SyncFileRefused(path));
        }
        Err(io::Error::other("the disk refuses"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Dir(usize),
}

#[derive(Debug, Clone)]
enum FileChange {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    seen: Vec<u8>,
    pending: Vec<FileChange>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Add(String, Node),
    Remove(String),
    Rename(String, String),
}

type Names = BTreeMap<String, Node>;

#[derive(Debug, Clone, Default)]
struct Dir {
    durable: Names,
    seen: Names,
    pending: Vec<NameChange>,
}

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// The process is killed: the operating system keeps all that it was given.
    Kill,
    /// Power is lost, and with it everything that was not made durable.
    Nothing,
    /// Names were written out, content was not.
    NamesOnly,
    /// Content was written out, names were not.
    ContentOnly,
    /// Whatever chance leaves.
    Chance(u64),
}

/// A directory with everything below it.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    files: Vec<File>,
    dirs: Vec<Dir>,
}

fn put(content: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[position..end].copy_from_slice(bytes);
}

fn rename(names: &mut Names, change: &NameChange) {
    match change {
        NameChange::Add(name, node) => {
            names.insert(name.clone(), *node);
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
        NameChange::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
    }
}

impl Storage {
    /// An empty directory.
    pub(super) fn new() -> Self {
        Self {
            files: Vec::new(),
            dirs: vec![Dir::default()],
        }
    }

    fn dir(&self, path: &Path) -> Option<usize> {
        let mut at = 0;
        for component in path.components() {
            let Component::Normal(name) = component else {
                continue;
            };
            match self.dirs[at].seen.get(name.to_str()?) {
                Some(Node::Dir(next)) => at = *next,
                _ => return None,
            }
        }
        Some(at)
    }

    fn place(&self, path: &Path) -> Option<(usize, String)> {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((self.dir(path.parent()?)?, name))
    }

    fn node(&self, path: &Path) -> Option<Node> {
        let (dir, name) = self.place(path)?;
        self.dirs[dir].seen.get(&name).copied()
    }

    fn file(&mut self, path: &Path) -> Option<&mut File> {
        match self.node(path)? {
            Node::File(id) => Some(&mut self.files[id]),
            Node::Dir(_) => None,
        }
    }

    fn change(&mut self, path: &Path, change: NameChange) {
        // What lies in a directory that is gone is gone with it.
        let Some((dir, _)) = self.place(path) else {
            return;
        };
        rename(&mut self.dirs[dir].seen, &change);
        self.dirs[dir].pending.push(change);
    }

    fn name(path: &Path) -> String {
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::CreateDir(path) => {
                if self.node(path).is_none() {
                    self.dirs.push(Dir::default());
                    let node = Node::Dir(self.dirs.len() - 1);
                    self.change(path, NameChange::Add(Self::name(path), node));
                }
            }
            Event::CreateFile(path) => {
                if self.node(path).is_none() {
                    self.files.push(File::default());
                    let node = Node::File(self.files.len() - 1);
                    self.change(path, NameChange::Add(Self::name(path), node));
                }
            }
            Event::RemoveDir(path) | Event::RemoveFile(path) => {
                if self.node(path).is_some() {
                    self.change(path, NameChange::Remove(Self::name(path)));
                }
            }
            Event::Rename(from, to) => {
                assert_eq!(from.parent(), to.parent(), "names move within a directory");
                if self.node(from).is_some() {
                    let change = NameChange::Rename(Self::name(from), Self::name(to));
                    self.change(from, change);
                }
            }
            Event::Write(path, position, bytes) => {
                if let Some(file) = self.file(path) {
                    let position = *position as usize;
                    put(&mut file.seen, position, bytes);
                    file.pending
                        .push(FileChange::Write(position, bytes.clone()));
                }
            }
            Event::Truncate(path, size_bytes) => {
                if let Some(file) = self.file(path) {
                    let size_bytes = *size_bytes as usize;
                    if file.seen.len() != size_bytes {
                        file.seen.resize(size_bytes, 0);
                        file.pending.push(FileChange::Truncate(size_bytes));
                    }
                }
            }
            Event::SyncFile(path) => {
                if let Some(file) = self.file(path) {
                    for change in std::mem::take(&mut file.pending) {
                        file.durable_change(&change);
                    }
                }
            }
            Event::SyncFileRefused(path) => {
                if let Some(file) = self.file(path) {
                    file.pending.clear();
                }
            }
            Event::SyncDir(path) => {
                if let Some(dir) = self.dir(path) {
                    let dir = &mut self.dirs[dir];
                    dir.durable = dir.seen.clone();
                    dir.pending.clear();
                }
            }
            Event::Expect(_) => {}
        }
    }

    /// What is found after the crash. After a loss of power all of that is durable; after a kill the same
    /// things are pending as before.
    pub(super) fn after(&self, crash: Crash) -> Self {
        if crash == Crash::Kill {
            return self.clone();
        }
        let mut left = self.clone();
        let seed = match crash {
            Crash::Chance(seed) => seed,
            _ => 0,
        };
        let mut chance = StdRng::seed_from_u64(seed);
        for file in &mut left.files {
            let content = match crash {
                Crash::Nothing | Crash::NamesOnly => file.durable.clone(),
                Crash::ContentOnly | Crash::Kill => file.seen.clone(),
                Crash::Chance(_) => file.by_chance(&mut chance),
            };
            *file = File {
                durable: content.clone(),
                seen: content,
                pending: Vec::new(),
            };
        }
        for dir in &mut left.dirs {
            let names = match crash {
                Crash::Nothing | Crash::ContentOnly => dir.durable.clone(),
                Crash::NamesOnly | Crash::Kill => dir.seen.clone(),
                Crash::Chance(_) => dir.by_chance(&mut chance),
            };
            *dir = Dir {
                durable: names.clone(),
                seen: names,
                pending: Vec::new(),
            };
        }
        left
    }

    /// Makes real files of what is seen.
    pub(super) fn write_to(&self, target: &Path) {
        self.write_dir(0, target);
    }

    fn write_dir(&self, dir: usize, target: &Path) {
        std::fs::create_dir_all(target).unwrap();
        for (name, node) in &self.dirs[dir].seen {
            let path = target.join(name);
            match node {
                Node::File(id) => std::fs::write(path, &self.files[*id].seen).unwrap(),
                Node::Dir(id) => self.write_dir(*id, &path),
            }
        }
    }
}

impl File {
    fn durable_change(&mut self, change: &FileChange) {
        match change {
            FileChange::Write(position, bytes) => put(&mut self.durable, *position, bytes),
            FileChange::Truncate(size_bytes) => self.durable.resize(*size_bytes, 0),
        }
    }

    fn by_chance(&self, chance: &mut StdRng) -> Vec<u8> {
        match chance.random_range(0..4) {
            0 => return self.durable.clone(),
            1 => return self.seen.clone(),
            _ => {}
        }
        let sizes_kept = chance.random_range(0..=self.pending.len());
        let mut content = self.durable.clone();
        for (at, change) in self.pending.iter().enumerate() {
            match change {
                FileChange::Truncate(size) if at < sizes_kept => content.resize(*size, 0),
                FileChange::Truncate(_) => {}
                FileChange::Write(position, bytes) => {
                    if at < sizes_kept && content.len() < position + bytes.len() {
                        // The file has grown; what was not written out reads as zeros.
                        content.resize(position + bytes.len(), 0);
                    }
                    let mut from = 0;
                    while from < bytes.len() {
                        let sector_end =
                            (position + from) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
                        let to = (sector_end - position).min(bytes.len());
                        if chance.random_bool(0.5) {
                            put(&mut content, position + from, &bytes[from..to]);
                        }
                        from = to;
                    }
                }
            }
        }
        content
    }
}

impl Dir {
    fn by_chance(&self, chance: &mut StdRng) -> Names {
        let mut names = self.durable.clone();
        match chance.random_range(0..3) {
            // As of some moment.
            0 => {
                let kept = chance.random_range(0..=self.pending.len());
                let kept = self.pending[..kept].iter();
                kept.for_each(|change| rename(&mut names, change));
            }
            1 => names.clone_from(&self.seen),
            // Each for itself.
            _ => {
                for change in &self.pending {
                    if chance.random_bool(0.5) {
                        rename(&mut names, change);
                    }
                }
            }
        }
        names
    }
}

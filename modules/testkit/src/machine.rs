// SPDX-License-Identifier: GPL-3.0-or-later
//! The fake machine's state: files, programs, clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use host::{Command, LocalAddress, User};

use crate::Answer;
use crate::answer::{Matcher, Script};
use crate::pmxcfs::{Pmxcfs, WWW_DATA};

/// 2026-01-01 00:00:00 UTC, when every fake clock starts.
pub(crate) const START: u64 = 1_767_225_600;

/// The boot that every fake machine is in, as /proc has it.
const BOOT: &str = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0\n";
/// The number of the module's process, unless a test gives it another one.
const PROCESS: u32 = 100;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    File(Vec<u8>),
    Directory,
    Link(PathBuf),
}

/// One file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(crate) content: Content,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change, seconds since 1970.
    pub mtime: i64,
}

type Event = Box<dyn FnOnce(&mut Machine)>;

/// The fake machine's state. The closures of [`Answer::doing`] and [`Machine::after`] change it; none of the
/// methods here appears in the log or is bound by permissions.
pub struct Machine {
    pub(crate) nodes: BTreeMap<PathBuf, Node>,
    pub(crate) mounts: BTreeMap<PathBuf, u64>,
    pub(crate) pmxcfs: Vec<Pmxcfs>,
    /// What a mounted filesystem holds while it is not mounted.
    hidden: BTreeMap<PathBuf, (BTreeMap<PathBuf, Node>, Option<Pmxcfs>)>,
    pub(crate) scripts: Vec<Script>,
    pub(crate) now: Duration,
    events: Vec<(Duration, Event)>,
    pub(crate) hostname: String,
    pub(crate) addresses: Vec<LocalAddress>,
    pub(crate) users: Vec<User>,
    /// Whose files new ones are.
    pub(crate) acting_as: Option<User>,
}

impl Default for Machine {
    fn default() -> Self {
        let mut machine = Self {
            nodes: BTreeMap::new(),
            mounts: BTreeMap::new(),
            pmxcfs: Vec::new(),
            hidden: BTreeMap::new(),
            scripts: Vec::new(),
            now: Duration::ZERO,
            events: Vec::new(),
            hostname: "localhost".to_owned(),
            addresses: Vec::new(),
            users: vec![User { name: "root".to_owned(), uid: 0, gid: 0, home: "/root".into() }],
            acting_as: None,
        };
        machine.mounts.insert("/".into(), 1);
        for directory in ["/", "/etc", "/run", "/tmp", "/var", "/var/lib"] {
            machine.make_dir(directory);
        }
        machine.make_dir("/root");
        machine.set_mode("/root", 0o700);
        machine.write("/proc/sys/kernel/random/boot_id", BOOT);
        machine.set_process(PROCESS);
        machine
    }
}

impl Machine {
    /// Time since the start of the fake clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Seconds since 1970 on the fake clock.
    #[must_use]
    pub fn unix_time(&self) -> u64 {
        START + self.now.as_secs()
    }

    /// Does this to the machine once that much more time has passed.
    pub fn after(&mut self, pause: Duration, deed: impl FnOnce(&mut Machine) + 'static) {
        self.events.push((self.now.saturating_add(pause), Box::new(deed)));
    }

    /// Lets time pass: what [`Machine::after`] has planned happens at its time and in its order.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        loop {
            let due = self.events.iter().enumerate().filter(|(_, (at, _))| *at <= end);
            let Some(index) = due.min_by_key(|(_, (at, _))| *at).map(|(index, _)| index) else { break };
            let (at, deed) = self.events.remove(index);
            self.now = self.now.max(at);
            deed(self);
        }
        self.now = end;
    }

    /// Writes a file, making its directories. A new file gets 0644 root:root, in pmxcfs what pmxcfs gives; an
    /// existing one keeps mode and owner. Links on the way are followed.
    ///
    /// # Panics
    /// When the path is a directory or leads nowhere.
    pub fn write(&mut self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.place(path.as_ref(), true);
        self.parents(&path);
        let mtime = self.mtime();
        if let Some(node) = self.nodes.get_mut(&path) {
            assert!(node.content != Content::Directory, "'{}' is a directory", path.display());
            node.content = Content::File(content.as_ref().to_vec());
            node.mtime = mtime;
        } else {
            let node = self.fresh(&path, Content::File(content.as_ref().to_vec()), 0o644);
            self.nodes.insert(path, node);
        }
    }

    /// Writes a file with this mode, owner and group.
    pub fn write_as(
        &mut self,
        path: impl AsRef<Path>,
        content: impl AsRef<[u8]>,
        mode: u32,
        uid: u32,
        gid: u32,
    ) {
        self.write(path.as_ref(), content);
        self.set_mode(path.as_ref(), mode);
        self.set_owner(path.as_ref(), uid, gid);
    }

    /// Makes a directory and those above it; nothing happens when it exists.
    pub fn make_dir(&mut self, path: impl AsRef<Path>) {
        let path = self.place(path.as_ref(), true);
        self.parents(&path);
        if !self.nodes.contains_key(&path) {
            let node = self.fresh(&path, Content::Directory, 0o755);
            self.nodes.insert(path, node);
        }
    }

    /// Makes a symbolic link, in place of what has the name now.
    pub fn link(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) {
        let path = self.place(path.as_ref(), false);
        self.parents(&path);
        let node = self.fresh(&path, Content::Link(target.as_ref().to_owned()), 0o777);
        self.nodes.insert(path, node);
    }

    /// Removes a file, link or whole directory; nothing happens when there is none.
    pub fn remove(&mut self, path: impl AsRef<Path>) {
        let path = self.place(path.as_ref(), false);
        self.nodes.retain(|name, _| !name.starts_with(&path));
    }

    /// Sets a mode.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn set_mode(&mut self, path: impl AsRef<Path>, mode: u32) {
        self.node(path.as_ref()).mode = mode;
    }

    /// Sets owner and group.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn set_owner(&mut self, path: impl AsRef<Path>, uid: u32, gid: u32) {
        let node = self.node(path.as_ref());
        (node.uid, node.gid) = (uid, gid);
    }

    /// Sets the time of the last change, seconds since 1970.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn set_mtime(&mut self, path: impl AsRef<Path>, seconds: i64) {
        self.node(path.as_ref()).mtime = seconds;
    }

    /// The text of a file; `None` when there is none (or it leads nowhere).
    #[must_use]
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let path = self.resolve(path.as_ref(), true).ok()?;
        match &self.nodes.get(&path)?.content {
            Content::File(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    /// Whether there is something of this name, be it a link that leads nowhere.
    #[must_use]
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.resolve(path.as_ref(), false).is_ok_and(|path| self.nodes.contains_key(&path))
    }

    /// A file, directory or link as it is, links not followed.
    #[must_use]
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Node> {
        self.nodes.get(&self.resolve(path.as_ref(), false).ok()?)
    }

    /// Makes the directory the root of a filesystem of its own.
    pub fn mount(&mut self, path: impl AsRef<Path>) {
        self.make_dir(path.as_ref());
        let path = self.place(path.as_ref(), true);
        if let Some((nodes, pmxcfs)) = self.hidden.remove(&path) {
            self.nodes.retain(|name, _| !name.starts_with(&path));
            self.nodes.extend(nodes);
            self.pmxcfs.extend(pmxcfs);
        }
        let device = self.mounts.values().max().copied().unwrap_or(1) + 1;
        self.mounts.insert(path, device);
    }

    /// Takes a filesystem away: an ordinary empty directory is left. [`Machine::mount`] brings it back.
    ///
    /// # Panics
    /// When nothing is mounted there.
    pub fn unmount(&mut self, path: impl AsRef<Path>) {
        let path = self.place(path.as_ref(), true);
        assert!(self.mounts.remove(&path).is_some(), "nothing is mounted on '{}'", path.display());
        let (inside, outside) =
            std::mem::take(&mut self.nodes).into_iter().partition(|(name, _)| name.starts_with(&path));
        self.nodes = outside;
        let pmxcfs = self.pmxcfs.iter().position(|fs| fs.root == path).map(|i| self.pmxcfs.remove(i));
        self.hidden.insert(path.clone(), (inside, pmxcfs));
        self.make_dir(&path);
    }

    /// Mounts a quorate cluster filesystem there: see [`crate::FakeHost::pmxcfs`].
    pub fn mount_pmxcfs(&mut self, path: impl AsRef<Path>) {
        self.mount(path.as_ref());
        let root = self.place(path.as_ref(), true);
        if !self.pmxcfs.iter().any(|fs| fs.root == root) {
            self.pmxcfs.push(Pmxcfs { root: root.clone(), quorate: true });
        }
        let node = self.fresh(&root, Content::Directory, 0o755);
        self.nodes.insert(root, node);
    }

    /// Gives quorum to the mounted cluster filesystems or takes it away: without it they refuse every write with
    /// EACCES and show no write bits.
    ///
    /// # Panics
    /// When no cluster filesystem is mounted.
    pub fn set_quorate(&mut self, quorate: bool) {
        assert!(!self.pmxcfs.is_empty(), "no cluster filesystem is mounted");
        for pmxcfs in &mut self.pmxcfs {
            pmxcfs.quorate = quorate;
        }
    }

    /// Answers this command line from now on, in place of earlier answers to it: a program that only reads.
    pub fn query(&mut self, line: &str, answer: impl Into<Answer>) {
        self.script(Matcher::Line(line.to_owned()), false, vec![answer.into()]);
    }

    /// Answers this command line from now on, in place of earlier answers to it: a program that changes something.
    pub fn action(&mut self, line: &str, answer: impl Into<Answer>) {
        self.script(Matcher::Line(line.to_owned()), true, vec![answer.into()]);
    }

    /// The module's process has this number from now on. One that was there before lives on, until
    /// `/proc/NUMBER` is removed.
    pub fn set_process(&mut self, pid: u32) {
        self.link("/proc/self", pid.to_string());
        let began = 5000 + pid;
        let fields = format!("R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {began} 20 21");
        self.write(format!("/proc/{pid}/stat"), format!("{pid} (a (module)) {fields}\n"));
    }

    /// Sets the host name.
    pub fn set_hostname(&mut self, name: &str) {
        name.clone_into(&mut self.hostname);
    }

    pub(crate) fn script(&mut self, matcher: Matcher, changes: bool, answers: Vec<Answer>) {
        assert!(
            matches!(matcher, Matcher::Closure(_)) || !answers.is_empty(),
            "a command needs at least one answer"
        );
        self.scripts.retain(|script| match (&script.matcher, &matcher) {
            (Matcher::Line(old), Matcher::Line(new)) | (Matcher::Prefix(old), Matcher::Prefix(new)) => {
                old != new
            }
            _ => true,
        });
        self.scripts.push(Script { matcher, changes, answers, given: 0 });
    }

    /// The script for a command, and its answer.
    pub(crate) fn find(&mut self, command: &Command) -> Option<(bool, Answer)> {
        let fitting = self.scripts.iter_mut().rev().filter_map(|script| Some((script.fit(command)?, script)));
        let script = fitting.max_by_key(|(fit, _)| *fit)?.1;
        let changes = script.changes;
        script.next(command).map(|answer| (changes, answer))
    }

    pub(crate) fn closure(&mut self, changes: bool, answer: impl Fn(&Command) -> Option<Answer> + 'static) {
        self.script(Matcher::Closure(Rc::new(answer)), changes, Vec::new());
    }

    pub(crate) fn mtime(&self) -> i64 {
        i64::try_from(self.unix_time()).unwrap_or(i64::MAX)
    }

    /// The cluster filesystem that a path lies in.
    pub(crate) fn pmxcfs_of(&self, path: &Path) -> Option<&Pmxcfs> {
        self.pmxcfs.iter().find(|fs| path.starts_with(&fs.root))
    }

    /// A new node, with mode and owner as the filesystem at this path gives them.
    pub(crate) fn fresh(&self, path: &Path, content: Content, mode: u32) -> Node {
        let directory = content == Content::Directory;
        let link = matches!(content, Content::Link(_));
        let (own_uid, own_gid) = self.acting_as.as_ref().map_or((0, 0), |user| (user.uid, user.gid));
        let (mode, uid, gid) = match self.pmxcfs_of(path) {
            Some(_) if link => (0o755, 0, WWW_DATA),
            Some(fs) => (fs.mode(path, directory), 0, WWW_DATA),
            None => (mode, own_uid, own_gid),
        };
        Node { content, mode, uid, gid, mtime: self.mtime() }
    }

    fn place(&self, path: &Path, follow: bool) -> PathBuf {
        assert!(path.is_absolute(), "'{}' is not an absolute path", path.display());
        self.resolve_loosely(path, follow).unwrap_or_else(|errno| {
            panic!("'{}': {}", path.display(), std::io::Error::from_raw_os_error(errno))
        })
    }

    fn parents(&mut self, path: &Path) {
        if let Some(parent) = path.parent()
            && !self.nodes.contains_key(parent)
        {
            self.make_dir(parent);
        }
    }

    fn node(&mut self, path: &Path) -> &mut Node {
        let place = self.place(path, true);
        self.nodes.get_mut(&place).unwrap_or_else(|| panic!("there is no '{}'", path.display()))
    }
}

// SPDX-License-Identifier: GPL-3.0-or-later
//! The fake host: a machine in memory, with a log of what was done to it and faults to order.

use std::cell::{Ref, RefCell};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use host::{Command, Ending, Host, HostError, LocalAddress, Output, Stat, User};

use crate::answer::Matcher;
use crate::fault::{Armed, When, error_of};
use crate::tree::{EIO, NotCreated};
use crate::{Answer, Fault, Machine, Step};

/// A module that takes more steps than this does not end.
const STEPS: usize = 100_000;

/// A machine in memory.
///
/// It starts with `/etc`, `/root`, `/run`, `/tmp`, `/var/lib`, what /proc has of the module's own process, number 100, the user
/// root, the host name `localhost`, no addresses and no programs. Running a program that was not scripted is a panic that names it. Nothing takes time
/// but [`Host::sleep`] and answers with [`Answer::taking`].
#[derive(Default)]
pub struct FakeHost {
    machine: RefCell<Machine>,
    log: RefCell<Log>,
}

#[derive(Default)]
struct Log {
    steps: Vec<Step>,
    commands: Vec<Command>,
    effects: usize,
    faults: Vec<Armed>,
}

/// Building the machine.
impl FakeHost {
    /// An almost empty machine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Does anything else to the machine.
    #[must_use]
    pub fn with(mut self, deed: impl FnOnce(&mut Machine)) -> Self {
        deed(self.machine.get_mut());
        self
    }

    /// Sets the host name.
    #[must_use]
    pub fn with_hostname(self, name: &str) -> Self {
        self.with(|machine| machine.set_hostname(name))
    }

    /// Adds an address, such as `("eth0", "10.0.0.1", 24)`.
    ///
    /// # Panics
    /// When it is not an IP address.
    #[must_use]
    pub fn with_address(self, interface: &str, address: &str, prefix: u8) -> Self {
        let address: IpAddr =
            address.parse().unwrap_or_else(|error| panic!("the address '{address}': {error}"));
        self.with(|machine| {
            machine.addresses.push(LocalAddress { interface: interface.to_owned(), address, prefix });
        })
    }

    /// Adds a user.
    #[must_use]
    pub fn with_user(self, name: &str, uid: u32, gid: u32, home: &str) -> Self {
        self.with(|machine| {
            machine.users.retain(|user| user.name != name);
            machine.users.push(User { name: name.to_owned(), uid, gid, home: home.into() });
        })
    }

    /// Writes a file and the directories above it, 0644 root:root (or as pmxcfs has it).
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.with(|machine| machine.write(path, content))
    }

    /// Writes a file with this mode, owner and group.
    #[must_use]
    pub fn file_as(self, path: &str, content: impl AsRef<[u8]>, mode: u32, uid: u32, gid: u32) -> Self {
        self.with(|machine| machine.write_as(path, content, mode, uid, gid))
    }

    /// Makes a directory and those above it.
    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        self.with(|machine| machine.make_dir(path))
    }

    /// Makes a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.with(|machine| machine.link(path, target))
    }

    /// Makes the directory a mount point.
    #[must_use]
    pub fn mount(self, path: &str) -> Self {
        self.with(|machine| machine.mount(path))
    }

    /// Mounts a quorate cluster filesystem: modes and owners are pmxcfs's own and cannot be changed (EPERM), renames
    /// from outside fail (EXDEV), files end at 1 MiB, and without quorum ([`Machine::set_quorate`]) every write fails
    /// with EACCES and no write bit is shown.
    #[must_use]
    pub fn pmxcfs(self, path: &str) -> Self {
        self.with(|machine| machine.mount_pmxcfs(path))
    }

    /// Answers this command line ([`Command::line`]): a program that only reads.
    #[must_use]
    pub fn query(self, line: &str, answer: impl Into<Answer>) -> Self {
        self.with(|machine| machine.query(line, answer))
    }

    /// Answers this command line: a program that changes something.
    #[must_use]
    pub fn action(self, line: &str, answer: impl Into<Answer>) -> Self {
        self.with(|machine| machine.action(line, answer))
    }

    /// Answers this command line with one after the other, the last one again and again: a program that only reads.
    #[must_use]
    pub fn queries<A: Into<Answer>>(self, line: &str, answers: impl IntoIterator<Item = A>) -> Self {
        let answers = answers.into_iter().map(Into::into).collect();
        self.with(|machine| machine.script(Matcher::Line(line.to_owned()), false, answers))
    }

    /// Answers this command line with one after the other, the last one again and again: a program that changes
    /// something.
    #[must_use]
    pub fn actions<A: Into<Answer>>(self, line: &str, answers: impl IntoIterator<Item = A>) -> Self {
        let answers = answers.into_iter().map(Into::into).collect();
        self.with(|machine| machine.script(Matcher::Line(line.to_owned()), true, answers))
    }

    /// Answers every command line that begins so, if no exact one and no longer beginning fits: only reads.
    #[must_use]
    pub fn query_prefix(self, prefix: &str, answer: impl Into<Answer>) -> Self {
        let answers = vec![answer.into()];
        self.with(|machine| machine.script(Matcher::Prefix(prefix.to_owned()), false, answers))
    }

    /// Answers every command line that begins so, if no exact one and no longer beginning fits: changes something.
    #[must_use]
    pub fn action_prefix(self, prefix: &str, answer: impl Into<Answer>) -> Self {
        let answers = vec![answer.into()];
        self.with(|machine| machine.script(Matcher::Prefix(prefix.to_owned()), true, answers))
    }

    /// Answers every command for which the closure has an answer, if nothing else fits: only reads.
    #[must_use]
    pub fn query_with(self, answer: impl Fn(&Command) -> Option<Answer> + 'static) -> Self {
        self.with(|machine| machine.closure(false, answer))
    }

    /// Answers every command for which the closure has an answer, if nothing else fits: changes something.
    #[must_use]
    pub fn action_with(self, answer: impl Fn(&Command) -> Option<Answer> + 'static) -> Self {
        self.with(|machine| machine.closure(true, answer))
    }

    /// Does this to the machine once that much time has passed.
    #[must_use]
    pub fn at(self, time: Duration, deed: impl FnOnce(&mut Machine) + 'static) -> Self {
        self.with(|machine| machine.after(time, deed))
    }

    /// Lets the effect with this number, counted from 0, fail.
    #[must_use]
    pub fn fail_at(self, effect: usize, fault: impl Into<Fault>) -> Self {
        self.arm(When::Effect(effect), fault.into())
    }

    /// Lets every step of which this is true fail.
    #[must_use]
    pub fn fail_when(self, is: impl Fn(&Step) -> bool + 'static, fault: impl Into<Fault>) -> Self {
        self.arm(When::Is(Rc::new(is)), fault.into())
    }

    /// Lets the first step of which this is true fail.
    #[must_use]
    pub fn fail_first(self, is: impl Fn(&Step) -> bool + 'static, fault: impl Into<Fault>) -> Self {
        self.arm(When::First(Rc::new(is)), fault.into())
    }

    /// Lets this effect, counted from 0, and all later ones come to nothing, as if the module had been killed there.
    /// [`FakeHost::revive`] ends it, so that the module can be run again on what is left.
    #[must_use]
    pub fn dies_at(self, effect: usize) -> Self {
        self.arm(When::From(effect), Fault::Errno(EIO))
    }

    fn arm(mut self, when: When, fault: Fault) -> Self {
        self.log.get_mut().faults.push(Armed { when, fault, struck: 0 });
        self
    }
}

/// Looking at the machine, and changing it between two runs.
impl FakeHost {
    /// Every change so far, in order and in words: `run ..`, `create .. 0600 (12 bytes)`, `rename .. -> ..`, ..
    #[must_use]
    pub fn effects(&self) -> Vec<String> {
        self.log.borrow().steps.iter().filter(|step| step.is_effect()).map(ToString::to_string).collect()
    }

    /// Everything so far, reads and pauses too. What a fault prevented is not among it.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.log.borrow().steps.clone()
    }

    /// Every command so far, with input and deadline.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        self.log.borrow().commands.clone()
    }

    /// Whether a fault has struck.
    #[must_use]
    pub fn faulted(&self) -> bool {
        self.log.borrow().faults.iter().any(|armed| armed.struck > 0)
    }

    /// Disarms all faults and empties the log; the machine stays as it is.
    pub fn revive(&self) {
        *self.log.borrow_mut() = Log::default();
    }

    /// The text of a file, following links.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        self.machine.borrow().text(path).unwrap_or_else(|| panic!("there is no file '{path}'"))
    }

    /// Whether there is something of this name.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.machine.borrow().exists(path)
    }

    /// The machine, to look at.
    #[must_use]
    pub fn machine(&self) -> Ref<'_, Machine> {
        self.machine.borrow()
    }

    /// Does something to the machine between two runs.
    pub fn change(&self, deed: impl FnOnce(&mut Machine)) {
        deed(&mut self.machine.borrow_mut());
    }

    /// Counts the step and looks whether a fault strikes; then its error.
    fn step(&self, step: &Step) -> Result<(), Fault> {
        let mut log = self.log.borrow_mut();
        assert!(
            log.steps.len() < STEPS,
            "the module does not end: {STEPS} steps, the last of them {}",
            log.steps.iter().rev().take(4).map(ToString::to_string).collect::<Vec<_>>().join(", ")
        );
        let number = step.is_effect().then(|| {
            log.effects += 1;
            log.effects - 1
        });
        let fault = log
            .faults
            .iter_mut()
            .filter_map(|armed| armed.strikes(step, number).then(|| armed.fault.clone()));
        fault.last().map_or(Ok(()), Err)
    }

    /// A step on a file: fault, then the deed, then the log.
    fn on_file<T>(
        &self,
        step: Step,
        deed: impl FnOnce(&mut Machine) -> Result<T, NotCreated>,
    ) -> Result<T, HostError> {
        self.step(&step).map_err(|fault| match fault {
            Fault::Errno(errno) => error_of(&step, errno),
            Fault::Error(error) => error,
            Fault::Answer(_) => error_of(&step, EIO),
        })?;
        let result = deed(&mut self.machine.borrow_mut()).map_err(|problem| match (problem, &step) {
            (NotCreated::Short(written), Step::Create { path, size, .. }) => {
                HostError::Short { path: path.clone(), wanted: *size as u64, written }
            }
            (NotCreated::Short(_), _) => error_of(&step, EIO),
            (NotCreated::Errno(errno), _) => error_of(&step, errno),
        });
        // A change that the machine refused is no change.
        if result.is_ok() || !step.is_effect() {
            self.log.borrow_mut().steps.push(step);
        }
        result
    }
}

impl Host for FakeHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let line = command.line();
        let found = self.machine.borrow_mut().find(command);
        let Some((changes, mut answer)) = found else {
            panic!("the module ran a program that the test has no answer for: {line}");
        };
        let step = if changes { Step::Action(line.clone()) } else { Step::Query(line.clone()) };
        match self.step(&step) {
            Ok(()) => {}
            Err(Fault::Errno(errno)) => return Err(error_of(&step, errno)),
            Err(Fault::Error(error)) => return Err(error),
            Err(Fault::Answer(other)) => answer = other,
        }
        if answer.missing {
            return Err(error_of(&step, crate::tree::ENOENT));
        }
        {
            let mut log = self.log.borrow_mut();
            log.steps.push(step);
            log.commands.push(command.clone());
        }
        let mut machine = self.machine.borrow_mut();
        machine.advance(answer.duration.min(command.timeout));
        if answer.duration > command.timeout {
            answer.output.ending = Ending::TimedOut;
        } else if let Some(deed) = answer.deed {
            deed(&mut machine, command);
        }
        Ok(answer.output)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError> {
        self.on_file(Step::Read(path.into()), |machine| Ok(machine.host_read(path)?))
    }

    fn stat(&self, path: &Path) -> Result<Stat, HostError> {
        self.on_file(Step::Stat(path.into()), |machine| Ok(machine.host_stat(path)?))
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        self.on_file(Step::List(path.into()), |machine| Ok(machine.host_list(path)?))
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, HostError> {
        self.on_file(Step::ReadLink(path.into()), |machine| Ok(machine.host_read_link(path)?))
    }

    fn create(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), HostError> {
        let step = Step::Create { path: path.into(), mode, size: content.len() };
        self.on_file(step, |machine| machine.host_create(path, content, mode))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        let step = Step::Rename { from: from.into(), to: to.into() };
        self.on_file(step, |machine| Ok(machine.host_rename(from, to)?))
    }

    fn remove_file(&self, path: &Path) -> Result<(), HostError> {
        self.on_file(Step::RemoveFile(path.into()), |machine| Ok(machine.host_remove_file(path)?))
    }

    fn make_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.on_file(Step::MakeDir(path.into(), mode), |machine| Ok(machine.host_make_dir(path, mode)?))
    }

    fn remove_dir(&self, path: &Path) -> Result<(), HostError> {
        self.on_file(Step::RemoveDir(path.into()), |machine| Ok(machine.host_remove_dir(path)?))
    }

    fn set_mode(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.on_file(Step::SetMode(path.into(), mode), |machine| Ok(machine.host_set_mode(path, mode)?))
    }

    fn set_owner(&self, path: &Path, uid: u32, gid: u32) -> Result<(), HostError> {
        self.on_file(Step::SetOwner(path.into(), uid, gid), |machine| {
            Ok(machine.host_set_owner(path, uid, gid)?)
        })
    }

    fn set_times(&self, path: &Path, unix_seconds: i64) -> Result<(), HostError> {
        self.on_file(Step::SetTimes(path.into(), unix_seconds), |machine| {
            Ok(machine.host_set_times(path, unix_seconds)?)
        })
    }

    fn hostname(&self) -> Result<String, HostError> {
        Ok(self.machine.borrow().hostname.clone())
    }

    fn addresses(&self) -> Result<Vec<LocalAddress>, HostError> {
        Ok(self.machine.borrow().addresses.clone())
    }

    fn user(&self, name: &str) -> Result<Option<User>, HostError> {
        Ok(self.machine.borrow().users.iter().find(|user| user.name == name).cloned())
    }

    /// What is created from now on is the user's; nothing is refused for lack of rights.
    fn act_as(&self, user: Option<&User>) -> Result<(), HostError> {
        self.machine.borrow_mut().acting_as = user.cloned();
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.machine.borrow().now()
    }

    fn unix_time(&self) -> u64 {
        self.machine.borrow().unix_time()
    }

    fn sleep(&self, pause: Duration) {
        let step = Step::Sleep(pause);
        let _ = self.step(&step);
        self.log.borrow_mut().steps.push(step);
        self.machine.borrow_mut().advance(pause);
    }
}

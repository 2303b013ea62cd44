//! One network namespace, and how code and programs run in it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{Builder, JoinHandle, scope};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::nat::Nat;

/// All namespaces that this test makes are named `drywire-<process>-<topology>-<role>`.
const PREFIX: &str = "drywire";

/// The namespaces of one topology: made together, and gone with this, also when a test fails.
#[derive(Debug)]
pub(crate) struct Namespaces {
    prefix: String,
    roles: Vec<&'static str>,
}

impl Namespaces {
    /// Whether this machine lets us make what the tests need: why not. Found out once.
    pub(crate) fn probe() -> Result<(), String> {
        static PROBE: LazyLock<Result<(), String>> = LazyLock::new(|| {
            sweep();
            let probe = Namespaces::new(&["near", "far"])?;
            probe.connect(("near", "eth0"), ("far", "eth0"))?;
            probe.get("near").ip("link add core type bridge\n")?;
            for nat in [Nat::AddressRestricted, Nat::Symmetric] {
                probe.get("near").nft(&format!("flush ruleset\n{}", nat.rules("192.0.2.1")))?;
            }
            Ok(())
        });
        PROBE.clone()
    }

    /// One namespace for each role, with the loopback interface up.
    ///
    /// What runs in one of them has to be over when this is dropped, or the namespace lives on without a name until it is.
    pub(crate) fn new(roles: &[&'static str]) -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{PREFIX}-{}-{count}", std::process::id());
        let made = Self { prefix, roles: roles.to_vec() };
        let names = roles.iter().map(|role| format!("netns add {}\n", made.name(role)));
        run("ip", &["-batch", "-"], &names.collect::<String>())?;
        for role in roles {
            // Addresses are used at once, without asking for two seconds whether somebody else has them.
            made.get(role).set("net/ipv6/conf/default/accept_dad", "0")?;
            made.get(role).ip("link set lo up\n")?;
        }
        Ok(made)
    }

    /// The namespace of a role.
    pub(crate) fn get(&self, role: &str) -> Namespace {
        assert!(self.roles.contains(&role), "no role {role}");
        Namespace { name: self.name(role) }
    }

    /// A cable between two of them: the name of its end in each.
    pub(crate) fn connect(&self, near: (&str, &str), far: (&str, &str)) -> Result<(), String> {
        let (near_namespace, far_namespace) = (self.name(near.0), self.name(far.0));
        run(
            "ip",
            &["-batch", "-"],
            &format!(
                "link add name {} netns {near_namespace} type veth peer name {} netns {far_namespace}\n",
                near.1, far.1
            ),
        )
    }

    fn name(&self, role: &str) -> String {
        format!("{}-{role}", self.prefix)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // Some may not have come to be.
        let names = self.roles.iter().map(|role| format!("netns del {}\n", self.name(role)));
        let _ = run("ip", &["-force", "-batch", "-"], &names.collect::<String>());
    }
}

/// Deletes what a test process that was killed has left.
fn sweep() {
    let Ok(folder) = std::fs::read_dir("/run/netns") else { return };
    let names = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for name in names {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-')?.split('-').next());
        let process = process.and_then(|process| process.parse::<u32>().ok());
        if process.is_some_and(|process| !std::path::Path::new(&format!("/proc/{process}")).exists()) {
            let _ = run("ip", &["netns", "del", &name], "");
        }
    }
}

/// A network namespace, by its name.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// As `ip netns` knows it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread that is in the namespace: sockets that it opens, threads that it spawns and programs that
    /// it starts are in there, too.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let this = self.clone();
        let builder = Builder::new().name(self.name.clone());
        builder
            .spawn(move || {
                this.enter().unwrap();
                work()
            })
            .unwrap()
    }

    /// Runs `work` in the namespace and waits for it.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
        scope(|threads| {
            let thread = threads.spawn(|| {
                self.enter()?;
                work()
            });
            thread.join().unwrap()
        })
    }

    /// Moves the calling thread into the namespace, for good.
    fn enter(&self) -> Result<(), String> {
        let file = File::open(format!("/run/netns/{}", self.name));
        let file = file.map_err(|error| format!("no namespace {}: {error}", self.name))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| format!("the namespace {} is not to be entered: {error}", self.name))
    }

    /// Runs commands of `ip`, one in each line.
    pub(crate) fn ip(&self, commands: &str) -> Result<(), String> {
        self.run(|| run("ip", &["-batch", "-"], commands))
    }

    /// Loads rules of nftables.
    pub(crate) fn nft(&self, rules: &str) -> Result<(), String> {
        self.run(|| run("nft", &["-f", "-"], rules))
    }

    /// Sets a variable below `/proc/sys`, which shows each thread the ones of its namespace.
    pub(crate) fn set(&self, variable: &str, value: &str) -> Result<(), String> {
        self.run(|| {
            let file = format!("/proc/sys/{variable}");
            std::fs::write(&file, value).map_err(|error| format!("{file} is not to be set: {error}"))
        })
    }
}

/// Runs a program that is given `input`; why it failed.
fn run(program: &str, arguments: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("no `{program}`: {error}"))?;
    // It is short; a program that has ended without reading it says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| format!("`{program}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert!(!why.contains("syntax error"), "`{program}` does not understand {input}: {why}");
    let what = if input.is_empty() { arguments.join(" ") } else { input.trim().to_owned() };
    Err(format!("`{program}` refused, {why}: {what}"))
}

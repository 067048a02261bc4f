// SPDX-License-Identifier: GPL-2.0-or-later
//! A real Slurm on one machine: a controller and four nodes on the loopback interface, run by whoever runs the test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Programs of Debian's slurmctld, slurmd, slurm-client and munge.
const PROGRAMS: [&str; 5] = ["munged", "slurmctld", "slurmd", "sbatch", "squeue"];

/// Nodes, each with one core.
pub const NODES: u32 = 4;

/// What each node says that it has, in MiB: jobs ask for what they need, and here nothing holds them to it.
const MEMORY: u32 = 8192;

/// Ports of the controller, and of the nodes from the next one on.
const PORT: u32 = 16817;

/// How long Slurm may take for anything that it does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster; what it has started ends with it.
pub struct Cluster {
    dir: PathBuf,
    running: Vec<(String, Child)>,
}

/// Returns the program that is missing here, if one is; Debian keeps some where only root's PATH leads.
pub fn missing() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| find(program).is_none())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    dirs.map(|dir| dir.join(program)).find(|path| path.is_file())
}

impl Cluster {
    /// Starts one whose files are in `dir`, and waits until its nodes are there.
    pub fn start(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("state")).unwrap();
        std::fs::write(dir.join("slurm.conf"), configuration(dir)).unwrap();
        std::fs::write(dir.join("munge.key"), [7; 1024]).unwrap();
        let restrict = Command::new("chmod").arg("600").arg(dir.join("munge.key")).status().unwrap();
        assert!(restrict.success());
        let mut cluster = Self { dir: dir.to_owned(), running: Vec::new() };
        let option = |name: &str, file: &str| format!("--{name}={}", dir.join(file).display());
        let files = [
            option("key-file", "munge.key"),
            option("socket", "munge.socket"),
            option("pid-file", "munge.pid"),
            option("log-file", "munge.log"),
            option("seed-file", "munge.seed"),
        ];
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        // By force: the folders above are writable for more than root, which munged warns of.
        cluster.spawn("munged", "munged", &[&["--foreground", "--force"], files.as_slice()].concat());
        cluster.wait("munged", || dir.join("munge.socket").exists());
        cluster.spawn("slurmctld", "slurmctld", &["-D"]);
        for node in 1..=NODES {
            std::fs::create_dir(dir.join(format!("n{node}"))).unwrap();
            cluster.spawn(&format!("n{node}"), "slurmd", &["-D", "-N", &format!("n{node}")]);
        }
        let idle = |cluster: &Self| cluster.read(&["sinfo", "--noheader", "--format=%D %t"]);
        let all = format!("{NODES} idle\n");
        cluster.wait("sinfo", || idle(&cluster) == all);
        cluster
    }

    /// The environment in which commands speak to this cluster.
    pub fn configuration(&self) -> (&'static str, PathBuf) {
        ("SLURM_CONF", self.dir.join("slurm.conf"))
    }

    /// Runs one of Slurm's commands and returns what it prints.
    pub fn read(&self, words: &[&str]) -> String {
        let (name, value) = self.configuration();
        let output = Command::new(words[0]).args(&words[1..]).env(name, value).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Cuts a node's power: its daemon, what watches over its jobs, and the jobs.
    pub fn lose(&mut self, node: u32) {
        let name = format!("n{node}");
        let place = self.running.iter().position(|(running, _)| *running == name).unwrap();
        let (_, mut daemon) = self.running.remove(place);
        let _ = daemon.kill();
        let _ = daemon.wait();
        let jobs = processes().into_iter().filter(|process| process.is_of(&name));
        // Who watches dies before it can report to the controller that its job has ended.
        let (watchers, others): (Vec<Process>, Vec<Process>) = jobs.partition(Process::is_watcher);
        for process in watchers.iter().chain(&others) {
            let _ =
                Command::new("kill").args(["-9", &process.pid.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Waits until something is so.
    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so() {
            assert!(Instant::now() < deadline, "{what}: in vain\n{}", self.logs());
            sleep(Duration::from_millis(200));
        }
    }

    /// The end of what each daemon has to say.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for (name, _) in &self.running {
            let log = std::fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let _ = writeln!(text, "{name}:\n{}", lines[lines.len().saturating_sub(8)..].join("\n"));
        }
        text
    }

    fn spawn(&mut self, name: &str, program: &str, args: &[&str]) {
        let log = std::fs::File::create(self.dir.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(find(program).unwrap());
        let (variable, value) = self.configuration();
        command.args(args).env(variable, value).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.running.push((name.to_owned(), child));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.read(&["scancel", "--full", "--signal=KILL", "--partition=p"]);
        for node in 1..=NODES {
            if self.running.iter().any(|(name, _)| *name == format!("n{node}")) {
                self.lose(node);
            }
        }
        for (_, mut daemon) in self.running.drain(..) {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// A process, as much of it as shows to which node it belongs.
struct Process {
    pid: u32,
    command: String,
    environment: String,
    children: String,
}

impl Process {
    fn is_watcher(&self) -> bool {
        self.command.contains("slurmstepd")
    }

    /// Whether it is a job of a node, or watches over one.
    fn is_of(&self, node: &str) -> bool {
        let of =
            |environment: &str| environment.split('\0').any(|word| word == format!("SLURMD_NODENAME={node}"));
        let child = |pid: &str| std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let children = self.children.split_whitespace().map(child);
        of(&self.environment)
            || self.is_watcher() && children.into_iter().any(|bytes| of(&String::from_utf8_lossy(&bytes)))
    }
}

fn processes() -> Vec<Process> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let read = |pid: u32, file: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let process = |pid| Process {
        pid,
        command: read(pid, "cmdline"),
        environment: read(pid, "environ"),
        children: read(pid, &format!("task/{pid}/children")),
    };
    pids.map(process).collect()
}

/// `slurm.conf(5)`. A node that is silent for 15 seconds is lost, and what it ran may begin again 10 seconds later: the defaults
/// are five minutes and two.
fn configuration(dir: &Path) -> String {
    let read = |program: &str, arg: &str| {
        let output = Command::new(program).arg(arg).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (host, user, dir) = (read("hostname", "-s"), read("id", "-un"), dir.display());
    let ports = format!("{}-{}", PORT + 1, PORT + NODES);
    format!(
        "ClusterName=patcheval
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={PORT}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={dir}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/%n
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/%n.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdTimeout=15
ReturnToService=2
MinJobAge=3600
MpiDefault=none
NodeName=n[1-{NODES}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports}] CPUs=1 RealMemory={MEMORY} State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}

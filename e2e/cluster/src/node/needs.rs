//! What a machine must have for a node.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a node has memory of its own in place of the machine's directory.
pub(super) const PRIVATE: [&str; 3] = ["/run", "/var/lib", "/var/log"];
const PROGRAMS: [&str; 9] = ["containerd", "ctr", "runc", "go", "tar", "mount", "unshare", "nsenter", "setpriv"];
const DEBIAN: &str = "on Debian it takes Go, and apt-get install containerd runc containernetworking-plugins";
const PLUGINS: [&str; 3] = ["ptp", "host-local", "loopback"];
const CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// Says why this machine cannot run a node.
pub(super) fn check() -> Result<(), String> {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return Err("it takes root".to_owned());
    }
    if let Some(missing) = PROGRAMS.iter().find(|program| find(program).is_none()) {
        return Err(format!("{missing} is not on PATH; {DEBIAN}"));
    }
    plugins()?;
    address()?;
    cgroups()?;
    let temporary = std::env::temp_dir();
    if let Some(place) = PRIVATE.iter().find(|place| temporary.starts_with(place)) {
        return Err(format!("temporary files are below {place}, which a node has for itself: set TMPDIR"));
    }
    let mut spaces = Command::new("unshare");
    spaces.args(["--mount", "--pid", "--net", "--fork", "mount", "-t", "proc", "proc", "/proc"]);
    let done = spaces.stdin(Stdio::null()).output().map_err(|error| format!("cannot run unshare: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("it may not make namespaces: {}", String::from_utf8_lossy(&done.stderr).trim()))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|at| at.join(program)).find(|at| at.is_file())
}

/// Where the network plugins are.
pub(super) fn plugins() -> Result<&'static Path, String> {
    let places = ["/usr/lib/cni", "/opt/cni/bin"].map(Path::new);
    let whole = |place: &&&Path| PLUGINS.iter().all(|plugin| place.join(plugin).is_file());
    let found = places.iter().find(whole).copied();
    found.ok_or_else(|| {
        format!("network plugins {} are neither in /usr/lib/cni nor in /opt/cni/bin; {DEBIAN}", PLUGINS.join(", "))
    })
}

/// An address of this machine that is no loopback address, as the kubelet wants for the node's. Nothing is sent.
pub(super) fn address() -> Result<IpAddr, String> {
    let local = || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    };
    match local() {
        Ok(address) if !address.ip().is_loopback() => Ok(address.ip()),
        Ok(_) => Err("the machine has no address but loopback".to_owned()),
        Err(error) => Err(format!("the machine has no address but loopback: {error}")),
    }
}

fn cgroups() -> Result<(), String> {
    let top = Path::new("/sys/fs/cgroup");
    let unified = fs::read_to_string(top.join("cgroup.controllers"));
    let there = |controller: &&&str| match &unified {
        Ok(controllers) => controllers.split_whitespace().any(|found| found == **controller),
        Err(_) => top.join(controller).is_dir(),
    };
    if let Some(missing) = CONTROLLERS.iter().find(|controller| !there(controller)) {
        return Err(format!("there is no cgroup controller {missing}"));
    }
    let probe = if unified.is_ok() { top.to_owned() } else { top.join("memory") };
    let probe = probe.join(format!("yunguan-probe-{}", std::process::id()));
    fs::create_dir(&probe)
        .and_then(|()| fs::remove_dir(&probe))
        .map_err(|error| format!("cgroups cannot be made: {error}"))
}

//! A network namespace of our own, whose loopback drops multicast.

use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Leaves the host's network for one that has nothing but a loopback interface, and drops this part, in
/// percent, of the multicast datagrams that come in there. Processes and threads started from here on are in
/// it as well, so this must come before any other thread.
///
/// # Errors
/// A sentence about what is missing or not permitted.
pub fn with_loss(percent: f64) -> Result<(), String> {
    leave().map_err(|error| {
        format!(
            "--loss needs a network namespace of its own, which this system does not permit ({error}); run it as \
             root, or where users may make namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)"
        )
    })?;
    ip(&["link", "set", "lo", "up"])?;
    ip(&["link", "set", "lo", "multicast", "on"])?;
    // Else a run of packets (UDP_SEGMENT) would be lost or kept as one.
    ip(&["link", "set", "lo", "gso_max_segs", "1"])?;
    let probability = (percent / 100.0).to_string();
    command(
        "iptables",
        &[
            "-A",
            "INPUT",
            "-d",
            "224.0.0.0/4",
            "-m",
            "statistic",
            "--mode",
            "random",
            "--probability",
            &probability,
        ]
        .into_iter()
        .chain(["-j", "DROP"])
        .collect::<Vec<_>>(),
        "install iptables with its `statistic` match",
    )
}

fn leave() -> std::io::Result<()> {
    // SAFETY: of what unshare may pull away from under others (descriptors, the address space) these flags
    // name nothing; a network namespace changes no memory.
    let unshare = |flags| unsafe { unshare_unsafe(flags) };
    if unshare(UnshareFlags::NEWNET).is_ok() {
        return Ok(());
    }
    // Whoever is root only in a user namespace of their own may make a network there.
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
    let map = |name: &str, text: String| fs::write(Path::new("/proc/self").join(name), text);
    map("setgroups", "deny".into())?;
    map("uid_map", format!("0 {user} 1"))?;
    map("gid_map", format!("0 {group} 1"))
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    command("ip", arguments, "install iproute2")
}

fn command(program: &str, arguments: &[&str], advice: &str) -> Result<(), String> {
    let words = arguments.join(" ");
    let mut command = Command::new(program);
    // As root of a user namespace we may not write where iptables keeps its lock.
    command.env("XTABLES_LOCKFILE", "/dev/null");
    match command.args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "--loss: `{program} {words}` failed: {}; {advice}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("--loss: {program} cannot be started ({error}); {advice}")),
    }
}

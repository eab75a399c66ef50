//! Acceptors with a directory: whose it is, where it lies, what is said about it.

use crate::cluster::Cluster;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The directory of acceptor `id` when the configuration says `data votes/%i`.
fn votes(cluster: &Cluster, id: u16) -> PathBuf {
    cluster.conf().with_file_name("votes").join(id.to_string())
}

/// Runs `paxos log verify` or `dump` on a directory; returns whether it succeeded and what it printed.
fn log(cluster: &Cluster, what: &str, directory: &Path) -> (bool, String) {
    let ended = cluster.run(&["log", what], directory, &[], Stdio::null()).ends();
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    (ended.code == Some(0), String::from_utf8(ended.stdout).expect("text") + &ended.stderr)
}

#[test]
fn an_acceptor_remembers_beside_the_configuration_and_its_log_can_be_verified_meanwhile() {
    let cluster = Cluster::with("", "data votes/%i\n");
    let mut first = cluster.role("acceptor", 1, &[]);
    first.says("/votes/1 is new");
    first.serves();
    let (clean, text) = log(&cluster, "verify", &votes(&cluster, 1));
    assert!(clean && text.starts_with("acceptor 1 of cluster ") && text.ends_with("; clean\n"), "{text}");
    let words = ["another acceptor uses this directory (acceptor 1, process ", "`%i`"];
    let ended = cluster.role("acceptor", 1, &[]).fails();
    assert!(words.iter().all(|word| ended.stderr.contains(word)), "{}", ended.stderr);
    first.terminates();
    let mut again = cluster.role("acceptor", 1, &[]);
    again.says("data: 0 records in 1 segment");
    again.serves();
    again.kill();
    assert!(log(&cluster, "dump", &votes(&cluster, 1)).0);
}

#[test]
fn the_option_names_another_directory_or_none() {
    let cluster = Cluster::with("", "data votes/%i\n");
    let mut none = cluster.role("acceptor", 1, &["--data", "none"]);
    none.serves();
    assert!(!votes(&cluster, 1).exists() && !none.stderr().contains("data:"));
    let elsewhere = cluster.conf().with_file_name("elsewhere-%i");
    let mut other = cluster.role("acceptor", 2, &["--data", elsewhere.to_str().expect("a path of ours")]);
    other.says("elsewhere-2 is new");
    assert!(cluster.conf().with_file_name("elsewhere-2").join("00000001.log").exists());
    assert!(!votes(&cluster, 2).exists());
}

#[test]
fn a_directory_of_another_acceptor_or_cluster_is_refused_and_left_alone() {
    let cluster = Cluster::with("", "data votes\n");
    let directory = cluster.conf().with_file_name("votes");
    let mut first = cluster.role("acceptor", 1, &[]);
    first.serves();
    first.terminates();
    let before = fs::read(directory.join("00000001.log")).expect("it was made");
    let ended = cluster.role("acceptor", 2, &[]).fails();
    let words =
        "this is the memory of acceptor 1, not of acceptor 2; give each acceptor a directory of its own";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    let other = cluster.write("other.conf", cluster.text("", "data votes\nmtu 9000\n"));
    let ended = cluster.run(&["acceptor", "1"], &other, &[], Stdio::null()).fails();
    assert!(ended.stderr.contains("this is the memory of acceptor 1 of cluster "), "{}", ended.stderr);
    assert!(before == fs::read(directory.join("00000001.log")).expect("it is still there"));
}

#[test]
fn a_damaged_log_is_told_and_set_aside_and_the_acceptor_starts_without_memory() {
    let cluster = Cluster::with("", "data votes/%i\n");
    let mut first = cluster.role("acceptor", 1, &[]);
    first.serves();
    first.terminates();
    let segment = votes(&cluster, 1).join("00000001.log");
    let mut bytes = fs::read(&segment).expect("it was made");
    bytes[20] ^= 1;
    fs::write(&segment, &bytes).expect("it is ours");
    let (clean, text) = log(&cluster, "verify", &votes(&cluster, 1));
    assert!(
        !clean && text.contains("segment 1, byte 0: lost: the header of the segment is damaged"),
        "{text}"
    );
    let mut again = cluster.role("acceptor", 1, &[]);
    again.says("it starts without memory");
    again.serves();
    let aside = fs::read_dir(votes(&cluster, 1))
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("damaged-")))
        .expect("nothing is deleted");
    assert!(bytes == fs::read(aside.join("00000001.log")).expect("it was moved there"));
}

#[test]
fn a_directory_that_cannot_be_used_or_holds_no_log_is_named() {
    let cluster = Cluster::with("", "data paxos.conf/votes\n");
    let ended = cluster.role("acceptor", 1, &[]).fails();
    let words = ["paxos.conf/votes: cannot make this directory", "name another one with `data`"];
    assert!(words.iter().all(|word| ended.stderr.contains(word)), "{}", ended.stderr);
    for directory in ["/nonexistent", cluster.conf().parent().and_then(Path::to_str).expect("a path of ours")]
    {
        let (clean, text) = log(&cluster, "verify", Path::new(directory));
        assert!(!clean && text.starts_with(&format!("{directory}: there is no log here")), "{text}");
    }
}

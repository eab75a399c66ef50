//! Files that grow, come late and are replaced.

use super::*;
use std::io::Write;
use std::path::Path;
use wire::{Hello, Layout, Role, Sender, Stamp};

const HEADER: [u32; 6] = [0xA1B2_C3D4, 0x0004_0002, 0, 0, 262_144, 101];

/// A pcap file of raw IP with a hello of each of these sequence numbers.
fn pcap(sequences: &[u64]) -> Vec<u8> {
    let mut file: Vec<u8> = HEADER.iter().flat_map(|field| field.to_le_bytes()).collect();
    sequences.iter().for_each(|sequence| file.extend_from_slice(&record(*sequence)));
    file
}

fn record(sequence: u64) -> Vec<u8> {
    let mut packet = [0; 1472];
    let sender = Sender { role: Role::Learner, id: 1, incarnation: 1 };
    let stamp = Stamp { sequence, ..Stamp::default() };
    let hello = Hello { answered: 0.into() };
    let length =
        wire::seal(&mut packet, Layout { packet: 1472, cluster: 1, trailer: 0 }, sender, stamp, &hello, &[]);
    let mut ip = Vec::new();
    let builder = etherparse::PacketBuilder::ipv4([127, 0, 0, 1], [239, 0, 0, 1], 1).udp(5000, 7000);
    builder.write(&mut ip, &packet[..length]).expect("a vector takes it");
    let header = [sequence as u32, 0, ip.len() as u32, ip.len() as u32];
    [&header.map(u32::to_le_bytes).concat()[..], &ip].concat()
}

/// A directory that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("wire-follow-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Place(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let file = File::options().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).expect("the file takes it");
}

/// The sequence numbers of all that is there by now, and what failed.
fn read(followed: &mut Followed) -> (Vec<u64>, Vec<Error>) {
    let (mut sequences, mut errors) = (Vec::new(), Vec::new());
    loop {
        match followed.next(&mut Vec::new()) {
            Step::Datagram(datagram) => {
                let packet = wire::Packet::parse(&datagram.bytes).expect("a packet of ours");
                sequences.push(packet.header.sequence());
            }
            Step::Failed(error) => errors.push(error),
            Step::Pending | Step::End => return (sequences, errors),
        }
    }
}

fn whole(followed: &mut Followed) -> Vec<u64> {
    let (sequences, errors) = read(followed);
    assert!(errors.is_empty(), "{errors:?}");
    sequences
}

#[test]
fn a_file_is_waited_for_and_each_packet_read_once_it_is_whole() {
    let place = Place::new("grow");
    let path = place.file("run.pcap");
    let mut followed = Followed::new(path.clone(), Arc::default());
    assert!(whole(&mut followed).is_empty());
    let file = pcap(&[1, 2]);
    for (until, read) in
        [(3, vec![]), (24, vec![]), (60, vec![]), (file.len() - 1, vec![1]), (file.len(), vec![2])]
    {
        let there = fs::metadata(&path).map_or(0, |metadata| metadata.len() as usize);
        append(&path, &file[there..until]);
        assert_eq!(whole(&mut followed), read, "{until} bytes are there");
    }
    fs::remove_file(&path).expect("it is there");
    assert!(whole(&mut followed).is_empty());
}

#[test]
fn a_replaced_file_is_read_to_its_end_and_then_the_new_one() {
    let place = Place::new("rotate");
    let (path, old) = (place.file("run.pcap"), place.file("run.pcap.1"));
    fs::write(&path, pcap(&[1])).expect("written");
    let mut followed = Followed::new(path.clone(), Arc::default());
    assert_eq!(whole(&mut followed), [1]);
    fs::rename(&path, &old).expect("renamed");
    append(&old, &record(2));
    assert_eq!(whole(&mut followed), [2]);
    append(&old, &[record(3), record(4)[..30].to_vec()].concat());
    fs::write(&path, pcap(&[5])).expect("written");
    let (sequences, errors) = read(&mut followed);
    assert_eq!(sequences, [3, 5]);
    assert!(matches!(errors[..], [Error::Cut { .. }]), "{errors:?}");
}

#[test]
fn a_file_begun_anew_is_read_from_its_start() {
    let place = Place::new("anew");
    let path = place.file("run.pcap");
    fs::write(&path, pcap(&[1, 2])).expect("written");
    let mut followed = Followed::new(path.clone(), Arc::default());
    assert_eq!(whole(&mut followed), [1, 2]);
    fs::write(&path, pcap(&[3])).expect("written");
    assert_eq!(whole(&mut followed), [3]);
}

#[test]
fn what_is_no_capture_is_told_once_and_its_successor_read() {
    let place = Place::new("damaged");
    let path = place.file("run.pcap");
    fs::write(&path, [b'x'; 100]).expect("written");
    let mut followed = Followed::new(path.clone(), Arc::default());
    assert!(matches!(read(&mut followed).1[..], [Error::NotACapture(_)]));
    assert!(whole(&mut followed).is_empty());
    fs::rename(&path, place.file("other")).expect("renamed");
    fs::write(&path, pcap(&[1])).expect("written");
    assert_eq!(whole(&mut followed), [1]);
}

#[test]
fn it_ends_when_it_is_told_to_even_in_the_middle_of_a_record() {
    let place = Place::new("end");
    let path = place.file("run.pcap");
    fs::write(&path, &pcap(&[1, 2])[..150]).expect("written");
    let ended = Arc::new(AtomicBool::new(false));
    let mut followed = Followed::new(path, ended.clone());
    assert_eq!(whole(&mut followed), [1]);
    ended.store(true, Ordering::Relaxed);
    assert!(matches!(followed.next(&mut Vec::new()), Step::End));
}

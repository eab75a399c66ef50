//! Captures of every kind, whole and damaged.

use super::samples::*;
use super::*;
use crate::Packet;
use etherparse::PacketBuilder;
use std::io::{self, Cursor};

const WHOLE: usize = usize::MAX;

/// What a capture holds, and how it ends.
fn read(file: &[u8]) -> (Vec<Datagram>, Tally, Result<(), Error>) {
    read_from(file)
}

fn read_from(input: impl Read) -> (Vec<Datagram>, Tally, Result<(), Error>) {
    let mut capture = Capture::new(input);
    let mut datagrams = Vec::new();
    let mut result = Ok(());
    for next in capture.by_ref() {
        match next {
            Ok(datagram) => datagrams.push(datagram),
            Err(error) => result = Err(error),
        }
    }
    (datagrams, capture.tally(), result)
}

/// Of a whole capture with one packet to a datagram: the sequence number of each, and when it came, µs.
fn sequences_and_times(file: &[u8]) -> Vec<(u64, i64)> {
    let (datagrams, tally, result) = read(file);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(tally, Tally::default());
    let told = |datagram: &Datagram| {
        assert_eq!(
            (datagram.source.to_string(), datagram.destination.to_string()),
            (SOURCE.into(), DESTINATION.into())
        );
        assert_eq!(datagram.truncated, None);
        let packet = Packet::parse(&datagram.bytes).expect("a whole packet");
        (packet.header.sequence(), datagram.time_ns / 1000)
    };
    datagrams.iter().map(told).collect()
}

#[test]
fn every_supported_link_type_leads_to_the_datagram() {
    for link in LinkType::SUPPORTED {
        let file = PcapFile::new(Order::Little, PcapFile::US, link);
        let file = file.record((1, 2), &frame(link, &udp(&packet(7))), WHOLE);
        assert_eq!(sequences_and_times(&file.bytes), [(7, 1_000_002)], "{link}");
    }
}

#[test]
fn bsd_loopback_is_read_in_both_byte_orders() {
    let file = PcapFile::new(Order::Little, PcapFile::US, LinkType::NULL);
    let file = file.record((0, 0), &frame(LinkType::LOOP, &udp(&packet(7))), WHOLE);
    assert_eq!(sequences_and_times(&file.bytes), [(7, 0)]);
}

#[test]
fn tags_of_vlans_are_passed_over() {
    let mut tagged = ethernet(7);
    tagged.splice(12..12, [0x81, 0, 0, 5]);
    let mut twice = tagged.clone();
    twice.splice(12..12, [0x88, 0xA8, 0, 6]);
    assert_eq!(sequences_and_times(&pcap(&[tagged, twice])).len(), 2);
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for order in [Order::Little, Order::Big] {
        for (magic, ticks) in [(PcapFile::US, 250_000), (PcapFile::NS, 250_000_000), (0xA1B2_CD34, 250_000)] {
            let mut file = PcapFile::new(order, magic, LinkType::ETHERNET);
            for sequence in 1..=2 {
                let mut frame = ethernet(sequence);
                if magic == 0xA1B2_CD34 {
                    // Eight bytes about the interface stand before the frame, beyond its length.
                    frame = [&[0; 8], &frame[..]].concat();
                }
                let at = file.bytes.len();
                file = file.record((sequence as u32, ticks), &frame, WHOLE);
                if magic == 0xA1B2_CD34 {
                    let length = (frame.len() - 8) as u32;
                    let length =
                        if order == Order::Big { length.to_be_bytes() } else { length.to_le_bytes() };
                    file.bytes[at + 8..at + 12].copy_from_slice(&length);
                    file.bytes[at + 12..at + 16].copy_from_slice(&length);
                }
            }
            assert_eq!(
                sequences_and_times(&file.bytes),
                [(1, 1_250_000), (2, 2_250_000)],
                "{order:?} {magic:x}"
            );
        }
    }
}

#[test]
fn flags_beside_the_link_type_of_a_pcap_do_not_matter() {
    let mut file = pcap(&[ethernet(7)]);
    file[23] = 0x54;
    assert_eq!(sequences_and_times(&file).len(), 1);
}

#[test]
fn pcapng_is_read_with_the_byte_order_interfaces_and_clocks_of_each_section() {
    // Simple packets have no time and get that of the packet before.
    let told = [(1, 1_000_000), (2, 1_500_000), (3, 2_000_000), (4, 2_000_000), (5, 2_500_000)];
    assert_eq!(sequences_and_times(&pcapng()), told);
}

#[test]
fn a_block_of_another_kind_is_passed_over_at_any_length() {
    let content = vec![0xAA; 3 * RECORD_MAX];
    let file = PcapNgFile::new()
        .section(Order::Big)
        .interface(LinkType::ETHERNET, 0, None, 0)
        .block(0xBAD, &content);
    assert_eq!(sequences_and_times(&file.enhanced(0, 5, &ethernet(7), WHOLE).bytes), [(7, 5)]);
}

#[test]
fn a_simple_packet_is_as_long_as_the_snap_length_allows() {
    // 77 is no multiple of 4: padding follows that is not part of the frame.
    let file = PcapNgFile::new().section(Order::Little).interface(LinkType::ETHERNET, 77, None, 0);
    let (datagrams, tally, result) = read(&file.simple(&ethernet(7), 77).bytes);
    assert!(result.is_ok());
    assert_eq!(tally, Tally { truncated: 1, ..Tally::default() });
    assert_eq!(datagrams[0].bytes.len(), 77 - 42);
}

#[test]
fn how_the_reader_cuts_the_file_into_reads_does_not_matter() {
    struct Drip<'a>(Cursor<&'a [u8]>, usize);
    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }
    for file in [pcapng(), pcap(&[ethernet(1), ethernet(2)])] {
        assert_eq!(read_from(Drip(Cursor::new(&file), 0)).0, read(&file).0);
    }
}

#[test]
fn a_file_that_grows_gives_each_datagram_as_soon_as_it_is_whole() {
    /// Says that it would have to wait, before every byte.
    struct Growing<'a>(Cursor<&'a [u8]>, bool);
    impl Read for Growing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0.read(&mut buffer[..1])
        }
    }
    let long = PcapNgFile::new()
        .section(Order::Big)
        .interface(LinkType::ETHERNET, 0, None, 0)
        .block(0xBAD, &vec![0; RECORD_MAX + 8])
        .enhanced(0, 5, &ethernet(7), WHOLE);
    for file in [pcapng(), pcap(&[ethernet(1), ethernet(2)]), long.bytes] {
        let mut capture = Capture::new(Growing(Cursor::new(&file), false));
        let mut datagrams = Vec::new();
        loop {
            match capture.next() {
                Some(Ok(datagram)) => datagrams.push(datagram),
                Some(Err(error)) => assert!(error.is_pending(), "{error}"),
                None => break,
            }
        }
        assert_eq!((datagrams, capture.tally()), (read(&file).0, read(&file).1));
    }
}

#[test]
fn a_file_cut_anywhere_gives_all_before_the_cut_and_says_where_it_is() {
    for file in [pcapng(), pcap(&[ethernet(1), ethernet(2), ethernet(3)])] {
        let whole = read(&file).0;
        for cut in 1..file.len() {
            let (datagrams, _, result) = read(&file[..cut]);
            assert_eq!(datagrams, whole[..datagrams.len()], "cut at {cut}");
            match result {
                Ok(()) => {}
                Err(Error::Cut { at, record_at, missing }) => {
                    assert_eq!(at, cut as u64);
                    assert!(record_at < at && missing > 0, "cut at {cut}: {record_at}, {missing}");
                }
                Err(Error::NotACapture(first)) => assert!(first.len() < 4, "cut at {cut}"),
                Err(error) => panic!("cut at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn frames_without_a_datagram_of_ours_are_counted() {
    let mut tcp = Vec::new();
    PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 1)
        .tcp(1, 2, 3, 4)
        .write(&mut tcp, b"PX")
        .expect("fits");
    let mut ipv6 = Vec::new();
    PacketBuilder::ipv6([0; 16], [0; 16], 1).udp(1, 2).write(&mut ipv6, &packet(1)).expect("fits");
    let mut ipv6_frame = frame(LinkType::ETHERNET, &ipv6);
    ipv6_frame[12..14].copy_from_slice(&[0x86, 0xDD]);
    let mut arp = ethernet(1);
    arp[12..14].copy_from_slice(&[8, 6]);
    let on_ethernet = |ip: &[u8]| frame(LinkType::ETHERNET, ip);
    let frames = [
        on_ethernet(&tcp),
        ipv6_frame,
        arp,
        on_ethernet(&udp(b"another program")),
        on_ethernet(&udp(b"P")),
        on_ethernet(&udp(b"")),
        on_ethernet(b""),
        on_ethernet(&[0x45; 10]),
        vec![1, 2, 3],
        vec![],
        ethernet(1),
    ];
    let (datagrams, tally, result) = read(&pcap(&frames));
    assert!(result.is_ok());
    assert_eq!(datagrams.len(), 1);
    assert_eq!(tally, Tally { foreign: 10, ..Tally::default() });
}

#[test]
fn a_frame_cut_by_the_snap_length_is_told_however_short_it_is() {
    for snap_length in 0..ethernet(7).len() {
        let file = PcapFile::new(Order::Little, PcapFile::US, LinkType::ETHERNET);
        let (datagrams, tally, result) = read(&file.record((0, 0), &ethernet(7), snap_length).bytes);
        assert!(result.is_ok());
        assert_eq!(tally, Tally { truncated: 1, ..Tally::default() }, "{snap_length}");
        // Headers of 42 bytes, then our magic.
        assert_eq!(datagrams.len(), usize::from(snap_length >= 44), "{snap_length}");
        for Datagram { bytes, truncated, .. } in datagrams {
            let captured = snap_length - 42;
            assert_eq!(bytes, packet(7)[..captured]);
            assert_eq!(truncated.map(|truncated| (truncated.captured, truncated.sent)), Some((captured, 48)));
        }
    }
}

#[test]
fn lengths_of_zero_in_the_headers_mean_all_that_is_there() {
    let mut frame = ethernet(7);
    frame[16..18].fill(0);
    frame[38..40].fill(0);
    assert_eq!(sequences_and_times(&pcap(&[frame.clone()])).len(), 1);
    let cut = PcapFile::new(Order::Little, PcapFile::US, LinkType::ETHERNET).record((0, 0), &frame, 60);
    let truncated = read(&cut.bytes).0[0].truncated.map(|truncated| truncated.to_string());
    assert_eq!(truncated.as_deref(), Some("truncated by the capture: 18 of 48 bytes"));
}

#[test]
fn lengths_in_the_headers_larger_than_the_frame_mean_that_it_is_cut() {
    let mut frame = ethernet(7);
    frame[16..18].copy_from_slice(&2028u16.to_be_bytes());
    frame[38..40].copy_from_slice(&2008u16.to_be_bytes());
    let (datagrams, tally, _) = read(&pcap(&[frame]));
    assert_eq!(tally.truncated, 1);
    let truncated = datagrams[0].truncated.map(|truncated| truncated.to_string());
    assert_eq!(truncated.as_deref(), Some("truncated by the capture: 48 of 2000 bytes"));
}

#[test]
fn padding_behind_a_short_packet_is_not_part_of_it() {
    let padded = [ethernet(7), vec![0; 20]].concat();
    assert_eq!(sequences_and_times(&pcap(&[padded])).len(), 1);
}

#[test]
fn a_datagram_of_64_kib_comes_whole() {
    let run = packet(7).repeat(65_507 / 48);
    let (datagrams, ..) = read(&pcap(&[frame(LinkType::ETHERNET, &udp(&run))]));
    assert_eq!(datagrams[0].bytes, run);
    assert_eq!(datagrams[0].truncated, None);
}

#[test]
fn ip_fragments_are_counted_and_the_first_one_of_ours_is_shown() {
    let fragment = |payload: &[u8], offset: u16, more: bool, udp_length: u16| {
        let mut frame = frame(LinkType::ETHERNET, &udp(payload));
        frame[20..22].copy_from_slice(&(offset | u16::from(more) << 13).to_be_bytes());
        frame[38..40].copy_from_slice(&udp_length.to_be_bytes());
        frame
    };
    let run = packet(7).repeat(2);
    let frames = [
        fragment(&run, 0, true, 3008),
        fragment(&run, 185, true, 1),
        fragment(&run, 370, false, 1),
        fragment(b"another program", 0, true, 3008),
        fragment(b"", 0, true, 3008),
    ];
    let (datagrams, tally, _) = read(&pcap(&frames));
    assert_eq!(tally, Tally { foreign: 1, fragments: 4, truncated: 0 });
    assert_eq!(datagrams.len(), 1);
    assert_eq!(datagrams[0].bytes, run);
    let truncated = datagrams[0].truncated.map(|truncated| truncated.to_string());
    assert_eq!(truncated.as_deref(), Some("first of several IP fragments: 96 of 3000 bytes"));
}

#[test]
fn what_is_no_capture_is_told_with_a_hint() {
    let told = |file: &[u8]| read(file).2.map_err(|error| error.to_string()).expect_err("no capture");
    assert!(told(b"").starts_with("empty"));
    let gzip = told(b"\x1F\x8B\x08\0\0\0\0\0\0\x03");
    assert!(
        gzip.starts_with("not a capture: it begins with 1f 8b 08 00 00 00 00 00 (\"........\")"),
        "{gzip}"
    );
    assert!(gzip.ends_with("gzip -dc FILE | wire dump -"), "{gzip}");
    assert!(told("10:00:00 IP ü > b: UDP\n".as_bytes()).contains("-w FILE"));
    assert!(told(&packet(7)).contains("a packet of ours"));
    assert!(told(&[0; 100]).contains("editcap"));
}

#[test]
fn a_pcap_of_an_unknown_link_type_is_refused_at_once() {
    let file = PcapFile::new(Order::Big, PcapFile::NS, LinkType(127));
    let error = read(&file.bytes).2.expect_err("cannot be read").to_string();
    assert!(
        error.starts_with("cannot read frames of link type Wi-Fi with radiotap header (127)."),
        "{error}"
    );
    assert!(error.contains("Supported are BSD loopback (0), Ethernet (1), "), "{error}");
}

#[test]
fn an_interface_of_an_unknown_link_type_hides_no_other() {
    let file = PcapNgFile::new()
        .section(Order::Little)
        .interface(LinkType(189), 0, None, 0)
        .interface(LinkType::ETHERNET, 0, None, 0)
        .enhanced(0, 1, b"usb", WHOLE)
        .enhanced(1, 2, &ethernet(7), WHOLE)
        .enhanced(0, 3, b"usb", WHOLE);
    let (datagrams, tally, result) = read(&file.bytes);
    assert_eq!((datagrams.len(), tally), (1, Tally::default()));
    let error = result.expect_err("not all could be read").to_string();
    assert!(error.starts_with("cannot read frames of link type USB (189), passed over 2 of them"), "{error}");
}

#[test]
fn lengths_that_cannot_be_are_told_and_not_believed() {
    let told = |file: Vec<u8>| match read(&file).2 {
        Err(Error::Damaged { at, what }) => (at, what),
        other => panic!("{other:?}"),
    };
    let mut long = pcap(&[ethernet(1)]);
    long[24 + 8..24 + 12].fill(0xFF);
    assert_eq!(told(long), (24, "a frame of 4294967295 bytes, more than the 1048576 of any real one".into()));

    let start = || PcapNgFile::new().section(Order::Little).interface(LinkType::ETHERNET, 0, None, 0);
    let at = start().bytes.len();
    let with = |position: usize, value: u8, file: PcapNgFile| {
        let mut bytes = file.bytes;
        bytes[at + position] = value;
        told(bytes)
    };
    let packet = || start().enhanced(0, 1, &ethernet(7), WHOLE);
    let length = 12 + 20 + ethernet(7).len().next_multiple_of(4);
    assert_eq!(
        with(7, 0xFF, packet()),
        (
            at as u64,
            format!("a block of {} bytes, more than the 1048576 of any real one", 0xFF00_0000 + length)
        )
    );
    assert_eq!(with(4, 8, packet()), (at as u64, "a block of 8 bytes".into()));
    assert_eq!(with(4, 16, packet()), (at as u64, "a block of 16 bytes that ends as one of 0".into()));
    assert_eq!(with(22, 1, packet()).1, format!("{} bytes of frame in a block with 92", 65_536 + 90));
    assert_eq!(with(8, 3, packet()).1, "a packet of interface 3 where 1 are described");
    assert_eq!(with(8, 0, start().section(Order::Little)).1, "a section without a byte order");
    assert_eq!(with(12, 2, start().section(Order::Little)).1, "pcapng of version 2.0, not 1");
}

#[test]
fn a_section_with_too_many_interfaces_is_damaged() {
    let one = PcapNgFile::new().section(Order::Little);
    let (section, interface) = (one.bytes.len(), one.interface(LinkType::ETHERNET, 0, None, 0).bytes);
    let file = [&interface[..section], &interface[section..].repeat(pcapng::INTERFACES_MAX + 1)].concat();
    assert!(matches!(read(&file).2, Err(Error::Damaged { .. })));
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let samples = [
        pcapng(),
        pcap(&[ethernet(1), frame(LinkType::ETHERNET, &udp(&packet(2).repeat(3)))]),
        PcapFile::new(Order::Big, PcapFile::NS, LinkType::LINUX_COOKED_2)
            .record((1, 2), &frame(LinkType::LINUX_COOKED_2, &udp(&packet(7))), WHOLE)
            .record((1, 2), &frame(LinkType::LINUX_COOKED_2, &udp(&packet(8))), 60)
            .bytes,
    ];
    let mut numbers = Numbers(0x5EED);
    for round in 0..20_000 {
        let mut file = samples[round % samples.len()].clone();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(file.len());
            match numbers.below(4) {
                0 => file[at] ^= 1 << numbers.below(8),
                1 => file[at] = [0, 1, 0x7F, 0x80, 0xFF][numbers.below(5)],
                2 => file.truncate(at.max(1)),
                _ => {
                    let end = file.len().min(at + 4);
                    file[at..end].fill(numbers.below(256) as u8);
                }
            }
        }
        let (datagrams, tally, result) = read(&file);
        let frames = datagrams.len() as u64 + tally.foreign + tally.fragments + tally.truncated;
        assert!(frames <= 12, "round {round}: {frames} frames, {result:?}");
        if let Err(error) = result {
            assert!(error.to_string().len() < 600, "round {round}: {error}");
        }
    }
}

#[test]
fn random_frames_are_sorted_without_a_panic() {
    let mut numbers = Numbers(0xF4A3E5);
    for round in 0..100_000 {
        let link = LinkType::SUPPORTED[numbers.below(LinkType::SUPPORTED.len())];
        let mut bytes = frame(link, &udp(&packet(7)));
        for _ in 0..=numbers.below(6) {
            let at = numbers.below(bytes.len().min(60));
            bytes[at] = numbers.below(256) as u8;
        }
        bytes.truncate(numbers.below(2 * bytes.len()));
        let missing = if round % 2 == 0 { 0 } else { numbers.below(100) };
        let record = Record { time_ns: 0, link, bytes: &bytes, missing, note: Note::default() };
        if let Sorted::Ours(datagram) = Sorted::from(&record, &mut Vec::new()) {
            assert!(super::datagram::begins_as_ours(&datagram.bytes));
        }
    }
}

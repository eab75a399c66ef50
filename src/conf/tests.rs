use std::fs;
use std::io::{Error, ErrorKind};

use super::*;

const FOUR: &str = "clients   239.0.0.1 5000\nproposers 239.0.0.1 6000\n\
                    acceptors 239.0.0.1 7000\nlearners  239.0.0.1 8000\n";

/// The four lines and then `more`, which starts in line 5.
fn conf(more: &str) -> Conf {
    match Conf::parse(&format!("{FOUR}{more}"), "paxos.conf") {
        Ok(conf) => conf,
        Err(problems) => panic!("{problems}"),
    }
}

/// What is said about the whole of `text`.
fn says(text: &str) -> String {
    match Conf::parse(text, "paxos.conf") {
        Ok(conf) => panic!("taken for good:\n{conf}"),
        Err(problems) => problems.to_string(),
    }
}

/// Asserts what is said about `line`, written as line 5 behind the four; `expected` starts at the column.
#[track_caller]
fn refused(line: &str, expected: &str) {
    assert_eq!(says(&format!("{FOUR}{line}")), format!("paxos.conf:5:{expected}"));
}

/// Asserts what is said about the line `acceptors 239.0.0.1 7000` when it is `line` instead.
#[track_caller]
fn acceptors_refused(line: &str, expected: &str) {
    let text = FOUR.replace("acceptors 239.0.0.1 7000", line);
    assert_eq!(says(&text), format!("paxos.conf:3:{expected}"));
}

#[test]
fn the_four_line_file_works_with_all_defaults() {
    let group = |port| SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, 1), port);
    let conf = conf("");
    assert_eq!(conf.path, Path::new("paxos.conf"));
    assert_eq!([conf.clients, conf.proposers], [group(5000), group(6000)]);
    assert_eq!([conf.acceptors, conf.learners], [group(7000), group(8000)]);
    assert_eq!(conf.acceptor_ids, [1, 2, 3]);
    assert_eq!(conf.interface, Interface::Loopback);
    assert_eq!((conf.ttl, conf.mtu), (1, 1500));
    assert_eq!((conf.heartbeat, conf.suspect), (Duration::from_secs(2), Duration::from_secs(5)));
    assert_eq!((conf.rate, conf.buffer), (None, 4_194_304));
}

#[test]
fn every_key_says_what_it_should() {
    let conf = conf("interface eth0\nttl 3\nmtu 9000\nheartbeat 50ms\nsuspect 1.5s\nrate 7\nbuffer 66k\n");
    assert_eq!(conf.interface, Interface::Named("eth0".to_string()));
    assert_eq!((conf.ttl, conf.mtu), (3, 9000));
    assert_eq!((conf.heartbeat, conf.suspect), (Duration::from_millis(50), Duration::from_millis(1500)));
    assert_eq!((conf.rate, conf.buffer), (Some(7), 66_000));
}

#[test]
fn acceptor_ids_are_sorted_and_known() {
    let text = FOUR.replace("7000", "7000 4 0 65535 2");
    let conf = Conf::parse(&text, "paxos.conf").expect("good");
    assert_eq!(conf.acceptor_ids, [0, 2, 4, 65535]);
    assert!(conf.is_acceptor(4) && !conf.is_acceptor(1));
}

#[test]
fn spaces_tabs_comments_blank_lines_carriage_returns_and_a_byte_order_mark_are_fine() {
    let dressed = "\u{feff}# groups\r\n\r\n  clients\t239.0.0.1  5000 # clients\r\n\
                   proposers 239.0.0.1 6000#p\r\nacceptors 239.0.0.1 7000 # 4 5 6\r\n \t \r\n\
                   learners 239.0.0.1 8000\r\n#ttl 9";
    assert_eq!(Conf::parse(dressed, "paxos.conf"), Ok(conf("")));
}

#[test]
fn durations_have_units_and_fractions() {
    for (text, micros) in
        [("1000us", 1000), ("1ms", 1000), ("0.5s", 500_000), ("01.250s", 1_250_000), ("0.05m", 3_000_000)]
    {
        assert_eq!(conf(&format!("heartbeat {text}")).heartbeat, Duration::from_micros(micros), "{text}");
    }
    assert_eq!(conf("suspect 60m").suspect, Duration::from_secs(3600));
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in
        [("65536", 65_536), ("212992", 212_992), ("70k", 70_000), ("4M", 4_000_000), ("64KiB", 65_536)]
    {
        assert_eq!(conf(&format!("buffer {text}")).buffer, bytes, "{text}");
    }
    assert_eq!(conf("buffer 1024MiB").buffer, 1 << 30);
}

#[test]
fn an_interface_is_loopback_a_name_or_an_address() {
    assert_eq!(conf("interface loopback").interface, Interface::Loopback);
    assert_eq!(conf("interface lo").interface, Interface::Named("lo".to_string()));
    assert_eq!(conf("interface br-0a1b.100@x").interface, Interface::Named("br-0a1b.100@x".to_string()));
    assert_eq!(conf("interface 10.0.0.7").interface, Interface::Address(Ipv4Addr::new(10, 0, 0, 7)));
}

#[test]
fn data_is_a_directory_beside_the_configuration_with_the_id_in_its_name() {
    let of = |path: &str, line: &str| {
        let conf = Conf::parse(&format!("{FOUR}{line}"), path).expect("good");
        conf.data_of(3).map(|directory| directory.display().to_string())
    };
    assert_eq!(of("paxos.conf", ""), None);
    assert_eq!(of("paxos.conf", "data none"), None);
    assert_eq!(of("paxos.conf", "data votes").as_deref(), Some("votes"));
    assert_eq!(of("/etc/paxos.conf", "data v%i/%i").as_deref(), Some("/etc/v3/3"));
    assert_eq!(of("../paxos.conf", "data /var/lib/paxos/%i").as_deref(), Some("/var/lib/paxos/3"));
}

#[test]
fn a_percent_sign_that_stands_for_nothing_is_refused() {
    for (data, what) in [("/x/%d", "%d"), ("%%i", "%"), ("50%", "%")] {
        let expected = format!(
            "6: {what} stands for nothing; write `%i` for the acceptor's id, or no %, as in `data \
             /var/lib/paxos/%i`"
        );
        refused(&format!("data {data}"), &expected);
    }
}

#[test]
fn a_file_of_keys_lies_beside_the_configuration() {
    let of = |path: &str, line: &str| {
        let conf = Conf::parse(&format!("{FOUR}{line}"), path).expect("good");
        conf.key_file().map(|file| file.display().to_string())
    };
    assert_eq!((of("paxos.conf", ""), of("paxos.conf", "key none")), (None, None));
    assert_eq!(of("/etc/paxos.conf", "key paxos.key").as_deref(), Some("/etc/paxos.key"));
    assert_eq!(of("../paxos.conf", "key /run/paxos.key").as_deref(), Some("/run/paxos.key"));
    assert_eq!((conf("").layout().trailer, conf("key k").layout().trailer), (0, 16));
}

#[test]
fn nothing_is_encrypted_without_a_key() {
    assert!(conf("key k\nencrypt yes").encrypt && !conf("key k").encrypt && !conf("encrypt no").encrypt);
    refused("encrypt yes", "9: `encrypt yes` needs a key; write a line `key paxos.key`");
    refused("encrypt true", "9: true is neither yes nor no; write one of them, as in `encrypt yes`");
}

#[test]
fn what_must_agree_is_one_text_per_meaning() {
    let expected = "clients 239.0.0.1 5000\nproposers 239.0.0.1 6000\n\
                    acceptors 239.0.0.1 7000 1 2 3\nlearners 239.0.0.1 8000\nmtu 1500\n";
    assert_eq!(conf("").agreed(), expected);
    let otherwise = "mtu 1500\nttl 9\nrate 5\nlearners  239.0.0.1 8000\nheartbeat 1s\ninterface eth0\n\
                     proposers 239.0.0.1 06000\nacceptors 239.0.0.1 7000 3 2 1 # the same\n\
                     suspect 60m\nbuffer 1M\nreserve 5M\nclients 239.0.0.1 5000\ndata d";
    assert_eq!(Conf::parse(otherwise, "other.conf").expect("good").agreed(), expected);
    assert_ne!(conf("mtu 9000").agreed(), expected);
    // What fits a packet depends on whether it is sealed, and not on the key.
    assert_eq!(conf("key a").agreed(), format!("{expected}sealed\n"));
    assert_eq!(conf("key b\nencrypt yes").agreed(), conf("key a").agreed());
    assert_eq!(conf("key none").agreed(), expected);
}

#[test]
fn check_prints_the_defaults_as_such() {
    let expected = "\
clients    239.0.0.1 5000
proposers  239.0.0.1 6000
acceptors  239.0.0.1 7000 1 2 3  # default ids
learners   239.0.0.1 8000
interface  loopback              # default
ttl        1                     # default
mtu        1500                  # default
heartbeat  2s                    # default
suspect    5s                    # default
rate       none                  # default
buffer     4MiB                  # default
status     1s                    # default
reserve    0                     # default
data       none                  # default
key        none                  # default
encrypt    no                    # default
";
    assert_eq!(conf("").to_string(), expected);
}

#[test]
fn check_prints_what_was_written_without_comment() {
    let text = "suspect 90s\nrate 9\nheartbeat 1.5s\nclients 239.0.0.1 1\nproposers 239.255.100.100 2\n\
                acceptors 239.0.0.1 3 5 4\nlearners 239.0.0.1 4\nttl 1\nmtu 1500\ninterface 10.0.0.1\n\
                 buffer 65537\nstatus off\nreserve 2048MiB\ndata votes/%i\nkey k\nencrypt yes";
    let expected = "\
clients    239.0.0.1       1
proposers  239.255.100.100 2
acceptors  239.0.0.1       3 4 5
learners   239.0.0.1       4
interface  10.0.0.1
ttl        1
mtu        1500
heartbeat  1500ms
suspect    90s
rate       9
buffer     65537
status     off
reserve    2048MiB
data       votes/%i
key        k
encrypt    yes
";
    assert_eq!(Conf::parse(text, "paxos.conf").expect("good").to_string(), expected);
}

#[test]
fn check_output_parses_back_to_the_same_configuration() {
    let mut random = Random(1);
    for _ in 0..500 {
        let conf = random.conf();
        let again = Conf::parse(&conf.to_string(), "paxos.conf");
        assert_eq!(again.as_ref(), Ok(&conf), "printed as\n{conf}");
        let again = again.expect("just seen");
        assert_eq!(again.agreed(), conf.agreed());
        assert!(!again.to_string().contains('#'), "all is written in\n{conf}");
    }
}

#[test]
fn an_address_that_is_none_is_refused_with_its_column() {
    acceptors_refused(
        "acceptors 239.0.0.300 7000",
        "11: 239.0.0.300 is not an IPv4 address; write the group's address, as in `acceptors 239.0.0.1 7000`",
    );
}

#[test]
fn an_address_without_a_group_is_refused() {
    acceptors_refused(
        "acceptors 10.0.0.1 7000",
        "11: 10.0.0.1 is not a multicast group; write an address from 224.0.0.0 to 239.255.255.255, \
         as in `acceptors 239.0.0.1 7000`",
    );
}

#[test]
fn ipv6_is_refused_as_such() {
    for address in ["ff02::1", "[ff02::1]:7000", "ff02::1%eth0"] {
        let expected = format!(
            "11: {address} is an IPv6 address, and only IPv4 is spoken here; write the group's address, \
             as in `acceptors 239.0.0.1 7000`"
        );
        acceptors_refused(&format!("acceptors {address} 7000"), &expected);
    }
}

#[test]
fn a_port_that_is_none_is_refused() {
    for port in ["0", "65536", "-1", "+1", "http", "99999999999999999999"] {
        let expected = format!(
            "21: {port} is not a port; write a number from 1 to 65535, as in `acceptors 239.0.0.1 7000`"
        );
        acceptors_refused(&format!("acceptors 239.0.0.1 {port}"), &expected);
    }
}

#[test]
fn a_group_line_without_address_or_port_is_refused_at_its_end() {
    acceptors_refused(
        "acceptors # soon",
        "10: `acceptors` has no address and no port; write both, as in `acceptors 239.0.0.1 7000`",
    );
    acceptors_refused(
        "acceptors 239.0.0.1",
        "20: `acceptors` has no port; write it behind the address, as in `acceptors 239.0.0.1 7000`",
    );
}

#[test]
fn an_address_and_a_port_in_one_are_taken_apart() {
    acceptors_refused(
        "acceptors 239.0.0.9:7001",
        "11: 239.0.0.9:7001 is an address and a port in one; write them apart, \
         as in `acceptors 239.0.0.9 7001`",
    );
}

#[test]
fn acceptor_ids_that_are_none_are_refused() {
    for id in ["65536", "-1", "1,2,3", "a"] {
        let expected = format!(
            "28: {id} is not an acceptor's id; write numbers from 0 to 65535, a space between two, \
             as in `acceptors 239.0.0.1 7000 1 2 3`"
        );
        acceptors_refused(&format!("acceptors 239.0.0.1 7000 7 {id}"), &expected);
    }
}

#[test]
fn an_acceptor_id_written_twice_is_refused() {
    acceptors_refused(
        "acceptors 239.0.0.1 7000 1 2 01",
        "30: acceptor 1 is listed twice; write each id once, as in `acceptors 239.0.0.1 7000 1 2 3`",
    );
}

#[test]
fn fifteen_acceptors_are_enough() {
    let line =
        |count| (0..count).fold("acceptors 239.0.0.1 7000".to_string(), |line, id| format!("{line} {id}"));
    let text = FOUR.replace("acceptors 239.0.0.1 7000", &line(15));
    assert_eq!(Conf::parse(&text, "paxos.conf").expect("good").acceptor_ids.len(), ACCEPTORS_MAX);
    acceptors_refused(&line(17), "61: 17 acceptors are too many; write 15 ids at most");
}

#[test]
fn a_misspelt_key_gets_a_suggestion() {
    for (word, key) in [
        ("hartbeat", "heartbeat"),
        ("mut", "mtu"),
        ("TTL", "ttl"),
        ("client", "clients"),
        ("buffers", "buffer"),
        ("intreface", "interface"),
    ] {
        refused(&format!("  {word} 1"), &format!("3: `{word}` is not a key; did you mean `{key}`?"));
    }
}

#[test]
fn an_unknown_key_gets_the_list_of_keys() {
    refused(
        "colour blue",
        "1: `colour` is not a key; the keys are clients, proposers, acceptors, learners, interface, ttl, \
         mtu, heartbeat, suspect, rate, buffer, status, reserve, data, key, encrypt",
    );
}

#[test]
fn a_key_with_an_equals_sign_or_a_colon_is_told_about_the_space() {
    refused("ttl=3", "1: `ttl=3` is not a key; write a space behind the key, as in `ttl 1`");
    refused("mtu: 1500", "1: `mtu:` is not a key; write a space behind the key, as in `mtu 1500`");
}

#[test]
fn a_key_written_twice_is_refused_and_the_first_line_named() {
    refused("acceptors 239.0.0.1 9000", "1: `acceptors` is written twice, first in line 3; keep one of them");
}

#[test]
fn the_second_of_two_lines_is_looked_at_as_well() {
    assert_eq!(
        says(&format!("{FOUR}ttl 1\nttl 0")),
        "paxos.conf:6:1: `ttl` is written twice, first in line 5; keep one of them\n\
         paxos.conf:6:5: 0 is not a ttl; write a number of hops from 1 to 255, as in `ttl 1`"
    );
}

#[test]
fn a_missing_group_line_is_named() {
    assert_eq!(
        says("clients 239.0.0.1 5000\nacceptors 239.0.0.1 7000\nlearners 239.0.0.1 8000\n"),
        "paxos.conf: the line `proposers` is missing; write it, as in `proposers 239.0.0.1 6000`"
    );
}

#[test]
fn a_misspelt_group_line_is_not_called_missing_too() {
    assert_eq!(
        says(&FOUR.replace("learners", "learner")),
        "paxos.conf:4:1: `learner` is not a key; did you mean `learners`?"
    );
}

#[test]
fn extra_columns_are_refused() {
    refused("ttl 1 hop", "7: hop is one word too many; write one value only, as in `ttl 1`");
    assert_eq!(
        says(&FOUR.replace("8000", "8000 1 2 3")),
        "paxos.conf:4:26: 1 is one word too many; write an address and a port only, \
         as in `learners 239.0.0.1 8000`"
    );
}

#[test]
fn a_key_without_a_value_is_refused_at_its_end() {
    refused(" rate #", "6: `rate` has no value; write one, as in `rate 100000`");
}

#[test]
fn two_roles_in_one_group_are_refused_and_the_first_line_named() {
    assert_eq!(
        says(&FOUR.replace("8000", "5000")),
        "paxos.conf:4:11: 239.0.0.1 5000 is the group of `clients` already, in line 1; \
         write another address or another port"
    );
    let upside_down: Vec<&str> = FOUR.lines().rev().collect();
    assert_eq!(
        says(&upside_down.join("\n").replace("8000", "5000")),
        "paxos.conf:4:11: 239.0.0.1 5000 is the group of `learners` already, in line 1; \
         write another address or another port"
    );
}

#[test]
fn one_port_at_two_addresses_is_fine() {
    let text = FOUR.replace("learners  239.0.0.1 8000", "learners  239.0.0.2 5000");
    assert!(Conf::parse(&text, "paxos.conf").is_ok());
}

#[test]
fn numbers_out_of_their_bounds_are_refused() {
    for ttl in ["0", "256", "x"] {
        let expected = format!("5: {ttl} is not a ttl; write a number of hops from 1 to 255, as in `ttl 1`");
        refused(&format!("ttl {ttl}"), &expected);
    }
    for mtu in ["0", "1279", "9217", "1500B"] {
        let expected =
            format!("5: {mtu} is not an mtu; write a number of bytes from 1280 to 9216, as in `mtu 1500`");
        refused(&format!("mtu {mtu}"), &expected);
    }
    for rate in ["0", "4294967296", "1e6", "unlimited"] {
        let expected = format!(
            "6: {rate} is not a rate; write values per second from 1 to 4294967295, or `none`, \
             as in `rate 100000`"
        );
        refused(&format!("rate {rate}"), &expected);
    }
}

#[test]
fn a_duration_without_a_unit_is_refused() {
    refused("heartbeat 2", "11: 2 has no unit; write us, ms, s or m behind the number, as in `heartbeat 2s`");
    refused("suspect 2.5", "9: 2.5 has no unit; write us, ms, s or m behind the number, as in `suspect 5s`");
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["s", "2h", "2S", "-2s", ".5s", "1.s", "1.2.3s", "1e3s", "soon", "2s2s"] {
        let expected =
            format!("11: {text} is not a duration; write a number and us, ms, s or m, as in `heartbeat 2s`");
        refused(&format!("heartbeat {text}"), &expected);
    }
    refused(
        "heartbeat 1.0000001s",
        "11: 1.0000001s is finer than a microsecond; write fewer digits, as in `heartbeat 2s`",
    );
}

#[test]
fn durations_out_of_their_bounds_are_refused() {
    for text in ["0s", "999us", "0.999999ms", "601s", "99999999999999999999999m"] {
        let expected =
            format!("11: {text} is out of range; write a duration from 1ms to 10m, as in `heartbeat 2s`");
        refused(&format!("heartbeat {text}"), &expected);
    }
    refused("suspect 61m", "9: 61m is out of range; write a duration from 1ms to 60m, as in `suspect 5s`");
}

#[test]
fn sizes_that_are_none_or_out_of_bounds_are_refused() {
    let todo = "write a size from 64KiB to 1024MiB, in bytes or with k, M, KiB or MiB behind it, \
                as in `buffer 4MiB`";
    for text in ["4GiB", "4K", "4mb", "1.5MiB", "MiB", "-1", "99999999999999999999"] {
        refused(&format!("buffer {text}"), &format!("8: {text} is not a size; {todo}"));
    }
    for text in ["0", "65535", "65k", "1025MiB", "9999999999999999M"] {
        refused(&format!("buffer {text}"), &format!("8: {text} is out of range; {todo}"));
    }
    let todo = "write a duration from 10ms to 60m, or `off`, as in `status 1s`";
    refused("status 9ms", &format!("8: 9ms is out of range; {todo}"));
    let todo = "write a number and us, ms, s or m, or `off`, as in `status 1s`";
    refused("status never", &format!("8: never is not a duration; {todo}"));
    let todo = "write a size from 0 to 65536MiB, in bytes or with k, M, KiB or MiB behind it, as in `reserve 1024MiB`";
    refused("reserve 65537MiB", &format!("9: 65537MiB is out of range; {todo}"));
    refused("reserve all", &format!("9: all is not a size; {todo}"));
}

#[test]
fn what_is_no_interface_is_refused() {
    let todo = "write the name of an interface or its own address, as in `interface eth0`";
    for (text, what) in [
        ("10.0.0.300", "is not an IPv4 address"),
        ("239.0.0.1", "is a multicast group"),
        ("0.0.0.0", "is no interface's own address"),
        ("255.255.255.255", "is no interface's own address"),
        ("fe80::1%eth0", "is an IPv6 address, and only IPv4 is spoken here"),
        ("10.0.0.0/8", "cannot be the name of an interface"),
        ("sixteen-letters-", "cannot be the name of an interface"),
    ] {
        refused(&format!("interface {text}"), &format!("11: {text} {what}; {todo}"));
    }
}

#[test]
fn a_suspicion_no_longer_than_the_heartbeat_is_refused() {
    refused(
        "suspect 2s",
        "9: suspect, 2s, is not longer than heartbeat, 2s by default; \
         write for example `suspect 5s`, or `heartbeat 800ms`",
    );
    refused(
        "heartbeat 60s",
        "11: suspect, 5s by default, is not longer than heartbeat, 1m; \
         write for example `suspect 150s`, or `heartbeat 2s`",
    );
    assert_eq!(
        says(&format!("{FOUR}suspect 1ms\nheartbeat 2ms")),
        "paxos.conf:6:11: suspect, 1ms, is not longer than heartbeat, 2ms; write for example `suspect 5ms`"
    );
}

#[test]
fn a_time_that_was_not_understood_is_not_compared() {
    refused("suspect 1\n", "9: 1 has no unit; write us, ms, s or m behind the number, as in `suspect 5s`");
}

#[test]
fn all_problems_are_reported_in_the_order_of_the_file() {
    let text = "clients 10.0.0.1 0 x\nttl 0 # é\né ttl\nproposers 239.0.0.1 6000\n\
                heartbeat 6s\nlearners 239.0.0.1 6000";
    assert_eq!(
        says(text),
        "\
paxos.conf:1:9: 10.0.0.1 is not a multicast group; write an address from 224.0.0.0 to 239.255.255.255, \
as in `clients 239.0.0.1 5000`
paxos.conf:1:18: 0 is not a port; write a number from 1 to 65535, as in `clients 239.0.0.1 5000`
paxos.conf:1:20: x is one word too many; write an address and a port only, as in `clients 239.0.0.1 5000`
paxos.conf:2:5: 0 is not a ttl; write a number of hops from 1 to 255, as in `ttl 1`
paxos.conf:3:1: `é` is not a key; the keys are clients, proposers, acceptors, learners, interface, ttl, mtu, \
heartbeat, suspect, rate, buffer, status, reserve, data, key, encrypt
paxos.conf:5:11: suspect, 5s by default, is not longer than heartbeat, 6s; \
write for example `suspect 15s`, or `heartbeat 2s`
paxos.conf:6:10: 239.0.0.1 6000 is the group of `proposers` already, in line 4; \
write another address or another port
paxos.conf: the line `acceptors` is missing; write it, as in `acceptors 239.0.0.1 7000`"
    );
}

#[test]
fn columns_count_characters() {
    refused("ttl\u{a0}1 ééé x", "7: ééé is one word too many; write one value only, as in `ttl 1`");
    assert!(says("\u{feff}ttl 0").starts_with("paxos.conf:1:5: 0 is not a ttl;"));
}

#[test]
fn many_problems_are_cut_short_and_counted() {
    let said = says(&format!("{FOUR}{}", "nonsense\n".repeat(27)));
    assert_eq!(said.lines().count(), 21);
    assert_eq!(said.lines().last(), Some("paxos.conf: and 7 more problems"));
    let said = says(&format!("{FOUR}{}", "nonsense\n".repeat(21)));
    assert_eq!(said.lines().last(), Some("paxos.conf: and 1 more problem"));
}

#[test]
fn long_and_unprintable_words_are_shortened_and_escaped() {
    let said = says(&format!("{FOUR}{}", "x".repeat(1_000_000)));
    assert!(said.len() < 300 && said.contains(&format!("`{}…`", "x".repeat(40))), "{said}");
    let said = says(&format!("{FOUR}ttl \u{1b}[31m\0\u{202e}'\\"));
    assert!(said.contains(" \\u{1b}[31m\\0\\u{202e}'\\ is not a ttl;"), "{said}");
}

#[test]
fn an_empty_file_is_called_empty() {
    for text in ["", "\u{feff}", " \r\n\t\n"] {
        assert_eq!(
            says(text),
            "paxos.conf: the file is empty; write the lines `clients`, `proposers`, `acceptors` and \
             `learners`, each as `clients 239.0.0.1 5000`"
        );
    }
    assert_eq!(says("# to do").lines().count(), 4);
}

#[test]
fn load_reads_a_file_and_keeps_its_path() {
    let file = Scratch::new("good", FOUR.as_bytes());
    let conf = Conf::load(&file.0).expect("good");
    assert_eq!(conf.path, file.0);
    let file = Scratch::new("marked", format!("\u{feff}{FOUR}").as_bytes());
    assert_eq!(Conf::load(&file.0).expect("good").agreed(), conf.agreed());
}

#[test]
fn a_file_that_is_not_there_is_refused_by_path() {
    assert_eq!(
        load_says(Path::new("/no/such/paxos.conf")),
        "/no/such/paxos.conf: there is no such file; name the cluster's paxos.conf"
    );
}

#[test]
fn a_directory_is_refused_by_path() {
    let path = std::env::temp_dir();
    let expected = format!("{}: this is a directory; name the file in it", path.display());
    assert_eq!(load_says(&path), expected);
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    // The tests may run as root, who may read everything.
    assert_eq!(
        file::why_unreadable(&Error::from(ErrorKind::PermissionDenied)),
        "you may not read this file; allow it with chmod, or run as its owner"
    );
    assert_eq!(
        file::why_unreadable(&Error::other("the disk is on fire")),
        "the file cannot be read: the disk is on fire"
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_at_the_byte() {
    let file = Scratch::new("latin1", b"\xef\xbb\xbf# \xc3\xa9\nttl 1\n# \xc3\xa9 \xe9 caf\n");
    let expected = format!("{}:3:5: byte 0xe9 is not UTF-8; save the file as UTF-8 text", file.0.display());
    assert_eq!(load_says(&file.0), expected);
    let file = Scratch::new("utf16", b"\xff\xfec\0l\0");
    let expected = format!("{}:1:1: the file is UTF-16, not UTF-8; save it as UTF-8 text", file.0.display());
    assert_eq!(load_says(&file.0), expected);
}

#[test]
fn a_file_without_end_is_refused() {
    assert_eq!(
        load_says(Path::new("/dev/zero")),
        "/dev/zero: the file is over 64 KiB, which no configuration is; is this the right file?"
    );
}

#[test]
fn no_bytes_make_it_panic_or_talk_without_end() {
    let mut random = Random(2);
    let file = Scratch::new("random", b"");
    for round in 0..2000 {
        let bytes = if round % 2 == 0 { random.bytes() } else { random.almost_conf() };
        let said = match Conf::parse(&String::from_utf8_lossy(&bytes), "paxos.conf") {
            Ok(_) => continue,
            Err(problems) => problems.to_string(),
        };
        assert!(!said.is_empty() && said.lines().count() <= 21 && said.len() < 21 * 700, "{said}");
        assert!(said.lines().all(|line| line.starts_with("paxos.conf:")), "{said}");
        if round % 20 < 2 {
            fs::write(&file.0, &bytes).expect("a writable temporary directory");
            // Whether it is refused is not asked: it must come back.
            let _ = Conf::load(&file.0).map_err(|problems| problems.to_string());
        }
    }
}

fn load_says(path: &Path) -> String {
    match Conf::load(path) {
        Ok(conf) => panic!("taken for good:\n{conf}"),
        Err(problems) => problems.to_string(),
    }
}

/// A file that goes when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Scratch {
        let path = std::env::temp_dir().join(format!("paxos-conf-{}-{name}", std::process::id()));
        fs::write(&path, bytes).expect("a writable temporary directory");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// SplitMix64: the same numbers every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(300)).map(|_| self.next() as u8).collect()
    }

    /// A good file with some bytes changed, dropped or doubled.
    fn almost_conf(&mut self) -> Vec<u8> {
        let mut bytes = self.conf().to_string().into_bytes();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len() as u64) as usize;
            match self.below(3) {
                0 => bytes[at] = self.next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b" #\n0.9:"[self.below(7) as usize]),
            }
        }
        bytes
    }

    /// Any configuration, by way of its text.
    fn conf(&mut self) -> Conf {
        let mut text = String::new();
        for (index, key) in Key::GROUPS.into_iter().enumerate() {
            let ip = Ipv4Addr::from(0xe000_0000 | self.next() as u32 >> 4);
            text += &format!("{} {ip} {}", key.name(), 1 + index as u64 + 4 * self.below(16_000));
            if key == Key::Acceptors {
                let first = self.below(65_500);
                text.extend((0..self.below(16)).map(|id| format!(" {}", first + 14 - id)));
            }
            text += "\n";
        }
        let heartbeat = 1000 + self.below(600_000_000 - 1000);
        let written = self.next();
        let interface = ["lo", "eth0", "10.1.2.3", "loopback"][self.below(4) as usize];
        let lines = [
            format!("heartbeat {heartbeat}us\nsuspect {}us\n", heartbeat + 1 + self.below(3_000_000_000)),
            format!("ttl {}\n", 1 + self.below(255)),
            format!("mtu {}\n", 1280 + self.below(7937)),
            format!("rate {}\n", 1 + self.below(u64::from(u32::MAX))),
            format!("buffer {}\n", 65_536 + self.below((1 << 30) - 65_535)),
            format!("status {}\n", ["off", "10ms", "2s", "60m"][self.below(4) as usize]),
            format!("reserve {}\n", self.below((64 << 30) + 1)),
            format!("data {}\n", ["none", "/d%i/%i", "d"][self.below(3) as usize]),
            format!("interface {interface}\n"),
            format!("key k\nencrypt {}\n", ["yes", "no"][self.below(2) as usize]),
        ];
        for (bit, line) in lines.iter().enumerate() {
            if written >> bit & 1 == 1 {
                text += line;
            }
        }
        Conf::parse(&text, "paxos.conf").unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"))
    }
}

#[test]
fn what_is_told_of_a_key_that_is_missing_is_what_holds() {
    let conf = conf("");
    for told in keys() {
        let key = Key::named(told.key).expect("it is a key");
        match told.default {
            Some(default) => assert_eq!(conf.value_text(key), default, "{}", told.key),
            None => assert!(Key::GROUPS.contains(&key), "{} has a default", told.key),
        }
    }
}

//! One word to one value, and back.
//!
//! A refusal reads `what is wrong; what to write`, and stops where the caller adds an example of the key.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::{BUFFER, HEARTBEAT, Interface, MTU, RATE, RESERVE, STATUS, SUSPECT, TRACE_SIZE, TTL};

/// Characters of a word that a message repeats.
const EXCERPT_MAX: usize = 40;

/// Linux's `IFNAMSIZ`, less the zero byte at the end.
const INTERFACE_NAME_MAX: usize = 15;

/// Units of time in microseconds, the largest first.
const TIME_UNITS: [(&str, u64); 4] = [("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)];

/// Units of size in bytes. The last two are what sizes are printed in.
const SIZE_UNITS: [(&str, usize); 4] = [("k", 1000), ("M", 1_000_000), ("MiB", 1024 * 1024), ("KiB", 1024)];

/// A word for a message: its first characters, with what a terminal would act on or not show escaped.
pub(super) fn excerpt(word: &str) -> String {
    let mut text = String::new();
    for c in word.chars().take(EXCERPT_MAX) {
        match c {
            '\'' | '"' | '\\' => text.push(c),
            _ => text.extend(c.escape_debug()),
        }
    }
    if word.chars().nth(EXCERPT_MAX).is_some() {
        text.push('…');
    }
    text
}

/// The address of a multicast group.
pub(super) fn group_address(word: &str) -> Result<Ipv4Addr, String> {
    let address = ipv4(word).map_err(|what| format!("{what}; write the group's address"))?;
    if !address.is_multicast() {
        return Err(format!(
            "{address} is not a multicast group; write an address from 224.0.0.0 to 239.255.255.255"
        ));
    }
    Ok(address)
}

/// A UDP port.
pub(super) fn port(word: &str) -> Result<u16, String> {
    whole(word, 1..=u16::MAX)
        .ok_or_else(|| format!("{} is not a port; write a number from 1 to 65535", excerpt(word)))
}

/// The id of an acceptor.
pub(super) fn acceptor_id(word: &str) -> Result<u16, String> {
    let todo = "write numbers from 0 to 65535, a space between two";
    whole(word, 0..=u16::MAX).ok_or_else(|| format!("{} is not an acceptor's id; {todo}", excerpt(word)))
}

/// The value of `interface`.
pub(super) fn interface(word: &str) -> Result<Interface, String> {
    let todo = "write the name of an interface or its own address";
    if word == "loopback" {
        return Ok(Interface::Loopback);
    }
    if is_ipv6(word) || word.chars().all(|c| c.is_ascii_digit() || c == '.') {
        let address = ipv4(word).map_err(|what| format!("{what}; {todo}"))?;
        return match address {
            _ if address.is_multicast() => Err(format!("{address} is a multicast group; {todo}")),
            Ipv4Addr::UNSPECIFIED | Ipv4Addr::BROADCAST => {
                Err(format!("{address} is no interface's own address; {todo}"))
            }
            _ => Ok(Interface::Address(address)),
        };
    }
    let printable = excerpt(word) == word;
    if word.len() > INTERFACE_NAME_MAX || word.contains(['/', ':']) || !printable {
        return Err(format!("{} cannot be the name of an interface; {todo}", excerpt(word)));
    }
    Ok(Interface::Named(word.to_string()))
}

/// The value of `ttl`, in hops.
pub(super) fn ttl(word: &str) -> Result<u8, String> {
    whole(word, TTL)
        .ok_or_else(|| format!("{} is not a ttl; write a number of hops from 1 to 255", excerpt(word)))
}

/// The value of `mtu`, in bytes.
pub(super) fn mtu(word: &str) -> Result<u16, String> {
    whole(word, MTU)
        .ok_or_else(|| format!("{} is not an mtu; write a number of bytes from 1280 to 9216", excerpt(word)))
}

/// The value of `heartbeat`.
///
/// # Errors
/// What is wrong with the word; what to write.
pub fn heartbeat(word: &str) -> Result<Duration, String> {
    duration(word, HEARTBEAT)
}

/// The value of `suspect`.
///
/// # Errors
/// What is wrong with the word; what to write.
pub fn suspect(word: &str) -> Result<Duration, String> {
    duration(word, SUSPECT)
}

/// The value of `rate`, in values per second.
pub fn rate(word: &str) -> Result<Option<u32>, String> {
    if word == "none" {
        return Ok(None);
    }
    let todo = "write values per second from 1 to 4294967295, or `none`";
    whole(word, RATE).map(Some).ok_or_else(|| format!("{} is not a rate; {todo}", excerpt(word)))
}

/// The value of `status`.
///
/// # Errors
/// What is wrong with the word; what to write.
pub fn status(word: &str) -> Result<Option<Duration>, String> {
    if word == "off" {
        return Ok(None);
    }
    duration(word, STATUS).map(Some).map_err(|what| format!("{what}, or `off`"))
}

/// How long a tool listens.
///
/// # Errors
/// What is wrong with the word; what to write.
pub fn wait(word: &str) -> Result<Duration, String> {
    duration(word, STATUS)
}

/// The value of `buffer`, in bytes.
pub(super) fn buffer(word: &str) -> Result<usize, String> {
    size(word, BUFFER, "64KiB to 1024MiB")
}

/// The value of `reserve`, in bytes.
///
/// # Errors
/// What is wrong with the word; what to write.
pub fn reserve(word: &str) -> Result<usize, String> {
    size(word, RESERVE, "0 to 65536MiB")
}

/// The most bytes of a trace, both of its files together.
///
/// # Errors
/// What is wrong with the word; what to write.
pub fn trace_size(word: &str) -> Result<usize, String> {
    size(word, TRACE_SIZE, "1MiB to 1048576MiB")
}

/// A size within bounds, which `from_to` names.
fn size(word: &str, bounds: RangeInclusive<usize>, from_to: &str) -> Result<usize, String> {
    let todo = format!("write a size from {from_to}, in bytes or with k, M, KiB or MiB behind it");
    let (number, unit) = split_unit(word);
    let scale = match unit {
        "" => Some(1),
        _ => SIZE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale),
    };
    let bytes = scale.and_then(|scale| Some(whole(number, 0..=usize::MAX)?.saturating_mul(scale)));
    match bytes {
        Some(bytes) if bounds.contains(&bytes) => Ok(bytes),
        Some(_) => Err(format!("{} is out of range; {todo}", excerpt(word))),
        None => Err(format!("{} is not a size; {todo}", excerpt(word))),
    }
}

/// The value of `data`: a directory, in whose name `%i` stands for the acceptor's id.
pub(super) fn data(word: &str) -> Result<Option<String>, String> {
    if word == "none" {
        return Ok(None);
    }
    match word.replace("%i", "").split_once('%') {
        None => Ok(Some(word.to_string())),
        Some((_, after)) => {
            let what = excerpt(&after.chars().take(1).collect::<String>());
            Err(format!("%{what} stands for nothing; write `%i` for the acceptor's id, or no %"))
        }
    }
}

/// The value of `key`: a file.
pub(super) fn key(word: &str) -> Result<Option<String>, String> {
    Ok(Some(word).filter(|word| *word != "none").map(Into::into))
}

/// The value of `encrypt`.
pub(super) fn encrypt(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("{} is neither yes nor no; write one of them", excerpt(word))),
    }
}

/// A duration as the file has it, in the largest unit that leaves no fraction.
pub fn duration_text(duration: Duration) -> String {
    let micros = duration.as_micros();
    let exact = TIME_UNITS.iter().find(|(_, scale)| micros.is_multiple_of(u128::from(*scale)));
    let (unit, scale) = exact.unwrap_or(&("us", 1));
    format!("{}{unit}", micros / u128::from(*scale))
}

/// A size as the file has it, in the largest of MiB, KiB and bytes that leaves no fraction.
pub fn size_text(bytes: usize) -> String {
    match SIZE_UNITS[2..].iter().find(|(_, scale)| bytes > 0 && bytes.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", bytes / scale),
        None => bytes.to_string(),
    }
}

/// An IPv4 address, or only what is wrong with the word.
fn ipv4(word: &str) -> Result<Ipv4Addr, String> {
    word.parse().map_err(|_| match is_ipv6(word) {
        true => format!("{} is an IPv6 address, and only IPv4 is spoken here", excerpt(word)),
        false => format!("{} is not an IPv4 address", excerpt(word)),
    })
}

/// Whether the word is an IPv6 address in any of its costumes: `::1`, `[::1]`, `[::1]:7000`, `fe80::1%eth0`.
fn is_ipv6(word: &str) -> bool {
    let bare = word.trim_start_matches('[').trim_end_matches(']');
    let zoneless = bare.split('%').next().unwrap_or(bare);
    Ipv6Addr::from_str(zoneless).is_ok() || SocketAddrV6::from_str(word).is_ok()
}

/// A whole number in decimal, without a sign, within `range`.
fn whole<T: FromStr + PartialOrd>(word: &str, range: RangeInclusive<T>) -> Option<T> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten().filter(|value| range.contains(value))
}

/// The number at the start of a word, and what follows it.
fn split_unit(word: &str) -> (&str, &str) {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    word.split_at(end)
}

fn duration(word: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let what = excerpt(word);
    let (number, unit) = split_unit(word);
    if unit.is_empty() && !number.is_empty() {
        return Err(format!("{what} has no unit; write us, ms, s or m behind the number"));
    }
    let scale = TIME_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
    let Some((micros, exact)) = scale.and_then(|scale| micros(number, scale)) else {
        return Err(format!("{what} is not a duration; write a number and us, ms, s or m"));
    };
    let value = Duration::from_micros(micros);
    if !range.contains(&value) {
        let (least, most) = (duration_text(*range.start()), duration_text(*range.end()));
        return Err(format!("{what} is out of range; write a duration from {least} to {most}"));
    }
    match exact {
        true => Ok(value),
        false => Err(format!("{what} is finer than a microsecond; write fewer digits")),
    }
}

/// `number` units of `scale` microseconds, rounded down, and whether that is exact. `None` if it is no
/// decimal number. A number too large to count is the largest there is, which no range has.
fn micros(number: &str, scale: u64) -> Option<(u64, bool)> {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(integer) || !digits(fraction) {
        return None;
    }
    let integer = integer.parse::<u64>().unwrap_or(u64::MAX);
    let mut sum = integer.saturating_mul(scale);
    let (mut exact, mut rest) = (true, 0);
    // Long division by ten from the last digit on: what is carried is always below one unit.
    for digit in fraction.bytes().rev() {
        let tenths = u64::from(digit - b'0') * scale + rest;
        exact &= tenths.is_multiple_of(10);
        rest = tenths / 10;
    }
    sum = sum.saturating_add(rest);
    Some((sum, exact))
}

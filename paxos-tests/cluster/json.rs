//! Reads what `--format json` prints, by hand and strictly.

/// One printed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub instance: u64,
    pub client: u16,
    pub sequence: u64,
    pub value: Vec<u8>,
    /// It came as `"bytes"`, in hexadecimal.
    pub hexadecimal: bool,
}

/// Reads one line, without its newline.
///
/// # Panics
/// When it is not `{"instance":…,"client":…,"sequence":…,"value":…}` or the same with `"bytes"`.
#[track_caller]
pub fn line(text: &str) -> Line {
    let mut rest = text;
    let instance = number(&mut rest, "{\"instance\":");
    let client = number(&mut rest, ",\"client\":").try_into().expect("an id is 16 bits");
    let sequence = number(&mut rest, ",\"sequence\":");
    let hexadecimal = rest.starts_with(",\"bytes\":");
    let key = if hexadecimal { ",\"bytes\":\"" } else { ",\"value\":\"" };
    let string = rest.strip_prefix(key).and_then(|rest| rest.strip_suffix("\"}"));
    let Some(string) = string else { panic!("no value at {rest:?} of {text:?}") };
    let value = if hexadecimal { unhex(string) } else { unescape(string).into_bytes() };
    Line { instance, client, sequence, value, hexadecimal }
}

#[track_caller]
fn number(rest: &mut &str, key: &str) -> u64 {
    let Some(after) = rest.strip_prefix(key) else { panic!("{key:?} expected at {rest:?}") };
    let end = after.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(after.len());
    let (digits, after) = after.split_at(end);
    *rest = after;
    digits.parse().unwrap_or_else(|error| panic!("{digits:?} behind {key:?}: {error}"))
}

#[track_caller]
fn unhex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("hexadecimal digits") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[track_caller]
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        assert!(char >= ' ' && char != '"', "{char:?} must be escaped in JSON: {text:?}");
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some(same @ ('"' | '\\' | '/')) => plain.push(same),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).expect("four hexadecimal digits");
                plain.push(char::from_u32(code).expect("a character"));
            }
            other => panic!("\\{other:?} is no escape: {text:?}"),
        }
    }
    plain
}

//! What is wrong, and how to mend it: a function of what is known of the host and what was heard.

mod agreement;
mod host;
mod network;
#[cfg(test)]
mod tests;

use super::facts::Facts;
use super::survey::Survey;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, or will stop working.
    Problem,
    /// Something may be meant so, or costs speed only.
    Caution,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub name: Name,
    /// What is wrong, a sentence.
    pub what: String,
    /// What to do about it, a sentence.
    pub mend: String,
}

macro_rules! names {
    ($($name:ident $text:literal,)+) => {
        /// The names of all findings, for programs and for `docs/doctor.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Name {
            $($name,)+
        }

        impl Name {
            pub const ALL: &[Name] = &[$(Name::$name),+];

            pub const fn text(self) -> &'static str {
                match self {
                    $(Name::$name => $text,)+
                }
            }
        }
    };
}

names! {
    InterfaceUnusable "interface-unusable",
    LoopbackOnly "loopback-only",
    SeveralAddresses "several-addresses",
    LinkMtuSmall "link-mtu-small",
    BufferSmall "buffer-small",
    ReceiveDrops "receive-drops",
    SegmentationOff "segmentation-off",
    CoalescingOff "coalescing-off",
    ReversePath "reverse-path",
    CannotSend "cannot-send",
    ClockStep "clock-step",
    Alone "alone",
    HostsMissing "hosts-missing",
    Unheard "unheard",
    Deaf "deaf",
    NoMulticast "no-multicast",
    Stopped "stopped",
    GroupBlocked "group-blocked",
    SenderBlocked "sender-blocked",
    OwnUnheard "own-unheard",
    Loss "loss",
    BurstLoss "burst-loss",
    PathMtu "path-mtu",
    DirectBlocked "direct-blocked",
    Duplicates "duplicates",
    SnoopingWithoutQuerier "snooping-without-querier",
    NoQuerier "no-querier",
    OtherNetwork "other-network",
    OtherConfiguration "other-configuration",
    OtherTimes "other-times",
    OtherVersion "other-version",
    Foreign "foreign-packets",
    Damaged "damaged-packets",
    SameId "same-id",
    ClocksDiffer "clocks-differ",
    Crowded "crowded",
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Severity {
    pub const fn text(self) -> &'static str {
        match self {
            Severity::Problem => "problem",
            Severity::Caution => "caution",
        }
    }
}

/// All findings, problems first.
pub fn findings(facts: &Facts, survey: &Survey) -> Vec<Finding> {
    let mut all = Findings::default();
    host::judge(facts, survey, &mut all);
    network::judge(facts, survey, &mut all);
    host::snooping(facts, survey, &mut all);
    agreement::judge(facts, survey, &mut all);
    all.0.sort_by_key(|finding| finding.severity);
    all.0
}

/// A finding about an interface that cannot be used at all; `error` says what to do.
pub fn unusable(error: &str) -> Finding {
    let (what, mend) = match error.split_once("; ") {
        Some((what, mend)) => (what.into(), mend.into()),
        None => (error.to_string(), "look after what the system says, and start again".into()),
    };
    Finding { severity: Severity::Problem, name: Name::InterfaceUnusable, what, mend }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn has(&self, name: Name) -> bool {
        self.0.iter().any(|finding| finding.name == name)
    }

    fn problem(&mut self, name: Name, what: impl Into<String>, mend: impl Into<String>) {
        self.add(Severity::Problem, name, what, mend);
    }

    fn caution(&mut self, name: Name, what: impl Into<String>, mend: impl Into<String>) {
        self.add(Severity::Caution, name, what, mend);
    }

    fn add(&mut self, severity: Severity, name: Name, what: impl Into<String>, mend: impl Into<String>) {
        self.0.push(Finding { severity, name, what: what.into(), mend: mend.into() });
    }
}

/// `a`, `a and b`, `a, b and c`
fn list<T: fmt::Display>(all: &[T]) -> String {
    match all {
        [] => String::new(),
        [one] => one.to_string(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(T::to_string).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}

//! How a run may fail.

use core::any::Any;
use core::fmt;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// An invariant of the engine, by its number in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// At most one value is chosen per instance; learners deliver only chosen values, without gaps, in order.
    TotalOrder = 1,
    /// One value per ballot and instance; a ballot is never used by another start of its proposer.
    OneValuePerBallot = 2,
    /// A promise never falls; nothing is accepted below it.
    Promises = 3,
    /// No 1b or 2b leaves before what it says is durable.
    DurableFirst = 4,
    /// Quorums count distinct acceptors.
    Quorums = 5,
    /// Below the trim point a 1b never says "nothing accepted"; an acceptor forgets nothing that it does not
    /// say it forgot.
    Memory = 6,
    /// What a client was told is delivered by every learner that lives long enough.
    Acknowledged = 7,
    /// Everything is bounded.
    Bounds = 8,
    /// Any bytes parse, or are refused and counted.
    Bytes = 9,
    /// The same seed gives the same run.
    Repeatable = 10,
}

impl Rule {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::TotalOrder => "total order",
            Rule::OneValuePerBallot => "one value per ballot",
            Rule::Promises => "promises never fall",
            Rule::DurableFirst => "durable before it is said",
            Rule::Quorums => "quorums count acceptors",
            Rule::Memory => "nothing is forgotten silently",
            Rule::Acknowledged => "acknowledged is delivered",
            Rule::Bounds => "everything is bounded",
            Rule::Bytes => "bytes parse or are refused",
            Rule::Repeatable => "the same seed, the same run",
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A sentence of the script cannot be performed: this says nothing of the engine.
    Script(String),
    /// An invariant is broken.
    Violation { rule: Rule, text: String },
    /// What the script expects did not come about.
    Unmet { expectation: String, text: String },
    /// A role panicked.
    Panic { place: String, text: String },
}

impl Failure {
    /// Whether this is the same trouble as another, though the words may differ.
    pub fn is_like(&self, other: &Failure) -> bool {
        match (self, other) {
            (Failure::Script(_), Failure::Script(_)) => true,
            (Failure::Violation { rule, .. }, Failure::Violation { rule: other, .. }) => rule == other,
            (Failure::Unmet { expectation, .. }, Failure::Unmet { expectation: other, .. }) => {
                amounts_left_out(expectation).eq(amounts_left_out(other))
            }
            (Failure::Panic { place, .. }, Failure::Panic { place: other, .. }) => place == other,
            _ => false,
        }
    }
}

/// The words that are no numbers.
fn amounts_left_out(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Script(text) => write!(f, "the script cannot be performed: {text}"),
            Failure::Violation { rule, text } => {
                write!(f, "invariant {} ({}) is broken: {text}", *rule as u8, rule.name())
            }
            Failure::Unmet { expectation, text } => write!(f, "expected {expectation}: {text}"),
            Failure::Panic { place, text } => write!(f, "panic at {place}: {text}"),
        }
    }
}

/// `Err` of a [`Failure::Violation`] when the claim does not hold. The words are found only then.
macro_rules! hold {
    ($claim:expr, $rule:ident, $($words:tt)+) => {
        if !$claim {
            return Err($crate::sim::failure::Failure::Violation {
                rule: $crate::sim::failure::Rule::$rule,
                text: format!($($words)+),
            });
        }
    };
}
pub(crate) use hold;

thread_local! {
    /// `None`: panics on this thread are nobody's business here. Else the panic that was caught.
    static CAUGHT: RefCell<Option<Option<(String, String)>>> = const { RefCell::new(None) };
}

/// Runs `life` and makes a failure of its panic, which is not printed.
///
/// # Errors
/// The failure that `life` returns, or its panic.
pub fn catch(life: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map_or_else(String::new, ToString::to_string);
            let text = words(info.payload());
            let caught =
                CAUGHT.with_borrow_mut(|caught| caught.as_mut().map(|slot| *slot = Some((place, text))));
            if caught.is_none() {
                usual(info);
            }
        }));
    });
    CAUGHT.set(Some(None));
    // What a panic leaves half done is looked at by nobody but the one who tells the story.
    let result = catch_unwind(AssertUnwindSafe(life));
    let caught = CAUGHT.take().flatten();
    result.unwrap_or_else(|_| {
        let (place, text) = caught.unwrap_or_default();
        Err(Failure::Panic { place, text })
    })
}

/// What a panic says.
fn words(payload: &dyn Any) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure_that_names_its_place() {
        let failure = catch(|| panic!("of {}", 7)).unwrap_err();
        let Failure::Panic { place, text } = &failure else { panic!("{failure}") };
        assert!(place.starts_with("src/sim/failure.rs:") && text == "of 7", "{failure}");
        assert_eq!(catch(|| Ok(())), Ok(()));
    }

    #[test]
    fn failures_are_alike_when_they_break_the_same_rule() {
        let broken = |rule, text: &str| Failure::Violation { rule, text: text.into() };
        assert!(broken(Rule::Bytes, "a").is_like(&broken(Rule::Bytes, "b")));
        assert!(!broken(Rule::Bytes, "a").is_like(&broken(Rule::Bounds, "a")));
        assert_eq!(
            broken(Rule::Bytes, "what").to_string(),
            "invariant 9 (bytes parse or are refused) is broken: what"
        );
    }
}

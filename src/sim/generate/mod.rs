//! Scripts that nobody would think of.

mod forget;
mod life;
mod struggle;

pub use forget::forget;
pub use life::{amnesia, random_script};
pub use struggle::struggle;

/// The script of a seed: one of all kinds.
pub fn script(seed: u64) -> String {
    match seed % 8 {
        0 => struggle(seed),
        1 => amnesia(seed),
        2 => forget(seed),
        _ => random_script(seed),
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::Script;

    #[test]
    fn whatever_is_made_up_is_understood() {
        for seed in 0..2000 {
            Script::parse(&super::script(seed)).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        }
    }
}

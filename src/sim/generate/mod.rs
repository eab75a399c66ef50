//! Scripts that nobody would think of.

mod crowd;
mod forget;
mod late;
mod life;
mod struggle;

pub use crowd::crowd;
pub use forget::forget;
pub use late::late_promise;
pub use life::{amnesia, random_script};
pub use struggle::struggle;

/// The script of a seed: one of all kinds.
pub fn script(seed: u64) -> String {
    match seed % 8 {
        0 => struggle(seed),
        1 => amnesia(seed),
        2 => forget(seed),
        4 if seed % 512 == 4 => crowd(seed),
        3 if seed % 16 == 3 => late_promise(seed),
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

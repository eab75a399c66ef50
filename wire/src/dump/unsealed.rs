//! A stream whose sealed packets are opened.

use super::{Step, Stream};
use crate::Keys;
use crate::capture::{Datagram, Tally};
use crate::sealing::Opener;

/// Shows the sealed packets of a stream as they would be without a key, and leaves those that it cannot open.
pub struct Unsealed<S> {
    stream: S,
    opener: Opener,
}

impl<S> Unsealed<S> {
    pub fn new(stream: S, keys: Keys) -> Unsealed<S> {
        Unsealed { stream, opener: Opener::new(keys) }
    }
}

impl<S: Stream> Stream for Unsealed<S> {
    fn next(&mut self, spare: &mut Vec<u8>) -> Step {
        match self.stream.next(spare) {
            Step::Datagram(datagram) => Step::Datagram(unsealed(&mut self.opener, datagram)),
            other => other,
        }
    }

    fn tally(&self) -> Tally {
        self.stream.tally()
    }
}

impl Stream for Box<dyn Stream + '_> {
    fn next(&mut self, spare: &mut Vec<u8>) -> Step {
        (**self).next(spare)
    }

    fn tally(&self) -> Tally {
        (**self).tally()
    }
}

/// The same datagram, its packets opened. Of what is cut the last packet stays sealed: nothing proves it.
fn unsealed(opener: &mut Opener, datagram: Datagram) -> Datagram {
    let mut bytes = Vec::with_capacity(datagram.bytes.len());
    opener.unseal(&datagram.bytes, &mut bytes);
    Datagram { bytes, ..datagram }
}

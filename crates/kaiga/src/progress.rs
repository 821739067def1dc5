//! Being asked how far it is, and whether to go on: one function, called between the parts of a picture.

use crate::error::{Error, ErrorKind};
use std::ops::ControlFlow;

/// Called with the parts done and the parts in all, each time a part is done and once before the first. `Break` stops
/// the work, which then fails with [`ErrorKind::Cancelled`]. Parts cost about the same.
///
/// Looking for faces is the first part. While it lasts the function is asked again and again, from several threads,
/// with 0 parts done; when it is over, faces to be painted by themselves add to the parts in all.
pub type Progress<'a> = dyn Fn(usize, usize) -> ControlFlow<()> + Sync + 'a;

/// The [`Progress`] of somebody who only wants the result.
pub fn unwatched(_done: usize, _total: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Counts parts and asks after each.
pub(crate) struct Steps<'a> {
    progress: &'a Progress<'a>,
    done: usize,
    total: usize,
}

impl<'a> Steps<'a> {
    /// Asks for the first time.
    pub(crate) fn start(progress: &'a Progress<'a>, total: usize) -> Result<Self, Error> {
        let steps = Self { progress, done: 0, total };
        steps.ask()?;
        Ok(steps)
    }

    /// So many parts more have come to light.
    pub(crate) fn expect(&mut self, more: usize) {
        self.total += more;
    }

    /// A part is done.
    pub(crate) fn one_more(&mut self) -> Result<(), Error> {
        self.done += 1;
        self.ask()
    }

    /// Whether to go on, in the middle of a part.
    pub(crate) fn ask(&self) -> Result<(), Error> {
        match (self.progress)(self.done, self.total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        }
    }
}

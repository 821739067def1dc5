//! Being asked how far it is, and whether to go on: one function, called between the parts of a picture.

use crate::error::{Error, ErrorKind};
use std::ops::ControlFlow;

/// Called with the parts done and the parts in all, each time a part is done and once before the first. `Break` stops
/// the painting, which then fails with [`ErrorKind::Cancelled`]. Parts cost about the same.
pub type Progress<'a> = dyn Fn(usize, usize) -> ControlFlow<()> + Sync + 'a;

/// The [`Progress`] of somebody who only wants the result.
pub fn unwatched(_done: usize, _total: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Counts parts and asks after each.
pub(crate) struct Steps<'a> {
    ask: &'a Progress<'a>,
    done: usize,
    total: usize,
}

impl<'a> Steps<'a> {
    /// Asks for the first time.
    pub(crate) fn start(ask: &'a Progress<'a>, total: usize) -> Result<Self, Error> {
        let steps = Self { ask, done: 0, total };
        steps.go_on()?;
        Ok(steps)
    }

    pub(crate) fn one_more(&mut self) -> Result<(), Error> {
        self.done += 1;
        self.go_on()
    }

    fn go_on(&self) -> Result<(), Error> {
        match (self.ask)(self.done, self.total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        }
    }
}

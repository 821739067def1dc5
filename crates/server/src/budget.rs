//! Memory is handed out before it is used, so that the house never holds more than it may.

use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that uploads and pictures may take together.
pub(crate) struct Budget {
    free: Mutex<u64>,
    max: u64,
}

/// A part of the budget; dropping it gives it back.
pub(crate) struct Reserved {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    /// Of so many bytes.
    pub(crate) fn new(max: u64) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(max), max })
    }

    /// Nothing yet.
    pub(crate) fn reserve_nothing(self: &Arc<Self>) -> Reserved {
        Reserved { budget: Arc::clone(self), bytes: 0 }
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        self.max - *self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    /// More, if it is there now.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let mut free = self.budget.free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free < bytes {
            return false;
        }
        *free -= bytes;
        self.bytes += bytes;
        true
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        *self.budget.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_missing_until_it_is_given_back() {
        let budget = Budget::new(100);
        let mut one = budget.reserve_nothing();
        assert!(one.grow(60) && one.grow(40) && !one.grow(1));
        assert_eq!(budget.used(), 100);
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}

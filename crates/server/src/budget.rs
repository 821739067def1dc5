//! Memory is handed out before it is used, so that the house never holds more than it may.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that uploads, pictures and answers may take together.
pub(crate) struct Budget {
    used: Mutex<u64>,
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
        Arc::new(Self { used: Mutex::new(0), max })
    }

    /// Nothing yet.
    pub(crate) fn reserve_nothing(self: &Arc<Self>) -> Reserved {
        Reserved { budget: Arc::clone(self), bytes: 0 }
    }

    /// Bytes not in use.
    pub(crate) fn left(&self) -> u64 {
        self.max.saturating_sub(self.used())
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    /// How much it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// More, if it is there now.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let mut used = self.budget.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.saturating_add(bytes) > self.budget.max {
            return false;
        }
        *used += bytes;
        self.bytes += bytes;
        true
    }

    /// More, even beyond the budget: for what is there already and too dear to be thrown away.
    pub(crate) fn exceed(&mut self, bytes: u64) {
        *self.budget.used.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        self.bytes += bytes;
    }

    /// An answer that holds this part of the budget until the client has taken it, however slowly.
    pub(crate) fn until_taken(self, answer: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Promised { answer, _reserved: self })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        *self.budget.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
    }
}

struct Promised<T> {
    answer: T,
    _reserved: Reserved,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Promised<T> {
    fn as_ref(&self) -> &[u8] {
        self.answer.as_ref()
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
        one.exceed(7);
        assert!(!budget.reserve_nothing().grow(1));
        let answer = one.until_taken(vec![1, 2, 3]);
        let rest = answer.slice(1..);
        drop(answer);
        assert_eq!((&rest[..], budget.used()), (&[2, 3][..], 107));
        drop(rest);
        assert_eq!(budget.used(), 0);
    }
}

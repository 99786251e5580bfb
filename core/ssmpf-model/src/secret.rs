//! Secrets that cannot leak through a forgotten `{:?}`.

use std::fmt;

use zeroize::Zeroize;

/// A secret value: prints as `***` and is wiped from memory when dropped.
///
/// The value comes out only through [`Redacted::expose`], which is easy to find in a review.
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted<T: Zeroize>(T);

impl<T: Zeroize> Redacted<T> {
    /// Takes `secret` into care.
    pub fn new(secret: T) -> Self {
        Self(secret)
    }

    /// Returns the secret itself. Never print, log or format what this returns.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Returns the secret itself, to fill it. What it held before must not be left elsewhere.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> From<T> for Redacted<T> {
    fn from(secret: T) -> Self {
        Self::new(secret)
    }
}

impl<T: Zeroize> Drop for Redacted<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_the_secret() {
        #[derive(Debug)]
        struct Holder {
            #[allow(dead_code)]
            token: Redacted<String>,
        }
        let token = Redacted::new("hunter2".to_owned());
        assert_eq!(format!("{token} {token:?}"), "*** ***");
        assert_eq!(format!("{:?}", Holder { token }), "Holder { token: *** }");
    }

    #[test]
    fn the_secret_can_be_had_on_purpose() {
        assert_eq!(Redacted::new("hunter2".to_owned()).expose(), "hunter2");
    }
}

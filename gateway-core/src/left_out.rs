//! What a message leaves out, for `skip_serializing_if`.

/// Whether a value is what it is when nothing is said of it.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

//! The rules of the house, asserted.

//! From text to tokens.

pub mod keyword;

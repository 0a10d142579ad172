//! What the shell prints. Whoever reads it may leave early (`| head`): that is no reason to end with a panic, and what
//! was to be carried out still is.

/// Prints to standard output.
macro_rules! put {
    ($($argument:tt)*) => {
        $crate::output::write(format_args!($($argument)*))
    };
}

/// Prints a line to standard output.
macro_rules! say {
    () => { put!("\n") };
    ($($argument:tt)*) => {
        put!("{}\n", format_args!($($argument)*))
    };
}

pub(crate) fn write(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = std::io::stdout().write_fmt(text);
}

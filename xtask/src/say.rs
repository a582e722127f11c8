//! Printing for a person. Unlike `println!` it does not end the program when nobody reads on (`cargo xtask info | head`).

use std::io::Write;

/// A line on standard output.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::say::print(&format!("{}\n", format_args!($($words)*)))
    };
}

/// Text as it is, shown at once.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

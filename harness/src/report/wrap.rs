// SPDX-License-Identifier: GPL-2.0-or-later
//! Text of a given width.

/// Returns how many columns a text takes.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// Breaks a text between words at `width`; lines after the first begin with `indent`. Ends with a newline.
pub(super) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let (mut lines, mut current) = (String::new(), String::new());
    for word in text.split_whitespace() {
        let needed = length(&current) + 1 + length(word);
        if !current.trim().is_empty() && needed > width {
            lines.push_str(&current);
            lines.push('\n');
            current = indent.to_owned();
        }
        if !current.is_empty() && !current.ends_with(' ') {
            current.push(' ');
        }
        current.push_str(word);
    }
    lines + &current + "\n"
}

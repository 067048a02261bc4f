// SPDX-License-Identifier: GPL-2.0-or-later
//! Words as a shell takes them, for scripts and for commands that somebody is to copy.

/// Returns a word quoted for a POSIX shell, or as it is where that needs no quotes.
///
/// A NUL, which no argument can hold, is left out.
pub fn word(text: &str) -> String {
    // shlex quotes more: `make ARCH=mips` is how people write it, and a shell takes it.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map_or_else(|_| String::new(), std::borrow::Cow::into_owned)
}

/// Returns words as a command line.
pub fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in ["", "plain/path-1.0_x=y,z:@%", "two words", "it's", "$HOME `id` \\ \" ! *", "a\nb"] {
            assert_eq!(shlex::split(&word(text)).unwrap(), [text]);
        }
        assert_eq!(word("plain/path-1.0_x=y,z:@"), "plain/path-1.0_x=y,z:@");
        assert_eq!(line(["make", "CC=ccache gcc"]), "make 'CC=ccache gcc'");
        assert_eq!(word("a\0b"), "ab");
    }
}

// SPDX-License-Identifier: GPL-2.0-or-later
//! The text of a mail: what its lines are, and which of them could not be decoded.

/// A decoded text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// The text, with `\n` at the end of lines.
    pub(super) text: String,
    /// Its lines, from 1, with bytes that do not belong to the encoding which the mail states; U+FFFD stands for them.
    pub(super) damaged: Vec<usize>,
}

/// How a text is wrapped that is `format=flowed` (RFC 3676).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The blank at the end of a line that goes on is part of the text.
    Keeps,
    /// It is not (`delsp=yes`).
    Drops,
}

impl Text {
    /// Returns a text as it was decoded, and unwrapped if its lines flow; `damaged` says which of its lines are.
    pub(super) fn new(text: &str, flow: Option<Flow>, damaged: impl Fn(usize, &str) -> bool) -> Self {
        let text = text.replace("\r\n", "\n");
        let lines = text.split_inclusive('\n').enumerate();
        let lines = lines.map(|(n, line)| (line.to_owned(), damaged(n + 1, line)));
        let lines = match flow {
            None => lines.collect(),
            Some(flow) => unwrap(lines, flow),
        };
        let damaged = lines.iter().enumerate().filter(|(_, (_, damaged))| *damaged).map(|(n, _)| n + 1);
        Self { damaged: damaged.collect(), text: lines.iter().map(|(line, _)| line.as_str()).collect() }
    }

    /// Adds another text below this one.
    pub(super) fn add(&mut self, other: &Self) {
        let before = self.text.matches('\n').count();
        self.damaged.extend(other.damaged.iter().map(|line| before + line));
        self.text += &other.text;
    }
}

/// Joins lines as `git am` does: one that ends in a blank goes on in the next one, and one blank at the beginning was put
/// there on the way.
fn unwrap(lines: impl Iterator<Item = (String, bool)>, flow: Flow) -> Vec<(String, bool)> {
    let (mut all, mut begun) = (Vec::new(), (String::new(), false));
    for (line, damaged) in lines {
        let text = line.strip_suffix('\n').unwrap_or(&line);
        // What stands above a signature is no line that goes on.
        if text == "-- " {
            if !begun.0.is_empty() {
                all.push((std::mem::take(&mut begun.0) + "\n", std::mem::take(&mut begun.1)));
            }
            all.push((line, damaged));
            continue;
        }
        let text = text.strip_prefix(' ').unwrap_or(text);
        begun.1 |= damaged;
        if let Some(shorter) = text.strip_suffix(' ') {
            begun.0 += if flow == Flow::Drops { shorter } else { text };
        } else {
            begun.0 += text;
            begun.0.push('\n');
            all.push(std::mem::take(&mut begun));
        }
    }
    if !begun.0.is_empty() {
        begun.0.push('\n');
        all.push(begun);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::CommandRun;

    const FLOWED: &str = "Long lines of prose are \nwrapped.\n\n---\n\
        diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n  one\n-two\n+two, of which \n  the line is long\n  three\n\
        -- \n2.39\n";

    fn unwrapped(text: &str, flow: Flow) -> Text {
        Text::new(text, Some(flow), |n, _| n == 11)
    }

    /// What git makes of it; its version is that of the machine, which does so since 2.17.
    fn as_git_reads_it(more: &str) -> String {
        let scratch = tempfile::tempdir().unwrap();
        let mail = format!(
            "From: A <a@example.org>\nSubject: [PATCH] x\nContent-Type: text/plain; charset=UTF-8; format=flowed{more}\n\n{FLOWED}"
        );
        std::fs::write(scratch.path().join("mail"), mail).unwrap();
        let script = "git mailinfo message patch <mail >info";
        CommandRun::new("sh").args(["-c", script]).dir(scratch.path()).read().unwrap();
        ["message", "patch"].map(|name| std::fs::read_to_string(scratch.path().join(name)).unwrap()).concat()
    }

    #[test]
    fn lines_flow_as_git_lets_them() {
        let keeps = unwrapped(FLOWED, Flow::Keeps);
        assert_eq!(keeps.text, as_git_reads_it(""));
        assert!(
            keeps.text.contains("prose are wrapped.\n") && keeps.text.contains("\n+two, of which  the line")
        );
        // Line 11 has become part of line 10.
        assert_eq!(keeps.damaged, [10]);
        let drops = unwrapped(FLOWED, Flow::Drops);
        assert_eq!(drops.text, as_git_reads_it("; delsp=yes"));
        assert!(drops.text.contains("prose arewrapped.\n"));
    }

    #[test]
    fn damaged_lines_are_counted_through_parts() {
        let mut text = Text::new("a\r\nb\n", None, |n, _| n == 2);
        assert_eq!((text.text.as_str(), text.damaged.as_slice()), ("a\nb\n", [2].as_slice()));
        text.add(&Text::new("c\n", None, |_, _| true));
        assert_eq!(text.damaged, [2, 3]);
    }
}

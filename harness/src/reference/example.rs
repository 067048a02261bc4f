// SPDX-License-Identifier: GPL-2.0-or-later
//! Examples, cut out of the repository's files as they stand there.

/// The longest example, in lines; what is longer is cut, and says so.
const LINES: usize = 9;

/// Returns the value that a file gives to the key at `path`, from outside to inside, together with its key.
pub(super) fn find(texts: &[&str], path: &[&str]) -> Option<String> {
    let (last, above) = path.split_last()?;
    texts.iter().find_map(|text| {
        let mut inside = without_comments(text);
        for key in above {
            inside = value(&inside, key)?;
        }
        let found = value(&inside, last)?;
        Some(shortened(&format!("{last}:{found}")))
    })
}

fn without_comments(text: &str) -> String {
    let kept = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    // Comments behind a value; the repository's files have no ` # ` in their texts.
    kept.map(|line| line.split(" # ").next().unwrap_or_default().trim_end())
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The text between a key's colon and the end of its value.
fn value(text: &str, key: &str) -> Option<String> {
    let at = text.match_indices(&format!("{key}:")).map(|(at, _)| at).find(|at| {
        let before = &text[..*at];
        before.is_empty() || before.ends_with(['\n', '{']) || before.ends_with(", ") || is_indent(before)
    })?;
    let rest = &text[at + key.len() + 1..];
    let line = rest.lines().next().unwrap_or_default();
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    if text[line_start..at].contains('{') {
        return Some(flow(rest).to_owned());
    }
    let indent = at - line_start;
    let deeper = |more: &&str| {
        let own = more.len() - more.trim_start().len();
        // The items of a list may stand as far left as their key.
        own > indent
            || (own == indent && indent > 0 && more.trim_start().starts_with("- "))
            || more.is_empty()
    };
    let mut value = line.to_owned();
    for more in rest.lines().skip(1).take_while(deeper) {
        value.push('\n');
        value.push_str(more.get(indent..).unwrap_or_default());
    }
    Some(value.trim_end().to_owned())
}

/// Whether a line begins so that a key may follow: blanks, and the dash of a list.
fn is_indent(before: &str) -> bool {
    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
    line.chars().all(|c| c == ' ' || c == '-')
}

/// The value in braces that `text` begins with, up to the comma or the brace that ends it.
fn flow(text: &str) -> &str {
    let (mut depth, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            ',' | '}' | ']' if depth == 0 => return &text[..at],
            '}' | ']' => depth -= 1,
            '\n' => return &text[..at],
            _ => {}
        }
    }
    text
}

fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    match lines.get(..LINES) {
        Some(first) if lines.len() > LINES => format!("{}\n# and so on", first.join("\n")),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# SPDX\nname: a # why\nrows:\n  - {row: x, with: [b, c]}\n  - row: y\n    why: >-\n      long\n      text\n\
                        caches:\n  dcache: {sets: 4, ways: 2}\n";

    #[test]
    fn a_value_is_cut_out_whole_wherever_it_stands() {
        let found = |path: &[&str]| find(&[TEXT], path);
        assert_eq!(found(&["name"]).unwrap(), "name: a");
        assert_eq!(found(&["rows", "with"]).unwrap(), "with: [b, c]");
        assert_eq!(found(&["rows", "why"]).unwrap(), "why: >-\n  long\n  text");
        assert_eq!(found(&["caches", "dcache", "ways"]).unwrap(), "ways: 2");
        assert_eq!(found(&["caches"]).unwrap(), "caches:\n  dcache: {sets: 4, ways: 2}");
        assert_eq!(found(&["ways"]).as_deref(), Some("ways: 2"));
        assert_eq!(found(&["row", "none"]), None);
    }

    #[test]
    fn what_the_first_file_lacks_is_taken_from_the_next() {
        assert_eq!(find(&["name: a\n", "name: b\ntitle: c\n"], &["title"]).unwrap(), "title: c");
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let list: String = (0..20).map(|n| format!("  - {n}\n")).collect();
        let found = find(&[&format!("all:\n{list}")], &["all"]).unwrap();
        assert_eq!(found.lines().count(), LINES + 1);
        assert!(found.ends_with("\n# and so on"));
    }
}

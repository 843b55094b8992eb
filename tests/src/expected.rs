//! Output as a test file has it: `[..]` stands for any text within a line, a line `...` for any lines.

/// Whether `text` is what `pattern` says. Blanks at the ends of lines and of the whole do not count.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    fn trimmed(text: &str) -> Vec<&str> {
        text.trim_end().lines().map(str::trim_end).collect()
    }
    lines(&trimmed(pattern), &trimmed(text))
}

fn lines(pattern: &[&str], text: &[&str]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=text.len()).any(|skipped| lines(rest, &text[skipped..])),
        ([first, pattern @ ..], [line, text @ ..]) => one_line(first, line) && lines(pattern, text),
        _ => false,
    }
}

fn one_line(pattern: &str, line: &str) -> bool {
    match pattern.split_once("[..]") {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| one_line(rest, &line[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        assert!(matches("a\nb\n", "a\nb"));
        assert!(matches("a [..] c", "a bb c"));
        assert!(matches("a [..]c[..]", "a c"));
        assert!(matches("a\n...\nz\n", "a\nb\nc\nz\n"));
        assert!(matches("...\nz", "z"));
        assert!(!matches("a [..] c", "a bb d"));
        assert!(!matches("a\nb", "a"));
        assert!(!matches("a", "a\nb"));
        assert!(!matches("a\n...\nz\n", "a\nb\nc\n"));
        assert!(!matches("", "a"));
    }
}

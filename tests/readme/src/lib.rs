//! Finds the fenced blocks of a Markdown page and what the comment above each says about testing it.
//!
//! Called by `tests/readme.rs`. Pure; runs nothing.
//!
//! ```text
//! <!-- test -->            the commands are run as they stand
//! <!-- test: WORD -->      the same, with a world around them that WORD names (tests/readme.rs)
//! <!-- not run: why -->    they are not; the test says so
//! <!-- same as: FILE -->   the block is this file, to the letter
//! ```

/// What is to be done with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Nothing is said.
    None,
    /// Run it in the world of this name; empty is the plain one.
    Test(String),
    /// Leave it, for this reason.
    NotRun(String),
    /// Compare it with this file.
    SameAs(String),
}

/// One fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Line of the opening fence, from 1.
    pub line: usize,
    /// The word behind the fence.
    pub language: String,
    pub mark: Mark,
    pub text: String,
}

/// One command of a `console` block and the output shown below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub command: String,
    pub output: Vec<String>,
}

/// Every fenced block of a page.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut before = "";
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .collect();
            found.push(Block {
                line: at + 1,
                language: language.to_owned(),
                mark: mark(before),
                text: body.join("\n") + "\n",
            });
        }
        before = line;
    }
    found
}

fn mark(line: &str) -> Mark {
    let comment = line
        .strip_prefix("<!--")
        .and_then(|rest| rest.strip_suffix("-->"));
    let Some(said) = comment.map(str::trim) else {
        return Mark::None;
    };
    match said.split_once(": ") {
        None if said == "test" => Mark::Test(String::new()),
        Some(("test", world)) => Mark::Test(world.to_owned()),
        Some(("not run", why)) => Mark::NotRun(why.to_owned()),
        Some(("same as", file)) => Mark::SameAs(file.to_owned()),
        _ => Mark::None,
    }
}

/// The commands of a `console` block: lines that begin with `$ `, each with what is shown below it.
#[must_use]
pub fn shown(text: &str) -> Vec<Shown> {
    let mut list: Vec<Shown> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), list.last_mut()) {
            (Some(command), _) => list.push(Shown {
                command: command.to_owned(),
                output: Vec::new(),
            }),
            (None, Some(last)) => last.output.push(line.to_owned()),
            (None, None) => {}
        }
    }
    list
}

/// Whether `output` is what is shown; `...` stands for anything, alone on a line for any number of lines.
#[must_use]
pub fn agrees(shown: &[String], output: &str) -> bool {
    matches(&shown.join("\n"), output.trim_end())
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split("...");
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_carry_their_marks() {
        let page = "a\n<!-- test: serves -->\n```sh\nx\n```\n```text\n```\n<!-- not run: root -->\n```sh\ny\nz\n```\n";
        let found = blocks(page);
        let marks: Vec<&Mark> = found.iter().map(|block| &block.mark).collect();
        assert_eq!(
            marks,
            [
                &Mark::Test("serves".to_owned()),
                &Mark::None,
                &Mark::NotRun("root".to_owned())
            ]
        );
        assert_eq!((found[2].line, found[2].text.as_str()), (9, "y\nz\n"));
    }

    #[test]
    fn output_belongs_to_the_command_above_it() {
        let list = shown("$ a b\none\ntwo\n$ c\n");
        assert_eq!(list[0].output, ["one", "two"]);
        assert_eq!((list[1].command.as_str(), list[1].output.len()), ("c", 0));
    }

    #[test]
    fn dots_stand_for_anything() {
        let yes = |shown: &str, output| agrees(&[shown.to_owned()], output);
        assert!(yes("a", "a\n") && yes("a...c", "abbc") && yes("a...", "a\nb\nc\n"));
        assert!(!yes("a", "ab") && !yes("a...c", "abb") && !yes("b...", "ab"));
    }
}

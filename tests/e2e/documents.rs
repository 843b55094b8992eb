//! The documents' examples are run: every `console` block of the README and of the book, its commands in order, in one
//! directory for each document.
//!
//! A line `$ COMMAND` is a command; it has to succeed, or to end with the code in a trailing `# exit N`. The lines under
//! it are its output, with `[..]` for any text within a line and `...` for any lines; without such lines any output will
//! do.

use cardwright_tests::cli::{Desk, program};
use cardwright_tests::expected::matches;
use cardwright_tests::hsm::{Kind, Token};
use cardwright_tests::java::jars;
use cardwright_tests::rig::{Rig, repository};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One command of a document.
struct Step<'t> {
    line: usize,
    command: &'t str,
    exit: i32,
    output: String,
}

/// The commands of all `console` blocks.
fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(text.lines()) {
        match (inside, line.trim_end()) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    let (command, exit) = command.split_once(" # exit ").unwrap_or((command, "0"));
                    let exit = exit.trim().parse().expect("a number behind `# exit`");
                    steps.push(Step { line: number, command, exit, output: String::new() });
                }
                (None, Some(step)) => {
                    step.output += line;
                    step.output.push('\n');
                }
                (None, None) => panic!("line {number}: output before any command"),
            },
            (false, _) => {}
        }
    }
    steps
}

/// All documents that a reader is sent to.
fn documents() -> Vec<PathBuf> {
    fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let others = ["README.md", "vsmartcard-setup/README.md", "applet-java/simulator/README.md"];
    let mut found = others.map(|file| repository().join(file)).to_vec();
    collect(&repository().join("docs"), &mut found);
    found
}

fn uses(steps: &[Step<'_>], word: &str) -> bool {
    steps.iter().any(|step| step.command.contains(word))
}

/// Whether what the commands need is there; says so where it is not.
fn can_run(path: &Path, steps: &[Step<'_>]) -> bool {
    let what = path.display().to_string();
    (!uses(steps, "java -jar") || jars(&what).is_some()) && (!uses(steps, "readers.sh") || Rig::start(&what).is_some())
}

/// The token behind `$MODULE` and `$URI`, for documents that speak of one; `None`, with words, where it cannot be made.
fn token(path: &Path, steps: &[Step<'_>]) -> Option<Option<Token>> {
    if uses(steps, "$URI") { Token::new(&path.display().to_string(), Kind::Kryoptic).map(Some) } else { Some(None) }
}

/// Runs all commands in one shell, as the reader does, with the program on the path. Output and exit code of the `n`-th
/// are then in the files `n.said` and `n.code` of `results`.
fn run(desk: &Desk, token: Option<&Token>, results: &Path, steps: &[Step<'_>]) {
    let path = program().parent().expect("a directory").to_owned();
    let path = std::env::join_paths([path, "/usr/bin".into(), "/bin".into()]).expect("a path");
    let mut script = String::new();
    for (n, Step { command, .. }) in steps.iter().enumerate() {
        let file = results.join(n.to_string());
        let file = file.display();
        writeln!(script, "{{ {command}\n}} >{file}.said 2>&1\necho $? >{file}.code").expect("written");
    }
    for directory in ["applet-java", "vsmartcard-setup"] {
        std::os::unix::fs::symlink(repository().join(directory), desk.path().join(directory)).expect("a link");
    }
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).current_dir(desk.path()).env_clear().env("PATH", path).env("HOME", desk.path());
    // A rig of the examples is none of the user's.
    shell.env("CARDWRIGHT", program()).env("XDG_RUNTIME_DIR", desk.path());
    if let Some(token) = token {
        shell.envs(token.env()).env("MODULE", token.module()).env("URI", token.uri());
    }
    let status = shell.stdin(Stdio::null()).status().expect("a shell");
    assert!(status.success(), "{script}");
}

#[test]
fn every_example_runs() {
    let mut count = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).expect("text");
        let steps = steps(&text);
        if !can_run(&path, &steps) {
            continue;
        }
        let Some(token) = token(&path, &steps) else { continue };
        let (desk, results) = (Desk::new(), Desk::new());
        run(&desk, token.as_ref(), results.path(), &steps);
        for (n, Step { line, command, exit, output }) in steps.iter().enumerate() {
            let read = |kind| std::fs::read_to_string(results.path().join(format!("{n}.{kind}"))).expect("a result");
            let (said, code) = (read("said"), read("code"));
            let place = format!("{}:{line}: `{command}`", path.display());
            assert_eq!(code.trim(), exit.to_string(), "{place}:\n{said}");
            assert!(
                output.trim().is_empty() || matches(output, &said),
                "{place}:\n{output}\nis not what it said:\n{said}"
            );
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} examples were found");
}

#[test]
fn blocks_are_read_as_written() {
    let text = "text\n```console\n$ one\nout [..]\n\nmore\n$ two # exit 5\n```\n```sh\n$ three\n```\n";
    let steps = steps(text);
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[0].line, steps[0].command, steps[0].exit), (3, "one", 0));
    assert_eq!(steps[0].output, "out [..]\n\nmore\n");
    assert_eq!((steps[1].command, steps[1].exit, steps[1].output.as_str()), ("two", 5, ""));
}

//! The README, executed: each `sh` block runs as it stands, in one shell after the other in one home, and what a
//! `text` block directly below shows must be what was printed (`…` stands for what differs each time).

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Block {
    line: usize,
    commands: String,
    output: Option<String>,
}

/// The `sh` blocks in order, each with the `text` block that follows it with nothing but blank lines between.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut adjacent = false;
    for (index, line) in markdown.lines().enumerate() {
        match fence {
            None => {
                if let Some(language) = line.strip_prefix("```") {
                    fence = Some(language);
                    if language == "sh" {
                        blocks.push(Block {
                            line: index + 1,
                            commands: String::new(),
                            output: None,
                        });
                    } else if language == "text" && adjacent {
                        let last = blocks.last_mut().expect("adjacent to one");
                        last.output = Some(String::new());
                    }
                } else if !line.is_empty() {
                    adjacent = false;
                }
            }
            Some(language) if line == "```" => {
                adjacent = language == "sh";
                fence = None;
            }
            Some(language) => {
                let block = blocks.last_mut();
                let into = match (language, block) {
                    ("sh", Some(block)) => Some(&mut block.commands),
                    ("text", Some(block)) if adjacent => block.output.as_mut(),
                    _ => None,
                };
                if let Some(into) = into {
                    writeln!(into, "{line}").expect("a string grows");
                }
            }
        }
    }
    blocks
}

/// Whether `line` is `pattern`, in which each `…` stands for any text.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().expect("split yields at least one part");
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.is_empty()
}

/// `make` and `git clone` build or fetch: the targets themselves run in CI, here they must exist.
fn as_tested(commands: &str) -> String {
    commands
        .lines()
        .filter(|line| !line.starts_with("git clone"))
        .map(
            |line| match line.trim_start_matches("sudo ").strip_prefix("make ") {
                Some(target) => {
                    format!("make -n -C {} {target} >/dev/null\n", checkout().display())
                }
                None => format!("{line}\n"),
            },
        )
        .collect()
}

#[test]
fn the_readme_does_what_it_says() {
    let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
    let (text, rest) = readme.split_once("<!-- bench:start -->").unwrap();
    let (_figures, end) = rest.split_once("<!-- bench:end -->").unwrap();
    let lines = text.lines().count() + end.lines().count();
    assert!(lines <= 315, "the README has grown too long: {lines} lines");
    let blocks = blocks(&readme);
    assert!(blocks.len() >= 8, "the README's examples were not found");

    let place = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_cellphone")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    std::os::unix::fs::symlink(checkout().join("scripts"), place.path().join("scripts")).unwrap();
    for block in &blocks {
        // What one block sets, the next one has, as in the shell that a reader copies into.
        let script = format!(
            "set -eu; [ ! -f .env ] || . ./.env\nexec 3>&1 >out\n{}\nexport -p >.env\n",
            as_tested(&block.commands)
        );
        let run = Command::new("bash")
            .args(["-c", &script])
            .current_dir(place.path())
            .env_clear()
            .env("HOME", place.path())
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = std::fs::read_to_string(place.path().join("out")).unwrap();
        assert!(
            run.status.success(),
            "README.md:{}: {}\n{printed}{}",
            block.line,
            run.status,
            String::from_utf8_lossy(&run.stderr)
        );
        let Some(expected) = &block.output else {
            continue;
        };
        let printed: Vec<&str> = printed.lines().collect();
        let expected: Vec<&str> = expected.lines().collect();
        let alike = printed.len() == expected.len()
            && expected
                .iter()
                .zip(&printed)
                .all(|(pattern, line)| matches(pattern, line));
        assert!(
            alike,
            "README.md:{}: expected\n{expected:#?}\nprinted\n{printed:#?}",
            block.line
        );
    }
}

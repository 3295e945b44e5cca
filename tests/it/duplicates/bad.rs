//! Whatever lies in a tree is told, and never the end of a scan.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::{CODE, DUPSCAN, Tree, is_root, places, skipped, text};
use crate::home::{has_tool, path, run};

fn with_copies() -> Tree {
    Tree::of(&[("a.py", CODE), ("b.py", CODE)])
}

fn assert_copies(found: &serde_json::Value) {
    assert_eq!(places(found), [["a.py:1-8", "b.py:1-8"]], "{found:#}");
}

fn fifo(tree: &Tree, name: &str) {
    let made = Command::new("mkfifo").arg(tree.dir.join(name)).status();
    assert!(made.unwrap().success());
}

#[test]
fn what_is_no_text_is_told_and_the_rest_is_compared() {
    let tree = with_copies();
    tree.file("binary.py", b"x = 1\0\n");
    tree.file("empty.py", "");
    fifo(&tree, "pipe.py");
    symlink(".", tree.dir.join("loop")).unwrap();
    symlink("nowhere.py", tree.dir.join("dangling.py")).unwrap();
    let found = tree.json("code");
    assert_copies(&found);
    for (file, why) in [
        ("binary.py", "binary"),
        ("pipe.py", "neither a file nor a directory"),
        ("loop", "a symbolic link is not followed"),
        ("dangling.py", "a symbolic link is not followed"),
    ] {
        assert_eq!(skipped(&found, file).as_deref(), Some(why));
    }
    assert_eq!(skipped(&found, "empty.py"), None);
    for verb in ["files", "config", "names"] {
        let found = tree.json(verb);
        assert!(skipped(&found, "pipe.py").is_some(), "{verb}: {found:#}");
    }
}

#[test]
fn text_that_is_no_utf8_is_compared_as_it_is() {
    let tree = Tree::new();
    let latin: Vec<u8> = CODE
        .replace("ValueError", "Fehler")
        .bytes()
        .chain(*b"NAME = \"M\xfcller\"\n")
        .collect();
    tree.file("a.py", &latin);
    tree.file("b.py", &latin);
    let found = tree.json("code");
    assert_eq!(found["clones"][0]["kind"], "exact", "{found:#}");
}

#[test]
fn line_ends_and_byte_order_marks_are_no_difference() {
    let tree = with_copies();
    tree.file("crlf.py", CODE.replace('\n', "\r\n"));
    tree.file("mark.py", format!("\u{feff}{CODE}"));
    let found = tree.json("code");
    assert_eq!(found["clones"][0]["kind"], "exact");
    let all = ["a.py:1-8", "b.py:1-8", "crlf.py:1-8", "mark.py:1-8"];
    assert_eq!(places(&found), [all]);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_not_read_unless_it_is_asked_for() {
    let tree = with_copies();
    let long = vec![b'x'; 100_000_000];
    tree.file("long.py", long);
    let found = tree.json("code");
    assert_copies(&found);
    let why = skipped(&found, "long.py").unwrap();
    assert_eq!(why, "100000000 bytes, more than 8388608 (--max-size)");
    let found = tree.json("code --max-size 200000000");
    assert_copies(&found);
    let why = skipped(&found, "long.py").unwrap();
    assert_eq!(why, "packed: its lines have 100000000 bytes on average");
}

#[test]
fn a_folder_that_may_not_be_read_is_told() {
    if !is_root() || !has_tool("setpriv") {
        return;
    }
    let tree = with_copies();
    tree.file("closed/c.py", CODE);
    tree.file("private.py", CODE);
    let mode = |name: &str, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(tree.dir.join(name), mode).unwrap();
    };
    mode("closed", 0o700);
    mode("private.py", 0o600);
    mode("..", 0o755);
    // It may lie where only root comes.
    let program = tree.place.path().join("dupscan");
    std::fs::copy(DUPSCAN, &program).unwrap();
    let args = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = tree.program("setpriv", &args);
    let ran = run(command.args([path(&program), "code", "--json"]), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    let found = ran.json();
    assert_copies(&found);
    for file in ["closed", "private.py"] {
        let why = skipped(&found, file).unwrap_or_else(|| panic!("{file}: {found:#}"));
        assert!(why.starts_with("unreadable: Permission denied"), "{why}");
    }
}

/// Something that writes on until it is let go.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    let tree = with_copies();
    tree.file(
        "z.py",
        "# so long that reading it takes a while\n".repeat(100_000),
    );
    let mut writer = Command::new("sh");
    writer.args(["-c", "while echo '# more' >> z.py; do :; done"]);
    let _writer = Writer(writer.current_dir(&tree.dir).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    let (found, told) = loop {
        let found = tree.json("code --max-size 100000000");
        if let Some(why) = skipped(&found, "z.py") {
            break (found, why);
        }
        assert!(Instant::now() < deadline, "it was never told");
    };
    assert_copies(&found);
    assert_eq!(told, "changed while it was read");
}

#[test]
fn odd_names_stay_on_their_line_and_harm_no_terminal() {
    let tree = Tree::new();
    let names = ["q\"uo\nte.py", "e\u{1b}[31m.py", "'; rm -rf $HOME.py"];
    for name in names {
        tree.file(name, CODE);
    }
    let found = tree.json("code");
    let mut expected: Vec<String> = names.iter().map(|it| format!("{it}:1-8")).collect();
    expected.sort();
    assert_eq!(places(&found), [expected.clone()]);
    let files = tree.json("files");
    assert_eq!(files["groups"][0]["files"].as_array().unwrap().len(), 3);
    for verb in ["code -s", "files", "names"] {
        let shown = tree.run(verb).out;
        assert!(!shown.contains('\u{1b}'), "{verb}: {shown:?}");
        assert!(shown.contains("q\"uo\\nte.py"), "{verb}: {shown}");
    }
    for format in ["sarif", "codeclimate", "html", "markdown"] {
        let ran = tree.run(&format!("code --format {format}"));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(!ran.out.contains('\u{1b}'), "{format}");
    }
}

#[test]
fn a_path_that_is_named_twice_is_looked_at_once() {
    let tree = with_copies();
    tree.file("sub/c.py", CODE);
    fifo(&tree, "sub/pipe.py");
    let whole = path(&tree.dir);
    let once = tree.json("code .");
    for line in [
        "code . .".to_owned(),
        "code . sub sub/../sub/c.py".to_owned(),
        format!("code {whole} ."),
        format!("code sub {whole} {whole}/sub/"),
    ] {
        let found = tree.json(&line);
        assert_eq!(found["totals"], once["totals"], "{line}: {found:#}");
        let fragments = found["clones"][0]["fragments"].as_array().unwrap();
        assert_eq!(fragments.len(), 3, "{line}: {found:#}");
        assert_eq!(found["skipped"].as_array().unwrap().len(), 1, "{line}");
    }
    let found = tree.json("code a.py a.py sub");
    assert_eq!(places(&found), [["a.py:1-8", "sub/c.py:1-8"]]);
}

#[test]
fn what_is_asked_wrongly_is_refused_with_a_hint() {
    let tree = with_copies();
    for (line, said) in [
        ("code nosuch", "there is no nosuch"),
        ("code -l cobol", "known are rust, python"),
        ("code --format xml", "possible values"),
        ("code -i [z-a]", "patterns are those of .gitignore"),
        ("code --fail-on nope", "possible values: exact, renamed"),
        ("code --threshold 101", "a number from 0 to 100"),
        ("code --new-since nope", "a revision is a branch"),
        ("code --new-since=--output=x", "no revision is called so"),
        ("diff nope", "a revision is a branch"),
        (
            "code --baseline none.json",
            "--update-baseline --baseline none.json makes it",
        ),
        ("code --update-baseline", "name it with --baseline FILE"),
        ("files --format sarif", "files knows no --format sarif"),
        ("code --no-such", "--no-cache"),
    ] {
        let ran = tree.run(line);
        assert_eq!(ran.code, 2, "{line}: {ran:?}");
        assert!(ran.err.contains(said), "{line}: {ran:?}");
        assert_eq!(ran.out, "", "{line}");
    }
    assert!(!tree.dir.join("x").exists());
}

#[test]
fn settings_of_a_tree_are_refused_with_their_place() {
    let tree = with_copies();
    for (settings, said) in [
        (
            "min-tokens = 60\nmin-tokns = 3\n",
            ".dupscan.toml:2: unknown field `min-tokns`",
        ),
        ("\n\nmin-tokens = \"x\"\n", ".dupscan.toml:3: invalid type"),
        ("ignore = [\n", ".dupscan.toml:"),
        ("languages = [\"cobol\"]", "no language is called \"cobol\""),
        (
            "fail-on = [\"nope\"]",
            ".dupscan.toml: fail-on knows no \"nope\"",
        ),
        ("threshold = 400.0", ".dupscan.toml: threshold is 400"),
    ] {
        tree.file(".dupscan.toml", settings);
        let ran = tree.run("code");
        assert_eq!(ran.code, 2, "{settings}: {ran:?}");
        assert!(ran.err.contains(said), "{settings}: {ran:?}");
    }
    tree.file(".dupscan.toml", "min-tokens = 1000\n");
    assert_eq!(tree.json("code")["clones"], serde_json::json!([]));
    assert_copies(&tree.json("code --min-tokens 40"));
    // From below it holds, too; what stands above a repository does not.
    tree.file("sub/a.py", CODE);
    tree.file("sub/b.py", CODE);
    assert_eq!(tree.json("code sub")["clones"], serde_json::json!([]));
    tree.file("sub/.git/HEAD", "");
    assert_eq!(text(&tree.json("code sub")["clones"][0]["kind"]), "exact");
}

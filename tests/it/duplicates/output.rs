//! How it is told: quietly where nobody reads on, without colour where none is wanted.

use std::process::Stdio;

use super::sources::SAMPLES;
use super::{CODE, DUPSCAN, Tree};
use crate::home::path;

/// So many copies that no pipe holds their report.
fn large() -> Tree {
    let tree = Tree::new();
    for n in 0..600 {
        let name = format!("{n}-{}.py", "long".repeat(50));
        tree.file(&name, CODE);
    }
    tree
}

#[test]
fn whoever_reads_no_further_hears_nothing_of_it() {
    let tree = large();
    let script = "\"$0\" code -s 2>err | head -1 >/dev/null; echo \"${PIPESTATUS[0]}\"; cat err";
    let done = tree
        .program("bash", &["-c", script, DUPSCAN])
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let (code, err) = said.split_once('\n').unwrap();
    assert_eq!(err, "", "{said}");
    assert!(["0", "141"].contains(&code), "{said}");
}

#[test]
fn there_is_no_bar_where_there_is_no_terminal() {
    let tree = large();
    let mut command = tree.command(&["code", "--no-cache"]);
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
    assert!(!done.stdout.contains(&0x1b));
}

#[test]
fn colour_is_for_terminals_unless_it_is_said() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    assert!(!tree.run("code -s").out.contains('\u{1b}'));
    let mut asked = tree.command(&["code", "-s", "--color", "always"]);
    assert!(asked.output().unwrap().stdout.contains(&0x1b));
    // A terminal, from `script` of util-linux.
    if !crate::home::has_tool("script") {
        return;
    }
    let line = format!("{} code -s", path(DUPSCAN.as_ref()));
    let args = ["-qec", &line, "/dev/null"];
    let shown = |no_colour: bool| {
        let mut command = tree.program("script", &args);
        command.env("TERM", "xterm").stdin(Stdio::null());
        if no_colour {
            command.env("NO_COLOR", "1");
        }
        command.output().unwrap().stdout
    };
    let is_coloured = |out: &[u8]| out.windows(2).any(|it| it == b"\x1b[");
    assert!(is_coloured(&shown(false)));
    assert!(!is_coloured(&shown(true)));
}

#[test]
fn a_report_goes_to_a_file_whole_and_in_every_format() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    for (format, begins) in [
        ("json", "{\"schema\":\"dreamos.duplicates/1\""),
        ("sarif", "{"),
        ("codeclimate", "["),
        ("csv", ""),
        ("html", "<!"),
        ("markdown", "#"),
        ("table", "exact"),
    ] {
        let printed = tree.run(&format!("code --format {format}"));
        assert_eq!(printed.code, 0, "{printed:?}");
        let to_file = tree.run(&format!("code --format {format} -o out.txt"));
        assert_eq!((to_file.code, to_file.out.as_str()), (0, ""));
        let written = std::fs::read_to_string(tree.dir.join("out.txt")).unwrap();
        assert!(written.starts_with(begins), "{format}: {written}");
        assert_eq!(written, printed.out, "{format}");
        std::fs::remove_file(tree.dir.join("out.txt")).unwrap();
    }
    let nowhere = tree.run("code -o no/such/dir.txt");
    assert_eq!(nowhere.code, 74, "{nowhere:?}");
}

#[test]
fn a_report_replaces_what_a_link_leads_to_and_never_a_device() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    let printed = tree.run("code --format csv").out;
    let written = tree.place.path().join("written");
    std::fs::write(&written, "before").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&written, private).unwrap();
    let link = tree.place.path().join("link");
    std::os::unix::fs::symlink(&written, &link).unwrap();
    assert_eq!(tree.run("code --format csv -o ../link").code, 0);
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&written).unwrap(), printed);
    let mode = std::fs::metadata(&written).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    assert_eq!(tree.run("code --format csv -o /dev/stdout").out, printed);
    assert_eq!(tree.run("code --format csv -o /dev/null").out, "");
    let device = std::fs::metadata("/dev/null").unwrap().file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&device));
    let names = std::fs::read_dir(tree.place.path()).unwrap();
    assert!(
        names
            .flatten()
            .all(|it| !it.file_name().display().to_string().contains("aside")),
        "something is left over"
    );
}

#[test]
fn so_many_are_shown_as_were_asked_for_and_all_are_counted() {
    let tree = Tree::new();
    for sample in SAMPLES {
        tree.file(&format!("a.{}", sample.file), sample.text);
        tree.file(&format!("b.{}", sample.file), sample.text);
    }
    let few = tree.json("code -n 3");
    assert_eq!(few["clones"].as_array().unwrap().len(), 3);
    let all = tree.json("code");
    assert!(all["clones"].as_array().unwrap().len() > 3);
    assert_eq!(few["totals"], all["totals"]);
}

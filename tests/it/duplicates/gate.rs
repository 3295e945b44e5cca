//! What a build is told: kinds, shares, what is known, what its writer wants left alone.

use super::{CODE, OTHER, Tree, places};

fn with_copies() -> Tree {
    Tree::of(&[("a.py", CODE), ("b.py", CODE)])
}

#[test]
fn a_build_fails_on_the_kinds_that_it_names() {
    let tree = with_copies();
    assert_eq!(tree.run("code").code, 0);
    for (kinds, code) in [
        ("exact", 1),
        ("any", 1),
        ("renamed,exact", 1),
        ("renamed", 0),
        ("similar,conflict", 0),
    ] {
        let ran = tree.run(&format!("code --fail-on {kinds}"));
        assert_eq!(ran.code, code, "{kinds}: {ran:?}");
        assert_eq!(ran.err.contains("1 that may not be"), code == 1, "{ran:?}");
    }
    tree.file(".dupscan.toml", "fail-on = [\"exact\"]\n");
    assert_eq!(tree.run("code").code, 1);
    assert_eq!(tree.run("code --fail-on similar").code, 0);
}

#[test]
fn a_build_fails_on_too_large_a_share() {
    let tree = with_copies();
    tree.file("c.py", OTHER);
    for (percent, code) in [("0", 1), ("50", 1), ("61.5%", 1), ("62", 0), ("100", 0)] {
        let ran = tree.run(&format!("code --threshold {percent}"));
        assert_eq!(ran.code, code, "{percent}: {ran:?}");
    }
    let ran = tree.run("code --threshold 50");
    assert!(ran.err.contains("61.5 % of the lines"), "{ran:?}");
}

#[test]
fn what_a_baseline_knows_is_not_told_again_though_its_lines_move() {
    let tree = with_copies();
    let known = "--baseline known.json";
    let made = tree.run(&format!("code {known} --update-baseline --fail-on any"));
    assert_eq!(made.code, 0, "{made:?}");
    let gate = format!("code {known} --fail-on any");
    assert_eq!(tree.run(&gate).code, 0);
    tree.file("a.py", format!("import os\n\n\n{CODE}\n# the end\n"));
    assert_eq!(tree.run(&gate).code, 0);
    tree.file("c.py", OTHER);
    tree.file("d.py", OTHER);
    let ran = tree.run(&format!("{gate} --json"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(places(&ran.json()), [["c.py:1-10", "d.py:1-10"]]);
    assert_eq!(ran.json()["totals"]["duplicated_lines"], 20);
    // The same may stand in the tree's own settings.
    tree.file(
        ".dupscan.toml",
        "baseline = \"known.json\"\nfail-on = [\"any\"]\n",
    );
    assert_eq!(tree.run("code --update-baseline").code, 0);
    assert_eq!(tree.run("code").code, 0);
    // One more copy of what was known is new.
    tree.file("e.py", OTHER);
    assert_eq!(tree.run("code").code, 1);
}

#[test]
fn a_baseline_that_cannot_be_read_is_refused_and_left() {
    let tree = with_copies();
    for (text, said) in [
        ("{", "known.json: "),
        ("{\"version\": 9, \"fingerprints\": []}", "a newer program"),
    ] {
        let path = tree.file("known.json", text);
        let ran = tree.run("code --baseline known.json");
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
        let update = tree.run("code --baseline known.json --update-baseline");
        assert_eq!(update.code, 2, "{update:?}");
        assert!(update.err.contains(said), "{update:?}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}

#[test]
fn a_baseline_knows_contradictions_too() {
    let tree = Tree::of(&[
        ("app.yaml", "server:\n  host: a.example\n  port: 80\n"),
        ("app.prod.yaml", "server:\n  host: a.example\n  port: 81\n"),
    ]);
    let gate = "config --baseline known --fail-on conflict";
    let before = tree.run("config --fail-on conflict");
    assert_eq!(before.code, 1, "{before:?}");
    assert_eq!(tree.run(&format!("{gate} --update-baseline")).code, 0);
    assert_eq!(tree.run(gate).code, 0);
    tree.file("app.prod.yaml", "server:\n  host: b.example\n  port: 81\n");
    let ran = tree.run(&format!("{gate} --json"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(ran.json()["conflicts"].as_array().unwrap().len(), 1);
}

#[test]
fn a_comment_leaves_out_a_copy_a_part_or_a_file() {
    for marked in [
        format!("# dupscan:ignore\n{CODE}"),
        format!("# dupscan:ignore-start\n{CODE}# dupscan:ignore-end\n"),
        format!("x = 1\n# dupscan:ignore-start\n{CODE}"),
    ] {
        let tree = Tree::of(&[("a.py", CODE), ("b.py", &marked)]);
        assert_eq!(
            tree.json("code")["clones"],
            serde_json::json!([]),
            "{marked}"
        );
        tree.file("c.py", CODE);
        assert_eq!(places(&tree.json("code")), [["a.py:1-8", "c.py:1-8"]]);
    }
    let marked = format!("# dupscan:ignore-file: of a neighbour\n{CODE}");
    let tree = Tree::of(&[("a.py", CODE), ("b.py", &marked)]);
    let found = tree.json("code");
    assert_eq!(found["clones"], serde_json::json!([]));
    let why = super::skipped(&found, "b.py").unwrap();
    assert_eq!(why, "dupscan:ignore-file in line 1");
}

#[test]
fn what_git_ignores_is_left_out_unless_it_is_asked_for() {
    let tree = with_copies();
    tree.file("vendor/c.py", CODE);
    tree.file(".hidden/d.py", CODE);
    tree.file(".gitignore", "vendor/\n");
    let files = |line: &str| {
        let found = tree.json(line);
        let fragments = found["clones"][0]["fragments"].as_array().unwrap();
        let names: Vec<String> = fragments
            .iter()
            .map(|it| super::text(&it["file"]))
            .collect();
        names.join(" ")
    };
    assert_eq!(files("code"), "a.py b.py");
    assert_eq!(files("code --no-ignore"), "a.py b.py vendor/c.py");
    assert_eq!(files("code --hidden"), ".hidden/d.py a.py b.py");
    assert_eq!(files("code --no-ignore -i b.py"), "a.py vendor/c.py");
    tree.file(".dupscan.toml", "ignore = [\"b.py\"]\n");
    assert_eq!(files("code --no-ignore"), "a.py vendor/c.py");
}

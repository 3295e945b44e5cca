//! What a change wrote again, in real repositories.

use super::{CODE, OTHER, Tree, places};

/// Two copies that are old, and one function alone.
fn repository() -> Option<Tree> {
    if !crate::home::has_tool("git") {
        return None;
    }
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE), ("c.py", OTHER)]);
    tree.git("init -q -b main");
    tree.commit();
    Some(tree)
}

fn diff(tree: &Tree, line: &str, code: i32) -> Vec<Vec<String>> {
    let ran = tree.run(&format!("diff {line} --json"));
    assert_eq!(ran.code, code, "{line}: {ran:?}");
    places(&ran.json())
}

#[test]
fn a_change_is_told_what_it_wrote_again_and_nothing_else() {
    let Some(tree) = repository() else { return };
    assert!(diff(&tree, "", 0).is_empty());
    // What git does not know yet.
    tree.file("new/d.py", OTHER);
    assert_eq!(diff(&tree, "", 1), [["c.py:1-10", "new/d.py:1-10"]]);
    tree.git("add -A");
    assert_eq!(diff(&tree, "HEAD", 1).len(), 1);
    tree.git("commit -q -m two");
    assert!(diff(&tree, "", 0).is_empty());
    assert_eq!(diff(&tree, "HEAD~1", 1).len(), 1);
    assert_eq!(diff(&tree, "HEAD~1..HEAD", 1).len(), 1);
    assert!(diff(&tree, "HEAD..HEAD", 0).is_empty());
    // Lines of a file that was there.
    tree.file("a.py", format!("{CODE}\n\n{OTHER}"));
    let expected = ["a.py:11-20", "c.py:1-10", "new/d.py:1-10"];
    assert_eq!(diff(&tree, "", 1), [expected]);
    // One that only moves lines writes nothing again.
    tree.git("checkout -q a.py");
    tree.file("a.py", format!("import os\n\n{CODE}"));
    assert!(diff(&tree, "", 0).is_empty());
}

#[test]
fn a_patch_tells_what_it_writes_again() {
    let Some(tree) = repository() else { return };
    tree.file("d.py", format!("x = 1\n\n\n{OTHER}"));
    tree.git("add -A");
    let patch = tree.program("git", &["diff", "--cached"]).output().unwrap();
    let patch = String::from_utf8(patch.stdout).unwrap();
    let ran = tree.run_with("diff - --json", &patch);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(places(&ran.json()), [["c.py:1-10", "d.py:4-13"]]);
    let nothing = tree.run_with("diff -", "");
    assert_eq!(nothing.code, 0, "{nothing:?}");
}

#[test]
fn what_a_revision_held_is_not_new() {
    let Some(tree) = repository() else { return };
    let gate = "code --new-since HEAD --fail-on any";
    assert_eq!(tree.run(gate).code, 0);
    tree.file("a.py", format!("import os\n\n{CODE}"));
    assert_eq!(tree.run(gate).code, 0, "its lines have moved");
    tree.file("d.py", OTHER);
    let ran = tree.run(&format!("{gate} --json"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(places(&ran.json()), [["c.py:1-10", "d.py:1-10"]]);
}

#[test]
fn below_a_repository_names_are_told_from_where_the_scan_stands() {
    let Some(tree) = repository() else { return };
    tree.file("sub/e.py", OTHER);
    tree.commit();
    tree.file("sub/f.py", OTHER);
    assert_eq!(diff(&tree, "HEAD sub", 1), [["e.py:1-10", "f.py:1-10"]]);
    let ran = tree.run("code sub --new-since HEAD --fail-on any --json");
    assert_eq!((ran.code, places(&ran.json()).len()), (1, 1));
}

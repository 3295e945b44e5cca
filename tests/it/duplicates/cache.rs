//! What an earlier scan found: it is told again, and never when something has changed.

use std::time::{Duration, Instant};

use super::{DUPSCAN, Tree, is_root};
use crate::home::{has_tool, path, run};

const CODE: &str = "\
def paid(entries, since):
    total = 0
    for entry, amount in entries:
        if entry.at >= since and amount > 0:
            total += amount * entry.rate
        else:
            raise ValueError(entry.name)
    return total / max(1, len(entries))
";

fn kept(tree: &Tree) -> usize {
    let dir = tree.cache().join("dreamos/dupscan");
    std::fs::read_dir(dir).map_or(0, Iterator::count)
}

/// Nothing is kept of files so young that they may change under the same time.
fn keep(tree: &Tree) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let ran = tree.run("code --json");
        assert_eq!(ran.code, 0, "{ran:?}");
        if kept(tree) > 0 {
            return ran.out;
        }
        assert!(Instant::now() < deadline, "nothing is kept");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_second_scan_tells_the_same_and_sees_what_changed() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    let first = keep(&tree);
    assert_eq!(tree.run("code --json").out, first);
    assert_eq!(tree.run("code --json --no-cache").out, first);
    assert_eq!(
        tree.json("code --min-tokens 500")["clones"],
        serde_json::json!([])
    );
    // The same size and the same time of change, but another file.
    let time = std::fs::metadata(tree.dir.join("b.py"))
        .unwrap()
        .modified()
        .unwrap();
    let path = tree.file("b.py", CODE.replace("total", "other"));
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(tree.json("code")["clones"][0]["kind"], "renamed");
    std::fs::remove_file(tree.dir.join("b.py")).unwrap();
    assert_eq!(tree.json("code")["clones"], serde_json::json!([]));
}

#[test]
fn what_was_kept_and_is_broken_is_not_believed() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    let first = keep(&tree);
    let dir = tree.cache().join("dreamos/dupscan");
    for entry in std::fs::read_dir(dir).unwrap() {
        std::fs::write(entry.unwrap().path(), "{\"format\": 1").unwrap();
    }
    assert_eq!(tree.run("code --json").out, first);
}

#[test]
fn a_cache_that_cannot_be_written_is_no_failure() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    std::fs::write(tree.cache(), "in the way").unwrap();
    let found = tree.json("code");
    assert_eq!(found["clones"][0]["kind"], "exact");
    if !is_root() || !has_tool("setpriv") {
        return;
    }
    let program = tree.place.path().join("dupscan");
    std::fs::copy(DUPSCAN, &program).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(tree.place.path(), open).unwrap();
    std::fs::remove_file(tree.cache()).unwrap();
    std::fs::create_dir(tree.cache()).unwrap();
    let args = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut command = tree.program("setpriv", &args);
    let ran = run(command.args([path(&program), "code", "--json"]), b"");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.json(), found);
}

#[test]
fn the_tree_itself_is_left_as_it_is() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    keep(&tree);
    let names = std::fs::read_dir(&tree.dir).unwrap();
    assert_eq!(names.count(), 2);
    let mut command = tree.command(&["code", "--json"]);
    let ran = run(command.env_remove("HOME").env_remove("XDG_CACHE_HOME"), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut command = tree.command(&["code", "--json"]);
    assert_eq!(run(command.env("XDG_CACHE_HOME", "relative"), b"").code, 0);
    assert_eq!(std::fs::read_dir(&tree.dir).unwrap().count(), 2);
}

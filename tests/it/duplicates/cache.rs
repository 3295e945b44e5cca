//! What an earlier scan found: it is told again, and never when something has changed.

use std::time::{Duration, Instant};

use super::{CODE, DUPSCAN, OTHER, Tree, is_root, places, skipped};
use crate::home::{has_tool, path, run};

/// What was found is kept, and so all that was read.
fn is_kept(tree: &Tree) -> bool {
    let dir = tree.cache().join("dreamos/dupscan");
    let mut all = std::fs::read_dir(dir).into_iter().flatten().flatten();
    all.any(|it| it.path().extension().is_some_and(|it| it == "json"))
}

/// Told by a scan of how many files it had to read.
fn read(tree: &Tree) -> (String, Vec<Vec<String>>) {
    let ran = tree.run("code --json -v");
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = ran.err.lines().find(|it| it.contains("read"));
    (told.unwrap_or_default().to_owned(), places(&ran.json()))
}

/// Nothing is kept of files so young that they may change under the same time.
fn keep(tree: &Tree) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let ran = tree.run("code --json");
        assert_eq!(ran.code, 0, "{ran:?}");
        if is_kept(tree) {
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
fn only_what_changed_is_read_again() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE), ("c.py", OTHER)]);
    keep(&tree);
    let none = "no file was read: what is known of them is as they are";
    let copies = vec![vec!["a.py:1-8".to_owned(), "b.py:1-8".to_owned()]];
    assert_eq!(read(&tree), (none.to_owned(), copies));
    tree.file("b.py", format!("\n\n{CODE}"));
    tree.file("d.py", OTHER);
    std::fs::remove_file(tree.dir.join("a.py")).unwrap();
    std::fs::rename(tree.dir.join("c.py"), tree.dir.join("e.py")).unwrap();
    let copies = vec![vec!["d.py:1-10".to_owned(), "e.py:1-10".to_owned()]];
    assert_eq!(read(&tree), ("3 files were read".to_owned(), copies));
    // The other way to look is not the other way to read.
    let ran = tree.run("code --exact -v --json");
    assert!(ran.err.contains("read"), "{ran:?}");
    assert_eq!(places(&ran.json()).len(), 1);
}

#[test]
fn a_file_that_is_too_large_or_gone_wrong_is_told_from_the_cache_too() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", "x = (1\n"), ("c.bin", "\0\0")]);
    let first = keep(&tree);
    assert!(first.contains("\"c.bin\""), "{first}");
    tree.file("d.py", CODE);
    let (told, _) = read(&tree);
    assert_eq!(told, "1 file was read");
    let again = tree.json("code");
    for file in ["b.py", "c.bin"] {
        let why = skipped(&again, file);
        assert!(why.is_some(), "{file}: {again}");
        assert_eq!(why, skipped(&serde_json::from_str(&first).unwrap(), file));
    }
}

#[test]
fn what_was_kept_and_is_broken_is_not_believed() {
    let tree = Tree::of(&[("a.py", CODE), ("b.py", CODE)]);
    let first = keep(&tree);
    let all = || {
        let dir = std::fs::read_dir(tree.cache().join("dreamos/dupscan")).unwrap();
        dir.map(|it| it.unwrap().path())
    };
    assert_eq!(all().count(), 2);
    let spoilt: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |_| b"{\"format\": 1".to_vec(),
        |_| Vec::new(),
        |mut kept| {
            kept.truncate(kept.len() / 2);
            kept
        },
        |mut kept| {
            let last = kept.len() - 1;
            kept[last] ^= 0x20;
            kept
        },
    ];
    for spoil in spoilt {
        keep(&tree);
        for path in all() {
            std::fs::write(&path, spoil(std::fs::read(&path).unwrap())).unwrap();
        }
        let (told, _) = read(&tree);
        assert_eq!(told, "2 files were read");
        assert_eq!(tree.run("code --json").out, first);
    }
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

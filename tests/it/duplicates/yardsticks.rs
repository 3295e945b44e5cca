//! The yardsticks that lie beside the project, where they do, over whatever sources this machine has.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Tree;
use crate::home::{has_tool, path, skipped};

/// Where they lie, and what Python says the directory of its own library is.
fn yardsticks() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/eval/dup");
    (dir.exists() && has_tool("python3")).then_some(dir)
}

fn python(args: &[&str]) -> Option<String> {
    let done = Command::new("python3").args(args).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    done.status.success().then(|| said.trim().to_owned())
}

fn library() -> Option<PathBuf> {
    let ask = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    python(&["-c", ask])
        .map(PathBuf::from)
        .filter(|it| it.is_dir())
}

/// The sources of the crates that this is built of, and of no others that the machine happens to have: links to their files.
fn crates() -> Option<tempfile::TempDir> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut all = std::fs::read_dir(home?.join("registry/src")).ok()?;
    let registry = all.next()?.ok()?.path();
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"));
    let lock = lock.unwrap();
    let value = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let mut lines = lock.lines();
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    while let Some(line) = lines.next() {
        if let (Some(name), true) = (value(line), line.starts_with("name = ")) {
            let version = lines.next().and_then(value).unwrap();
            let dir = format!("{name}-{version}");
            link_all(&registry.join(&dir), &place.path().join(dir));
        }
    }
    Some(place)
}

/// Of what was not fetched there is nothing.
fn link_all(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries.flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            link_all(&from, &to);
        } else if kind.is_file() && std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// What `score.py` says of a scan of what `inject` made.
fn judged(dir: &Path, inject: &str, source: &Path, args: &[&str], verb: &str) -> Value {
    let tree = Tree::new();
    let out = tree.place.path().join("injected");
    let inject = dir.join(inject);
    let mut made = vec![path(&inject), "--src", path(source), "--out", path(&out)];
    made.extend(args);
    assert!(python(&made).is_some(), "{made:?}");
    let scanned = out.join("tree");
    // As long as it takes: a build for tests is slow.
    let mut command = tree.command(&[verb, path(&scanned), "--json"]);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{:?}", ran.stderr);
    let (report, judged) = (out.join("report.json"), out.join("judged.json"));
    std::fs::write(&report, ran.stdout).unwrap();
    let (score, truth) = (dir.join("score.py"), out.join("truth.json"));
    let said = python(&[
        path(&score),
        "--truth",
        path(&truth),
        "--tree",
        path(&scanned),
        "--report",
        path(&report),
        "--format",
        "dupscan",
        "--json",
        path(&judged),
    ]);
    assert!(said.is_some(), "{verb}: no score");
    serde_json::from_slice(&std::fs::read(judged).unwrap()).unwrap()
}

fn sum(of: &Value) -> u64 {
    let all = of.as_object().into_iter().flatten();
    all.filter_map(|it| it.1.as_u64()).sum()
}

#[test]
fn copies_of_code_are_found_as_well_as_must_be() {
    let Some(dir) = yardsticks() else { return };
    let (mut hits, mut decoys) = (0, 0);
    // What others have put beside Python's library differs by machine.
    let own = "--per 2 --max-files 100 --exclude site-packages";
    let crates = crates();
    let of_crates = crates.as_ref().map(|it| it.path().to_path_buf());
    for (language, source, sizes) in [
        ("rs", of_crates, "--per 8 --max-files 400"),
        ("py", library(), own),
    ] {
        let Some(source) = source else {
            skipped(&format!("sources in {language}"));
            continue;
        };
        let args = "--seed 17 --decoys 100 --classes 24 --langs".split(' ');
        let args: Vec<&str> = args.chain([language]).chain(sizes.split(' ')).collect();
        let judged = judged(&dir, "inject.py", &source, &args, "code");
        for (measure, bound) in [
            ("recall_macro", 0.85),
            ("precision", 0.95),
            ("class_one_group", 0.95),
        ] {
            let is = judged[measure].as_f64().unwrap();
            assert!(is >= bound, "{language}: {measure} is {is}, not {bound}");
        }
        hits += sum(&judged["decoy_hits"]);
        decoys += sum(&judged["decoys"]);
    }
    assert!(hits * 100 <= decoys, "{hits} of {decoys} decoys");
}

#[test]
fn settings_are_found_as_well_as_must_be() {
    let Some(dir) = yardsticks() else { return };
    let Some(source) = crates() else {
        skipped("the sources of crates");
        return;
    };
    if python(&["-c", "import yaml, tomli_w"]).is_none() {
        skipped("PyYAML and tomli_w");
        return;
    }
    let args = ["--seed", "17", "--per", "8"];
    let judged = judged(&dir, "inject_config.py", source.path(), &args, "config");
    let recall = judged["recall_macro"].as_f64().unwrap();
    assert!(recall >= 0.97, "recall is {recall}");
    assert_eq!(sum(&judged["decoy_hits"]), 0, "{judged:#}");
}

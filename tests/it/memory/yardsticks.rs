//! The yardsticks that lie beside the project, where they do: what has been reached is not lost again.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::must;
use crate::home::{Home, has_tool, path};

fn yardsticks() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/eval/memory");
    (dir.exists() && has_tool("python3")).then_some(dir)
}

fn remembered(set: &Path) -> Home {
    let home = Home::new();
    must(
        &home,
        &format!("ingest {}", path(&set.join("fragments.jsonl"))),
    );
    home
}

fn python(script: &Path, args: &[&str]) {
    let done = Command::new("python3")
        .arg(script)
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn judged(
    dir: &Path,
    script: &str,
    set: &Path,
    prediction: &str,
    home: &Home,
) -> serde_json::Value {
    let out = home.dir.join("judged.json");
    let flag = if script == "eval_retrieval.py" {
        "--run"
    } else {
        "--pred"
    };
    python(
        &dir.join(script),
        &["--set", path(set), flag, prediction, "--json", path(&out)],
    );
    serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap()
}

#[test]
fn threads_are_found_as_well_as_must_be() {
    let Some(dir) = yardsticks() else { return };
    for (name, bounds) in [
        (
            "irc-dev",
            &[
                ("B3_F1", 71.0),
                ("VI", 86.5),
                ("one2one", 67.0),
                ("exact_F1", 22.0),
            ][..],
        ),
        ("swarm-events", &[("B3_F1", 70.0)][..]),
    ] {
        let set = dir.join("data").join(name);
        let home = remembered(&set);
        let prediction = home.dir.join("threads.json");
        std::fs::write(&prediction, must(&home, "threads --json").out).unwrap();
        let judged = judged(&dir, "eval_threads.py", &set, path(&prediction), &home);
        for (measure, bound) in bounds {
            let is = judged[measure].as_f64().unwrap();
            assert!(is >= *bound, "{name}: {measure} is {is}, not {bound}");
        }
    }
}

#[test]
fn issues_are_recalled_as_well_as_must_be() {
    let Some(dir) = yardsticks() else { return };
    let set = dir.join("data/issue-recall");
    let home = remembered(&set);
    let queries = home.dir.join("queries.jsonl");
    let script = dir.join("eval_retrieval.py");
    python(
        &script,
        &["--set", path(&set), "--emit-queries", path(&queries)],
    );
    let ran = must(
        &home,
        &format!("query --batch {} --limit 20 --json", path(&queries)),
    );
    let prediction = home.dir.join("run.jsonl");
    std::fs::write(&prediction, ran.out).unwrap();
    let judged = &judged(&dir, "eval_retrieval.py", &set, path(&prediction), &home)["all"];
    let (recall, mrr) = (
        judged["r5"].as_f64().unwrap(),
        judged["mrr"].as_f64().unwrap(),
    );
    assert!(
        recall >= 60.0 && mrr >= 53.0,
        "recall@5 {recall}, MRR {mrr}"
    );
}

#[test]
fn lines_are_grouped_as_well_as_must_be() {
    let Some(dir) = yardsticks() else { return };
    let mut accuracies = Vec::new();
    for entry in std::fs::read_dir(dir.join("data")).unwrap() {
        let set = entry.unwrap().path();
        let name = set.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("tmpl-") {
            continue;
        }
        let home = remembered(&set);
        let prediction = home.dir.join("patterns.json");
        std::fs::write(&prediction, must(&home, "patterns --json").out).unwrap();
        let judged = judged(&dir, "eval_templates.py", &set, path(&prediction), &home);
        let accuracy = judged[&name]["GA"].as_f64().unwrap();
        assert!(accuracy >= 0.65, "{name}: {accuracy}");
        accuracies.push(accuracy);
    }
    #[expect(clippy::cast_precision_loss, reason = "there are eight")]
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    assert!(mean >= 0.87, "{mean}");
}

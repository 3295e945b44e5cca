//! Files, settings and names.

use std::os::unix::fs::symlink;

use super::{Tree, skipped, text};

fn groups(found: &serde_json::Value) -> Vec<Vec<String>> {
    let all = found["groups"].as_array().unwrap().iter();
    all.map(|it| it["files"].as_array().unwrap().iter().map(text).collect())
        .collect()
}

#[test]
fn files_with_the_same_bytes_are_groups_and_links_are_none() {
    let head = "x".repeat(5000);
    let tree = Tree::of(&[
        ("a", "same\n"),
        ("d/b", "same\n"),
        ("c", "sane\n"),
        ("long-1", &format!("{head}1")),
        ("long-2", &format!("{head}2")),
        ("long-3", &format!("{head}1")),
        ("empty-1", ""),
        ("empty-2", ""),
    ]);
    std::fs::hard_link(tree.dir.join("a"), tree.dir.join("hard")).unwrap();
    std::fs::hard_link(tree.dir.join("c"), tree.dir.join("only")).unwrap();
    symlink("a", tree.dir.join("soft")).unwrap();
    let found = tree.json("files");
    assert_eq!(
        groups(&found),
        [vec!["long-1", "long-3"], vec!["a", "d/b"]],
        "what wastes most comes first"
    );
    assert_eq!(found["groups"][1]["size"], 5);
    assert!(skipped(&found, "soft").is_some());
    assert_eq!(groups(&tree.json("files --min-size 0")).len(), 3);
    assert_eq!(groups(&tree.json("files --min-size 6")).len(), 1);
    assert_eq!(tree.run("files --fail").code, 1);
    assert_eq!(tree.run("files --fail --min-size 6000").code, 0);
    for threads in ["1", "7"] {
        assert_eq!(tree.json(&format!("files --threads {threads}")), found);
    }
    tree.file("d/b", "sbme\n");
    assert_eq!(groups(&tree.json("files")), [["long-1", "long-3"]]);
}

#[test]
fn settings_are_compared_across_formats_and_contradictions_told() {
    let tree = Tree::of(&[
        (
            "a.yaml",
            "server:\n  host: db.example\n  port: 5432\n  pool_size: 10\n  timeout: 30\n  retries: 3\n  region: north\n  tls: true\n  log_level: info\n",
        ),
        (
            "b.json",
            "{\"server\": {\"port\": 5432, \"host\": \"db.example\", \"poolSize\": 10,\n \"timeout\": 30, \"retries\": 3, \"region\": \"north\", \"tls\": true, \"logLevel\": \"info\"}}\n",
        ),
        (
            "c.toml",
            "[server]\nhost = \"db.example\"\nport = 5433\npool_size = 10\ntimeout = 30\nretries = 3\nregion = \"north\"\ntls = true\nlog_level = \"info\"\n",
        ),
        (".env", "API_URL=http://one\nAPI_TOKEN=abc\n"),
        (".env.production", "API_URL=http://two\nAPI_TOKEN=abc\n"),
        ("broken.json", "{\"a\": \n"),
        ("latin.ini", "x = 1\n"),
    ]);
    tree.file("latin.ini", b"[a]\nx = M\xfcller\n");
    let found = tree.json("config");
    let first = &found["clones"][0]["fragments"].as_array().unwrap();
    let files: Vec<String> = first.iter().map(|it| text(&it["file"])).collect();
    assert!(files.contains(&"a.yaml".to_owned()), "{found:#}");
    assert!(files.contains(&"b.json".to_owned()), "{found:#}");
    let conflicts = found["conflicts"].as_array().unwrap();
    let port = conflicts.iter().find(|it| it["key"] == "server.port");
    let port = port.unwrap_or_else(|| panic!("{found:#}"));
    let values: Vec<String> = port["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!(
                "{}:{}={}",
                text(&it["file"]),
                it["line"],
                text(&it["value"])
            )
        })
        .collect();
    assert!(values.contains(&"c.toml:3=5433".to_owned()), "{values:?}");
    assert!(values.contains(&"a.yaml:3=5432".to_owned()), "{values:?}");
    assert!(skipped(&found, "broken.json").is_some(), "{found:#}");
    let latin = skipped(&found, "latin.ini").unwrap();
    assert!(latin.starts_with("no UTF-8 text"), "{latin}");
    assert_eq!(tree.run("config --fail-on conflict").code, 1);
    let calm = "config --no-conflicts --fail-on conflict";
    assert_eq!(tree.run(calm).code, 0);
    assert_eq!(tree.run("config --format csv").code, 0);
}

#[test]
fn names_are_told_by_how_many_define_them_and_how_like_they_are() {
    let tree = Tree::of(&[
        (
            "a.py",
            "def load(path):\n    return open(path).read()\n\nclass Box:\n    size = 1\n",
        ),
        (
            "b.py",
            "def load(path):\n    return open(path).read()\n\nclass Box:\n    size = 1\n",
        ),
        (
            "c.py",
            "def load(where, strict=True):\n    with where:\n        yield strict\n",
        ),
        ("c.rs", "fn load() -> u32 {\n    7\n}\n"),
        ("d.py", "def main():\n    pass\n"),
        ("e.py", "def main():\n    pass\n"),
    ]);
    let found = tree.json("names");
    let names: Vec<String> = found["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!(
                "{} {} {}",
                text(&it["name"]),
                text(&it["what"]),
                it["definitions"].as_array().unwrap().len()
            )
        })
        .collect();
    assert_eq!(names, ["load function 3", "Box class 2"], "{found:#}");
    assert_eq!(found["names"][1]["similarity"], 1.0);
    assert!(found["names"][0]["similarity"].as_f64().unwrap() < 0.8);
    assert_eq!(found["names"][1]["definitions"][0]["start"], 4);
    let classes = tree.json("names --classes");
    assert_eq!(classes["names"].as_array().unwrap().len(), 1);
    assert_eq!(tree.json("names --least 4")["names"], serde_json::json!([]));
    let csv = tree.run("names --format csv").out;
    assert_eq!(csv.lines().count(), 6, "{csv}");
}

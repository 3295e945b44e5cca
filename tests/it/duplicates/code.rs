//! What is a copy, in every language.

use super::sources::{SAMPLES, Sample};
use super::{Tree, places, text};

/// The one class of a tree.
fn the_class(tree: &Tree, what: &str) -> serde_json::Value {
    let found = tree.json("code");
    let classes = found["clones"].as_array().unwrap();
    assert_eq!(classes.len(), 1, "{what}: {found:#}");
    classes[0].clone()
}

fn names(class: &serde_json::Value) -> Vec<String> {
    let fragments = class["fragments"].as_array().unwrap().iter();
    fragments.map(|it| text(&it["name"])).collect()
}

fn two(sample: &Sample, other: &str) -> Tree {
    let tree = Tree::new();
    tree.file(&format!("one.{}", sample.file), sample.text);
    tree.file(&format!("two.{}", sample.file), format!("\n\n\n{other}"));
    tree
}

fn assert_places(class: &serde_json::Value, sample: &Sample, more: usize) {
    let found = serde_json::json!({ "clones": [class] });
    let (last, ext) = (sample.lines(), sample.file);
    let expected = vec![
        format!("one.{ext}:1-{last}"),
        format!("two.{ext}:4-{}", last + 3 + more),
    ];
    assert_eq!(places(&found), [expected], "{}", sample.language);
}

#[test]
fn an_exact_copy_is_found_in_every_language() {
    for sample in SAMPLES {
        let tree = two(sample, sample.text);
        let class = the_class(&tree, sample.language);
        assert_eq!(class["kind"], "exact", "{}", sample.language);
        assert_eq!(class["similarity"], 1.0, "{}", sample.language);
        assert_places(&class, sample, 0);
        assert_eq!(
            names(&class),
            ["summarise", "summarise"],
            "{}",
            sample.language
        );
    }
}

#[test]
fn a_renamed_copy_is_found_in_every_language_under_both_names() {
    for sample in SAMPLES {
        let tree = two(sample, &sample.renamed());
        let class = the_class(&tree, sample.language);
        assert_eq!(class["kind"], "renamed", "{}: {class}", sample.language);
        assert_places(&class, sample, 0);
        assert_eq!(
            names(&class),
            ["summarise", "condense"],
            "{}",
            sample.language
        );
    }
}

#[test]
fn an_edited_copy_is_found_in_every_language_with_what_was_put_in() {
    for sample in SAMPLES {
        let tree = two(sample, &sample.edited());
        let class = the_class(&tree, sample.language);
        assert_eq!(class["kind"], "similar", "{}: {class}", sample.language);
        let similarity = class["similarity"].as_f64().unwrap();
        assert!((0.5..1.0).contains(&similarity), "{class}");
        assert_places(&class, sample, 1);
    }
}

#[test]
fn four_copies_are_one_class() {
    for sample in SAMPLES {
        let tree = Tree::new();
        let ext = sample.file;
        tree.file(&format!("d/exact.{ext}"), sample.text);
        tree.file(&format!("c.{ext}"), sample.edited());
        tree.file(&format!("b.{ext}"), sample.renamed());
        tree.file(&format!("a.{ext}"), sample.text);
        let class = the_class(&tree, sample.language);
        let files: Vec<String> = class["fragments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| text(&it["file"]))
            .collect();
        let expected = ["a", "b", "c", "d/exact"].map(|it| format!("{it}.{ext}"));
        assert_eq!(files, expected, "{}", sample.language);
    }
}

#[test]
fn a_language_that_was_not_asked_for_is_left_out_and_told() {
    let tree = Tree::new();
    for sample in SAMPLES {
        for side in ["one", "two"] {
            tree.file(&format!("{side}.{}", sample.file), sample.text);
        }
    }
    let found = tree.json("code -l go,swift");
    assert_eq!(found["totals"]["files"], 4);
    let skipped = super::skipped(&found, "one.rs").unwrap();
    assert_eq!(skipped, "rust: not asked for");
    assert_eq!(
        found["clones"].as_array().unwrap().len(),
        2,
        "languages are not compared with each other: {found:#}"
    );
}

#[test]
fn with_exact_neither_names_nor_edits_are_copies() {
    for sample in &SAMPLES[..4] {
        assert_eq!(
            two(sample, &sample.renamed()).json("code --exact")["clones"],
            serde_json::json!([])
        );
        let exact = two(sample, sample.text).json("code --exact");
        assert_eq!(exact["clones"][0]["kind"], "exact");
    }
}

#[test]
fn lines_of_any_text_are_compared() {
    let lines = [
        "A captain sends orders to four agents, one of which is killed half-way.",
        "When `send` exits 0, the message is on the disk; never lost, doubled or torn.",
        "What a program reports is true: \"queued\" never means \"read\".",
        "    make demo && make test",
        "Debian 12 with build-essential, git, curl (and stable Rust) is enough for that.",
        "1. the journal is the truth, appended only, flushed;",
        "2. the face is rendered from it, always whole, and edits are merged back.",
        "Whoever dies leaves no lock behind = nobody waits for the dead.",
        "See also: runtime/README.md, config/README.md, and the pages of each program.",
        "Two cores, 0.1 MiB an agent, no daemon besides!",
    ];
    let text = lines.join("\n") + "\n";
    let tree = Tree::of(&[("a.recipe", &text), ("b.txt", &text), ("c.recipe", &text)]);
    assert_eq!(
        places(&tree.json("code")),
        [["a.recipe:1-10", "c.recipe:1-10"]]
    );
    let all = ["a.recipe:1-10", "b.txt:1-10", "c.recipe:1-10"];
    assert_eq!(places(&tree.json("code --any-text")), [all]);
}

#[test]
fn neither_threads_nor_the_order_of_creation_change_a_byte() {
    let files: Vec<(String, String)> = SAMPLES
        .iter()
        .flat_map(|it| {
            let own = |name: &str, text: String| (format!("{name}.{}", it.file), text);
            [
                own("a", it.text.to_owned()),
                own("b", it.renamed()),
                own("c", it.edited()),
            ]
        })
        .collect();
    let (forth, back) = (Tree::new(), Tree::new());
    for (name, text) in &files {
        forth.file(name, text);
    }
    for (name, text) in files.iter().rev() {
        back.file(name, text);
    }
    let expected = forth.run("code --json --no-cache --threads 1").out;
    assert!(expected.len() > 1000);
    for threads in [2, 7] {
        let line = format!("code --json --no-cache --threads {threads}");
        assert_eq!(forth.run(&line).out, expected);
        assert_eq!(back.run(&line).out, expected);
    }
}

//! SARIF 2.1.0 (OASIS), for forges and editors: one result a class, at its first fragment.
//!
//! Places are relative to a root that has no address of its own, so that the same tree gives the same document everywhere.

use serde_json::{Value, json};

use super::uri;
use super::words::{self, counted, on_one_line};
use crate::duplicates::{Class, Conflict, Found, Fragment, Sameness, Setting, Skipped};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What a forge takes for the root of the repository.
const ROOT: &str = "%SRCROOT%";
/// So many places are named in the words of a result; all of them are beside it.
const NAMED: usize = 10;

/// A result's `ruleIndex` is the place of its rule here.
const RULES: [(&str, &str, &str); 4] = [
    (
        "exact",
        "ExactCopy",
        "Code that stands more than once, the same but for layout and comments.",
    ),
    (
        "renamed",
        "RenamedCopy",
        "Code that stands more than once, the same but for names and literals.",
    ),
    (
        "similar",
        "SimilarCopy",
        "Code that stands more than once, the same but for edits.",
    ),
    (
        "conflict",
        "ConflictingSetting",
        "A setting that is given different values under the same path.",
    ),
];
const CONFLICT: usize = 3;

pub fn sarif(found: &Found) -> String {
    let classes = found.clones.iter().filter_map(of_class);
    let conflicts = found.conflicts.iter().filter_map(of_conflict);
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver()},
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": found.skipped.iter().map(notification).collect::<Vec<_>>(),
            }],
            "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the scan."}}},
            "columnKind": "unicodeCodePoints",
            "results": classes.chain(conflicts).collect::<Vec<_>>(),
        }],
    });
    format!("{log}\n")
}

fn driver() -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, name, text)| {
            json!({
                "id": id,
                "name": name,
                "shortDescription": {"text": text},
                "defaultConfiguration": {"level": "warning"},
                "properties": {"tags": ["maintainability", "duplication"]},
            })
        })
        .collect();
    json!({
        "name": "dupscan",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules,
    })
}

fn of_class(class: &Class) -> Option<Value> {
    let (first, others) = class.fragments.split_first()?;
    let rule = match class.kind {
        Sameness::Exact => 0,
        Sameness::Renamed => 1,
        Sameness::Similar => 2,
    };
    let links = links(others.iter().map(words::place), others.len());
    let text = format!(
        "{}, {}: also in {links}.",
        words::size(class),
        words::meaning(class.kind)
    );
    let related = others
        .iter()
        .enumerate()
        .map(|(at, it)| of_fragment(it, Some(at + 1)));
    Some(json!({
        "ruleId": words::kind(class.kind),
        "ruleIndex": rule,
        "level": "warning",
        "message": {"text": text},
        "locations": [of_fragment(first, None)],
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": fingerprints(&class.fingerprint),
        "properties": {"similarity": class.similarity, "lines": class.lines, "tokens": class.tokens},
    }))
}

fn of_conflict(conflict: &Conflict) -> Option<Value> {
    let (first, others) = conflict.values.split_first()?;
    let places = others
        .iter()
        .map(|it| format!("{}:{}", on_one_line(&it.file), it.line));
    let text = format!(
        "{} has {}: also in {}.",
        escaped(&on_one_line(&conflict.key)),
        words::values(conflict),
        links(places, others.len())
    );
    let related = others
        .iter()
        .enumerate()
        .map(|(at, it)| of_setting(it, Some(at + 1)));
    Some(json!({
        "ruleId": RULES[CONFLICT].0,
        "ruleIndex": CONFLICT,
        "level": "warning",
        "message": {"text": text},
        "locations": [of_setting(first, None)],
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": fingerprints(&conflict.key),
    }))
}

/// Under a name of ours, and under the one that GitHub looks at; without that, it would hash a line itself.
fn fingerprints(fingerprint: &str) -> Value {
    json!({"dupscan/v1": fingerprint, "primaryLocationLineHash": fingerprint})
}

fn of_fragment(fragment: &Fragment, id: Option<usize>) -> Value {
    let mut location = location(&fragment.file, fragment.start, fragment.end, id);
    if let Some(name) = &fragment.name {
        location["logicalLocations"] = json!([{"name": name}]);
    }
    if id.is_some() {
        location["message"] = json!({"text": escaped(&words::place(fragment))});
    }
    location
}

fn of_setting(setting: &Setting, id: Option<usize>) -> Value {
    let mut location = location(&setting.file, setting.line, setting.line, id);
    location["message"] = json!({"text": escaped(&on_one_line(&setting.value))});
    location
}

/// Lines count from 1, and the last is not before the first; a copied file may have none.
fn location(file: &str, start: usize, end: usize, id: Option<usize>) -> Value {
    let start = start.max(1);
    let place = json!({
        "artifactLocation": artifact(file),
        "region": {"startLine": start, "endLine": end.max(start)},
    });
    match id {
        Some(id) => json!({"id": id, "physicalLocation": place}),
        None => json!({"physicalLocation": place}),
    }
}

fn artifact(file: &str) -> Value {
    json!({"uri": uri::relative(file), "uriBaseId": ROOT})
}

fn notification(skipped: &Skipped) -> Value {
    json!({
        "level": "warning",
        "message": {"text": escaped(&on_one_line(&skipped.why))},
        "locations": [{"physicalLocation": {"artifactLocation": artifact(&skipped.file)}}],
    })
}

/// Links to the related locations, by their ids.
fn links(places: impl Iterator<Item = String>, all: usize) -> String {
    let named: Vec<String> = (1..)
        .zip(places.take(NAMED))
        .map(|(id, place)| format!("[{}]({id})", escaped(&place)))
        .collect();
    let named = named.join(", ");
    if all > NAMED {
        return format!("{named} and {}", counted(all - NAMED, "other", "others"));
    }
    named
}

/// In a message braces are placeholders (§3.11.5) and brackets are links (§3.11.6).
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '{' => safe.push_str("{{"),
            '}' => safe.push_str("}}"),
            '[' | ']' | '\\' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::tests::{class, fragment, hostile, many};
    use super::*;

    fn parsed(found: &Found) -> Value {
        serde_json::from_str(&sarif(found)).unwrap()
    }

    /// What the schema demands of the objects that are written here, and no property that it does not know:
    /// object, all that it may have, of these what it must have. (Members of `properties` are free.)
    const SHAPES: [(&str, &[&str], &[&str]); 12] = [
        ("log", &["$schema", "version", "runs"], &["version", "runs"]),
        (
            "run",
            &[
                "tool",
                "invocations",
                "originalUriBaseIds",
                "columnKind",
                "results",
            ],
            &["tool"],
        ),
        (
            "driver",
            &["name", "version", "semanticVersion", "rules"],
            &["name"],
        ),
        (
            "rule",
            &[
                "id",
                "name",
                "shortDescription",
                "defaultConfiguration",
                "properties",
            ],
            &["id"],
        ),
        (
            "invocation",
            &["executionSuccessful", "toolExecutionNotifications"],
            &["executionSuccessful"],
        ),
        (
            "notification",
            &["level", "message", "locations"],
            &["message"],
        ),
        (
            "result",
            &[
                "ruleId",
                "ruleIndex",
                "level",
                "message",
                "locations",
                "relatedLocations",
                "partialFingerprints",
                "properties",
            ],
            &["message"],
        ),
        (
            "location",
            &["id", "physicalLocation", "logicalLocations", "message"],
            &[],
        ),
        (
            "physical",
            &["artifactLocation", "region"],
            &["artifactLocation"],
        ),
        ("artifact", &["uri", "uriBaseId"], &[]),
        ("region", &["startLine", "endLine"], &[]),
        ("message", &["text"], &["text"]),
    ];

    fn shape<'a>(value: &'a Value, name: &str) -> &'a Value {
        let (_, may, must) = SHAPES.iter().find(|it| it.0 == name).unwrap();
        let object = value
            .as_object()
            .unwrap_or_else(|| panic!("{name}: {value}"));
        for key in object.keys() {
            assert!(may.contains(&key.as_str()), "{name} has {key}");
        }
        for key in *must {
            assert!(object.contains_key(*key), "{name} lacks {key}");
        }
        if let Some(message) = value.get("message") {
            assert!(shape(message, "message")["text"].is_string());
        }
        value
    }

    fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
        value[key]
            .as_array()
            .unwrap_or_else(|| panic!("{key}"))
            .iter()
    }

    fn valid_location(value: &Value) {
        if let Some(id) = shape(value, "location").get("id") {
            assert!(id.as_u64().is_some());
        }
        let physical = shape(&value["physicalLocation"], "physical");
        let uri = shape(&physical["artifactLocation"], "artifact")["uri"]
            .as_str()
            .unwrap();
        assert!(
            !uri.is_empty()
                && uri
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}:".contains(&b))
        );
        if let Some(region) = physical.get("region") {
            let line = |key: &str| shape(region, "region")[key].as_u64().unwrap();
            assert!(line("startLine") >= 1 && line("endLine") >= line("startLine"));
        }
    }

    fn validate(log: &Value) {
        assert_eq!(shape(log, "log")["version"], "2.1.0");
        for run in each(log, "runs") {
            let driver = shape(&shape(run, "run")["tool"]["driver"], "driver");
            let rules: Vec<&str> = each(driver, "rules")
                .map(|rule| shape(rule, "rule")["id"].as_str().unwrap())
                .collect();
            for invocation in each(run, "invocations") {
                assert!(shape(invocation, "invocation")["executionSuccessful"].is_boolean());
                for it in each(invocation, "toolExecutionNotifications") {
                    each(shape(it, "notification"), "locations").for_each(valid_location);
                }
            }
            for result in each(run, "results") {
                valid_result(result, &rules);
            }
        }
    }

    fn valid_result(result: &Value, rules: &[&str]) {
        let rule = shape(result, "result")["ruleIndex"].as_u64().unwrap();
        let rule = rules[usize::try_from(rule).unwrap()];
        assert_eq!(result["ruleId"], rule);
        assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        assert_eq!(each(result, "locations").count(), 1);
        each(result, "locations").for_each(valid_location);
        each(result, "relatedLocations").for_each(valid_location);
        let fingerprints = result["partialFingerprints"].as_object().unwrap();
        assert!(fingerprints.values().all(Value::is_string));
    }

    #[test]
    fn documents_keep_to_the_schema() {
        for found in [Found::default(), hostile(), many(3)] {
            validate(&parsed(&found));
        }
        let nothing = &parsed(&Found::default())["runs"][0];
        assert_eq!(nothing["results"], json!([]));
        assert_eq!(
            nothing["tool"]["driver"]["rules"].as_array().unwrap().len(),
            4
        );
    }

    #[test]
    fn a_class_is_one_result_with_all_its_places() {
        let mut class = class(
            Sameness::Renamed,
            vec![
                fragment("a b.rs", 3, 9),
                fragment("c.rs", 1, 7),
                fragment("d.rs", 2, 8),
            ],
        );
        class.fingerprint = "f00d".to_owned();
        class.fragments[1].name = Some("parse".to_owned());
        let found = Found {
            clones: vec![class],
            ..Found::default()
        };
        let result = &parsed(&found)["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "renamed");
        assert_eq!(
            result["message"]["text"],
            "7 lines × 3 copies, the same but for names and literals: also in [c.rs:1-7](1), [d.rs:2-8](2)."
        );
        assert_eq!(
            result["locations"][0]["physicalLocation"],
            json!({
                "artifactLocation": {"uri": "a%20b.rs", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "endLine": 9},
            })
        );
        assert_eq!(result["relatedLocations"].as_array().unwrap().len(), 2);
        assert_eq!(result["relatedLocations"][0]["id"], 1);
        assert_eq!(
            result["relatedLocations"][0]["logicalLocations"][0]["name"],
            "parse"
        );
        assert_eq!(result["partialFingerprints"]["dupscan/v1"], "f00d");
    }

    #[test]
    fn a_name_is_neither_a_link_nor_a_placeholder() {
        assert_eq!(escaped("[x](1) {0} \\"), "\\[x\\](1) {{0}} \\\\");
        let log = parsed(&hostile());
        let run = &log["runs"][0];
        for result in each(run, "results") {
            let text = result["message"]["text"].as_str().unwrap();
            let links = text
                .match_indices("](")
                .filter(|(at, _)| !text[..*at].ends_with('\\'));
            for (at, _) in links {
                assert!(
                    text[at + 2..].starts_with(|c: char| c.is_ascii_digit()),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn what_was_not_read_is_told_with_its_reason() {
        let log = parsed(&hostile());
        let told = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0];
        assert_eq!(told["message"]["text"], "no UTF-8 <b>|`");
        let place = &told["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(place["uri"], "bin/x%0A%22.dat");
    }
}

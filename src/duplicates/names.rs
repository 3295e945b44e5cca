//! The same name defined many times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fragment;
use super::code::{Definition, Source};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Name {
    pub name: String,
    /// `class` or `function`.
    pub what: String,
    pub language: String,
    /// How like the two are that are least like each other: 1 is the same.
    pub similarity: f64,
    pub definitions: Vec<Fragment>,
}

/// Names that more than one place defines, those with most places first.
pub(super) fn names(sources: &[&Source], least: usize, functions: bool) -> Vec<Name> {
    let mut by_name: BTreeMap<(String, &str, &str), Vec<Definition>> = BTreeMap::new();
    for source in sources {
        for definition in source.definitions() {
            if functions || definition.what == "class" {
                let key = (definition.name.to_owned(), definition.what, source.language);
                by_name.entry(key).or_default().push(definition);
            }
        }
    }
    by_name.retain(|_, it| it.len() >= least.max(2));
    let mut names: Vec<Name> = by_name
        .into_iter()
        .map(|((name, what, language), definitions)| Name {
            name,
            what: what.to_owned(),
            language: language.to_owned(),
            similarity: super::code::least_likeness(&definitions),
            definitions: definitions.iter().map(Definition::fragment).collect(),
        })
        .collect();
    names.sort_by(|a, b| {
        b.definitions
            .len()
            .cmp(&a.definitions.len())
            .then_with(|| (&a.name, &a.language).cmp(&(&b.name, &b.language)))
    });
    names
}

//! Settings that two places answer differently, where both are meant to say the same: twice in one file, variables of the
//! environment, the variants of one file (`app.dev.yaml`, `app.prod.yaml`), and near-equal blocks at the same path.
//!
//! What names a thing (`name`, `version`, `description`) differs by right and is no conflict.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;
use xxhash_rust::xxh3::xxh3_64;

use super::Text;
use super::blocks::{Block, Catalogue, Leaf, folded};
use super::classes::Copies;
use super::read::Format;
use super::tree::is_variable;
use crate::duplicates::{Conflict, Sameness, Setting};

/// Blocks that are less alike are two things.
const LEAST_ALIKE: f64 = 0.8;
/// More of one variable are not held against each other.
const MOST_OF_ONE: usize = 200;
const LONGEST_SHOWN: usize = 120;

/// Words that tell the variants of a file from each other.
const VARIANTS: [&str; 22] = [
    "dev",
    "development",
    "prod",
    "production",
    "stage",
    "staging",
    "test",
    "testing",
    "local",
    "ci",
    "qa",
    "uat",
    "preprod",
    "live",
    "base",
    "default",
    "defaults",
    "common",
    "shared",
    "override",
    "overrides",
    "debug",
];
/// Files that show how it is done.
const EXAMPLES: [&str; 6] = ["example", "examples", "sample", "template", "dist", "tmpl"];
/// Keys, folded, below which things say who they are.
const IDENTITY: [&str; 36] = [
    "name",
    "displayname",
    "id",
    "uuid",
    "guid",
    "uid",
    "key",
    "version",
    "description",
    "summary",
    "title",
    "label",
    "labels",
    "brief",
    "homepage",
    "repository",
    "bugs",
    "author",
    "authors",
    "contributors",
    "maintainers",
    "keywords",
    "license",
    "copyright",
    "date",
    "created",
    "updated",
    "sha",
    "hash",
    "checksum",
    "integrity",
    "comment",
    "examples",
    "main",
    "documentation",
    "schema",
];
const SECRETS: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
];

type Leaves = Vec<usize>;
type Answers = HashMap<(u64, u64), Leaves, FixedState>;

/// The gravest first: twice in one file, variables, variants, near-equal blocks.
pub(super) fn find(catalogue: &Catalogue, texts: &[Text], classes: &[Copies]) -> Vec<Conflict> {
    let search = Search::of(catalogue, texts);
    let sorts = [
        search.twice(),
        search.variables(),
        search.variants(),
        search.blocks(classes),
    ];
    let mut told: HashSet<usize, FixedState> = HashSet::default();
    let mut conflicts = Vec::new();
    for mut sort in sorts {
        for leaves in &mut sort {
            search.in_order(leaves);
        }
        sort.sort_by_cached_key(|leaves| (search.path(leaves[0]), leaves.clone()));
        for leaves in sort {
            let fresh = leaves.iter().any(|leaf| !told.contains(leaf));
            if fresh && search.differ(&leaves) {
                told.extend(&leaves);
                conflicts.push(search.told(&leaves));
            }
        }
    }
    conflicts
}

struct Search<'c> {
    catalogue: &'c Catalogue,
    texts: &'c [Text<'c>],
    /// Of the leaves that say something: their folded path from the top.
    paths: HashMap<usize, u64, FixedState>,
}

impl<'c> Search<'c> {
    fn of(catalogue: &'c Catalogue, texts: &'c [Text<'c>]) -> Self {
        let said = |leaf: &Leaf| !leaf.borrowed && catalogue.is_named(leaf) && is_said(&leaf.value);
        let leaves = catalogue
            .leaves
            .iter()
            .enumerate()
            .filter(|(_, leaf)| said(leaf));
        let paths = leaves
            .map(|(at, leaf)| (at, catalogue.path_folded(leaf.key)))
            .collect();
        Self {
            catalogue,
            texts,
            paths,
        }
    }

    fn leaf(&self, at: usize) -> &Leaf {
        &self.catalogue.leaves[at]
    }

    fn path(&self, at: usize) -> String {
        self.catalogue.path(self.leaf(at).key, None)
    }

    fn in_order(&self, leaves: &mut Leaves) {
        leaves.sort_by_key(|at| (self.leaf(*at).file, self.leaf(*at).line, *at));
        leaves.dedup();
    }

    fn differ(&self, leaves: &[usize]) -> bool {
        leaves
            .iter()
            .any(|at| self.leaf(*at).value != self.leaf(leaves[0]).value)
    }

    /// The same key, as it is spelled, twice in one document. A `.conf` repeats keys to make lists.
    fn twice(&self) -> Vec<Leaves> {
        let mut answers = Answers::default();
        for at in self.paths.keys() {
            let leaf = self.leaf(*at);
            if self.catalogue.format(leaf.file) != Some(Format::Conf) {
                let path = xxh3_64(self.path(*at).as_bytes());
                answers
                    .entry((leaf.document as u64, path))
                    .or_default()
                    .push(*at);
            }
        }
        answers
            .into_values()
            .filter(|leaves| leaves.len() > 1)
            .collect()
    }

    /// Variables in an `.env` and elsewhere at or above or below its place.
    fn variables(&self) -> Vec<Leaves> {
        let mut by_name: HashMap<&str, Leaves, FixedState> = HashMap::default();
        for at in self
            .paths
            .keys()
            .filter(|at| self.is_environment(self.leaf(**at)))
        {
            let name = self.catalogue.keys[self.leaf(*at).key].text.as_str();
            by_name.entry(name).or_default().push(*at);
        }
        let mut found = Vec::new();
        for mut leaves in by_name.into_values() {
            self.in_order(&mut leaves);
            leaves.truncate(MOST_OF_ONE);
            found.extend(self.related(&leaves));
        }
        found
    }

    fn is_environment(&self, leaf: &Leaf) -> bool {
        if self.is_example(leaf.file) {
            return false;
        }
        let key = &self.catalogue.keys[leaf.key];
        let parent = key
            .parent
            .map(|parent| self.catalogue.keys[parent].text.as_str());
        self.is_env_file(leaf.file)
            || is_variable(&key.text) && matches!(parent, Some("env" | "environment"))
    }

    fn is_env_file(&self, file: usize) -> bool {
        self.catalogue.format(file) == Some(Format::Env)
    }

    /// Each set of those that hang together.
    fn related(&self, leaves: &[usize]) -> Vec<Leaves> {
        let mut sets: Vec<Leaves> = Vec::new();
        for at in leaves {
            let touches = |set: &Leaves| set.iter().any(|other| self.speak_of_one(*at, *other));
            let (mut joined, apart): (Vec<Leaves>, Vec<Leaves>) =
                sets.into_iter().partition(touches);
            joined.push(vec![*at]);
            sets = apart;
            sets.push(joined.concat());
        }
        sets
    }

    fn speak_of_one(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.leaf(one).file, self.leaf(other).file);
        let (left, right) = (
            directory(self.texts[one].file),
            directory(self.texts[other].file),
        );
        one != other
            && (self.is_env_file(one) || self.is_env_file(other))
            && (is_at_or_below(left, right) || is_at_or_below(right, left))
    }

    /// The same path in variants of one file.
    fn variants(&self) -> Vec<Leaves> {
        let mut families: HashMap<usize, Option<u64>, FixedState> = HashMap::default();
        let mut answers = Answers::default();
        for (at, path) in &self.paths {
            let leaf = self.leaf(*at);
            let family = families
                .entry(leaf.file)
                .or_insert_with(|| self.family(leaf.file));
            if let Some(family) = family.filter(|_| !self.is_identity(leaf)) {
                answers.entry((family, *path)).or_default().push(*at);
            }
        }
        answers
            .into_values()
            .filter(|leaves| self.are_of_several_files(leaves))
            .collect()
    }

    fn are_of_several_files(&self, leaves: &[usize]) -> bool {
        let file = self.leaf(leaves[0]).file;
        leaves.iter().any(|at| self.leaf(*at).file != file)
    }

    /// What the variants of a file have in common: its place and its name without the words that tell them apart.
    fn family(&self, file: usize) -> Option<u64> {
        if self.is_example(file) {
            return None;
        }
        let path = self.texts[file].file;
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let place: Vec<&str> = directory(path)
            .split('/')
            .map(|part| if VARIANTS.contains(&part) { "*" } else { part })
            .collect();
        let parts = words(&name).filter(|word| !VARIANTS.contains(word));
        let name: Vec<&str> = parts
            .map(|word| if word == "yml" { "yaml" } else { word })
            .collect();
        Some(xxh3_64(
            format!("{}/{}", place.join("/"), name.join(".")).as_bytes(),
        ))
    }

    fn is_example(&self, file: usize) -> bool {
        let name = self.texts[file].file.to_ascii_lowercase();
        name.split('/')
            .any(|part| words(part).any(|word| EXAMPLES.contains(&word)))
    }

    fn is_identity(&self, leaf: &Leaf) -> bool {
        let mut key = Some(leaf.key);
        while let Some(at) = key {
            if IDENTITY.contains(&folded(&self.catalogue.keys[at].text).as_str()) {
                return true;
            }
            key = self.catalogue.keys[at].parent;
        }
        false
    }

    /// The same path in blocks of several files that are nearly the same.
    fn blocks(&self, classes: &[Copies]) -> Vec<Leaves> {
        let near =
            |class: &&Copies| class.kind == Sameness::Similar && class.similarity >= LEAST_ALIKE;
        classes
            .iter()
            .filter(near)
            .flat_map(|class| self.within(class))
            .collect()
    }

    fn within(&self, class: &Copies) -> Vec<Leaves> {
        let mut answers = Answers::default();
        let mut files: Vec<usize> = Vec::new();
        for block in class.blocks.iter().map(|at| &self.catalogue.blocks[*at]) {
            // Two blocks of one file are at two paths, or rows of a list.
            if !files.contains(&block.file) {
                files.push(block.file);
                self.answers_of(block, &mut answers);
            }
        }
        answers
            .into_values()
            .filter(|leaves| leaves.len() == files.len())
            .filter(|leaves| self.one_stands_out(leaves))
            .collect()
    }

    fn answers_of(&self, block: &Block, answers: &mut Answers) {
        for at in self.catalogue.leaves_of(block) {
            let Some(path) = self.paths.get(&at) else {
                continue;
            };
            if !self.is_identity(self.leaf(at)) && !self.is_example(block.file) {
                answers.entry((0, *path)).or_default().push(at);
            }
        }
    }

    /// Where each of several has a value of its own, that is what the setting is for.
    fn one_stands_out(&self, leaves: &[usize]) -> bool {
        let mut values: Vec<&str> = leaves
            .iter()
            .map(|at| self.leaf(*at).value.as_str())
            .collect();
        values.sort_unstable();
        values.dedup();
        leaves.len() == 2 || values.len() < leaves.len()
    }

    fn told(&self, leaves: &[usize]) -> Conflict {
        let mut different: Vec<&str> = Vec::new();
        let value = |at: &usize| {
            let leaf = self.leaf(*at);
            if !different.contains(&leaf.value.as_str()) {
                different.push(&leaf.value);
            }
            let number = different.iter().position(|value| *value == leaf.value);
            Setting {
                file: self.texts[leaf.file].file.to_owned(),
                line: leaf.line,
                value: shown(&self.catalogue.keys[leaf.key].text, &leaf.value, number),
            }
        };
        Conflict {
            key: self.path(leaves[0]),
            values: leaves.iter().map(value).collect(),
        }
    }
}

/// Neither empty nor taken from elsewhere nor left to be filled in.
fn is_said(value: &str) -> bool {
    !value.is_empty()
        && !value.starts_with(['$', '*', '<'])
        && !value.contains("{{")
        && !matches!(value, "[]" | "{}")
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['.', '-', '_']).filter(|word| !word.is_empty())
}

fn directory(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn is_at_or_below(directory: &str, top: &str) -> bool {
    top.is_empty()
        || directory
            .strip_prefix(top)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A value as a report may show it: reports are kept, so that no password stands in them, only which of several it is.
fn shown(key: &str, value: &str, number: Option<usize>) -> String {
    let key = folded(key);
    if SECRETS.iter().any(|secret| key.contains(secret)) {
        return format!("(secret {})", number.unwrap_or_default() + 1);
    }
    let value = without_password(value);
    match value.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value,
    }
}

/// `postgres://me:…@host` for an address with a password.
fn without_password(value: &str) -> String {
    let hidden = || {
        let (scheme, rest) = value.split_once("://")?;
        let (login, place) = rest.split_once('@')?;
        let (user, _) = login.split_once(':')?;
        (!login.contains('/')).then(|| format!("{scheme}://{user}:…@{place}"))
    };
    hidden().unwrap_or_else(|| value.to_owned())
}

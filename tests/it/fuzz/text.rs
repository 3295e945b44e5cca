//! What reads bytes and touches nothing: JSON, imports, names.

use dreamos::mailbox::import::{self, Source};
use dreamos::mailbox::json::{self, Writer};
use dreamos::names::{AgentId, MessageId, MessageRef, Mode};

use super::{corpus, fuzz};

const RUNS: usize = 4_000;

fn documents() -> Vec<(String, Vec<u8>)> {
    corpus(&["fuzz/json/corpus", "formats/original"])
}

#[test]
fn objects_read_back_with_every_field() {
    fuzz(&documents(), &[], RUNS, |bytes, _| {
        let Ok(items) = json::items(bytes) else {
            return;
        };
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        for item in &items {
            writer.entry(item.fields.iter().map(|(name, raw)| (name, raw.get())));
        }
        writer.finish();
        let again = json::items(&out).expect("what we write reads");
        assert_eq!(items.len(), again.len());
        for (item, back) in items.iter().zip(&again) {
            assert_eq!(json::canonical(item.raw), json::canonical(back.raw));
            let names = |item: &json::Item| {
                item.fields
                    .iter()
                    .map(|(n, _)| n.to_owned())
                    .collect::<Vec<_>>()
            };
            assert_eq!(names(item), names(back));
        }
    });
}

#[test]
fn an_import_accounts_for_every_text_and_is_the_same_twice() {
    fuzz(&documents(), &[], RUNS, |bytes, _| {
        for file_name in ["inbox.json", "note.md"] {
            let hint = Source {
                file_name: file_name.into(),
                ..Source::default()
            };
            let parsed = import::read(bytes, &hint);
            let again = import::read(bytes, &hint);
            assert_eq!(parsed.mail, again.mail);
            assert_eq!(parsed.unread, again.unread);
            let mut keys: Vec<_> = parsed.mail.iter().map(|mail| &mail.key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), parsed.mail.len(), "two messages share a key");
            assert!(
                parsed
                    .mail
                    .iter()
                    .all(|mail| !mail.content.trim().is_empty())
            );
            assert!(
                parsed
                    .unread
                    .iter()
                    .all(|part| part.line > 0 && part.column > 0)
            );
        }
    });
}

#[test]
fn names_read_back_as_they_are_written() {
    fuzz(&corpus(&["fuzz/names/corpus"]), &[], RUNS, |bytes, _| {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\n');
        if let Ok(id) = AgentId::parse(text) {
            assert_eq!(id.as_str(), text);
        }
        if let Ok(id) = MessageId::parse(text) {
            assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        }
        if let Ok(name) = MessageRef::parse(text) {
            assert_eq!(MessageRef::parse(&name.to_string()), Ok(name));
        }
        if let Ok(mode) = text.parse::<Mode>() {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        if let Some(id) = import::canonical_name(text) {
            assert_eq!(import::canonical_name(id.as_str()), Some(id));
        }
        let _ = import::spot(text);
    });
}

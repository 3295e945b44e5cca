//! One collection: what is new in the logs is counted and kept, then the home is looked at.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::counters;
use super::disk::Kept;
use super::error::Error;
use super::expose;
use super::family::{Family, seconds};
use super::fold;
use super::look::{self, Swarm};
use super::totals::{Folded, Totals};
use crate::logs::{self, Reader};
use crate::names::{Channel, Explain as _, Kind};
use crate::root::Home;
use crate::time::Now;

/// Figures of one moment, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    pub families: Vec<Family>,
}

impl Collected {
    /// As Prometheus reads it (its text format 0.0.4).
    pub fn text(&self) -> String {
        expose::text(&self.families)
    }
}

/// `warn` is told once what could not be looked at; its figures are absent then.
pub fn collect(home: &Home, now: Now, warn: &dyn Fn(&str)) -> Result<Collected, Error> {
    let told = RefCell::new(BTreeSet::new());
    // One file may be asked for more than one thing.
    let warn = &|text: &str| {
        if told.borrow_mut().insert(text.to_owned()) {
            warn(text);
        }
    };
    let mut swarm = Swarm::see(home, warn);
    let folded = fold_new(home, &mut swarm, now, warn)?;
    let mut families = counters::families(&folded);
    families.extend(look::families(home, &swarm, &folded.totals, now, warn));
    let mut build = Family::gauge("dreamos_build_info", "Which program tells these figures.");
    let commit = option_env!("DREAMOS_COMMIT").unwrap_or("unknown");
    build.add(
        &[("version", env!("CARGO_PKG_VERSION")), ("commit", commit)],
        1.0,
    );
    families.push(build);
    families.push(
        Family::gauge(
            "dreamos_collector_last_success_timestamp_seconds",
            "When these figures were collected.",
        )
        .with(seconds(now.wall)),
    );
    families.retain(|family| !family.samples.is_empty());
    families.sort_by_key(|family| family.name);
    Ok(Collected { families })
}

/// Places and totals are kept together: whoever is killed before has counted nothing.
fn fold_new(
    home: &Home,
    swarm: &mut Swarm,
    now: Now,
    warn: &dyn Fn(&str),
) -> Result<Folded, Error> {
    let mut kept = Kept::open(home, now.wall, warn)?;
    let Folded {
        channels, totals, ..
    } = &mut kept.folded;
    for channel in Channel::ALL {
        let own = channels.entry(channel.as_str().to_owned()).or_default();
        let mut reader = Reader::new(home, channel, own.place);
        let outcome = fold_channel(&mut reader, own, totals, warn);
        own.place = reader.place();
        own.lost += reader.lost();
        if let Err(error) = outcome {
            // What was read of it counts; the others are read all the same.
            warn(&format!("{}.log: {error}", channel.as_str()));
        }
    }
    swarm.count_on(totals);
    match kept.save() {
        // On a full disk everything else is still worth being told. It is counted again once there is room.
        Err(error) if error.kind() == Kind::Io => {
            warn(&format!(
                "what is new in the logs is not counted yet: {error}"
            ));
            Ok(kept.before())
        }
        other => other.map(|()| kept.folded),
    }
}

fn fold_channel(
    reader: &mut Reader,
    own: &mut super::totals::OfChannel,
    totals: &mut Totals,
    warn: &dyn Fn(&str),
) -> Result<(), Error> {
    loop {
        match reader.next() {
            Ok(Some(line)) => fold::see(line, own, totals),
            Ok(None) => return Ok(()),
            // The reader goes on behind it.
            Err(error @ logs::Error::Unreadable { .. }) => {
                own.lost += 1;
                warn(&error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

//! What is answered to `/join`, `/leave`, `/say`, `/voices` and `/voice`.

use std::fmt::Write as _;

use super::place::Room;
use crate::discord::error::Error;
use crate::discord::grammar::Call;
use crate::discord::reply::{Followed, Reply};
use crate::discord::visit::Visit;
use crate::speech::{Choice, Rate};

pub(crate) fn answer(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    match call.path.as_str() {
        "join" => join(visit, call),
        "leave" => Ok(leave(visit)),
        "say" => say(visit, call),
        "voices" => voices(visit, call),
        _ => voice(visit, call),
    }
}

/// Where it is told to go, where the one who asks is, or where the settings want it.
fn join(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let mouth = &visit.house.mouth;
    let Some(guild) = visit.place.guild else {
        return Ok(Reply::text("Error: not here"));
    };
    let named = call.get("channel").and_then(|it| {
        let digits = it.trim_matches(|it: char| !it.is_ascii_digit());
        digits.parse().ok()
    });
    let wanted = visit.house.settings.channels.voice;
    let channel = named
        .or_else(|| mouth.channel_of(guild, visit.guest.user))
        .or(wanted.map(|it| it.0));
    let Some(channel) = channel else {
        return Ok(Reply::text(
            "Error: which channel?\n> name one, or enter one first",
        ));
    };
    mouth.join(Room { guild, channel })?;
    Ok(Reply::text(format!("Joined <#{channel}>.")))
}

fn leave(visit: &Visit) -> Reply {
    match visit.house.mouth.leave() {
        Some(room) => Reply::text(format!("Left <#{}>.", room.channel)),
        None => Reply::text("Error: it is in no voice channel"),
    }
}

fn say(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let mouth = &visit.house.mouth;
    let Some(room) = mouth.room() else {
        return Ok(Reply::text(
            "Error: it is in no voice channel\n> call it with /join",
        ));
    };
    let (name, before) = mouth.say(call.get("text").unwrap_or_default())?;
    let place = match before {
        0 => "next".to_owned(),
        n => format!("after {n} others"),
    };
    Ok(Reply {
        follows: Some(Followed::Speech { name }),
        ..Reply::text(format!("In <#{}>\nit is said {place}.", room.channel))
    })
}

fn voices(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let mouth = &visit.house.mouth;
    let choice: Choice = match call.get("engine") {
        Some(name) => name.parse()?,
        None => mouth.chosen()?.0,
    };
    let mut text = String::new();
    for it in mouth.engine(choice)?.voices()? {
        writeln!(text, "{:<28} {:<8} {}", it.name, it.language, it.about).expect("a string grows");
    }
    let title = format!("Voices of {choice}");
    Ok(Reply::listing(
        &title,
        &format!("{choice}-voices.txt"),
        &text,
    ))
}

/// Chooses what is named, and says what is chosen.
fn voice(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    let mouth = &visit.house.mouth;
    let (now, manner) = mouth.chosen()?;
    let engine: Choice = match call.get("engine") {
        Some(name) => name.parse()?,
        None => now,
    };
    let rate = match call.count("rate") {
        Some(percent) => Some(Rate::try_from(u16::try_from(percent).unwrap_or(u16::MAX))?),
        None => None,
    };
    let named = call.get("name");
    if let Some(name) = named {
        let all = mouth.engine(engine)?.voices()?;
        let Some(found) = all.iter().find(|it| it.name.eq_ignore_ascii_case(name)) else {
            return Err(crate::speech::Error::NoVoice {
                engine,
                voice: name.to_owned(),
            }
            .into());
        };
        let name = found.name.clone();
        mouth.choose(|it| it.voice = Some(name))?;
    } else if engine != now {
        // Those of the other are none of its own.
        mouth.choose(|it| it.voice = None)?;
    }
    if engine != now {
        mouth.choose(|it| it.engine = Some(engine.name().to_owned()))?;
    }
    if let Some(rate) = rate.filter(|it| *it != manner.rate) {
        mouth.choose(|it| it.rate = Some(rate.percent()))?;
    }
    Ok(Reply::text(format!("Voice: {}", mouth.status()?)))
}

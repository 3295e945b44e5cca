//! What is answered to each command and button.

mod agents;
mod channels;
mod mail;
mod tasks;
mod told;

pub(super) use mail::from_here;

use super::error::Error;
use super::grammar::{self, Call};
use super::pairing;
use super::press::Press;
use super::reply::Reply;
use super::split::block;
use super::visit::Visit;
use super::voice;
use crate::names::Explain as _;

/// Asked for by whom the policy lets; a refusal is an answer too.
pub(super) fn answer(visit: &Visit, call: &Call) -> Reply {
    let answered = if call.path == "pair" {
        // Whoever may nothing yet asks for it.
        pair(visit)
    } else {
        let allowed = visit.desk.visit(&format!("/{}", call.path), call.told());
        allowed
            .map_err(Error::from)
            .and_then(|()| dispatch(visit, call))
    };
    answered.unwrap_or_else(|error| failed(&error)).bounded()
}

pub(super) fn pressed(visit: &Visit, press: &Press) -> Reply {
    let given = vec![("button".to_owned(), press.to_string())];
    let allowed = visit.desk.visit(&format!("button {}", press.name()), given);
    let answered = allowed
        .map_err(Error::from)
        .and_then(|()| act(visit, press));
    answered.unwrap_or_else(|error| failed(&error)).bounded()
}

/// In the words of every other program.
pub(super) fn failed(error: &Error) -> Reply {
    let mut text = format!("Error: {error}");
    if let Some(hint) = error.hint() {
        text.push_str("\n> ");
        text.push_str(&hint);
    }
    Reply::text(text)
}

fn dispatch(visit: &Visit, call: &Call) -> Result<Reply, Error> {
    match call.path.as_str() {
        "agents" => agents::list(visit, call.is_set("problems")),
        "agent show" => agents::show(visit, call),
        "agent start" => agents::start(visit, call),
        "agent stop" => Ok(agents::ask_to_stop(visit, &agents::named(visit, call)?)),
        "agent restart" => agents::restart(visit, call),
        "agent resume" | "agent verify" | "agent onboard" | "agent request" => {
            agents::tell(visit, call)
        }
        "multi" => agents::multi(visit, call),
        "status" | "system status" => agents::system(visit),
        "system request" => agents::request_of_all(visit, call),
        "send" => mail::send(visit, call),
        "prompt" => mail::prompt(visit, call),
        "captain" => mail::order(visit, call),
        "broadcast" => mail::preview(visit, call),
        "inbox" => mail::inbox(visit, call),
        "thread" => mail::thread(visit, call),
        "reply" => mail::reply(visit, call),
        "tasks" => tasks::list(visit, call),
        "task show" => tasks::show(visit, call),
        "task create" => tasks::create(visit, call),
        "task run" => tasks::run(visit, call),
        "task complete" => tasks::complete(visit, call),
        "logs" => told::logs(visit, call),
        "metrics" => told::metrics(visit),
        "summary" => told::summary(visit, call),
        "devlog view" => told::devlog(visit, call),
        "devlog update" => told::add_to_devlog(visit, call),
        "devlog clear" => told::clear_devlog(visit, call),
        "audit" => told::audit(visit, call),
        "channels list" => channels::list(visit),
        "channels assign" => channels::assign(visit, call),
        "channels unassign" => channels::unassign(visit, call),
        "join" | "leave" | "say" | "voices" | "voice" => voice::answer(visit, call),
        "help" => Ok(Reply::listing("Help", "help.txt", &grammar::help())),
        other => Ok(Reply::text(format!("Invalid command: {other}"))),
    }
}

fn act(visit: &Visit, press: &Press) -> Result<Reply, Error> {
    match press {
        Press::Agents => agents::list(visit, false),
        Press::Problems => agents::list(visit, true),
        Press::AskStop { agent } => Ok(agents::ask_to_stop(visit, agent)),
        Press::Stop { agent, until } => agents::stop(visit, agent, *until),
        Press::Broadcast { waiting } => mail::broadcast(visit, *waiting),
        Press::Cancel => Ok(Reply::text("Cancelled: nothing was done.")),
        Press::Ack { incident } => told::look_after(visit, incident),
        Press::Silence { incident } => told::silence(visit, incident),
        Press::Approve { id } => told::approve(visit, id),
        Press::Decline { id } => told::decline(visit, id),
    }
}

fn pair(visit: &Visit) -> Result<Reply, Error> {
    let (home, now) = (&visit.house.home, visit.now.wall);
    let code = pairing::ask(home, visit.guest.user, &visit.name, now)?;
    log::info!("{} asked to be paired", visit.guest.origin());
    let command = format!("discordbot pair {}", pairing::shown(&code));
    Ok(Reply::text(format!(
        "Whoever sits at the machine types within ten minutes:\n{}",
        block(&command)
    )))
}

//! What may stand in an option that is being typed.

use super::error::Error;
use super::grammar::Kind;
use super::visit::Visit;
use crate::names::Channel;

/// Of Discord's.
pub(super) const MOST: usize = 25;

/// The names that fit best, first those that begin so.
pub(super) fn choices(visit: &Visit, kind: Kind, typed: &str) -> Result<Vec<String>, Error> {
    visit.desk.glimpse()?;
    let names = match kind {
        Kind::Agent => agents(visit),
        Kind::Log => {
            let channels = Channel::ALL.iter().map(|it| it.as_str().to_owned());
            agents(visit).into_iter().chain(channels).collect()
        }
        Kind::Task => {
            let sheets = visit.desk.sheets(visit.now)?;
            let board = sheets.board()?;
            let open = board.tasks().filter(|it| !it.status.is_over());
            open.map(|it| it.id.to_string()).collect()
        }
        Kind::Text | Kind::Count { .. } | Kind::Flag | Kind::OneOf(_) | Kind::Channel => Vec::new(),
    };
    Ok(fitting(names, typed))
}

fn agents(visit: &Visit) -> Vec<String> {
    visit.agents().iter().map(ToString::to_string).collect()
}

fn fitting(names: Vec<String>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    let mut fitting: Vec<String> = names
        .into_iter()
        // A choice has 100 characters at most.
        .filter(|it| it.len() <= 100 && it.to_lowercase().contains(&typed))
        .collect();
    fitting.sort_by_key(|it| !it.to_lowercase().starts_with(&typed));
    fitting.truncate(MOST);
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_comes_first_and_no_more_than_discord_takes() {
        let names = ["captain", "agent-1", "reagent", "agent-2"].map(String::from);
        assert_eq!(
            fitting(names.to_vec(), "AGENT"),
            ["agent-1", "agent-2", "reagent"]
        );
        let many: Vec<String> = (0..100).map(|n| format!("agent-{n}")).collect();
        assert_eq!(fitting(many, "").len(), MOST);
    }
}
